//! The engine's side of the loop: looks, the event stream, and the state that follows from them.

use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::backoff::Backoff;
use super::{Loop, Reason};
use crate::caddy::admin::Admin;
use crate::discovery::{Engine, EngineError, Notice};
use crate::model::Snapshot;
use crate::probe::Probe;
use crate::state::{StateError, Store};
use crate::telemetry::chain;

/// First and longest wait before the engine is asked again after a failure.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// A stream that lived so long was a good one: its end is no reason to wait longer.
const STREAM_PROVED: Duration = Duration::from_secs(30);

/// Looks at the engine: one at a time, and one more when something happened meanwhile.
pub(super) struct Looks {
    pub(super) in_flight: Option<BoxFuture<'static, Result<Snapshot, EngineError>>>,
    pub(super) retry_at: Option<Instant>,
    /// Why the look under way was begun.
    reason: Reason,
    /// Why another one must follow it.
    again: Option<Reason>,
    backoff: Backoff,
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            in_flight: None,
            retry_at: None,
            reason: Reason::Subscribed,
            again: None,
            backoff: Backoff::new(BACKOFF.0, BACKOFF.1),
        }
    }
}

/// The event stream, or the time at which it is opened again.
pub(super) struct Subscription {
    pub(super) notices: Option<BoxStream<'static, Result<Notice, EngineError>>>,
    pub(super) open_at: Option<Instant>,
    opened: Instant,
    backoff: Backoff,
    /// The last refusal that was said.
    refused: Option<String>,
}

impl Subscription {
    pub(super) fn due(now: Instant) -> Self {
        let backoff = Backoff::new(BACKOFF.0, BACKOFF.1);
        Self {
            notices: None,
            open_at: Some(now),
            opened: now,
            backoff,
            refused: None,
        }
    }

    /// Opens the first stream now.
    pub(super) fn hasten(&mut self, now: Instant) {
        self.open_at = self.open_at.map(|at| at.min(now));
    }

    /// Says that events are refused, once: without them every change waits for the next try.
    fn say_refused(&mut self, error: &EngineError) {
        let text = chain(error);
        if self.refused.as_ref() != Some(&text) {
            warn!(error = %text, help = %error.help(), "Docker refuses its events; changes are found late, by looking again and again.");
        }
        self.refused = Some(text);
    }
}

