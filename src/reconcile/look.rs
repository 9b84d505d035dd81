//! The engine's side of the loop: looks, the event stream, and the state that follows from them.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::backoff::Backoff;
use super::{FIRST_LOOK_WAIT, Loop, Reason};
use crate::caddy::admin::Admin;
use crate::discovery::{Engine, EngineError, Notice};
use crate::model::{ContainerId, Snapshot};
use crate::probe::Probe;
use crate::state::Store;
use crate::telemetry::chain;

/// First and longest wait before the engine is asked again after a failure.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// A stream that lived so long was a good one: its end is no reason to wait longer for the next, as
/// until then no change is heard of. Each stream costs a list of all containers, so streams that end
/// soon after this cost one list in such a time.
const STREAM_PROVED: Duration = Duration::from_secs(5);

/// Containers that are asked for by one list: their ids are in the request's path, of which proxies
/// take some kilobytes.
const CONTAINERS_PER_LOOK_MAX: usize = 50;
/// When more have something happen to them at once, one list of all costs less.
const CONTAINERS_NOTICED_MAX: usize = 500;

/// What a look is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    /// All containers.
    All(Reason),
    /// Those to which something happened.
    Some(BTreeSet<ContainerId>),
}

/// Looks at the engine: one at a time, and one more when something happened meanwhile.
pub(super) struct Looks {
    pub(super) in_flight: Option<BoxFuture<'static, Result<Snapshot, EngineError>>>,
    pub(super) retry_at: Option<Instant>,
    /// Since when the first list is waited for; `None` when there was one.
    first_began: Option<Instant>,
    /// What the look under way is at.
    scope: Scope,
    /// Why one at all containers must follow it.
    again: Option<Reason>,
    /// The containers at which it must be looked next.
    noticed: BTreeSet<ContainerId>,
    /// Containers whose creation was reported, until one of them is started: nothing is to be done
    /// before, and then there is one look at all of them. Compose creates all replicas before it
    /// starts the first, and a pool gets its slots when one of them is ready.
    created: BTreeSet<ContainerId>,
    /// Those of them at which it was not looked yet, after one was started.
    announced: BTreeSet<ContainerId>,
    /// Containers whose end was reported, until a look has seen it.
    destroyed: BTreeSet<ContainerId>,
    backoff: Backoff,
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            in_flight: None,
            retry_at: None,
            first_began: Some(Instant::now()),
            scope: Scope::All(Reason::Subscribed),
            again: None,
            noticed: BTreeSet::new(),
            created: BTreeSet::new(),
            announced: BTreeSet::new(),
            destroyed: BTreeSet::new(),
            backoff: Backoff::new(BACKOFF.0, BACKOFF.1),
        }
    }
}

impl Looks {
    /// Says how long the first list took, where somebody may have waited for it.
    fn say_first(&mut self, containers: usize) {
        let took = self.first_began.take().map(|began| began.elapsed());
        if let Some(took) = took.filter(|took| *took >= FIRST_LOOK_WAIT) {
            info!(containers, ?took, "Read all containers.");
        }
    }

    /// Whether it can be looked at containers to which something happened. With a look at all that
    /// is due they are seen anyway.
    pub(super) fn can_look_at_noticed(&self) -> bool {
        self.in_flight.is_none() && self.retry_at.is_none() && !self.noticed.is_empty()
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
        self.status.docker.subscriptions += 1;
        self.look(Reason::Subscribed);
        self.check_network();
        self.check_access();
        self.publish();
    }

