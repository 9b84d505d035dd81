//! Labels about which requests a route answers, and how its container is spoken to.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Reader;
use crate::diagnostic::{Code, LabelRef};
use crate::labels::limits::CONDITIONS_MAX;
use crate::labels::schema::{Key, key_info};
use crate::labels::spec::{MatchingSpec, RouteSpec};
use crate::labels::tree::Scoped;
use crate::labels::value;
use crate::model::{
    Cidr, ExactPath, FOUND_CHARS_MAX, FileName, Matching, Method, NameError, NewPath, PathRegexp,
    QueryName, Scheme, TextMatch, Token, shown,
};

/// The highest and, below zero, the lowest priority.
const PRIORITY_MAX: i32 = 1_000;
/// The shortest time that Caddy reads as one.
const TIMEOUT_MIN: Duration = Duration::from_millis(1);
/// The longest that an answer may take to begin: long polls end within hours.
const RESPONSE_MAX: Duration = Duration::from_hours(24);

impl Reader<'_> {
    pub(super) fn matching(&mut self, scope: &Scoped) -> MatchingSpec {
        let every = scope.get(Key::Path).is_some_and(|path| {
            value::paths(&path.value).is_ok_and(|prefixes| prefixes.is_empty())
        });
        let exact = |text: &str| value::list(text, ExactPath::parse);
        let exact = self.read(scope, Key::PathExact, exact);
        let regexp = self.read(scope, Key::PathRegexp, PathRegexp::parse);
        let connect = |text: &str| {
            let expected = "a time from `1ms` to `10m`";
            value::at_least(text, TIMEOUT_MIN, expected)?;
            value::patience(text)
        };
        let response = |text: &str| {
            let expected = "a time from `1ms` to `24h`";
            let time = value::at_least(text, TIMEOUT_MIN, expected)?;
            let time = Some(time).filter(|time| *time <= RESPONSE_MAX);
            time.ok_or_else(|| value::not_one_of(expected, text))
        };
        MatchingSpec {
            exact: exact.filter(|_| !every).unwrap_or_default(),
            regexp: regexp.filter(|_| !every),
            conditions: self.conditions(scope),
            priority: self
                .read(scope, Key::Priority, priority)
                .unwrap_or_default(),
            rewrite: self.read(scope, Key::Rewrite, NewPath::parse),
            log: { self.read(scope, Key::Log, value::boolean) }.unwrap_or_default(),
            connect_timeout: self.read(scope, Key::TimeoutConnect, connect),
            response_timeout: self.read(scope, Key::TimeoutResponse, response),
            authority: self.read(scope, Key::UpstreamCa, FileName::parse),
        }
    }

    fn conditions(&mut self, scope: &Scoped) -> Matching {
        let methods = |text: &str| value::list(text, Method::parse);
        let methods = self.read(scope, Key::MatchMethod, methods);
        let ranges = |text: &str| value::list(text, Cidr::parse);
        let ranges = self.read(scope, Key::MatchClientIp, ranges);
        Matching {
            methods: methods.into_iter().flatten().collect(),
            headers: self.members(scope, Key::MatchHeader, header_name),
            queries: self.members(scope, Key::MatchQuery, QueryName::parse),
            client_ips: ranges.into_iter().flatten().collect(),
        }
    }

    /// The members of a family of conditions, each name once.
    fn members<N: Ord>(
        &mut self,
        scope: &Scoped,
        key: Key,
        name: impl Fn(&str) -> Result<N, NameError>,
    ) -> BTreeMap<N, TextMatch> {
        let mut members = BTreeMap::new();
        for (count, (member, label)) in scope.family(key).enumerate() {
            if count == CONDITIONS_MAX {
                let family = key_info(key).name;
                let message = format!("a route takes at most {CONDITIONS_MAX} labels `{family}`");
                let help = "leave some out".to_owned();
                self.say(Code::BadValue, Some(label.clone()), message, help);
                break;
            }
            let name = match name(member) {
                Ok(name) => name,
                Err(error) => {
                    self.say_bad_name(key, label, &error);
                    continue;
                }
            };
            let Some(value) = self.read_label(label, key, TextMatch::parse) else {
                continue;
            };
            if members.insert(name, value).is_some() {
                let message = format!(
                    "`{}` says again what another label says, in another spelling",
                    label.key
                );
                let help = "keep one of the two".to_owned();
                self.say(Code::BadValue, Some(label.clone()), message, help);
            }
        }
        members
    }

    fn say_bad_name(&mut self, key: Key, label: &LabelRef, error: &NameError) {
        let NameError { expected, found } = error;
        let whole = shown(&label.key, 2 * FOUND_CHARS_MAX);
        let message = format!("`{whole}` must end in {expected}, found {found}");
        let family = key_info(key).family().unwrap_or_default();
        let help = format!("write for example `{family}version`");
        self.say(Code::BadValue, Some(label.clone()), message, help);
    }

    pub(super) fn say_what_matching_leaves_out(&mut self, scope: &Scoped, spec: &RouteSpec) {
        let matching = &spec.matching;
        let is_https = spec.scheme == Scheme::Https;
        let every = spec.path_matches() == [crate::model::PathMatch::Every];
        let rules = [
            (Key::PathExact, every, "beside `path=/`"),
            (Key::PathRegexp, every, "beside `path=/`"),
            (
                Key::Strip,
                spec.strip && matching.rewrite.is_some(),
                "with `rewrite`, which replaces the prefix",
            ),
            (Key::UpstreamCa, !is_https, "without `scheme=https`"),
            (
                Key::UpstreamCa,
                is_https && spec.upstream_skip_verify,
                "with `upstream.tls.skip_verify=true`",
            ),
        ];
        for (key, idle, why) in rules {
            let Some(label) = scope.get(key).filter(|_| idle) else {
                continue;
            };
            let message = format!("`{}` has no effect {why}", label.key);
            let help = "change the other label, or remove this one".to_owned();
            self.say(Code::NoEffect, Some(label.clone()), message, help);
        }
        let Some(cap) = matching.response_timeout else {
            return;
        };
        let waits = "the time that a request waits for a container counts";
        let tries = "an answer that is late is not asked for again";
        for (key, time, why) in [
            (Key::Hold, spec.hold, waits),
            (Key::Retry, spec.retry, tries),
        ] {
            let label = scope.get(key).filter(|_| time > Some(cap));
            let Some(label) = label else {
                continue;
            };
            let message = format!(
                "`{}` has no effect beyond `timeout.response`, {cap:?}: {why}",
                label.key
            );
            let help = "lower it, or raise `timeout.response`".to_owned();
            self.say(Code::NoEffect, Some(label.clone()), message, help);
        }
    }
}

/// A header field's name, in lower case; the host has a label of its own.
fn header_name(text: &str) -> Result<Token, NameError> {
    let name = Token::parse(&text.to_ascii_lowercase())?;
    if matches!(name.as_str(), "host" | "transfer-encoding") {
        return Err(value::not_one_of(
            "a header's name, not Host (write it as the label `host`) or Transfer-Encoding",
            text,
        ));
    }
    Ok(name)
}

fn priority(text: &str) -> Result<i32, NameError> {
    let number = text.trim().parse().ok();
    let number = number.filter(|number| (-PRIORITY_MAX..=PRIORITY_MAX).contains(number));
    number.ok_or_else(|| value::not_one_of("a number from -1000 to 1000", text))
}
