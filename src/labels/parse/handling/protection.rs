//! The labels that keep requests from a container.

use crate::diagnostic::Code;
use crate::labels::parse::{Reader, sibling};
use crate::labels::schema::Key;
use crate::labels::tree::Scoped;
use crate::labels::value;
use crate::model::{ForwardAuth, HeaderName, Protection, RawHandlers};

impl Reader<'_> {
    /// What protects the route, `None` when any label about it is wrong.
    pub(in crate::labels::parse) fn protection(&mut self, scope: &Scoped) -> Option<Protection> {
        let before = self.found.len();
        let protection = Protection {
            allow: self
                .read(scope, Key::Allow, value::address_ranges)
                .unwrap_or_default(),
            deny: self
                .read(scope, Key::Deny, value::address_ranges)
                .unwrap_or_default(),
            accounts: self
                .read(scope, Key::AuthBasic, value::accounts)
                .unwrap_or_default(),
            forward: self.forward(scope),
            body_bytes_max: self.read(scope, Key::BodyMax, value::size),
            raw: self
                .read(scope, Key::CaddyHandlers, RawHandlers::parse)
                .unwrap_or_default(),
        };
        let is_right = self.found.len() == before && !scope.is_guarded_by_unknown();
        is_right.then_some(protection)
    }

    fn forward(&mut self, scope: &Scoped) -> Option<ForwardAuth> {
        let forward = self.read(scope, Key::AuthForward, ForwardAuth::parse);
        let copy = self.read(scope, Key::AuthForwardCopy, |text| {
            value::list(text, HeaderName::parse)
        });
        let label = scope.get(Key::AuthForwardCopy);
        if let Some(label) = label.filter(|_| !scope.has(Key::AuthForward)) {
            let other = sibling(label, Key::AuthForward);
            let message = format!("`{}` needs `{other}`", label.key);
            let help = format!("add for example `{other}=auth:9091/verify`");
            self.say(Code::BadValue, Some(label.clone()), message, help);
        }
        Some(ForwardAuth {
            copy: copy.unwrap_or_default(),
            ..forward?
        })
    }

    /// Says when nobody whom `allow` lets in is left by `deny`.
    pub(in crate::labels::parse) fn say_all_denied(&mut self, scope: &Scoped, asked: &Protection) {
        let is_denied = |allowed: &_| asked.deny.iter().any(|deny| deny.covers(allowed));
        let all = !asked.allow.is_empty() && asked.allow.iter().all(is_denied);
        let Some(label) = scope.get(Key::Allow).filter(|_| all) else {
            return;
        };
        let deny = sibling(label, Key::Deny);
        let message = format!(
            "`{}` lets nobody in: `{deny}` covers all of it, and it counts first",
            label.key
        );
        let help = format!(
            "take the addresses out of `{deny}`, or remove `{}`",
            label.key
        );
        self.say(Code::NoEffect, Some(label.clone()), message, help);
    }
}
