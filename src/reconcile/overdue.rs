//! What takes long is said once: containers that get no address, whose HEALTHCHECK does not pass, and
//! certificates that do not come.
//!
//! Deliberately decides nothing: who takes requests does not depend on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::Loop;
use super::report::LOGGED_CHANGES_MAX;
use crate::caddy::admin::Admin;
use crate::discovery::Engine;
use crate::model::{ContainerRef, Obtainings, SharedSet};
use crate::probe::Probe;
use crate::routes::{Obstacle, Row};
use crate::state::Store;

/// How long a running container may be without an address before it is said: the engine assigns
/// one about 250 ms before it reports the start.
const ADDRESS_WAIT: Duration = Duration::from_secs(2);
/// How long a container may take to be ready, and a certificate to come, before it is said: most
/// take less.
pub(super) const LONG_WAIT: Duration = Duration::from_secs(5);
/// From one look at all rows to the next.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Something that is waited for, by what names it.
#[derive(Debug)]
struct Waits<K>(BTreeMap<K, Wait>);

#[derive(Debug)]
struct Wait {
    since: Instant,
    /// `None` once said.
    say_at: Option<Instant>,
}

impl<K> Default for Waits<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone> Waits<K> {
    /// Notes who waits now; who did before goes on.
    fn note(&mut self, who: &BTreeSet<K>, patience: Duration, now: Instant) {
        self.0.retain(|key, _| who.contains(key));
        for key in who {
            let wait = || Wait {
                since: now,
                say_at: Some(now + patience),
            };
            self.0.entry(key.clone()).or_insert_with(wait);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.0.values().filter_map(|wait| wait.say_at).min()
    }

    /// Who has waited for too long, each told once, and for how long.
    fn overdue(&mut self, now: Instant) -> Vec<(K, Duration)> {
        let is_due = |wait: &Wait| wait.say_at.is_some_and(|at| at <= now);
        let due = self.0.iter_mut().filter(|(_, wait)| is_due(wait));
        due.map(|(key, wait)| {
            wait.say_at = None;
            (key.clone(), now - wait.since)
        })
        .collect()
    }
}

/// What is waited for.
#[derive(Debug, Default)]
pub(super) struct Overdue {
    addresses: Waits<ContainerRef>,
    health: Waits<ContainerRef>,
    /// When it is looked which containers wait for their HEALTHCHECK.
    look_at: Option<Instant>,
    looked: Option<Instant>,
    certificates: Waits<String>,
    obtainings: Arc<Obtainings>,
}

impl Overdue {
    /// Notes which containers have no address now, and that there is a new table.
    pub(super) fn note(&mut self, addressless: &[ContainerRef], now: Instant) {
        let addressless = addressless.iter().cloned().collect();
        self.addresses.note(&addressless, ADDRESS_WAIT, now);
        let soonest = self.looked.map_or(now, |looked| looked + LOOK_INTERVAL);
        self.look_at.get_or_insert(soonest);
    }

    fn note_obtainings(&mut self, obtainings: &Arc<Obtainings>, now: Instant) {
        let names = obtainings.keys().cloned().collect();
        self.certificates.note(&names, LONG_WAIT, now);
        self.obtainings = Arc::clone(obtainings);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.addresses.deadline(),
            self.health.deadline(),
            self.certificates.deadline(),
            self.look_at,
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Says what has taken too long by now.
    pub(super) fn say(&mut self, rows: &SharedSet<Arc<Row>>, now: Instant) {
        for (container, _) in self.addresses.overdue(now) {
            warn!(%container, "The container runs, but Docker has given it no address on its routing network.");
        }
        let is_due = self.look_at.is_some_and(|at| at <= now) || self.health.deadline().is_some();
        if is_due {
            self.look_at = None;
            self.looked = Some(now);
            let starting = rows
                .iter()
                .filter(|row| row.obstacle == Some(Obstacle::Starting));
            let starting = starting.map(|row| row.container.clone()).collect();
            self.health.note(&starting, LONG_WAIT, now);
        }
        for (container, waited) in self
            .health
            .overdue(now)
            .into_iter()
            .take(LOGGED_CHANGES_MAX)
        {
            info!(%container, ?waited, "The container takes no requests before its HEALTHCHECK passes; it is still starting.");
        }
        for (host, waited) in self
            .certificates
            .overdue(now)
            .into_iter()
            .take(LOGGED_CHANGES_MAX)
        {
            let error = { self.obtainings.get(&host) }.and_then(|one| one.error.as_deref());
            info!(%host, ?waited, error, "The host has no certificate yet; it is being obtained, and browsers get an error until then.");
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
    /// Shows which certificates Caddy is getting.
    pub(super) fn note_obtainings(&mut self) {
        let now = Arc::clone(&self.channels.obtainings.borrow_and_update());
        self.overdue.note_obtainings(&now, Instant::now());
        self.status.obtainings = now;
        self.publish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_is_told_once_and_anew_when_it_is_waited_for_again() {
        let (mut waits, start) = (Waits::default(), Instant::now());
        let (web, nobody) = (BTreeSet::from(["web"]), BTreeSet::new());
        let after = |seconds| start + Duration::from_secs(seconds);
        waits.note(&web, ADDRESS_WAIT, start);
        waits.note(&web, ADDRESS_WAIT, after(1));
        assert_eq!(waits.deadline(), Some(after(2)));
        assert_eq!(waits.overdue(after(1)), []);
        assert_eq!(waits.overdue(after(2)), [("web", ADDRESS_WAIT)]);
        waits.note(&web, ADDRESS_WAIT, after(3));
        assert_eq!(waits.deadline(), None, "it was said");
        waits.note(&nobody, ADDRESS_WAIT, after(4));
        waits.note(&web, ADDRESS_WAIT, after(5));
        assert_eq!(waits.deadline(), Some(after(7)), "anew");
    }

    #[test]
    fn all_rows_are_looked_at_once_a_second_at_most() {
        let (mut overdue, start) = (Overdue::default(), Instant::now());
        overdue.note(&[], start);
        assert_eq!(overdue.deadline(), Some(start), "at once");
        overdue.say(&SharedSet::default(), start);
        assert_eq!(overdue.deadline(), None, "nobody waits");
        overdue.note(&[], start);
        overdue.note(&[], start);
        assert_eq!(overdue.deadline(), Some(start + LOOK_INTERVAL));
    }
}