impl<E, A, S, P> Loop<E, A, S, P>
where
    E: Engine + Clone,
    A: Admin + Clone,
    S: Store + Clone,
    P: Probe + Clone,
{
    /// Opens the event stream and looks, at the same time: what happens between the two is in one
    /// of them.
    pub(super) fn subscribe(&mut self) {
        self.subscription.open_at = None;
        self.subscription.opened = Instant::now();
        self.subscription.notices = Some(self.world.engine.notices());
        self.look(Reason::Subscribed);
        self.check_network();
        self.check_access();
    }

    pub(super) fn on_notice(&mut self, notice: Option<Result<Notice, EngineError>>) {
        match notice {
            Some(Ok(Notice::Kill { container, signal })) => self.on_kill(&container, signal),
            Some(Ok(Notice::LookAgain { action, container })) => {
                if let Some(id) = &container {
                    let exits = self.readiness.hear(&action, id);
                    self.say_crashes(id, exits);
                }
                self.subscription.refused = None;
                let container = container.map(tracing::field::display);
                debug!(%action, container, "The engine reported an event.");
                self.look(Reason::Notice);
            }
            Some(Err(error)) => {
                debug!(error = %chain(&error), "The event stream broke.");
                if error.is_blocked() {
                    self.note_access();
                } else if let EngineError::Refused { .. } = error {
                    self.subscription.say_refused(&error);
                } else {
                    self.restart.cut();
                }
                self.stream_ended(error.retry_within());
            }
            None => {
                debug!("The event stream ended.");
                self.restart.cut();
                self.stream_ended(BACKOFF.1);
            }
        }
    }

    fn stream_ended(&mut self, retry_within: Duration) {
        let now = Instant::now();
        let subscription = &mut self.subscription;
        subscription.notices = None;
        if now >= subscription.opened + STREAM_PROVED {
            subscription.backoff.reset();
        }
        subscription.open_at = Some(now + subscription.backoff.next(retry_within));
    }

    /// Looks at the engine, or once more after the look under way.
    pub(super) fn look(&mut self, reason: Reason) {
        if reason == Reason::Resync || reason == Reason::Asked {
            self.forget_rejection();
            self.check_network();
        }
        if self.looks.in_flight.is_some() {
            self.looks.again = Some(reason);
            return;
        }
        self.looks.retry_at = None;
        self.looks.reason = reason;
        self.restart.look_begins(Instant::now());
        let engine = self.world.engine.clone();
        self.looks.in_flight = Some(Box::pin(async move { engine.snapshot().await }));
    }

    pub(super) fn on_looked(&mut self, looked: Result<Snapshot, EngineError>) {
        let again = self.looks.again.take();
        match looked {
            Ok(snapshot) => {
                self.looks.backoff.reset();
                if self.status.docker.error.take().is_some() {
                    info!("Docker answers again.");
                }
                self.status.docker.reachable = true;
                self.status.docker.looks += 1;
                self.first_look_by = None;
                if self.status.docker.network_missing {
                    self.check_network();
                }
                let generation = self.status.generation;
                let is_first = self.snapshot.is_none() || self.forget_remembered();
                self.engine_answers();
                self.readiness.keep_only(&snapshot);
                self.snapshot = Some(snapshot);
                if is_first {
                    self.trust_those_that_run();
                }
                self.rebuild();
                self.learn_stop_rules();
                let changed = self.status.generation != generation;
                if changed && !is_first && self.looks.reason == Reason::Resync && again.is_none() {
                    self.status.docker.missed_notices += 1;
                    warn!("A resync found a change that no event had announced.");
                }
            }
            Err(error) => self.look_failed(&error),
        }
        if let Some(reason) = again.filter(|_| self.looks.retry_at.is_none()) {
            self.look(reason);
        }
        self.note_access();
        self.publish();
    }

    /// Keeps every route as it is, and tries again.
    fn look_failed(&mut self, error: &EngineError) {
        self.restart.look_failed();
        let wait = self.looks.backoff.next(error.retry_within());
        self.looks.retry_at = Some(Instant::now() + wait);
        let text = chain(error);
        self.status.docker.reachable = false;
        if self.status.docker.error.as_ref() != Some(&text) && !error.is_blocked() {
            warn!(error = %text, help = %error.help(), "Cannot list the containers; the routes stay as they are.");
        }
        self.status.docker.error = Some(text);
    }

    fn check_network(&mut self) {
        if self.network_check.is_none() {
            let (engine, network) = (self.world.engine.clone(), self.options.network.clone());
            let check = async move { engine.network_exists(&network).await };
            self.network_check = Some(Box::pin(check));
        }
    }

    pub(super) fn on_network_checked(&mut self, checked: &Result<bool, EngineError>) {
        self.note_access();
        let Ok(exists) = *checked else { return };
        let network = &self.options.network;
        let was_missing = std::mem::replace(&mut self.status.docker.network_missing, !exists);
        if !exists && !was_missing {
            warn!(%network, "The routing network does not exist; type `docker network create {network}`.");
        }
        if exists && was_missing {
            info!(%network, "The routing network exists now.");
        }
        self.publish();
    }

    /// Writes the state file, one write at a time.
    pub(super) fn save(&mut self) {
        if self.saving.is_some() {
            self.save_wanted = true;
            return;
        }
        self.save_wanted = false;
        let (store, state) = (self.world.store.clone(), self.state.clone());
        self.saving = Some(Box::pin(async move { store.save(&state).await }));
    }

    pub(super) fn on_saved(&mut self, saved: Result<(), StateError>) {
        if let Err(error) = saved {
            warn!(error = %chain(&error), "Claims and last good routes were not saved; a restart may forget the newest.");
        }
        if self.save_wanted {
            self.save();
        }
    }
}
