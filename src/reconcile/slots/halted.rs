//! Halted apps in the slots: all slots lead to the waiting socket, whoever is ready.

use std::sync::Arc;

use super::Slots;
use crate::model::{AppKey, Halts};
use crate::slots::Gap;

impl Slots {
    /// These apps' requests do not reach their containers when the table is settled next, and those
    /// of all others do.
    pub(in crate::reconcile) fn halt(&mut self, halts: &Arc<Halts>) {
        let before = std::mem::replace(&mut self.halts, Arc::clone(halts));
        let changed = self.wanted.all().filter(|(app, _)| {
            let (was, is) = (before.get(app), halts.get(app));
            was.map(|halt| &halt.kind) != is.map(|halt| &halt.kind)
        });
        self.again.extend(changed.map(|(_, key)| key));
    }

    /// How many requests wait for this app.
    pub(in crate::reconcile) fn waiting_for(&self, app: &AppKey) -> usize {
        let own = self.wanted.all().filter(|(of, _)| *of == app);
        let gaps = own.filter_map(|(_, key)| self.pools.get(&key)?.gap.as_ref());
        gaps.map(Gap::waiting).sum()
    }

    /// Whether the last write of slots, sockets or notices failed.
    pub(in crate::reconcile) fn is_failing(&self) -> bool {
        self.is_failing
    }
}
