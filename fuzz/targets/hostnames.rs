//! `tests/fuzz/hostnames.rs` under libFuzzer.
#![no_main]

#[path = "../../tests/fuzz/hostnames.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::check(data));
