//! The table of label keys: the only place that knows their names, defaults and documentation.

mod container;
mod handling;
mod host;
mod matching;
mod pool;
mod route;

/// What a key describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The container as a whole; written once, directly under the prefix.
    Container,
    /// The replicas that serve one port together.
    Pool,
    /// A host name, whoever serves it.
    Host,
    /// One route.
    Route,
}

impl Scope {
    /// The word in the documentation.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Pool => "pool",
            Self::Host => "host",
            Self::Route => "route",
        }
    }
}

/// A label key, by its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// `enable`
    Enable,
    /// `app`
    App,
    /// `network`
    Network,
    /// `share`
    Share,
    /// `test`
    Test,
    /// `host`
    Host,
    /// `path`
    Path,
    /// `path.exact`
    PathExact,
    /// `path.regexp`
    PathRegexp,
    /// `match.method`
    MatchMethod,
    /// `match.header.<Name>`
    MatchHeader,
    /// `match.query.<name>`
    MatchQuery,
    /// `match.client_ip`
    MatchClientIp,
    /// `priority`
    Priority,
    /// `strip`
    Strip,
    /// `rewrite`
    Rewrite,
    /// `log`
    Log,
    /// `port`
    Port,
    /// `scheme`
    Scheme,
    /// `upstream.tls.server_name`
    UpstreamServerName,
    /// `upstream.tls.skip_verify`
    UpstreamSkipVerify,
    /// `upstream.tls.ca`
    UpstreamCa,
    /// `timeout.connect`
    TimeoutConnect,
    /// `timeout.response`
    TimeoutResponse,
    /// `ready`
    Ready,
    /// `ready.timeout`
    ReadyTimeout,
    /// `hold`
    Hold,
    /// `retry`
    Retry,
    /// `health.path`
    HealthPath,
    /// `health.interval`
    HealthInterval,
    /// `health.timeout`
    HealthTimeout,
    /// `health.status`
    HealthStatus,
    /// `health.fail_for`
    HealthFailFor,
    /// `health.max_fails`
    HealthMaxFails,
    /// `lb.policy`
    LbPolicy,
    /// `lb.header`
    LbHeader,
    /// `lb.cookie`
    LbCookie,
    /// `lb.weight`
    LbWeight,
    /// `auth.basic`
    AuthBasic,
    /// `auth.forward`
    AuthForward,
    /// `auth.forward.copy`
    AuthForwardCopy,
    /// `allow`
    Allow,
    /// `deny`
    Deny,
    /// `body_max`
    BodyMax,
    /// `caddy.handlers`
    CaddyHandlers,
    /// `headers.request.<Name>`
    RequestHeader,
    /// `headers.response.<Name>`
    ResponseHeader,
    /// `compress`
    Compress,
    /// `error.<status>`
    ErrorPage,
    /// `tls`
    Tls,
    /// `tls.min`
    TlsMin,
    /// `tls.client_ca`
    TlsClientCa,
    /// `hsts`
    Hsts,
    /// `redirect.https`
    RedirectHttps,
    /// `redirect.from`
    RedirectFrom,
}

impl Key {
    /// Whether it keeps requests from the container: where such a label is wrong the route is
    /// closed, never served without it.
    #[must_use]
    pub fn protects(self) -> bool {
        matches!(
            self,
            Self::AuthBasic
                | Self::AuthForward
                | Self::AuthForwardCopy
                | Self::Allow
                | Self::Deny
                | Self::BodyMax
                | Self::CaddyHandlers
        )
    }

