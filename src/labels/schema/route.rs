//! Keys of one route.

use super::{Key, KeyInfo, Scope, key};

pub(super) const KEYS: &[KeyInfo] = &[
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
    )
    .with(&[("path", "/api")]),
];
