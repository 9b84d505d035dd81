//! What the loop counts: loads, and how soon a container takes requests.
//!
//! Owns the times between an event and what came of it. Deliberately looks at those containers only
//! to which something has just happened: a count costs the same with ten thousand others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Loop;
use crate::caddy::admin::{Admin, AdminError, Disposition};
use crate::discovery::Engine;
use crate::metrics::{LoadReason, LoadResult, Way};
use crate::model::{Container, ContainerId, ContainerState};
use crate::probe::Probe;
use crate::routes::{Became, RouteKey};
use crate::state::Store;
use crate::status::{Load, Pickup};
use crate::telemetry::chain;

/// So many containers are waited for at once: a host starts some hundred at a time.
const AWAITED_MAX: usize = 10_000;

/// A container that comes later has waited for its own start, or for what a person changed.
const PICKUP_MAX: Duration = Duration::from_mins(10);

/// How long it took from a container's event to its route being in force.
pub(super) type PickedUp<'a> = BTreeMap<&'a RouteKey, Duration>;

/// What is being measured.
#[derive(Debug, Default)]
pub(super) struct Measured {
    load: Option<LoadUnderWay>,
    /// What the next load is for, where that is known already.
    next: Option<LoadReason>,
    /// Containers of which something was heard that makes them take requests soon, and when.
    awaited: BTreeMap<ContainerId, Instant>,
}

#[derive(Debug)]
struct LoadUnderWay {
    reason: LoadReason,
    began: Instant,
    /// The same by the wall clock.
    at: u64,
}

impl Measured {
    /// The next load is for this.
    pub(super) fn expect(&mut self, reason: LoadReason) {
        self.next = Some(reason);
    }

    /// No load follows from what was found last.
    pub(super) fn expect_nothing(&mut self) {
        self.next = None;
    }

    pub(super) fn load_begins(&mut self, reason: LoadReason, at: u64) {
        self.next = None;
        let began = Instant::now();
        self.load = Some(LoadUnderWay { reason, began, at });
    }
}

impl<E, A, S, P> Loop<E, A, S, P>
where
    E: Engine + Clone,
    A: Admin + Clone,
    S: Store + Clone,
    P: Probe + Clone,
{
    /// Why a load that is due now is sent.
    pub(super) fn load_reason(&self) -> LoadReason {
        if self.loads.retry_at.is_some() {
            return LoadReason::Retry;
        }
        let by_itself = if self.refusals.is_searching() {
            LoadReason::Quarantine
        } else if self.loads.debounce.is_only_postponed() {
            LoadReason::Removal
        } else {
            LoadReason::Change
        };
        self.measured.next.unwrap_or(by_itself)
    }

    /// A load has ended; `is_same_process` is whether the Caddy that it was sent to still serves.
    /// Gives what is told of it.
    pub(super) fn count_load(
        &mut self,
        loaded: &Result<(), AdminError>,
        is_same_process: bool,
    ) -> Option<Arc<Load>> {
        let LoadUnderWay { reason, began, at } = self.measured.load.take()?;
        let result = match loaded {
            Ok(()) if is_same_process => LoadResult::Applied,
            Ok(()) => LoadResult::Lost,
            Err(error) if error.disposition() == Disposition::WaitForChange => LoadResult::Refused,
            Err(_) => LoadResult::Failed,
        };
        if result == LoadResult::Refused {
            self.measured.expect(LoadReason::Quarantine);
        }
        let took = began.elapsed();
        let metrics = &self.channels.metrics;
        metrics.loads.of(reason).of(result).increment();
        metrics.load_duration.observe(took);
        let load = Arc::new(Load {
            at,
            millis: millis(took),
            reason,
            result,
            error: loaded.as_ref().err().map(|error| chain(error)),
        });
        let history = Arc::make_mut(&mut self.status.history);
        history.add_load(Arc::clone(&load));
        self.status.caddy.last_load = Some(Arc::clone(&load));
        Some(load)
    }

    /// Something happened to a container.
    pub(super) fn await_pickup(&mut self, action: &str, id: &ContainerId) {
        let is_new = match action {
            "start" => true,
            "unpause" | "connect" | "health_status: healthy" => {
                !self.readiness.gates.ready_last.contains_key(id)
            }
            _ => false,
        };
        let awaited = &mut self.measured.awaited;
        if is_new && awaited.len() < AWAITED_MAX {
            awaited.insert(id.clone(), Instant::now());
        } else if action == "die" {
            awaited.remove(id);
        }
    }

    /// It was looked at these containers: nobody waits for those that ask for nothing.
    pub(super) fn forget_pickups(&mut self, ids: &BTreeSet<ContainerId>) {
        for id in ids {
            if !self.may_be_picked_up(id) {
                self.measured.awaited.remove(id);
            }
        }
    }

    /// The same after a look at all.
    pub(super) fn forget_all_pickups(&mut self) {
        self.forget_pickups(&self.measured.awaited.keys().cloned().collect());
    }

    fn may_be_picked_up(&self, id: &ContainerId) -> bool {
        let prefix = &self.options.prefix;
        let container = self.snapshot.as_ref().and_then(|seen| seen.get(id));
        let may = |c: &Container| c.state == ContainerState::Running && c.has_prefix(prefix);
        container.is_some_and(may)
    }

    /// These routes are in force: counts the containers of which something was heard and that take
    /// requests from now on. Gives how long that took for each of their routes.
    pub(super) fn count_pickups<'a>(
        &mut self,
        way: Way,
        changes: &[(&'a RouteKey, Became<'a>)],
    ) -> PickedUp<'a> {
        let mut picked_up = PickedUp::new();
        if self.measured.awaited.is_empty() {
            return picked_up;
        }
        let at = (self.world.wall_clock)();
        let routes = { changes.iter() }.filter_map(|(key, became)| Some((key, became.route()?)));
        for (key, route) in routes {
            for upstream in &route.pool.upstreams {
                let heard = self.measured.awaited.remove(&upstream.container.id);
                let took = heard.map(|heard| heard.elapsed());
                if let Some(took) = took.filter(|took| *took < PICKUP_MAX) {
                    self.channels.metrics.pickup.of(way).observe(took);
                    let pickup = Pickup {
                        at,
                        millis: millis(took),
                    };
                    self.status.pickups.insert(route.pool.key, pickup);
                    picked_up.insert(key, took);
                }
            }
        }
        picked_up
    }

    /// A trial that began then was passed.
    pub(super) fn count_trial(&self, took: Option<Duration>) {
        if let Some(took) = took {
            self.channels.metrics.ready_wait.observe(took);
        }
    }
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
