//! Labels that change nothing as the others stand.

use super::Reader;
use crate::diagnostic::Code;
use crate::labels::schema::Key;
use crate::labels::spec::RouteSpec;
use crate::labels::tree::Scoped;
use crate::model::{LbPolicy, ReadyCheck, Scheme};

impl Reader<'_> {
    pub(super) fn say_what_has_no_effect(&mut self, scope: &Scoped, spec: &RouteSpec) {
        let is_https = spec.scheme == Scheme::Https;
        let rules = [
            (
                Key::Strip,
                spec.strip
                    && spec.paths.is_empty()
                    && spec.matching.exact.is_empty()
                    && spec.matching.rewrite.is_none(),
                "without `path`",
            ),
            (
                Key::ReadyTimeout,
                spec.ready == Some(ReadyCheck::None),
                "with `ready=none`",
            ),
            (Key::UpstreamServerName, !is_https, "without `scheme=https`"),
            (Key::UpstreamSkipVerify, !is_https, "without `scheme=https`"),
            (
                Key::HealthInterval,
                spec.health.active.is_none(),
                "without `health.path`",
            ),
            (
                Key::HealthTimeout,
                spec.health.active.is_none(),
                "without `health.path`",
            ),
            (
                Key::HealthStatus,
                spec.health.active.is_none(),
                "without `health.path`",
            ),
            (
                Key::HealthMaxFails,
                spec.health.passive.is_none(),
                "without `health.fail_for`",
            ),
            (
                Key::LbHeader,
                !matches!(spec.policy, LbPolicy::Header(_)),
                "without `lb.policy=header`",
            ),
            (
                Key::LbCookie,
                !matches!(spec.policy, LbPolicy::Cookie(_)),
                "without `lb.policy=cookie`",
            ),
        ];
        for (key, idle, why) in rules {
            let Some(label) = scope.get(key).filter(|_| idle) else {
                continue;
            };
            let message = format!("`{}` has no effect {why}", label.key);
            let help = "add the other label, or remove this one".to_owned();
            self.say(Code::NoEffect, Some(label.clone()), message, help);
        }
    }
}
