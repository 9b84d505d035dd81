//! What happens to a request of a route besides being passed on: who may ask, how much, and which
//! header fields are changed.
//!
//! Values that cannot be wrong. Which of them protect a route is [`Protection`]; the rest only changes what is
//! passed on.

mod forward;
mod header;
mod password;
mod raw;

use std::collections::BTreeMap;

use super::Cidr;

pub(crate) use forward::is_path;
pub use forward::{ForwardAuth, ForwardTarget};
pub use header::{HeaderChange, HeaderName, HeaderText, Piece, RequestValue};
pub use password::{Account, HashKind, PasswordHash};
pub use raw::RawHandlers;

/// What happens to the requests of a route.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Handling {
    /// Who may come in at all.
    pub protection: Protection,
    /// Changes of the request's header fields on the way to the container.
    pub request_headers: Vec<HeaderChange>,
    /// Changes of the answer's header fields on the way to the client.
    pub response_headers: Vec<HeaderChange>,
    /// Whether answers are compressed.
    pub compress: bool,
    /// For a status of the container's answer, the path that the container is asked for instead.
    pub error_pages: BTreeMap<u16, String>,
}

/// What keeps requests from a container. A route is never served with less than its labels ask for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Protection {
    /// The only clients that may ask; empty is all.
    pub allow: Vec<Cidr>,
    /// Clients that may not ask, also where `allow` has them.
    pub deny: Vec<Cidr>,
    /// Who may ask with a name and a password, all of one [`HashKind`]; empty is everybody.
    pub accounts: Vec<Account>,
    /// Another app that is asked first; `None` is nobody.
    pub forward: Option<ForwardAuth>,
    /// The longest body, in bytes, 1 or more; `None` is any.
    pub body_bytes_max: Option<u64>,
    /// Handlers of Caddy's own, in its JSON.
    pub raw: RawHandlers,
}

impl Protection {
    /// Whether it keeps anything from the container.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self != Self::default()
    }
}
