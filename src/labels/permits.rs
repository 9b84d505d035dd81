//! What the operator lets labels do.

/// What labels may ask for beyond what everybody may: each by a setting of the agent. Nothing by
/// default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permits {
    /// The host `*`.
    pub catch_all: bool,
    /// Handlers in Caddy's own JSON, which can do whatever Caddy can.
    pub raw_caddy: bool,
    /// Any URL for `auth.forward`, not only apps.
    pub auth_urls: bool,
}
