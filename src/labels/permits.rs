//! What the operator lets labels do.

use std::fmt;

use crate::model::{ContainerId, Hostname, NameError};

/// What labels may ask for, by the settings of the agent: by default every host but `*`, and
/// nothing that reaches beyond the container's own routes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permits {
    /// The host `*`.
    pub catch_all: bool,
    /// Handlers in Caddy's own JSON, which can do whatever Caddy can.
    pub raw_caddy: bool,
    /// Any URL for `auth.forward`, not only apps.
    pub auth_urls: bool,
    /// The hosts that labels may claim; empty is all.
    pub allowed_hosts: Vec<HostPattern>,
    /// The hosts that no label may claim, whatever is allowed.
    pub denied_hosts: Vec<HostPattern>,
    /// The container in which the agent itself runs; `None` is that it runs in none.
    pub own: Option<OwnContainer>,
}

/// The agent's own container, whose labels can lead to the status page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnContainer {
    /// Which one.
    pub id: ContainerId,
    /// The page.
    pub page: OwnPage,
}

/// The status page, as a route to the agent's own container finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnPage {
    /// It is switched off, or listens on the loopback alone.
    Away,
    /// It asks nobody for a password.
    Open,
    /// It asks for a password itself.
    Guarded,
}

impl Permits {
    /// Whether labels may claim this host.
    ///
    /// # Errors
    /// Why not, as it follows "the host may not be served: ".
    pub fn check(&self, host: &Hostname) -> Result<(), String> {
        let denied = self.denied_hosts.iter().find(|denied| denied.meets(host));
        if let Some(denied) = denied {
            return Err(format!("`--deny-hosts` has `{denied}`"));
        }
        let allowed = &self.allowed_hosts;
        if allowed.is_empty() || allowed.iter().any(|allowed| allowed.covers(host)) {
            return Ok(());
        }
        let names: Vec<String> = allowed.iter().map(|name| format!("`{name}`")).collect();
        Err(format!("`--allow-hosts` has only {}", names.join(", ")))
    }
}

/// Hosts as a setting names them: one (`app.example.com`), all below a name at any depth
/// (`*.example.com`), or all (`*`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern(Hostname);

impl HostPattern {
    /// Parses what an operator wrote, in any form that a host label may have.
    ///
    /// # Errors
    /// What was found instead.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        Hostname::parse(text).map(Self)
    }

    /// Whether all that the host stands for is among these.
    fn covers(&self, host: &Hostname) -> bool {
        let (pattern, host) = (self.0.as_str(), host.as_str());
        match pattern.strip_prefix('*') {
            Some(end) => host.ends_with(end),
            None => pattern == host,
        }
    }

    /// Whether anything that the host stands for is among these.
    fn meets(&self, host: &Hostname) -> bool {
        let covered = self.0.covering_wildcard();
        self.covers(host) || host.is_catch_all() || covered.as_ref() == Some(host)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is allowed, what is denied, a host, and what is said of it.
    const CASES: &[(&str, &str, &str, &str)] = &[
        ("", "", "a.example", "yes"),
        ("", "", "*", "yes"),
        ("*.example", "", "a.example", "yes"),
        ("*.example", "", "a.b.example", "yes"),
        ("*.example", "", "*.example", "yes"),
        ("*.example", "", "*.b.example", "yes"),
        (
            "*.example",
            "",
            "example",
            "`--allow-hosts` has only `*.example`",
        ),
        (
            "*.example",
            "",
            "a.badexample",
            "`--allow-hosts` has only `*.example`",
        ),
        (
            "*.b.example",
            "",
            "*.example",
            "`--allow-hosts` has only `*.b.example`",
        ),
        ("*.example", "", "*", "`--allow-hosts` has only `*.example`"),
        ("*", "", "*", "yes"),
        ("A.Example. b.example", "", "a.example", "yes"),
        (
            "A.Example. b.example",
            "",
            "c.example",
            "`--allow-hosts` has only `a.example`, `b.example`",
        ),
        ("10.0.0.1", "", "10.0.0.1", "yes"),
        (
            "",
            "a.example",
            "a.example",
            "`--deny-hosts` has `a.example`",
        ),
        ("", "a.example", "b.example", "yes"),
        (
            "",
            "a.example",
            "*.example",
            "`--deny-hosts` has `a.example`",
        ),
        ("", "a.example", "*", "`--deny-hosts` has `a.example`"),
        (
            "",
            "*.b.example",
            "a.b.example",
            "`--deny-hosts` has `*.b.example`",
        ),
        (
            "",
            "*.b.example",
            "*.b.example",
            "`--deny-hosts` has `*.b.example`",
        ),
        ("", "*.b.example", "*.example", "yes"),
        (
            "",
            "*.example",
            "*.b.example",
            "`--deny-hosts` has `*.example`",
        ),
        (
            "a.example",
            "a.example",
            "a.example",
            "`--deny-hosts` has `a.example`",
        ),
        ("", "*", "a.example", "`--deny-hosts` has `*`"),
    ];

    fn patterns(text: &str) -> Vec<HostPattern> {
        let words = text.split_whitespace();
        let patterns = words.map(|word| HostPattern::parse(word).expect("a pattern"));
        patterns.collect()
    }

    #[test]
    fn hosts_are_allowed_and_denied_by_what_they_stand_for() {
        for (allow, deny, host, expected) in CASES {
            let permits = Permits {
                allowed_hosts: patterns(allow),
                denied_hosts: patterns(deny),
                ..Permits::default()
            };
            let host = Hostname::parse(host).expect("a host");
            let said = permits
                .check(&host)
                .map_or_else(|why| why, |()| "yes".to_owned());
            assert_eq!(said, *expected, "{allow} / {deny} / {host}");
        }
    }
}
