//! Caddy's side of the loop: from the snapshot to a config, and the config to Caddy.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::debounce::{Debounce, DebounceOptions};
use super::in_force::By;
use super::rendered::Sendable;
use super::slots::Counts;
use super::{Loop, Reason};
use crate::caddy::admin::{Admin, AdminError, Disposition};
use crate::caddy::render::CertificatePair;
use crate::certificates::CertificateSet;
use crate::discovery::Engine;
use crate::probe::Probe;
use crate::routes::{Built, Gates, Inputs, LINGER_SECONDS, build};
use crate::state::Store;
use crate::supervise::StartConfig;
use crate::telemetry::chain;

/// Waits before a failed load is tried again; after them, the last of `RETRY_PACE`.
const RETRIES: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];
/// The health monitor's pace, at which a load is retried for ever after.
const RETRY_PACE: Duration = Duration::from_secs(5);
/// So many first configs may fail before Caddy is started with 503s only.
pub(super) const START_TRIES_MAX: u32 = 3;

/// A config that Caddy should have.
#[derive(Debug)]
pub(super) struct Desired {
    pub(super) generation: u64,
    pub(super) rendered: Arc<Sendable>,
    pub(super) built: Built,
    /// Whether it is of remembered containers, from which nothing is learned.
    pub(super) is_remembered: bool,
    /// How many slots its pools have.
    pub(super) slots: Arc<Counts>,
    /// The operator's certificates in it.
    pub(super) certificates: Vec<CertificatePair>,
}

/// The id of the config that is served when nobody knows: that of none.
const UNKNOWN: &str = "";

impl Desired {
    pub(super) fn id(&self) -> String {
        self.rendered.fingerprint.to_string()
    }
}

/// Loads: one at a time, debounced, retried.
pub(super) struct Loads {
    pub(super) in_flight: Option<BoxFuture<'static, Result<(), AdminError>>>,
    sent: Option<(u64, Arc<Desired>)>,
    pub(super) debounce: Debounce,
    pub(super) retry_at: Option<Instant>,
    pub(super) failures: usize,
    /// The process that serves, and the id of the config it serves; `None` while none does.
    pub(super) serving: Option<(u64, String)>,
    /// What a Caddy serves that was taken over, until it is known which config that is, or another
    /// was loaded. Caddy is started with it again should it end before.
    pub(super) adopted: Option<String>,
    /// The config that Caddy refused as a whole; not sent again before it changes, or a resync.
    pub(super) rejected: Option<String>,
    pub(super) start_failures: u32,
}

impl Loads {
    pub(super) fn new(options: DebounceOptions) -> Self {
        Self {
            in_flight: None,
            sent: None,
            debounce: Debounce::new(options),
            retry_at: None,
            failures: 0,
            serving: None,
            adopted: None,
            rejected: None,
            start_failures: 0,
        }
    }
}

