//! The config of the newest table, rendered only where something in it may have changed.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use super::Loop;
use super::apply::Desired;
use super::slots::Counts;
use crate::caddy::Fingerprint;
use crate::caddy::admin::Admin;
use crate::caddy::render::{Places, RenderOptions, Rendered, SlotOptions, render};
use crate::discovery::Engine;
use crate::probe::Probe;
use crate::routes::RouteTable;
use crate::state::Store;

/// What is kept of a rendered config: not the structures, which take ten times as much memory as the
/// bytes.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Sendable {
    pub(super) json: Arc<[u8]>,
    pub(super) fingerprint: Fingerprint,
    pub(super) places: Places,
}

impl fmt::Debug for Sendable {
    /// Leaves the JSON out: it is long, and may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Sendable");
        shown.field("fingerprint", &self.fingerprint);
        shown.finish_non_exhaustive()
    }
}

impl From<Rendered> for Sendable {
    fn from(rendered: Rendered) -> Self {
        let Rendered {
            config: _,
            json,
            fingerprint,
            places,
        } = rendered;
        Self {
            json,
            fingerprint,
            places,
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
    /// The config of this table, with as many slots as its pools have now. If the number of slots
    /// is not all that changes, slots that would be added soon are added at once: a load goes
    /// anyway. What was rendered before is taken where nothing that is in a config has changed.
    pub(super) fn render(
        &mut self,
        table: &Arc<RouteTable>,
        options_before: &RenderOptions,
    ) -> Arc<Sendable> {
        let Some(slots) = &mut self.world.slots else {
            return Arc::new(Sendable::from(render(table, &self.options.render)));
        };
        let runtime_dir = slots.runtime_dir().to_owned();
        self.options.render.slots = Some(SlotOptions {
            runtime_dir,
            counts: slots.counts(),
        });
        let is_alike = |desired: &&Arc<Desired>| {
            let before = &desired.built.table;
            self.options.render == *options_before && before.is_alike_but_for_members(table)
        };
        if let Some(desired) = self.desired.as_ref().filter(is_alike) {
            let anew = || Sendable::from(render(table, &self.options.render));
            debug_assert_eq!(
                anew(),
                *desired.rendered,
                "nothing in the config has changed"
            );
            return Arc::clone(&desired.rendered);
        }
        let rendered = Arc::new(Sendable::from(render(table, &self.options.render)));
        let before = { self.desired.as_ref() }.map(|desired| &desired.rendered.fingerprint);
        if before == Some(&rendered.fingerprint) {
            return rendered;
        }
        slots.join_load();
        slots.settle(table, Instant::now());
        if let Some(options) = &mut self.options.render.slots {
            let before = std::mem::replace(&mut options.counts, slots.counts());
            if options.counts == before {
                return rendered;
            }
        }
        Arc::new(Sendable::from(render(table, &self.options.render)))
    }

    /// How many slots the pools of the config that was rendered last have.
    pub(super) fn slot_counts(&self) -> Arc<Counts> {
        let slots = self.options.render.slots.as_ref();
        slots
            .map(|slots| Arc::clone(&slots.counts))
            .unwrap_or_default()
    }
}
