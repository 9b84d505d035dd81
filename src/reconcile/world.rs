//! What the loop is given: its settings, its ends of channels, and the world behind its seams.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{DebounceOptions, Slots};
use crate::caddy::render::RenderOptions;
use crate::certificates::CertificateSet;
use crate::labels::{Permits, TlsSetting};
use crate::metrics::Metrics;
use crate::model::Obtainings;
use crate::on_demand::OnDemand;
use crate::status::Status;
use crate::status::control::Command;
use crate::supervise::{Phase, StartConfig};

/// What the loop is told once.
#[derive(Debug, Clone)]
pub struct Options {
    /// The label prefix, without a dot.
    pub prefix: String,
    /// The routing network.
    pub network: String,
    /// The certificate policy of hosts whose labels do not say one.
    pub default_tls: TlsSetting,
    /// What labels may ask for beyond what everybody may.
    pub permits: Permits,
    /// What every config holds besides routes; its certificates are replaced by those of
    /// [`Channels::certificates`].
    pub render: RenderOptions,
    /// When changes are sent.
    pub debounce: DebounceOptions,
    /// From one unprompted look to the next.
    pub resync_interval: Duration,
    /// The version of the Caddy binary, for who asks.
    pub caddy_version: String,
}

/// The loop's ends of its channels.
#[derive(Debug)]
pub struct Channels {
    /// What the supervisor does; the newest is all that counts.
    pub phase: watch::Receiver<Phase>,
    /// What the supervisor starts Caddy with.
    pub start_config: watch::Sender<Option<StartConfig>>,
    /// The usable certificates of the directory.
    pub certificates: watch::Receiver<Arc<CertificateSet>>,
    /// Asks for a look now (SIGHUP).
    pub resync: mpsc::Receiver<()>,
    /// What people tell the agent to do with apps.
    pub commands: mpsc::Receiver<Command>,
    /// What everybody else reads.
    pub status: watch::Sender<Arc<Status>>,
    /// The certificates that Caddy is getting.
    pub obtainings: watch::Receiver<Arc<Obtainings>>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Ends the loop.
    pub stop: CancellationToken,
}

/// The outside world, behind its seams.
#[derive(Debug)]
pub struct World<E, A, S, P> {
    /// The container engine.
    pub engine: E,
    /// Caddy's admin socket.
    pub admin: A,
    /// The state directory.
    pub store: S,
    /// The containers themselves.
    pub prober: P,
    /// Where upstreams' addresses are kept; `None` is in the config itself.
    pub slots: Option<Slots>,
    /// Where Caddy asks about names at their first handshake.
    pub on_demand: OnDemand,
    /// Seconds since 1970; claims are dated by it.
    pub wall_clock: fn() -> u64,
}
