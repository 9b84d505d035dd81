//! The architecture as tables: which module may use which, and where crates may be named.

/// Which modules each module may name. A new edge is a change of the architecture.
pub(crate) const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    // Counted by tasks everywhere, named by `status`.
    ("metrics", &[]),
    // Modes and owners of folders, for all who make some.
    ("access", &[]),
    ("diagnostic", &["model"]),
    ("labels", &["diagnostic", "model"]),
    ("routes", &["diagnostic", "labels", "model"]),
    ("caddy", &["model", "routes", "slots"]),
    // Only to read the files for TLS to the engine.
    ("discovery", &["certificates", "model"]),
    ("supervise", &["access", "model"]),
    ("slots", &["access", "metrics", "model", "routes"]),
    ("probe", &["model"]),
    ("telemetry", &[]),
    ("clock", &[]),
    ("state", &["access", "model", "routes"]),
    ("certificates", &["caddy", "model", "state"]),
    // Answers Caddy from the route table.
    ("on_demand", &["model", "routes", "telemetry"]),
    // It also reads what slots say, for who asks why something is served or not.
    (
        "status",
        &[
            "access",
            "diagnostic",
            "metrics",
            "model",
            "routes",
            "slots",
        ],
    ),
    (
        "reconcile",
        &[
            "access",
            "caddy",
            "certificates",
            "diagnostic",
            "discovery",
            "labels",
            "metrics",
            "model",
            "on_demand",
            "probe",
            "routes",
            "slots",
            "state",
            "status",
            "supervise",
            "telemetry",
        ],
    ),
    // Only for the severity of what compose refuses, and to show names.
    ("compose", &["diagnostic", "model"]),
    (
        "check",
        &[
            "compose",
            "diagnostic",
            "labels",
            "model",
            "routes",
            "settings",
        ],
    ),
    (
        "settings",
        &[
            "access",
            "caddy",
            "labels",
            "model",
            "reconcile",
            "slots",
            "status",
        ],
    ),
    (
        "plan",
        &[
            "caddy",
            "certificates",
            "check",
            "clock",
            "model",
            "routes",
            "settings",
            "state",
        ],
    ),
    (
        "agent",
        &[
            "access",
            "caddy",
            "certificates",
            "clock",
            "discovery",
            // What labels of its own container may lead to.
            "labels",
            "model",
            "on_demand",
            "probe",
            "reconcile",
            "settings",
            "slots",
            "state",
            "status",
            "supervise",
            "telemetry",
        ],
    ),
    (
        "cli",
        &[
            "access",
            "agent",
            "caddy",
            "check",
            "clock",
            "compose",
            "diagnostic",
            "discovery",
            "labels",
            // The words for loads.
            "metrics",
            "model",
            "plan",
            // Asks Caddy as a client would.
            "probe",
            "reconcile",
            "routes",
            "settings",
            "slots",
            "status",
            // Who has a port, and which Caddy there is.
            "supervise",
            "telemetry",
        ],
    ),
    ("lib", &[]),
    ("main", &[]),
];

/// Where HTTP is spoken below what axum and reqwest do.
const HTTP: &[&str] = &[
    "src/discovery/",
    "src/probe/http.rs",
    "src/status/server/connections",
];

/// Where alone each of these may be named.
pub(crate) const ONLY_IN: &[(&str, &[&str])] = &[
    ("bollard", &["src/discovery/"]),
    ("reqwest", &["src/caddy/admin.rs"]),
    ("hyper", HTTP),
    ("hyper_util", HTTP),
    (
        "http_body_util",
        &["src/probe/http.rs", "src/discovery/docker/listing.rs"],
    ),
    (
        "tokio::process",
        &["src/supervise/child.rs", "src/supervise/version.rs"],
    ),
    ("process_wrap", &["src/supervise/child.rs"]),
    ("std::process::Command", &[]),
    ("regex_syntax", &["src/model/name/regexp.rs"]),
    // Caddy asks over TCP, people over a socket.
    (
        "axum",
        &[
            "src/status/server.rs",
            "src/status/monitored.rs",
            "src/status/server/",
            "src/on_demand/server.rs",
        ],
    ),
    // Visitors' passwords, and the hashes of the page's content policy.
    (
        "base64",
        &["src/status/guard.rs", "src/status/server/pages.rs"],
    ),
    ("bcrypt", &["src/status/guard.rs"]),
    ("maud", &["src/status/page.rs", "src/status/page/"]),
    (
        "rustls",
        &[
            "src/certificates.rs",
            "src/certificates/",
            "src/discovery/tls.rs",
            "src/probe/",
        ],
    ),
    (
        "tokio_rustls",
        &["src/discovery/tls.rs", "src/probe.rs", "src/probe/"],
    ),
    ("saphyr_parser", &["src/compose/yaml.rs"]),
    ("anstyle", &["src/cli/style.rs"]),
    ("clap", &["src/cli.rs", "src/cli/"]),
    ("anyhow", &["src/cli.rs", "src/cli/"]),
    ("tikv_jemallocator", &["src/main.rs"]),
    ("rustix::termios", &["src/cli/style.rs"]),
];

/// The core, which neither waits, logs, reads a clock or the environment, nor touches a file.
pub(crate) const PURE: &[&str] = &[
    "src/model",
    "src/diagnostic",
    "src/labels",
    "src/routes",
    "src/caddy/config",
    "src/caddy/render",
    "src/caddy/fingerprint",
    "src/caddy/message",
    "src/slots/assign",
    "src/slots/slot",
    "src/compose",
    "src/check",
    "src/status/explain",
    "src/status/exposition",
    "src/status/history",
    "src/status/page",
    "src/status/readiness",
];

/// What nothing in the core may name.
pub(crate) const IMPURE: &[&str] = &[
    "tokio",
    "tracing",
    "std::fs",
    "std::env",
    "std::time::Instant",
    "async",
];
