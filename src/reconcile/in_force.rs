//! A table comes into force: the one place where it is found out what became of which route, for the
//! log, the history and the counts alike.

use std::collections::BTreeSet;
use std::sync::Arc;

use tracing::info;

use super::Loop;
use super::apply::Desired;
use super::report::say_changes;
use crate::caddy::admin::Admin;
use crate::discovery::Engine;
use crate::metrics::Way;
use crate::probe::Probe;
use crate::routes::Became;
use crate::state::Store;
use crate::status::Load;

/// By what a table came into force.
pub(super) enum By {
    /// Its addresses were written into slots.
    Slots,
    /// Caddy took its config.
    Load(Arc<Load>),
    /// Caddy was started with its config, maybe by an earlier agent.
    Process,
}

impl By {
    fn way(&self) -> Way {
        match self {
            Self::Slots => Way::Slot,
            Self::Load(_) | Self::Process => Way::Load,
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
    /// Caddy serves this config now: remember its forms as good, and say what changed.
    pub(super) fn accept(&mut self, desired: &Arc<Desired>, by: &By) {
        self.loads.start_failures = 0;
        self.loads.rejected = None;
        self.loads.adopted = None;
        self.status.caddy.load_error = None;
        let changed = self.put_in_force(desired, by);
        let (generation, routes) = (desired.generation, desired.built.table.routes.len());
        info!(
            generation,
            routes, changed, "Caddy serves the newest config."
        );
        if let Some(slots) = &mut self.world.slots {
            let next = self
                .desired
                .as_ref()
                .map_or(&desired.slots, |next| &next.slots);
            slots.keep_only(&[&desired.slots, next]);
        }
        self.offer_start_config();
    }

    /// The desired config is the one that Caddy serves, so that what is new in it took effect with
    /// the slots.
    pub(super) fn accept_slots(&mut self, desired: &Arc<Desired>) {
        let is_served = { self.loads.serving.as_ref() }.is_some_and(|(_, id)| *id == desired.id());
        if is_served && self.loads.in_flight.is_none() {
            self.put_in_force(desired, &By::Slots);
        }
    }

    /// This table is in force instead of the accepted one: the one place where it is found out what
    /// became of which route. Gives how many those are.
    fn put_in_force(&mut self, desired: &Arc<Desired>, by: &By) -> usize {
        let before = self.accepted.replace(Arc::clone(desired));
        let before = { before.as_ref() }.map_or_else(Arc::default, |b| Arc::clone(&b.built.table));
        let table = &desired.built.table;
        let changes = table.changes_since(&before);
        let picked_up = self.count_pickups(by.way(), &changes);
        say_changes(&changes, self.world.slots.is_some(), &picked_up);
        if !changes.is_empty() {
            let history = Arc::make_mut(&mut self.status.history);
            history.tell(&changes, table.routes.len(), (self.world.wall_clock)());
            if let By::Load(load) = by {
                history.brought(load, &changes);
            }
        }
        if changes.iter().any(|(_, became)| *became == Became::Removed) {
            let pools: BTreeSet<_> = table.routes.values().map(|route| route.pool.key).collect();
            let pickups = &mut self.status.pickups;
            pickups.retain(|pool, _| pools.contains(pool));
        }
        self.status.applied = Some(desired.generation);
        self.remember_good(desired);
        changes.len()
    }
}