    /// Whether its value may be a secret, which is never shown.
    #[must_use]
    pub fn is_secret(self) -> bool {
        matches!(
            self,
            Self::AuthBasic | Self::CaddyHandlers | Self::RequestHeader | Self::ResponseHeader
        )
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct KeyInfo {
    /// Which key.
    pub key: Key,
    /// Its name after the prefix, or after `routes.<name>.`. One that ends in `<…>` is a family:
    /// what stands there in a label is its member's name.
    pub name: &'static str,
    /// What it describes.
    pub scope: Scope,
    /// What its value looks like.
    pub value: &'static str,
    /// What holds without it.
    pub default: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// A right value.
    pub example: &'static str,
    /// The labels without which the example has no effect, by name and value; a host apart.
    pub with: &'static [(&'static str, &'static str)],
}

/// The host of an example that needs one.
const EXAMPLE_HOST: (&str, &str) = ("host", "app.example.com");

impl KeyInfo {
    /// The same key, whose example needs these labels beside it.
    const fn with(self, with: &'static [(&'static str, &'static str)]) -> Self {
        Self { with, ..self }
    }

    /// The whole name of the example's label, after the prefix.
    #[must_use]
    pub fn example_name(&self) -> String {
        match self.family() {
            Some(before) => format!("{before}{}", self.example_member()),
            None => self.name.to_owned(),
        }
    }

    /// What stands for `<…>` in the example of a family.
    #[must_use]
    pub fn example_member(&self) -> &'static str {
        match self.name.split_once('<') {
            Some((_, "status>")) => "404",
            Some((_, "name>")) => "page",
            Some(_) | None => "X-Tenant",
        }
    }

    /// Labels that make a route with this key, without the prefix; its own is the last.
    #[must_use]
    pub fn example_labels(&self) -> Vec<(String, &'static str)> {
        let own = (self.example_name(), self.example);
        let host = [EXAMPLE_HOST].into_iter().filter(|_| self.key != Key::Host);
        let beside = host.chain(self.with.iter().copied());
        let beside = beside.map(|(name, value)| (name.to_owned(), value));
        beside.chain([own]).collect()
    }

    /// What stands before the member's name, with the dot, where the key is a family.
    #[must_use]
    pub fn family(&self) -> Option<&'static str> {
        let (before, _) = self.name.split_once('<')?;
        Some(before)
    }
}

/// The row that a label of this name belongs to, and the member's name where that is a family.
#[must_use]
pub(super) fn find(name: &str) -> Option<(&'static KeyInfo, Option<&str>)> {
    let exact = keys().find(|info| info.name == name && info.family().is_none());
    let member = |info: &'static KeyInfo| {
        let member = name.strip_prefix(info.family()?)?;
        (!member.is_empty()).then_some((info, Some(member)))
    };
    exact
        .map(|info| (info, None))
        .or_else(|| keys().find_map(member))
}

const fn key(
    (key, name, scope): (Key, &'static str, Scope),
    (value, default, example): (&'static str, &'static str, &'static str),
    doc: &'static str,
) -> KeyInfo {
    KeyInfo {
        key,
        name,
        scope,
        value,
        default,
        doc,
        example,
        with: &[],
    }
}

/// The table in its parts, in the order in which it is documented.
const TABLES: [&[KeyInfo]; 7] = [
    route::KEYS,
    matching::ROUTE_KEYS,
    handling::KEYS,
    pool::KEYS,
    matching::POOL_KEYS,
    host::KEYS,
    container::KEYS,
];

/// Every key that a label may have.
pub fn keys() -> impl Iterator<Item = &'static KeyInfo> + Clone {
    TABLES.into_iter().flatten()
}

/// The row of a key.
///
/// # Panics
/// Never: a test holds that every key has a row.
#[must_use]
pub fn key_info(key: Key) -> &'static KeyInfo {
    keys()
        .find(|info| info.key == key)
        .expect("every key has a row, which a test holds")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_and_key_stands_once() {
        let count = keys().count();
        let names: BTreeSet<_> = keys().map(|info| info.name).collect();
        let of_keys: BTreeSet<_> = keys().map(|info| info.key).collect();
        assert_eq!((names.len(), of_keys.len()), (count, count));
        assert_eq!(count, Key::RedirectFrom as usize + 1, "a key without a row");
    }
}
