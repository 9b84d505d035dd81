//! Keys of what happens to the requests of one route.

use super::{Key, KeyInfo, Scope, key};

pub(super) const KEYS: &[KeyInfo] = &[
    key(
        (Key::AuthBasic, "auth.basic", Scope::Route),
        (
            "`user:hash` pairs",
            "everybody",
            "ada:$2a$04$/3DyloKJlePp7qJfPtiO7edscyI6ZO1Pecc6NZ3.HYPvwDj5ZzH.6",
        ),
        "ask for a name and a password, hashed by bcrypt (cost 4 to 14) or Argon2id (up to 64 MB); \
         in compose files write `$$` for `$`. The container gets neither",
    ),
    key(
        (Key::AuthForward, "auth.forward", Scope::Route),
        ("app, port and path", "nobody is asked", "auth:9091/verify"),
        "ask another app first: its 2xx lets the request in, any other answer is the client's. The \
         app has a route of its own and is named `app`, `app:port` or, in another project, \
         `app@project`: there only for a path that one of its hosts answers to everybody. A URL only \
         with `--allow-auth-urls`",
    ),
    key(
        (Key::AuthForwardCopy, "auth.forward.copy", Scope::Route),
        ("header names", "none", "Remote-User, Remote-Groups"),
        "with `auth.forward`: header fields of its answer that the container gets; the client's own \
         are removed",
    )
    .with(&[("auth.forward", "auth:9091/verify")]),
    key(
        (Key::Allow, "allow", Scope::Route),
        ("addresses", "all", "10.0.0.0/8, 2001:db8::1"),
        "the only clients that are let in; others get 403. Behind another proxy see \
         `--trusted-proxies`",
    ),
    key(
        (Key::Deny, "deny", Scope::Route),
        ("addresses", "none", "203.0.113.0/24"),
        "clients that get 403, also where `allow` has them",
    ),
    key(
        (Key::BodyMax, "body_max", Scope::Route),
        ("size", "any", "10MB"),
        "requests with a longer body get 413",
    ),
    key(
        (Key::RequestHeader, "headers.request.<Name>", Scope::Route),
        ("text", "as the client sent it", "{host}"),
        "set a header field of the request; empty removes it, `+` before the name adds. `{host}`, \
         `{method}`, `{path}`, `{uri}`, `{query}`, `{remote}` (the client's address), `{scheme}` \
         and `{request_id}` stand for what the client sent, any other `{…}` for itself",
    ),
    key(
        (Key::ResponseHeader, "headers.response.<Name>", Scope::Route),
        ("text", "as the container sent it", "DENY"),
        "the same for the answer",
    ),
    key(
        (Key::Compress, "compress", Scope::Route),
        ("true or false", "false", "true"),
        "compress answers by zstd or gzip",
    ),
    key(
        (Key::ErrorPage, "error.<status>", Scope::Route),
        ("path", "the container's own answer", "/404.html"),
        "when the container answers with this status (400 to 599), ask it for this page instead; \
         the status stays",
    ),
    key(
        (Key::CaddyHandlers, "caddy.handlers", Scope::Route),
        (
            "JSON array",
            "none",
            r#"[{"handler": "headers", "response": {"set": {"X-Via": ["caddy"]}}}]"#,
        ),
        "Caddy handlers before the request is passed on; only with `--allow-raw-caddy`",
    ),
];
