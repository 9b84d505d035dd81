//! Tests with the real Docker Engine and the real Caddy; nothing in them is faked.
//!
//! They run serially, in nextest's profile `e2e`. Caddy is the binary that `SH0_CADDY` names, else
//! `caddy` of the `PATH`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::allow_attributes,
    reason = "tests"
)]

#[path = "../contract/admin.rs"]
mod admin_contract;
mod adopt;
#[path = "../../benches/e2e"]
#[allow(dead_code, reason = "the benchmark itself uses the rest")]
mod bench {
    pub(crate) mod backend;
    pub(crate) mod daemon;
    pub(crate) mod growth;
    pub(crate) mod measure;
    pub(crate) mod process;
    pub(crate) mod proxy;
    pub(crate) mod report;
    pub(crate) mod world;
    pub(crate) mod wrk;
}
mod child;
#[path = "../contract/engine.rs"]
mod engine_contract;
mod harness;
#[path = "../contract/hostile.rs"]
mod hostile_rows;
#[path = "../contract/samples.rs"]
mod samples;
#[path = "../contract/tables.rs"]
mod tables;
#[path = "../contract/values.rs"]
mod values;

mod access;
mod access_log;
mod acme;
mod any_labels;
mod attacks;
mod balance;
mod caddy;
mod caddy_trouble;
mod chaos;
mod compose;
mod config_faults;
mod docker_tls;
mod docker_trouble;
mod doctor;
mod engine;
mod engine_proxy;
mod explain;
mod from_labels;
mod golden;
mod health;
mod hold;
mod hosts;
mod http3;
mod labels;
mod last_known;
mod lifecycle;
mod metrics;
mod network;
mod on_demand;
mod ownership;
mod page;
mod plan;
mod private_engine;
mod privileges;
mod quarantine;
mod ready;
mod redeploy;
mod report;
mod runtime_dir;
mod scale;
mod secrets;
mod shutdown;
mod slots;
mod startup;
mod supervise;
mod tls;
mod traffic;
mod verbs;
mod watch;
mod wrong_input;