impl<E, A, S, P> Loop<E, A, S, P>
where
    E: Engine + Clone,
    A: Admin + Clone,
    S: Store + Clone,
    P: Probe + Clone,
{
    /// The table for the newest snapshot, with these gates, from nothing.
    pub(super) fn build(&self, certificates: &CertificateSet, gates: &Gates) -> Option<Built> {
        self.with_inputs(certificates, gates, build)
    }

    /// The table for the newest snapshot, of which only what may differ from the last is built.
    fn build_changed(&mut self, certificates: &CertificateSet) -> Option<Built> {
        let mut builder = std::mem::take(&mut self.builder);
        let gates = &self.readiness.gates;
        let built = self.with_inputs(certificates, gates, |inputs| builder.build(inputs));
        self.builder = builder;
        built
    }

    fn with_inputs<T>(
        &self,
        certificates: &CertificateSet,
        gates: &Gates,
        build: impl FnOnce(&Inputs<'_>) -> T,
    ) -> Option<T> {
        Some(build(&Inputs {
            snapshot: self.snapshot.as_ref()?,
            claims: &self.state.claims,
            last_good: &self.state.last_good,
            absent: &self.state.absent,
            refused: &self.refusals.forms(),
            prefix: &self.options.prefix,
            network: &self.options.network,
            default_tls: self.options.default_tls,
            permits: &self.options.permits,
            own_ports: self.options.render.ports(),
            certificate_names: &certificates.names,
            authorities: &certificates.authorities,
            has_dns_provider: self.options.render.acme.dns_provider.is_some(),
            gates,
            linger_seconds: self.world.slots.as_ref().map_or(0, |_| LINGER_SECONDS),
            now: (self.world.wall_clock)(),
        }))
    }

    /// Builds the table and the config from the newest snapshot, and notes whether they changed.
    pub(super) fn rebuild(&mut self) {
        let certificates = Arc::clone(&self.channels.certificates.borrow_and_update());
        let Some(mut built) = self.build_changed(&certificates) else {
            return;
        };
        if self.hold_back(&built) {
            built = self.build_changed(&certificates).unwrap_or(built);
        }
        if !self.memory.is_recalled() {
            self.learn(&built);
        }
        self.memory.note(Instant::now());
        if !self.refusals.is_searching() {
            self.say_diagnostics(&built.diagnostics);
            self.status.diagnostics = Arc::clone(&built.diagnostics);
        }
        let options_before = self.options.render.clone();
        let pairs = self.refusals.left_in(&certificates.pairs);
        self.options.render.certificates.clone_from(&pairs);
        let options = &mut self.options.render;
        options.certificate_names.clone_from(&certificates.names);
        options.authorities.clone_from(&certificates.authorities);
        options.ask = self.world.on_demand.settle(&built.table);
        if let Some(slots) = &mut self.world.slots {
            slots.settle(&built.table, Instant::now());
        }
        let rendered = self.render(&built.table, &options_before);
        let before = { self.desired.as_ref() }.map(|desired| &desired.rendered.fingerprint);
        let is_new = before != Some(&rendered.fingerprint);
        self.status.generation += u64::from(is_new);
        self.status.rows = built.rows.clone();
        self.status.table = Arc::clone(&built.table);
        let generation = self.status.generation;
        let desired = Arc::new(Desired {
            generation,
            rendered,
            built,
            is_remembered: self.memory.is_recalled(),
            slots: self.slot_counts(),
            certificates: pairs,
        });
        self.accept_slots(&desired);
        self.desired = Some(Arc::clone(&desired));
        self.recognise(&desired);
        self.note_change(is_new);
        self.offer_start_config();
        self.publish();
    }

    /// What follows from a table of containers that were looked at, besides the config.
    fn learn(&mut self, built: &Built) {
        self.readiness.run(built, &self.world.prober);
        self.refusals.keep_only(built);
        if built.claims != self.state.claims || built.absent != self.state.absent {
            self.state.claims = built.claims.clone();
            self.state.absent = built.absent.clone();
            self.save();
        }
        self.forget_halts(built);
        self.overdue.note(&built.addressless, Instant::now());
    }

    /// A number of slots changes by itself, the folder is looked after, or a route has outlived its
    /// containers for long enough.
    pub(super) fn on_slots_due(&mut self) {
        let now = Instant::now();
        let slots = self.world.slots.as_mut();
        let has_lingered = self.linger_until.take_if(|until| *until <= now).is_some();
        if slots.is_some_and(|slots| slots.on_time(now)) || has_lingered {
            self.rebuild();
        }
    }

    /// Tells the supervisor what to start Caddy with: the last accepted config, for that is known
    /// to start; else the desired one; else, when neither starts or none is known, 503s only.
    pub(super) fn offer_start_config(&mut self) {
        let accepted = self.accepted.as_ref().map(|accepted| &*accepted.rendered);
        let desired = self.desired.as_ref().map(|desired| &*desired.rendered);
        let may_start_routes = self.loads.start_failures < START_TRIES_MAX;
        let rendered = match accepted.or(desired) {
            Some(rendered) if may_start_routes => rendered,
            None if self.waits_for_a_table() => return,
            Some(_) | None => &self.unavailable,
        };
        let config = StartConfig {
            id: rendered.fingerprint.to_string().into(),
            json: Arc::clone(&rendered.json),
        };
        self.channels.start_config.send_if_modified(|offered| {
            let is_new = offered
                .as_ref()
                .is_none_or(|offered| offered.id != config.id);
            if is_new {
                *offered = Some(config);
            }
            is_new
        });
    }

    /// When the next load is due; `None` while one is under way or nothing can be loaded.
    pub(super) fn load_due(&self) -> Option<Instant> {
        let can_load = self.loads.in_flight.is_none() && self.loads.serving.is_some();
        let due = self
            .loads
            .retry_at
            .or_else(|| self.loads.debounce.deadline(self.readiness.patience()));
        due.filter(|_| can_load)
    }

    /// Sends the desired config, unless it is served already or was refused as it is.
    pub(super) fn load(&mut self) {
        let reason = self.load_reason();
        self.loads.debounce.fire(Instant::now());
        self.loads.retry_at = None;
        let (Some(desired), Some((epoch, serving))) = (&self.desired, &self.loads.serving) else {
            return;
        };
        let id = desired.id();
        if id == *serving {
            self.status.caddy.load_error = None;
            self.on_tried(true);
            return;
        }
        if self.loads.rejected.as_ref() == Some(&id) {
            return;
        }
        debug!(
            generation = desired.generation,
            epoch, "Sending the config."
        );
        let (admin, json) = (self.world.admin.clone(), Arc::clone(&desired.rendered.json));
        self.loads.sent = Some((*epoch, Arc::clone(desired)));
        self.measured.load_begins(reason, (self.world.wall_clock)());
        self.loads.in_flight = Some(Box::pin(async move { admin.load(json).await }));
    }

    pub(super) fn on_loaded(&mut self, loaded: Result<(), AdminError>) {
        let Some((epoch, sent)) = self.loads.sent.take() else {
            return;
        };
        let is_same_process = self
            .loads
            .serving
            .as_ref()
            .is_some_and(|(now, _)| *now == epoch);
        let load = self.count_load(&loaded, is_same_process);
        match loaded {
            Ok(()) if is_same_process => {
                self.loads.failures = 0;
                self.status.caddy.loads += 1;
                self.loads.serving = Some((epoch, sent.id()));
                self.accept(&sent, &load.map_or(By::Process, By::Load));
                self.on_tried(false);
            }
            // The process that took it has ended: what the new one serves is known by its phase.
            Ok(()) => {}
            Err(error) => match error.disposition() {
                Disposition::Retry if matches!(error, AdminError::BrokenOff { .. }) => {
                    self.on_broken_off(&sent, &error, epoch);
                }
                Disposition::Retry => {
                    if is_same_process && matches!(error, AdminError::Timeout { .. }) {
                        // It may serve the config or not, so whatever is due next is sent.
                        self.loads.serving = Some((epoch, UNKNOWN.to_owned()));
                    }
                    self.retry_load(&error);
                }
                Disposition::WaitForChange => self.on_rejected(&sent, &error),
            },
        }
        self.publish();
    }

    fn retry_load(&mut self, error: &AdminError) {
        let wait = RETRIES
            .get(self.loads.failures)
            .copied()
            .unwrap_or(RETRY_PACE);
        let text = chain(error);
        if self.loads.failures == 0 || self.loads.failures == RETRIES.len() {
            warn!(error = %text, retry_in = ?wait, "Could not load the config; the newest is tried again.");
        }
        self.loads.failures += 1;
        self.loads.retry_at = Some(Instant::now() + wait);
        self.status.caddy.load_error = Some(text);
    }

    /// Allows a config that was refused as a whole to be tried once more.
    pub(super) fn forget_rejection(&mut self) {
        if self.loads.rejected.take().is_some() {
            info!(reason = ?Reason::Resync, "Trying the refused config again.");
            self.loads.debounce.change(Instant::now());
        }
    }
}
