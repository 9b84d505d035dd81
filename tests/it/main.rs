//! The fast integration tests: real sockets or fakes, no Docker and no Caddy.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::allow_attributes,
    clippy::string_slice,
    clippy::needless_raw_string_hashes,
    reason = "tests"
)]

#[path = "../contract/admin.rs"]
mod admin_contract;
#[path = "../../benches/e2e"]
mod bench {
    pub(crate) mod daemon;
    pub(crate) mod growth;
    pub(crate) mod report;
}
#[path = "../contract/built.rs"]
mod built;
#[path = "../contract/engine.rs"]
mod engine_contract;
mod fakes;
mod fixture;
#[path = "../contract/samples.rs"]
mod samples;
#[path = "../contract/tables.rs"]
mod tables;

mod absent;
mod access;
mod adopt;
mod agent;
mod bench_daemon;
mod bench_report;
mod builder;
mod caddy_admin;
mod chain;
mod check;
mod compose_text;
mod control;
mod crashes;
mod docker_list;
mod docker_server;
mod docker_socket;
mod docker_tls;
mod docs;
mod explain;
mod fake_engine;
mod fenced;
mod fuzz;
mod glance;
mod groups;
mod halts;
mod health;
mod hostile;
#[path = "../contract/hostile.rs"]
mod hostile_rows;
mod injected;
mod issuers;
mod label_configs;
mod lately;
mod looks;
mod metrics;
mod model;
mod never_open;
mod own_page;
mod owner_away;
mod page;
mod plan;
mod plan_command;
mod probe;
mod properties;
mod readme;
mod ready;
mod refusals;
mod remembered;
mod removal;
mod render;
mod restart;
mod scene;
mod status_tcp;
mod tidy;
mod unsaid;
#[path = "../contract/values.rs"]
mod values;
mod wrong;
