//! Values for every label key, by what the table of keys says that it takes: right ones, and wrong
//! ones of another type, out of range, and without sense. A key that takes something new fails a
//! test until it has its row here.

use sh0_agent::labels::KeyInfo;

/// What no key may take for a meaning: placeholders and templates of Caddy, what would break out
/// of a header, what a path decodes to, what a reader sees in another order, and too much.
pub(crate) const NONSENSE: [&str; 14] = [
    "",
    "   ",
    "{env.HOME}",
    "{file./etc/passwd}",
    "{http.request.host}",
    "{a{env.HOME}}",
    "\\{env.HOME}",
    "{{env \"HOME\"}}",
    "a\nb",
    "a\r\nX-Evil: 1",
    "a\u{0}b",
    "%zz",
    "\u{202e}txt.exe",
    "/\u{feff}é\\\"`$",
];

/// Far longer than any value that makes sense.
pub(crate) fn too_long() -> String {
    "x".repeat(65_536)
}

/// Values of a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values {
    /// Each is taken, with the labels beside it that the key's example has.
    pub(crate) right: &'static [&'static str],
    /// None is taken: at least three.
    pub(crate) wrong: &'static [&'static str],
}

/// The values of a key; `None` where nobody has said yet what it takes.
pub(crate) fn of(info: &KeyInfo) -> Option<Values> {
    let find = |table: &[Row], what: &str| table.iter().copied().find(|row| row.0 == what);
    let (_, right, wrong) = find(BY_NAME, info.name).or_else(|| find(BY_VALUE, info.value))?;
    Some(Values { right, wrong })
}

/// A key's name or what it takes, right values and wrong ones.
type Row = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

