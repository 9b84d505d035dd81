//! Keeps one Caddy running: takes it over or starts it with its whole config, watches it, restarts
//! it, stops it or leaves it to the next agent.
//!
//! Owns the Caddy process: its standard streams, its log, its pid file, its stale predecessor, and
//! the [`Phase`] that tells the rest of the agent which process (epoch) serves. It deliberately knows
//! nothing of routes, of what is in a config, or of Caddy's admin API beyond the trait [`Ping`],
//! and it never finds a process by its name.
//!
//! [`supervise`] is a thin driver around the pure state machine in `state`:
//!
//! ```text
//! Looking ─an earlier Caddy is ours and answers─▶ Up ─leave─▶ Left
//!    │ none
//!    ▼
//! Idle ─config─▶ (prepare) ─clear─▶ Starting ─serves─▶ Up ─┬─exit───────────────────▶ Waiting
//!                    ▲  └─port taken─▶ Waiting             └─silent twice─▶ Stopping ─▶ Waiting
//!                    └──────────────────── wait is over ──────────────────────────────────┘
//! ```

mod adopt;
mod child;
mod driver;
mod log;
mod obtaining;
mod output;
mod ports;
mod process;
mod record;
mod stale;
mod state;
mod tail;
mod version;

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::access::User;
use crate::model::Obtainings;

pub use self::driver::supervise;
pub use self::ports::find_listener;
pub use self::version::{
    BinaryError, CaddyVersion, OLDEST_CADDY, caddy_version, check_user, require_module,
};

/// What to start Caddy with.
#[derive(Clone, PartialEq, Eq)]
pub struct StartConfig {
    /// Opaque; by it the owner recognises the config in a [`Phase`], and two configs with one id
    /// count as the same.
    pub id: Arc<str>,
    /// The whole config. It must put the admin endpoint on [`ChildOptions::admin_socket`].
    pub json: Arc<[u8]>,
}

impl fmt::Debug for StartConfig {
    /// Leaves the JSON out: it is long, and may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartConfig")
            .field("id", &self.id)
            .field("json_bytes", &self.json.len())
            .finish()
    }
}

/// Where Caddy is, and how it is treated.
#[derive(Debug, Clone)]
pub struct ChildOptions {
    /// The Caddy binary; a bare name is looked up in `PATH`.
    pub binary: PathBuf,
    /// The user that Caddy runs as; `None` is the agent's own. Another one needs root.
    pub user: Option<User>,
    /// The Unix socket of the admin API; nobody but our Caddy may listen there.
    pub admin_socket: PathBuf,
    /// Where the running Caddy is recorded, and beside it what is known of its log, so that the agent's successor recognises it.
    pub pid_file: PathBuf,
    /// The file to which the config makes Caddy write its log. Its lines become ours, also those
    /// that were written while no agent ran.
    pub log_file: PathBuf,
    /// `HOME`, `XDG_DATA_HOME` and `XDG_CONFIG_HOME` of the child: certificates are kept there.
    pub home_dir: PathBuf,
    /// The TCP addresses that Caddy will listen on; no start while somebody else does.
    pub listen: Vec<SocketAddr>,
    /// Where it is told which certificates Caddy is getting.
    pub obtainings: watch::Sender<Arc<Obtainings>>,
    /// The waits and limits.
    pub timing: Timing,
}

/// The waits and limits of the supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// A child that starts and is silent for so long is stopped. Default 10 s; Caddy answers some
    /// 100 ms after its start.
    pub answer_within: Duration,
    /// A child that answers, but does not serve within this time, is stopped. Default 2 min: ten
    /// thousand hosts with options of their own took 20 s on two slow cores.
    pub ready_within: Duration,
    /// A child that answers, but does not serve yet after this time, is said to be waited for.
    /// Default 5 s: with ten thousand sites it serves after about one.
    pub slow_after: Duration,
    /// From one ping to the next. Default 5 s.
    pub ping_interval: Duration,
    /// So many unanswered pings in a row, and the child is killed. Default 2, which with pings of
    /// at most 2 s replaces a frozen Caddy within 12 s and its start.
    pub ping_failures_max: u32,
    /// The first wait before a restart, doubled by each further one. Default 100 ms. No two spawns
    /// lie closer together.
    pub backoff_min: Duration,
    /// The longest wait before a restart. Default 5 s.
    pub backoff_max: Duration,
    /// A child that was up for so long proved itself: the next wait is `backoff_min` again.
    /// Default 30 s.
    pub reset_after: Duration,
    /// From SIGTERM to SIGKILL. Default 5 s.
    pub stop_timeout: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            answer_within: Duration::from_secs(10),
            ready_within: Duration::from_mins(2),
            slow_after: Duration::from_secs(5),
            ping_interval: Duration::from_secs(5),
            ping_failures_max: 2,
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(5),
            reset_after: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(5),
        }
    }
}