    pub(super) fn on_notice(&mut self, notice: Option<Result<Notice, EngineError>>) {
        if matches!(notice, Some(Ok(_))) {
            self.status.docker.last_event_at = Some((self.world.wall_clock)());
        }
        match notice {
            Some(Ok(Notice::Kill { container, signal })) => self.on_kill(&container, signal),
            Some(Ok(Notice::LookAgain { action, container })) => {
                if let Some(id) = &container {
                    let exits = self.readiness.hear(&action, id);
                    self.await_pickup(&action, id);
                    self.say_crashes(id, exits);
                }
                self.subscription.refused = None;
                let shown = container.as_ref().map(tracing::field::display);
                debug!(%action, container = shown, "The engine reported an event.");
                match container {
                    Some(id) => self.look_at(&action, id),
                    None => self.look(Reason::Notice),
                }
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
        self.publish();
    }

    /// Looks at the engine, or once more after the look under way.
    pub(super) fn look(&mut self, reason: Reason) {
        if reason == Reason::Resync || reason == Reason::Asked {
            self.forget_rejection();
            self.check_network();
        }
        let is_all_under_way = matches!(self.looks.scope, Scope::All(_));
        if self.looks.in_flight.is_some() && is_all_under_way {
            self.looks.again = Some(reason);
            return;
        }
        // A look at some containers under way is given up: this one sees them, too.
        self.looks.again = None;
        self.looks.noticed.clear();
        self.looks.retry_at = None;
        self.looks.scope = Scope::All(reason);
        self.restart.look_begins(Instant::now());
        let engine = self.world.engine.clone();
        self.looks.in_flight = Some(Box::pin(async move { engine.snapshot().await }));
    }

    /// Looks soon at this container, to which something happened.
    fn look_at(&mut self, action: &str, id: ContainerId) {
        let looks = &mut self.looks;
        if action == "create" {
            looks.created.insert(id);
            return;
        }
        if action == "destroy" {
            looks.destroyed.insert(id.clone());
            looks.created.remove(&id);
        }
        if looks.created.contains(&id) {
            // Its network is connected before it runs: nothing is to be done yet.
            if action != "start" {
                return;
            }
            let created = std::mem::take(&mut looks.created);
            looks.noticed.extend(created.iter().cloned());
            looks.announced.extend(created);
        }
        looks.noticed.insert(id);
    }

    /// Looks at the containers to which something happened.
    pub(super) fn look_at_noticed(&mut self) {
        let looks = &mut self.looks;
        let snapshot = self
            .snapshot
            .as_ref()
            .filter(|_| !self.memory.is_recalled());
        // With one whose creation was not heard of there may be others.
        let is_known = |id| {
            let is_seen = snapshot.is_some_and(|seen| seen.get(id).is_some());
            is_seen || looks.announced.contains(id) || looks.destroyed.contains(id)
        };
        let all_known = snapshot.is_some() && looks.noticed.iter().all(is_known);
        let is_one_look = looks.announced.len() <= CONTAINERS_PER_LOOK_MAX;
        if !all_known
            || !is_one_look
            || self.restart.is_cut()
            || looks.noticed.len() > CONTAINERS_NOTICED_MAX
        {
            return self.look(Reason::Notice);
        }
        let rest = looks.noticed.iter().nth(CONTAINERS_PER_LOOK_MAX).cloned();
        let rest = rest.map(|first| looks.noticed.split_off(&first));
        let ids = std::mem::replace(&mut looks.noticed, rest.unwrap_or_default());
        looks.scope = Scope::Some(ids.clone());
        let engine = self.world.engine.clone();
        looks.in_flight = Some(Box::pin(async move { engine.look_at(&ids).await }));
    }

    pub(super) fn on_looked(&mut self, looked: Result<Snapshot, EngineError>) {
        let again = self.looks.again.take();
        match (looked, self.looks.scope.clone()) {
            (Ok(snapshot), Scope::All(reason)) => {
                self.answered();
                self.saw_all(snapshot, reason, again.is_none());
            }
            (Ok(seen), Scope::Some(ids)) => {
                self.answered();
                self.saw(&ids, &seen);
            }
            (Err(error), _) => self.look_failed(&error),
        }
        if let Some(reason) = again.filter(|_| self.looks.retry_at.is_none()) {
            self.look(reason);
        }
        self.note_access();
        self.publish();
    }

    fn answered(&mut self) {
        self.looks.backoff.reset();
        if self.status.docker.error.take().is_some() {
            info!("Docker answers again.");
        }
        self.status.docker.reachable = true;
        let now = (self.world.wall_clock)();
        self.status.docker.reachable_since.get_or_insert(now);
        self.status.docker.api_version = self.world.engine.api_version();
        if self.status.docker.network_missing {
            self.check_network();
        }
    }

    /// All containers there are. `is_last` says whether nothing has happened meanwhile.
    fn saw_all(&mut self, snapshot: Snapshot, reason: Reason, is_last: bool) {
        self.status.docker.looks += 1;
        self.first_look_by = None;
        self.looks.say_first(snapshot.len());
        let generation = self.status.generation;
        let is_first = self.snapshot.is_none() || self.forget_remembered();
        self.engine_answers();
        self.looks.destroyed.clear();
        self.looks.announced.clear();
        let created = &mut self.looks.created;
        created.retain(|id| snapshot.get(id).is_none());
        self.readiness.keep_only(&snapshot);
        self.snapshot = Some(snapshot);
        if is_first {
            self.trust_those_that_run();
        }
        self.rebuild();
        self.forget_all_pickups();
        self.learn_stop_rules();
        let changed = self.status.generation != generation;
        let is_last = is_last && self.looks.noticed.is_empty();
        if changed && !is_first && reason == Reason::Resync && is_last {
            self.status.docker.missed_notices += 1;
            warn!("A resync found a change that no event had announced.");
        }
    }

    /// The containers at which it was looked. One that is missing is believed to be gone when that
    /// was reported, else by a look at all of them.
    fn saw(&mut self, ids: &BTreeSet<ContainerId>, seen: &Snapshot) {
        let Some(snapshot) = &mut self.snapshot else {
            return;
        };
        let missing = { ids.iter() }.filter(|id| seen.get(id).is_none());
        let mut unreported = missing.filter(|id| snapshot.get(id).is_some());
        if unreported.any(|id| !self.looks.destroyed.contains(id)) {
            return self.look(Reason::Missing);
        }
        for id in ids {
            self.looks.destroyed.remove(id);
            self.looks.announced.remove(id);
        }
        snapshot.update(ids, seen);
        self.readiness.keep_running(snapshot, ids);
        self.rebuild();
        self.forget_pickups(ids);
        self.learn_stop_rules();
    }

    /// Keeps every route as it is, and tries again.
    fn look_failed(&mut self, error: &EngineError) {
        self.restart.look_failed();
        let wait = self.looks.backoff.next(error.retry_within());
        self.looks.retry_at = Some(Instant::now() + wait);
        let text = chain(error);
        self.status.docker.reachable = false;
        self.status.docker.reachable_since = None;
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
}
