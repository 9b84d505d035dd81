//! The table of label keys: the only place that knows their names, defaults and documentation.

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
    /// `strip`
    Strip,
    /// `port`
    Port,
    /// `scheme`
    Scheme,
    /// `upstream.tls.server_name`
    UpstreamServerName,
    /// `upstream.tls.skip_verify`
    UpstreamSkipVerify,
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
    /// `tls`
    Tls,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct KeyInfo {
    /// Which key.
    pub key: Key,
    /// Its name after the prefix, or after `routes.<name>.`.
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
    }
}

/// Every key that a label may have.
pub const KEYS: &[KeyInfo] = &[
    key(
        (Key::Host, "host", Scope::Route),
        ("host names", "required", "app.example.com"),
        "the hosts to serve: exact, `*.example.com` (one label), or `*` (only with \
         `--allow-catch-all`); Unicode, case and a trailing dot do not matter",
    ),
    key(
        (Key::Path, "path", Scope::Route),
        ("path prefixes", "every path", "/api"),
        "`/api` matches `/api` and everything below `/api/`, not `/apis`; case does not matter",
    ),
    key(
        (Key::Strip, "strip", Scope::Route),
        ("true or false", "false", "true"),
        "remove the matched path prefix before the request reaches the container",
    ),
    key(
        (Key::Port, "port", Scope::Pool),
        ("1 to 65535", "the exposed port", "8080"),
        "the port the container listens on; without it the one exposed TCP port, among several 80 \
         (443 with `scheme=https`)",
    ),
    key(
        (Key::Scheme, "scheme", Scope::Pool),
        ("http, https or h2c", "http", "h2c"),
        "the protocol towards the container",
    ),
    key(
        (
            Key::UpstreamServerName,
            "upstream.tls.server_name",
            Scope::Pool,
        ),
        ("host name", "the route's first host", "backend.example.com"),
        "with `scheme=https`: the name that the container's certificate must bear",
    ),
    key(
        (
            Key::UpstreamSkipVerify,
            "upstream.tls.skip_verify",
            Scope::Pool,
        ),
        ("true or false", "false", "true"),
        "with `scheme=https`: accept any certificate of the container",
    ),
    key(
        (Key::Ready, "ready", Scope::Pool),
        (
            "health, tcp, http:/path or none",
            "health with a HEALTHCHECK or `health.path`, else tcp",
            "http:/healthz",
        ),
        "what a new container must show before it takes requests: its HEALTHCHECK passes (without \
         one: it answers `health.path`), its port accepts a connection, it answers the path with \
         2xx or 3xx, or nothing",
    ),
    key(
        (Key::ReadyTimeout, "ready.timeout", Scope::Pool),
        ("time", "60s", "2m"),
        "after this time a container that is not ready is named in the log, and asked less often",
    ),
    key(
        (Key::Hold, "hold", Scope::Pool),
        ("time up to 10m", "30s", "2m"),
        "how long requests wait while no container is ready; `0s`: not at all",
    ),
    key(
        (Key::Retry, "retry", Scope::Pool),
        ("time up to 10m", "5s", "500ms"),
        "how long a request is tried again when its container refuses the connection, a GET also \
         when the connection breaks; `0s`: not at all",
    ),
    key(
        (Key::HealthPath, "health.path", Scope::Pool),
        ("path", "none", "/healthz"),
        "ask the containers for this path again and again; one that fails twice in a row takes no \
         requests until it answers again, unless it is the last that did",
    ),
    key(
        (Key::HealthInterval, "health.interval", Scope::Pool),
        ("time, 1s or more", "10s", "5s"),
        "with `health.path`: from one question to the next; a first failure is checked after a \
         second",
    ),
    key(
        (Key::HealthTimeout, "health.timeout", Scope::Pool),
        ("time", "5s, at most the interval", "1s"),
        "with `health.path`: how long the answer may take; at most `health.interval`",
    ),
    key(
        (Key::HealthStatus, "health.status", Scope::Pool),
        ("statuses", "2xx, 3xx", "200-299, 401"),
        "with `health.path`: the answers that are good: `200`, `2xx`, `200-299` or a list of them",
    ),
    key(
        (Key::HealthFailFor, "health.fail_for", Scope::Pool),
        ("time", "off", "10s"),
        "with two replicas or more: Caddy leaves one out for this time after failed requests; \
         failures of a replica that was replaced meanwhile count against its successor, and where all would be left out, all are asked",
    ),
    key(
        (Key::HealthMaxFails, "health.max_fails", Scope::Pool),
        ("1 to 1000", "1", "3"),
        "with `health.fail_for`: after so many failed requests within that time",
    ),
    key(
        (Key::LbPolicy, "lb.policy", Scope::Pool),
        (
            "least_conn, random, round_robin, first, client_ip_hash, uri_hash, header or cookie",
            "least_conn",
            "round_robin",
        ),
        "how requests are shared among replicas",
    ),
    key(
        (Key::LbHeader, "lb.header", Scope::Pool),
        (
            "header name",
            "required with `lb.policy=header`",
            "X-Tenant",
        ),
        "with `lb.policy=header`: the request header that chooses the replica",
    ),
    key(
        (Key::LbCookie, "lb.cookie", Scope::Pool),
        ("cookie name", "sh0_lb", "session_at"),
        "with `lb.policy=cookie`: the cookie that remembers the replica",
    ),
    key(
        (Key::LbWeight, "lb.weight", Scope::Container),
        ("1 to 100", "1", "10"),
        "the container's share of its app's requests, in relation to the other replicas'; in steps \
         of 5 %",
    ),
    key(
        (Key::Tls, "tls", Scope::Host),
        ("auto, internal or off", "auto", "internal"),
        "`auto`: a public certificate, or one of the internal authority for `localhost`, \
         `*.localhost`, `*.internal` and IP addresses; `internal`: always the internal authority; \
         `off`: plain HTTP only. The default route of the host's owner decides",
    ),
    key(
        (Key::Enable, "enable", Scope::Container),
        ("true or false", "true", "false"),
        "`false` takes the container out",
    ),
    key(
        (Key::App, "app", Scope::Container),
        (
            "name",
            "compose service, swarm service or container name",
            "web",
        ),
        "containers of one project with the same `app` serve the same routes together",
    ),
    key(
        (Key::Network, "network", Scope::Container),
        ("network name", "the agent's `--network`", "shop_internal"),
        "the network on which the container is reached",
    ),
    key(
        (Key::Share, "share", Scope::Container),
        ("project names", "nobody", "blog, docs"),
        "other projects that may add paths under this app's hosts",
    ),
    key(
        (Key::Test, "test", Scope::Container),
        ("text", "none", "run-1"),
        "no meaning for the agent; marks containers that a test made",
    ),
];

/// The row of a key.
///
/// # Panics
/// Never: a test holds that every key has a row.
#[must_use]
pub fn key_info(key: Key) -> &'static KeyInfo {
    KEYS.iter()
        .find(|info| info.key == key)
        .expect("every key has a row, which a test holds")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_and_key_stands_once() {
        let names: BTreeSet<_> = KEYS.iter().map(|info| info.name).collect();
        let keys: BTreeSet<_> = KEYS.iter().map(|info| info.key).collect();
        assert_eq!((names.len(), keys.len()), (KEYS.len(), KEYS.len()));
        assert_eq!(KEYS.len(), Key::Tls as usize + 1, "a key without a row");
    }
}