/// Keys that take more, or less, than others of whose values the table says the same.
const BY_NAME: &[Row] = &[
    (
        "auth.basic",
        &["ada:$2a$04$/3DyloKJlePp7qJfPtiO7edscyI6ZO1Pecc6NZ3.HYPvwDj5ZzH.6"],
        &[
            "ada",
            "ada:",
            "ada:hunter2",
            ":$2a$04$/3DyloKJlePp7qJfPtiO7edscyI6ZO1Pecc6NZ3.HYPvwDj5ZzH.6",
        ],
    ),
    (
        "auth.forward",
        &["auth:9091/verify"],
        &[
            "auth:0/x",
            "a b/x",
            "/verify",
            "ftp://auth/",
            "auth//evil.example/x",
            "a@b@c/x",
        ],
    ),
    (
        "auth.forward.copy",
        &["Remote-User, Remote-Groups", "X-A"],
        &["a b", "X:Y", "a,,b", "ü"],
    ),
    (
        "allow",
        &["10.0.0.0/8, 2001:db8::1", "203.0.113.0/24", "127.0.0.1"],
        &[
            "10.0.0.0/33",
            "everybody",
            "10.0.0.256",
            "10.0.0.1-10.0.0.9",
        ],
    ),
    (
        "deny",
        &["10.0.0.0/8, 2001:db8::1", "203.0.113.0/24", "127.0.0.1"],
        &[
            "10.0.0.0/33",
            "everybody",
            "10.0.0.256",
            "10.0.0.1-10.0.0.9",
        ],
    ),
    ("body_max", &["10MB"], &["-1MB", "ten", "10XB", "1.5.5MB"]),
    (
        "headers.request.<Name>",
        &["{host}", "a {env.HOME} b", "{a{env.HOME}}", "", "ü"],
        &["a\nb", "a\r\nX-Evil: 1", "a\u{0}b"],
    ),
    (
        "headers.response.<Name>",
        &["DENY", "{scheme}://{host}", "{file./etc/passwd}", "", "ü"],
        &["a\nb", "a\r\nX-Evil: 1", "a\u{0}b"],
    ),
    (
        "error.<status>",
        &["/404.html"],
        &["404.html", "http://a.internal/", "../x", "//a.internal/"],
    ),
    (
        "caddy.handlers",
        &[r#"[{"handler": "headers"}]"#],
        &["{}", "[", "handlers", "[1]"],
    ),
    (
        "tls.min",
        &["1.2", "1.3"],
        &["1.1", "1.4", "tls1.2", "high"],
    ),
    (
        "tls.client_ca",
        &["partners.pem"],
        &["../x.pem", "/etc/passwd", "a/b.pem"],
    ),
    (
        "hsts",
        &["true", "false", "max-age=31536000; includeSubDomains"],
        &["a\nb", "a\r\nX-Evil: 1", "a\u{0}b"],
    ),
    (
        "redirect.from",
        &["www.internal", "b.internal, www.c.internal"],
        &[
            "https://a.internal",
            "a b",
            "a.internal/x",
            "a@b.internal",
            "//a.internal",
        ],
    ),
    (
        "path.exact",
        &["/api", "/API/x"],
        &["api", "/a?b", "http://a/"],
    ),
    (
        "path.regexp",
        &["^/a/[0-9]+$", "/x.*"],
        &["(", "[a-", "(?<=a)b", "a**"],
    ),
    ("match.method", &["GET", "GET, POST"], &["G T", "GET;", "Ä"]),
    (
        "match.header.<Name>",
        &["a", "{env.HOME}"],
        &["a\nb", "a\r\nX-Evil: 1", "a\u{0}b"],
    ),
    (
        "match.query.<name>",
        &["a", "{env.HOME}"],
        &["a\nb", "a\r\nX-Evil: 1", "a\u{0}b"],
    ),
    (
        "match.client_ip",
        &["10.0.0.0/8, 2001:db8::1"],
        &["10.0.0.0/33", "everybody", "10.0.0.256"],
    ),
    (
        "priority",
        &["0", "10", "-10"],
        &["high", "1.5", "99999999999999999999"],
    ),
    (
        "rewrite",
        &["/v2", "/"],
        &["v2", "http://a/", "a b", "//a.internal"],
    ),
    (
        "upstream.tls.ca",
        &["internal.pem"],
        &["../x.pem", "/etc/passwd", "a/b.pem"],
    ),
    (
        "timeout.connect",
        &["1s", "500ms", "2m"],
        &["5", "-1s", "soon"],
    ),
    (
        "timeout.response",
        &["1s", "500ms", "2m"],
        &["5", "-1s", "soon"],
    ),
    ("test", &["run-1", "a b", "ü"], &[]),
    (
        "health.path",
        &["/healthz", "/a?b=c", "/"],
        &[
            "healthz",
            "/a b",
            "/a#b",
            "http://a.internal/",
            "//a.internal/",
        ],
    ),
    (
        "health.fail_for",
        &["10s", "1ms", "1h"],
        &["0s", "-1s", "10", "8761h"],
    ),
    (
        "health.timeout",
        &["1s", "1ms", "10s"],
        &["0s", "11s", "10", "never"],
    ),
];

/// By what the table of keys says that a key takes.
const BY_VALUE: &[Row] = &[
    (
        "true or false",
        &["true", "false", "True", "yes", "0", " on "],
        &["maybe", "2", "true, false", "/x"],
    ),
    ("name", NAMES, NO_NAMES),
    ("network name", NAMES, NO_NAMES),
    ("header name", NAMES, NO_NAMES),
    ("cookie name", NAMES, NO_NAMES),
    (
        "time",
        &["1s", "500ms", "2m", "10s", " 5s "],
        &[
            "5",
            "-1s",
            "1.5s",
            "5 s",
            "soon",
            "99999999999999999999h",
            "8761h",
        ],
    ),
    (
        "time up to 10m",
        &["0s", "1s", "500ms", "10m"],
        &["5", "-1s", "11m", "8760h", "forever"],
    ),
    (
        "time, 1s or more",
        &["1s", "10s", "1h"],
        &["999ms", "0s", "1", "-1s"],
    ),
    (
        "host names",
        &[
            "a.internal",
            "b.internal, *.c.internal",
            "X.C.internal.",
            "127.0.0.1",
            "localhost",
        ],
        &[
            "https://a.internal",
            "a.internal/x",
            "a.internal:80",
            "a b",
            "-a.internal",
            "*.*.b",
        ],
    ),
    (
        "host name",
        &["backend.internal", "127.0.0.1"],
        &[
            "*.backend.internal",
            "https://a.internal",
            "a b",
            "a.internal:443",
        ],
    ),
    (
        "path prefixes",
        &["/", "/api", "/API/v1, /x/", "/bücher", "/a,/b,/c"],
        &["api", "/a*", "/a?b", "/../x", "/%61", "/a,b", "http://a/"],
    ),
    (
        "1 to 65535",
        &["80", "8080", "65535"],
        &["0", "65536", "-1", "http", "80/tcp"],
    ),
    (
        "1 to 100",
        &["1", "10", "100"],
        &["0", "101", "-1", "half", "1.5"],
    ),
    (
        "1 to 1000",
        &["1", "3", "1000"],
        &["0", "1001", "-1", "often"],
    ),
    (
        "http, https or h2c",
        &["http", "HTTPS", "h2c"],
        &["ftp", "443", "http://"],
    ),
    (
        "health, tcp, http:/path or none",
        &["health", "tcp", "http:/healthz", "none"],
        &["udp", "http://a.internal/", "/healthz", "5s"],
    ),
    (
        "statuses",
        &["200", "2xx, 401", "200-299"],
        &["99", "600", "ok", "299-200", "200,", "6xx"],
    ),
    (
        "least_conn, random, round_robin, first, client_ip_hash, uri_hash, header or cookie",
        &[
            "least_conn",
            "random",
            "round_robin",
            "first",
            "client_ip_hash",
            "uri_hash",
            "cookie",
        ],
        &["fastest", "1", "least_conn, random"],
    ),
    (
        "project names",
        &["blog", "blog, docs"],
        &["a b", "a,,b", "a/b", "*"],
    ),
    (
        "auto, internal, on_demand or off",
        &["auto", "internal", "off", "on_demand"],
        &["acme", "on", "1.3"],
    ),
    (
        "auto, internal or off",
        &["auto", "internal", "off"],
        &["acme", "on", "1.3"],
    ),
];

const NAMES: &[&str] = &["web", "a-b_c.d", "X-Tenant", "0"];
const NO_NAMES: &[&str] = &["two words", "a;b", "a,b", "ü", "a/b", "a:b"];
