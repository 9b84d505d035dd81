//! Keys of a host name, whoever serves it.

use super::{Key, KeyInfo, Scope, key};

pub(super) const KEYS: &[KeyInfo] = &[key(
    (Key::Tls, "tls", Scope::Host),
    ("auto, internal or off", "auto", "internal"),
    "`auto`: a public certificate, or one of the internal authority for `localhost`, \
         `*.localhost`, `*.internal` and IP addresses; `internal`: always the internal authority; \
         `off`: plain HTTP only. The default route of the host's owner decides",
)];
