//! Keys of which requests a route answers, and of how its container is spoken to.

use super::{Key, KeyInfo, Scope, key};

pub(super) const ROUTE_KEYS: &[KeyInfo] = &[
    key(
        (Key::PathExact, "path.exact", Scope::Route),
        ("paths", "none", "/login"),
        "these paths themselves; case does not matter. `path`, `path.exact` and `path.regexp` are \
         alternatives",
    ),
    key(
        (Key::PathRegexp, "path.regexp", Scope::Route),
        ("pattern (RE2)", "none", "^/users/[0-9]+$"),
        "paths (decoded) that contain this pattern; `^` and `$` bind it to their ends, case matters",
    ),
    key(
        (Key::MatchMethod, "match.method", Scope::Route),
        ("methods", "any", "GET, HEAD"),
        "only requests with one of these methods. All `match.*` labels must hold",
    ),
    key(
        (Key::MatchHeader, "match.header.<Name>", Scope::Route),
        ("text, or `*` for any", "none", "beta"),
        "only requests with this header field",
    ),
    key(
        (Key::MatchQuery, "match.query.<name>", Scope::Route),
        ("text, or `*` for any", "none", "2"),
        "only requests with this query parameter",
    ),
    key(
        (Key::MatchClientIp, "match.client_ip", Scope::Route),
        ("IP addresses and ranges", "any", "10.0.0.0/8, 2001:db8::1"),
        "only requests from these addresses; behind another proxy see `--trusted-proxies`",
    ),
    key(
        (Key::Priority, "priority", Scope::Route),
        ("-1000 to 1000", "0", "10"),
        "among the routes of one host the higher is asked first, before the order by path",
    ),
    key(
        (Key::Rewrite, "rewrite", Scope::Route),
        ("path", "none", "/v2"),
        "what the container gets in place of the matched path prefix; without `path` it is put \
         before every path, and a path of `path.exact` or `path.regexp` is replaced as a whole",
    ),
    key(
        (Key::Log, "log", Scope::Route),
        ("true or false", "false", "true"),
        "log each request as a line of the agent's log, target `access`: client, method, host, path \
         and query, status, bytes and seconds; header fields but User-Agent and Referer are left out",
    ),
];

pub(super) const POOL_KEYS: &[KeyInfo] = &[
    key(
        (Key::UpstreamCa, "upstream.tls.ca", Scope::Pool),
        (
            "name of a PEM file",
            "the machine's authorities",
            "corp.pem",
        ),
        "with `scheme=https`: the authority of the container's certificate, as a file in \
         the agent's `--certificates` directory",
    )
    .with(&[("scheme", "https")]),
    key(
        (Key::TimeoutConnect, "timeout.connect", Scope::Pool),
        ("time from 1ms to 10m", "900ms", "2s"),
        "how long the container may take to accept a connection",
    ),
    key(
        (Key::TimeoutResponse, "timeout.response", Scope::Pool),
        ("time from 1ms to 24h", "no limit", "30s"),
        "how long the container may take to begin its answer; then the client gets 504. The time \
         that a request waits for a container counts, and nothing is asked again after it, so this \
         caps `hold` and `retry`",
    ),
];
