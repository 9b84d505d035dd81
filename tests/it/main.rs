//! The fast tests: no Docker, no Caddy, no processes.

#[path = "../contract/admin.rs"]
mod admin_contract;
mod fakes;
#[path = "../contract/tables.rs"]
mod tables;

mod caddy_admin;
mod render;
mod tidy;
