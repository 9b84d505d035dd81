//! `tests/fuzz/compose.rs` under libFuzzer.
#![no_main]

#[path = "../../tests/fuzz/compose.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::check(data));
