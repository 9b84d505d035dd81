//! What the agent knows about itself, as plain data.
//!
//! Owns [`Status`], the one structure behind the status socket, the `routes` command and the
//! tests, [`explain`], which reads it for one container or host, and the page that shows both to a
//! browser. Deliberately computes nothing in the loop: that writes the status, everybody else reads.

pub mod apps;
pub mod client;
pub mod control;
pub mod explain;
pub mod exposition;
mod guard;
mod halted;
mod history;
mod monitored;
mod page;
mod pools;
mod readiness;
mod server;

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::diagnostic::Diagnostic;
use crate::model::{Obtainings, PoolKey, SharedMap, SharedSet};
use crate::routes::{RouteTable, Row};
use crate::slots::WaitingRoom;

pub use guard::TcpOptions;
pub use halted::{Halted, halt_of};
pub use history::{Happening, HappeningKind, History, Load};
pub use monitored::{CaddyMetrics, Monitored};
pub use page::{Search, home, site};
pub use pools::Pickup;
pub use readiness::missing;
pub use server::{StatusError, serve, serve_control, serve_tcp};

/// Everything that is known at one moment. Readers get whole values through a `watch` channel, so
/// that the newest is all there is to read and no reader ever makes the loop wait.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Status {
    /// How the agent is set.
    pub settings: Arc<SettingsStatus>,
    /// The engine.
    pub docker: DockerStatus,
    /// The Caddy child.
    pub caddy: CaddyStatus,
    /// Number of the newest config; 0 before the first.
    pub generation: u64,
    /// Number of the config that Caddy serves; `None` while it serves none of ours.
    pub applied: Option<u64>,
    /// The apps whose requests a person holds back, by name.
    pub halts: Arc<Vec<Halted>>,
    /// What every labelled container gets.
    pub rows: SharedSet<Arc<Row>>,
    /// What users wrote wrong, sorted.
    pub diagnostics: Arc<Vec<Diagnostic>>,
    /// What happened lately.
    pub history: Arc<History>,
    /// How the last container of each pool came, as far as any has since the agent started.
    pub pickups: SharedMap<PoolKey, Pickup>,
    /// How many requests wait for a container of each pool; always the present number.
    #[serde(serialize_with = "pools::who_wait")]
    pub waiting: SharedMap<PoolKey, WaitingRoom>,
    /// The certificates that Caddy is getting, by host.
    pub obtainings: Arc<Obtainings>,
    /// The routes of the newest config.
    #[serde(skip)]
    pub table: Arc<RouteTable>,
}

/// The settings that others must know to say what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SettingsStatus {
    /// The routing network.
    pub network: String,
    /// The label prefix, without a dot.
    pub label_prefix: String,
    /// Where Caddy listens for HTTP.
    pub http_port: u16,
    /// Where Caddy listens for HTTPS.
    pub https_port: u16,
    /// The addresses it listens on; empty is all.
    pub listen: Vec<IpAddr>,
    /// Whether upstreams' addresses are in slots, so that requests can wait.
    pub slots: bool,
}

/// What is known about the engine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct DockerStatus {
    /// Whether the last look succeeded.
    pub reachable: bool,
    /// Why the last look failed.
    pub error: Option<String>,
    /// Whether what is shown is remembered, because no look has succeeded since the agent started.
    pub remembered: Option<RememberedStatus>,
    /// The API version that both sides speak, where it is known.
    pub api_version: Option<String>,
    /// Since when every look has succeeded, in seconds since 1970; `None` while none does.
    pub reachable_since: Option<u64>,
    /// When the last event was heard, in seconds since 1970.
    pub last_event_at: Option<u64>,
    /// Complete lists taken.
    pub looks: u64,
    /// Whether it is listened to the engine's events.
    pub subscribed: bool,
    /// How often that was begun.
    pub subscriptions: u64,
    /// Changes that a resync found and no event had announced.
    pub missed_notices: u64,
    /// Whether the routing network is known not to exist.
    pub network_missing: bool,
    /// What a proxy before the engine does not let through.
    pub blocked: Vec<BlockedRequest>,
}

/// A request that a proxy before the engine does not let through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedRequest {
    /// Method and path.
    pub request: String,
    /// The HTTP status that said so.
    pub status: u16,
    /// What does not work.
    pub without_it: String,
    /// What to type.
    pub help: String,
}

/// A table of remembered containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberedStatus {
    /// Since when it is served, in seconds since 1970.
    pub since: u64,
    /// When the containers were so, in seconds since 1970.
    pub at: u64,
    /// Whether their addresses are too old to be used, so that requests wait or get 503.
    pub is_outdated: bool,
}

/// What is known about Caddy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct CaddyStatus {
    /// What the supervisor is doing, in a word.
    pub phase: String,
    /// The version of the binary.
    pub version: String,
    /// Number of the process; 0 before the first.
    pub epoch: u64,
    /// The process, while it serves.
    pub pid: Option<u32>,
    /// Configs accepted by loads; the one a process starts with is not counted.
    pub loads: u64,
    /// Why the last load failed; `None` after a success.
    pub load_error: Option<String>,
    /// The last load that ended; `None` before the first.
    pub last_load: Option<Arc<Load>>,
}
