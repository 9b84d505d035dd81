//! The labels under `health.`.

use std::time::Duration;

use super::{Reader, sibling};
use crate::diagnostic::Code;
use crate::labels::schema::Key;
use crate::labels::tree::Scoped;
use crate::labels::value;
use crate::model::{HealthCheck, HealthRules, PassiveChecks};

/// From one question to the next, unless the labels say otherwise.
const INTERVAL: Duration = Duration::from_secs(10);
/// The shortest interval: more questions than one a second are load, not knowledge.
const INTERVAL_MIN: Duration = Duration::from_secs(1);
/// How long an answer may take, unless the labels say otherwise or the interval is shorter.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The shortest time for an answer, and for a remembered failure.
const TIME_MIN: Duration = Duration::from_millis(1);
/// Failed requests that leave an upstream out: Caddy's own default.
const MAX_FAILS: u32 = 1;

impl Reader<'_> {
    pub(super) fn health(&mut self, scope: &Scoped) -> HealthRules {
        HealthRules {
            active: self.active_checks(scope),
            passive: self.passive_checks(scope),
        }
    }

    fn active_checks(&mut self, scope: &Scoped) -> Option<HealthCheck> {
        let path = self.read(scope, Key::HealthPath, value::asked_path);
        let interval = self.read(scope, Key::HealthInterval, |text| {
            value::at_least(text, INTERVAL_MIN, "a time of `1s` or more")
        });
        let interval = interval.unwrap_or(INTERVAL);
        let timeout = self.read(scope, Key::HealthTimeout, |text| {
            value::at_least(text, TIME_MIN, "a time of `1ms` or more")
        });
        let status = self.read(scope, Key::HealthStatus, value::statuses);
        if let Some(timeout) = timeout.filter(|timeout| path.is_some() && *timeout > interval) {
            self.say_too_patient(scope, timeout, interval);
        }
        Some(HealthCheck {
            path: path?,
            interval,
            timeout: timeout.unwrap_or(TIMEOUT.min(interval)),
            status: status.unwrap_or_default(),
        })
    }

    /// A question that may take longer than the next one would never be known to have failed.
    fn say_too_patient(&mut self, scope: &Scoped, timeout: Duration, interval: Duration) {
        let Some(label) = scope.get(Key::HealthTimeout).cloned() else {
            return;
        };
        let other = sibling(&label, Key::HealthInterval);
        let message = format!(
            "`{}` takes at most the time of `{other}`, {interval:?}, found {timeout:?}",
            label.key
        );
        let help = format!("write a shorter time, or a longer `{other}`");
        self.say(Code::BadValue, Some(label), message, help);
    }

    fn passive_checks(&mut self, scope: &Scoped) -> Option<PassiveChecks> {
        let fail_for = self.read(scope, Key::HealthFailFor, |text| {
            value::at_least(text, TIME_MIN, "a time of `1ms` or more")
        });
        let max_fails = self.read(scope, Key::HealthMaxFails, value::failures);
        Some(PassiveChecks {
            fail_for: fail_for?,
            max_fails: max_fails.unwrap_or(MAX_FAILS),
        })
    }
}
