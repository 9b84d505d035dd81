//! `tests/fuzz/labels.rs` under libFuzzer.
#![no_main]

#[path = "../../tests/fuzz/agent.rs"]
mod agent;
#[path = "../../tests/fuzz/labels.rs"]
mod body;
#[path = "../../tests/contract/built.rs"]
mod built;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::check(data));
