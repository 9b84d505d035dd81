//! Tests against the real parts. Run with `cargo nextest run -P e2e`; `SH0_CADDY` names the Caddy
//! binary (default: `caddy` on the `PATH`).

#[path = "../contract/admin.rs"]
mod admin_contract;
mod child;
#[path = "../contract/tables.rs"]
mod tables;

mod caddy;
