//! `tests/fuzz/events.rs` under libFuzzer.
#![no_main]

#[path = "../../tests/fuzz/events.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::check(data));