/// What the supervisor needs of the admin API. Every answer counts only within 2 s, that of
/// [`Ping::served`] within 1 min.
pub trait Ping: Send + Sync + 'static {
    /// Whether the process answers at all; must not wait for a running load.
    fn ping(&self) -> impl Future<Output = bool> + Send;

    /// Whether the config that it was started with is served.
    ///
    /// This is more than an answer: Caddy opens the admin endpoint before it provisions its first
    /// config, and may still exit because of it. `GET /config/admin/listen` waits for the running
    /// load and then answers something else than `null`.
    fn serving(&self) -> impl Future<Output = bool> + Send;

    /// The whole config that it serves, by its own answer, with an id by which the owner tells
    /// whether it is one of its own; `None` when it serves none. May wait for a running load.
    fn served(&self) -> impl Future<Output = Option<StartConfig>> + Send;

    /// Asks for a graceful stop (`POST /stop`); whether that was accepted.
    fn stop(&self) -> impl Future<Output = bool> + Send;
}

/// What the supervisor is doing; published when it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// It is looked whether an earlier agent left a Caddy that can be taken over. The first phase;
    /// after it comes `Up` or `Idle`.
    Looking,
    /// No config yet.
    Idle,
    /// Spawned, and not yet serving.
    Starting {
        /// Number of the process, new for each spawn.
        epoch: u64,
        /// The config it was given.
        id: Arc<str>,
    },
    /// Serving the config it was started with, or one that was loaded since.
    Up {
        /// Number of the process.
        epoch: u64,
        /// The process.
        pid: u32,
        /// The config it was started with, or served when it was taken over ([`Ping::served`]).
        id: Arc<str>,
    },
    /// No Caddy runs; another start follows.
    Waiting {
        /// Number of the process that ended.
        epoch: u64,
        /// The config that it was started with.
        id: Arc<str>,
        /// Why it ended.
        cause: ExitCause,
        /// How long the wait is in all. A new config ends it early if the last start failed before
        /// it was up.
        retry_in: Duration,
    },
    /// No Caddy runs, because another process has one of our ports. Looked at again until free.
    PortTaken(Listener),
    /// Signalled, and its end is awaited.
    Stopping {
        /// Number of the process.
        epoch: u64,
    },
    /// Stopped as asked; the last phase.
    Stopped,
}

/// Why a Caddy that we wanted to run does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitCause {
    /// It ended by itself, or by somebody else's hand. Exit code 0 is no exception.
    Exited {
        /// `exit status: 1`, `signal: 9 (SIGKILL)`; of one that was taken over no more is known
        /// than that it ended.
        status: String,
        /// It never served the config it was started with.
        before_up: bool,
        /// The last error lines of its log, at most 2 KiB: why a first config is wrong, among
        /// others. Empty when it said nothing: Caddy 2.11 exits silently when the JSON itself, or
        /// a field outside of the apps, cannot be decoded.
        last_words: String,
    },
    /// It lived, but did not answer in time, and was killed.
    DidNotAnswer {
        /// It never served the config it was started with.
        before_up: bool,
    },
    /// It could not be started.
    SpawnFailed {
        /// The system's words.
        message: String,
    },
}

/// A foreign process that listens where Caddy should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its pid; `None` when we may not see it, or it lives in another container.
    pub pid: Option<u32>,
    /// Its executable, or its short name; `None` when we may not see it.
    pub program: Option<String>,
}

/// What ends the supervisor before it was asked to stop.
#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    /// The system does not say whether the child lives. Without that there could be two.
    #[error("cannot wait for the Caddy process {pid}")]
    Wait {
        /// The child.
        pid: u32,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
