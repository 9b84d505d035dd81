//! Caddy as we use it: the JSON we give it, and the socket through which we give it.
//!
//! Owns the typed config, its rendering from the route table (pure: no I/O, no clock), the
//! fingerprint that is compared, and the client of the admin API. Deliberately does not decide
//! when to load (`reconcile` does), nor starts or stops a process (`supervise` does).

pub mod admin;
pub mod config;
mod fingerprint;
#[doc(hidden)]
pub mod message;
pub mod render;

pub use fingerprint::Fingerprint;
