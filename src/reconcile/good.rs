//! The labels by which routes were last accepted, and the file that keeps them beside the claims.

use std::collections::BTreeSet;

use tracing::warn;

use super::Loop;
use super::apply::Desired;
use crate::caddy::admin::Admin;
use crate::discovery::Engine;
use crate::model::{Labels, RouteId};
use crate::probe::Probe;
use crate::state::{StateError, Store};
use crate::telemetry::chain;

impl<E, A, S, P> Loop<E, A, S, P>
where
    E: Engine + Clone,
    A: Admin + Clone,
    S: Store + Clone,
    P: Probe + Clone,
{
    /// Caddy serves this config: its forms are good, and those of apps that are gone with all that
    /// their owners claim are forgotten.
    pub(super) fn remember_good(&mut self, desired: &Desired) {
        if desired.is_remembered {
            return;
        }
        let built = &desired.built;
        let differing = built.good.changes_since(&self.state.last_good);
        let differing = differing.filter(|(id, ..)| !built.unproven.contains(id));
        let mut differing: Vec<(RouteId, Option<Labels>)> = differing
            .map(|(id, _, good)| (id.clone(), good.cloned()))
            .collect();
        if differing.iter().any(|(_, good)| good.is_none()) {
            let apps = built.rows.iter().filter_map(|row| row.app.as_ref());
            let apps: BTreeSet<_> = apps.collect();
            let owners: BTreeSet<_> = built.claims.values().map(|claim| &claim.owner).collect();
            let stays = |id: &RouteId| apps.contains(&id.app) || owners.contains(&id.app.owner);
            differing.retain(|(id, good)| good.is_some() || !stays(id));
        }
        if differing.is_empty() {
            return;
        }
        self.state.last_good.apply(differing);
        self.save();
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
        let error = saved.err().map(|error| chain(&error));
        if let Some(error) = &error {
            warn!(%error, "Claims and last good routes were not saved; a restart may forget the newest.");
        }
        if self.save_wanted {
            self.save();
        } else {
            self.tell_saved(error.as_deref());
        }
    }
}
