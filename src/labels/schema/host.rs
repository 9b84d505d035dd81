//! Keys of a host name, whoever serves it.

use super::{Key, KeyInfo, Scope, key};

pub(super) const KEYS: &[KeyInfo] = &[
    key(
        (Key::Tls, "tls", Scope::Host),
        ("auto, internal, on_demand or off", "auto", "internal"),
        "`auto`: a public certificate, or one of the internal authority for `localhost`, \
         `*.localhost`, `*.internal` and IP addresses; `internal`: always the internal authority; \
         `on_demand`: as `auto`, at the first handshake for a name, also below a wildcard; \
         `off`: plain HTTP only. The default route of the host's owner decides, as for all keys \
         of hosts",
    ),
    key(
        (Key::TlsMin, "tls.min", Scope::Host),
        ("1.2 or 1.3", "1.2", "1.3"),
        "the oldest TLS version that is spoken",
    ),
    key(
        (Key::TlsClientCa, "tls.client_ca", Scope::Host),
        ("name of a PEM file", "none", "partners.pem"),
        "clients must show a certificate of an authority in this file of the agent's \
         `--certificates` directory; without the file the host answers 503",
    ),
    key(
        (Key::Hsts, "hsts", Scope::Host),
        (
            "true, false or text",
            "false",
            "max-age=31536000; includeSubDomains",
        ),
        "tells browsers to keep to HTTPS (`Strict-Transport-Security`); `true`: for a year",
    ),
    key(
        (Key::RedirectHttps, "redirect.https", Scope::Host),
        ("true or false", "true with TLS", "false"),
        "send plain HTTP to HTTPS; `false`: serve both",
    ),
    key(
        (Key::RedirectFrom, "redirect.from", Scope::Host),
        ("host names", "none", "www.example.com"),
        "hosts that are sent (308) to the route's first exact host, with path and query; claimed \
         and certified as its own",
    ),
];
