//! The tests with real parts: a Docker engine, Caddy, and the agent's own binary.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::allow_attributes,
    reason = "tests"
)]

#[path = "../contract/engine.rs"]
mod engine_contract;

mod engine;
