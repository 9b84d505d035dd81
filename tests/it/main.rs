//! The fast tests: no Docker, no Caddy, no processes.

#![allow(
    clippy::needless_raw_string_hashes,
    reason = "expect-test writes its literals with them"
)]

mod fixture;
mod plan;
mod properties;
