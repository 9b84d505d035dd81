//! `tests/fuzz/caddy_messages.rs` under libFuzzer.
#![no_main]

#[path = "../../tests/fuzz/caddy_messages.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::check(data));
