//! Tests with the real Docker Engine and the real Caddy; nothing in them is faked.
//!
//! They run serially, in nextest's profile `e2e`. Caddy is the binary that `SH0_CADDY` names, else
//! `caddy` of the `PATH`.

#[path = "../contract/admin.rs"]
mod admin_contract;
mod child;
mod harness;
#[path = "../contract/tables.rs"]
mod tables;

mod caddy;
mod lifecycle;
mod supervise;
