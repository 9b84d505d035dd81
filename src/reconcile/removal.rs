//! Removals wait for company.
//!
//! A route that is only removed is not urgent where addresses are in slots: its requests are
//! answered 503 already, and each load costs other sites' clients. So it goes with the next load
//! that goes anyway, or after a minute, unless another route now has its requests. Whatever else
//! changes with it is not put off: another owner, certificate policy or option of any host is a
//! change.

use std::time::Duration;

use tokio::time::Instant;

use super::Loop;
use super::apply::Desired;
use crate::caddy::admin::Admin;
use crate::caddy::render::{RenderOptions, render};
use crate::discovery::Engine;
use crate::model::Hostname;
use crate::probe::Probe;
use crate::routes::RouteTable;
use crate::state::Store;

/// Whether requests for any of these hosts may now be another route's, which must not wait for them.
fn fall_to_others(removed: &[&Hostname], table: &RouteTable) -> bool {
    let is_served = |host: &Hostname| table.hosts.contains_key(host);
    let has_other = |host: &&Hostname| {
        is_served(host)
            || host
                .covering_wildcard()
                .is_some_and(|cover| is_served(&cover))
    };
    removed.iter().any(has_other) || table.hosts.keys().any(Hostname::is_catch_all)
}

/// The hosts of the routes that are gone, where none is new.
fn removed<'a>(old: &'a RouteTable, new: &'a RouteTable) -> Option<Vec<&'a Hostname>> {
    let mut removed = Vec::new();
    for (key, old, new) in new.routes.changes_since(&old.routes) {
        match (old, new) {
            (Some(_), None) => removed.push(&key.host),
            (Some(_), Some(_)) => {}
            (None, _) => return None,
        }
    }
    (!removed.is_empty()).then_some(removed)
}

/// Whether `after` is `before` without some routes, and nothing else.
fn only_removes(before: &Desired, after: &Desired, options: &RenderOptions) -> bool {
    if before.is_remembered || before.certificates != after.certificates {
        return false;
    }
    let (old, new) = (&*before.built.table, &*after.built.table);
    if removed(old, new).is_none_or(|hosts| fall_to_others(&hosts, new)) {
        return false;
    }
    let mut left = old.clone();
    left.routes.retain(|key, _| new.routes.contains_key(key));
    left.hosts.retain(|host, _| new.hosts.contains_key(host));
    left.redirects
        .retain(|from, _| new.redirects.contains_key(from));
    left.fenced.retain(|host, _| new.fenced.contains_key(host));
    let mut options = options.clone();
    if let Some(slots) = &mut options.slots {
        slots.counts.clone_from(&before.slots);
    }
    render(&left, &options).fingerprint == after.rendered.fingerprint
}

impl<E, A, S, P> Loop<E, A, S, P>
where
    E: Engine + Clone,
    A: Admin + Clone,
    S: Store + Clone,
    P: Probe + Clone,
{
    /// There is a desired config: decides when it is sent, if it is a new one.
    pub(super) fn note_change(&mut self, is_new: bool) {
        let now = Instant::now();
        match is_new {
            true if self.only_removes() => self.loads.debounce.postpone(now),
            true => self.loads.debounce.change(now),
            false => {}
        }
        self.give_up_removed();
        self.note_linger();
    }

    fn only_removes(&self) -> bool {
        let (Some(accepted), Some(desired)) = (&self.accepted, &self.desired) else {
            return false;
        };
        // A load under way may remove what this config has again.
        let is_settled = self.loads.in_flight.is_none();
        let serving = self.loads.serving.as_ref();
        let is_served = serving.is_some_and(|(_, id)| *id == accepted.id());
        is_settled
            && is_served
            && self.world.slots.is_some()
            && only_removes(accepted, desired, &self.options.render)
    }

    /// While a removal waits, Caddy still names the slots of what is removed: nobody must be behind
    /// them, for an address may soon be another container's.
    fn give_up_removed(&mut self) {
        if self.loads.debounce.is_postponed()
            && let Some(slots) = &mut self.world.slots
        {
            slots.give_up(Instant::now());
        }
    }

    /// Notes when the first route ends that outlives its containers.
    fn note_linger(&mut self) {
        let ends = { self.desired.as_ref() }.and_then(|desired| desired.built.linger_ends);
        let now = (self.world.wall_clock)();
        let left = ends.map(|ends| Duration::from_secs(ends.saturating_sub(now)));
        self.linger_until = left.map(|left| Instant::now() + left);
    }
}
