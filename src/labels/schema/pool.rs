//! Keys of the replicas that serve one port together.

use super::{Key, KeyInfo, Scope, key};

pub(super) const KEYS: &[KeyInfo] = &[
    key(
        (Key::Port, "port", Scope::Pool),
        ("1 to 65535", "the exposed port", "8080"),
        "the port the container listens on; without it the one exposed TCP port, among several 80 \
         (443 with `scheme=https`). With `network_mode: host` it must be said, is a port of the \
         host's loopback, and none of Caddy's own",
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
    )
    .with(&[("scheme", "https")]),
    key(
        (
            Key::UpstreamSkipVerify,
            "upstream.tls.skip_verify",
            Scope::Pool,
        ),
        ("true or false", "false", "true"),
        "with `scheme=https`: accept any certificate of the container",
    )
    .with(&[("scheme", "https")]),
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
    )
    .with(&[("health.path", "/healthz")]),
    key(
        (Key::HealthTimeout, "health.timeout", Scope::Pool),
        ("time", "5s, at most the interval", "1s"),
        "with `health.path`: how long the answer may take; at most `health.interval`",
    )
    .with(&[("health.path", "/healthz")]),
    key(
        (Key::HealthStatus, "health.status", Scope::Pool),
        ("statuses", "2xx, 3xx", "200-299, 401"),
        "with `health.path`: the answers that are good: `200`, `2xx`, `200-299` or a list of them",
    )
    .with(&[("health.path", "/healthz")]),
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
    )
    .with(&[("health.fail_for", "10s")]),
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
    )
    .with(&[("lb.policy", "header")]),
    key(
        (Key::LbCookie, "lb.cookie", Scope::Pool),
        ("cookie name", "sh0_lb", "session_at"),
        "with `lb.policy=cookie`: the cookie that remembers the replica",
    )
    .with(&[("lb.policy", "cookie")]),
];
