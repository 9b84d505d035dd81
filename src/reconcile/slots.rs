//! Slots in the loop: who is ready goes into files that Caddy reads at each request, and nobody
//! being ready opens a waiting socket. Neither is a load.

mod found;
mod halted;
mod pool;
mod pools;
mod redeploys;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, warn};

use self::found::{Found, found};
use self::pool::PoolState;
use self::pools::Pools;
use self::redeploys::Redeploys;
use crate::access::Access;
use crate::metrics::Metrics;
use crate::model::{Halts, PoolKey, SharedMap};
use crate::routes::RouteTable;
use crate::slots::{
    Demand, Gap, GapState, Hold, HoldBounds, HoldError, HoldOptions, Notices, NoticesError,
    Replica, Slot, SlotFiles, SlotsError, WaitingRoom, assign,
};
use crate::telemetry::chain;

/// From one look at the folder to the next: somebody may have emptied it.
const REPAIR_INTERVAL: Duration = Duration::from_secs(1);

/// How many slots each pool of a config has.
pub(super) type Counts = BTreeMap<PoolKey, NonZeroUsize>;

/// The slots of all pools, and their waiting sockets.
#[derive(Debug)]
pub struct Slots {
    runtime_dir: PathBuf,
    files: SlotFiles,
    hold: Hold,
    notices: Notices,
    /// The apps whose requests do not reach their containers.
    halts: Arc<Halts>,
    /// The pools of the newest table.
    wanted: Pools,
    pools: BTreeMap<PoolKey, PoolState>,
    /// How many slots the pools of the newest table have.
    counts: Arc<Counts>,
    /// When the number of a pool's slots changes by itself.
    due: BTreeSet<(Instant, PoolKey)>,
    /// Pools that must be settled again though nothing in the table has changed.
    again: BTreeSet<PoolKey>,
    /// What an earlier agent left for the Caddy that it left, until a config is known to be served.
    found: BTreeMap<PoolKey, Found>,
    repair_at: Instant,
    is_failing: bool,
    redeploys: Redeploys,
    metrics: Arc<Metrics>,
}

/// Why slots cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SlotsStartError {
    /// The folder of the files.
    #[error(transparent)]
    Files(#[from] SlotsError),
    /// The folder of the sockets.
    #[error(transparent)]
    Hold(#[from] HoldError),
    /// The folder of what is said of halted apps.
    #[error(transparent)]
    Notices(#[from] NoticesError),
}

impl Slots {
    /// Slots in this runtime directory, for a Caddy with this access, with so many requests waiting
    /// at most.
    ///
    /// # Errors
    /// When its folders cannot be used.
    pub fn open(
        runtime_dir: &Path,
        bounds: HoldBounds,
        access: Access,
    ) -> Result<Self, SlotsStartError> {
        let files = SlotFiles::open(runtime_dir, access)?;
        Ok(Self {
            found: found(&files),
            files,
            hold: Hold::spawn(HoldOptions {
                access,
                bounds,
                ..HoldOptions::new(runtime_dir)
            })?,
            notices: Notices::open(runtime_dir, access)?,
            halts: Arc::default(),
            runtime_dir: runtime_dir.to_owned(),
            wanted: Pools::default(),
            pools: BTreeMap::new(),
            counts: Arc::default(),
            due: BTreeSet::new(),
            again: BTreeSet::new(),
            repair_at: Instant::now() + REPAIR_INTERVAL,
            is_failing: false,
            redeploys: Redeploys::default(),
            metrics: Arc::default(),
        })
    }

    /// Counts into these from now on.
    pub(super) fn count_in(&mut self, metrics: &Arc<Metrics>) {
        self.metrics = Arc::clone(metrics);
        self.hold.count_in(metrics);
    }

    /// The folder above files and sockets.
    pub(super) fn runtime_dir(&self) -> &Path {
        &self.runtime_dir
    }

    /// No Caddy reads what an earlier agent left: pools begin anew.
    pub(super) fn forget_found(&mut self) {
        self.found.clear();
    }

    /// Brings files and sockets to what this table says, before a config names them. Only pools that
    /// have changed take any time.
    pub(super) fn settle(&mut self, table: &Arc<RouteTable>, now: Instant) {
        let mut keys = self.wanted.update(table);
        keys.append(&mut self.again);
        let is_due = |(at, key): &(Instant, PoolKey)| (*at <= now).then_some(*key);
        keys.extend(self.due.iter().map_while(is_due));
        let mut failed = None;
        for key in keys {
            match self.settle_pool(key, now) {
                Ok(()) => {}
                Err(error) => {
                    self.again.insert(key);
                    failed = Some(error);
                }
            }
        }
        self.note(failed);
    }

    fn settle_pool(&mut self, key: PoolKey, now: Instant) -> Result<(), String> {
        let Some((app, pool)) = self.wanted.get(key) else {
            self.plan(key, None);
            let forgotten = self.notices.set(key, None);
            return forgotten.map_err(|error| chain(&error));
        };
        let halt = self.halts.get(app).map(|halt| &halt.kind);
        let ready = Replica::of(pool);
        let found = &mut self.found;
        let state = { self.pools.entry(key) }.or_insert_with(|| match found.remove(&key) {
            Some(found) => found.into_state(&ready, pool.hold, now),
            None => PoolState::new(pool, now),
        });
        state.note_ready(&ready, pool.hold, now);
        state.count.update(Demand::of(pool), now);
        let count = state.count.get();
        // Of a halted app nobody is ready for requests.
        let reached = if halt.is_some() { Vec::new() } else { ready };
        state.assignment = assign(&state.assignment, &reached, count);
        // What is said must be there before anybody can ask.
        let noticed = self.notices.set(key, halt);
        let opened = state.open_gap(key, pool, halt, &mut self.hold, now);
        let written = state.write(key, &mut self.files, &self.metrics);
        if let Some(gap) = state.close_gap(&reached) {
            self.redeploys.note(pool, &gap);
        }
        self.plan(key, Some(count));
        opened.map_err(|error| chain(&error))?;
        written.map_err(|error| chain(&error))?;
        noticed.map_err(|error| chain(&error))
    }

    /// Notes how many slots a pool has, and when that changes by itself.
    fn plan(&mut self, key: PoolKey, count: Option<NonZeroUsize>) {
        if self.counts.get(&key) != count.as_ref() {
            let counts = Arc::make_mut(&mut self.counts);
            match count {
                Some(count) => drop(counts.insert(key, count)),
                None => drop(counts.remove(&key)),
            }
        }
        let Some(state) = self.pools.get_mut(&key) else {
            return;
        };
        let due = state.count.deadline().filter(|_| count.is_some());
        if let Some(before) = std::mem::replace(&mut state.due, due) {
            self.due.remove(&(before, key));
        }
        self.due.extend(due.map(|due| (due, key)));
    }

    /// The pools that the table lacks have nobody from now on, and their requests wait for nobody.
    pub(super) fn give_up(&mut self, now: Instant) {
        let mut failed = None;
        for (key, state) in &mut self.pools {
            if self.counts.contains_key(key) {
                continue;
            }
            state.assignment = assign(&state.assignment, &[], state.count.get());
            state.hold_until = now;
            let opened = state.set_gap(*key, &mut self.hold, GapState::GivenUp);
            failed = opened.err().map(|error| chain(&error)).or(failed);
            let written = state.write(*key, &mut self.files, &self.metrics);
            failed = written.err().map(|error| chain(&error)).or(failed);
        }
        self.note(failed);
    }

    /// How many slots each pool of the table has that was settled last.
    pub(super) fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// Where requests wait, for each pool that has nobody or had nobody.
    pub(super) fn rooms(&self) -> SharedMap<PoolKey, WaitingRoom> {
        self.hold.rooms()
    }

    /// A load goes anyway: slots that would be added soon are added when the table is settled next.
    pub(super) fn join_load(&mut self) {
        for (key, state) in &mut self.pools {
            let before = state.count.get();
            state.count.join_load();
            if state.count.get() != before {
                self.again.insert(*key);
            }
        }
    }

    /// Forgets all slots but those of these configs: of the one that Caddy serves, and of the one
    /// that it is sent next.
    pub(super) fn keep_only(&mut self, configs: &[&Counts]) {
        let due = &mut self.due;
        self.pools.retain(|key, state| {
            let is_kept = configs.iter().any(|counts| counts.contains_key(key));
            if let Some(before) = state.due.filter(|_| !is_kept) {
                due.remove(&(before, *key));
            }
            is_kept
        });
        let slots = |(pool, count): (&PoolKey, &NonZeroUsize)| {
            let pool = *pool;
            (0..count.get()).map(move |number| Slot { pool, number })
        };
        let keep: BTreeSet<Slot> = configs
            .iter()
            .flat_map(|counts| counts.iter())
            .flat_map(slots)
            .collect();
        let pools = &self.pools;
        self.hold.keep_only(|pool| pools.contains_key(&pool));
        let removed = self.files.remove_stale(&keep);
        let removed = removed.map_err(|error| chain(&error)).map(drop);
        let cleared = self.notices.remove_others();
        let cleared = cleared.map_err(|error| chain(&error));
        self.note(removed.and(cleared).err());
        self.hold.remove_left();
        self.found.clear();
    }

    /// When something is due by itself.
    pub(super) fn deadline(&self) -> Instant {
        let first = self.due.first().map(|(at, _)| *at);
        first.map_or(self.repair_at, |at| at.min(self.repair_at))
    }

    /// Does what is due by itself; whether the table must be settled again.
    pub(super) fn on_time(&mut self, now: Instant) -> bool {
        if now >= self.repair_at {
            self.repair_at = now + REPAIR_INTERVAL;
            self.redeploys.say();
            let repaired = self.files.repair();
            if let Ok(files @ 1..) = &repaired {
                warn!(
                    files,
                    "Slots were missing from the runtime directory and were written again."
                );
            }
            let repaired = repaired.map_err(|error| chain(&error)).map(drop);
            let noticed = self.notices.repair().map_err(|error| chain(&error));
            self.note(repaired.and(noticed).err());
            let is_lost = |gap: &Gap| !gap.is_reachable();
            for (key, state) in &mut self.pools {
                if state.gap.take_if(|gap| is_lost(gap)).is_some() {
                    self.again.insert(*key);
                }
            }
        }
        !self.again.is_empty() || self.due.first().is_some_and(|(at, _)| *at <= now)
    }

    /// Ends all that waits.
    pub(super) async fn shutdown(self) {
        self.hold.shutdown().await;
    }

    /// Says a failure once, until it is over.
    fn note(&mut self, failed: Option<String>) {
        match failed {
            Some(error) if !self.is_failing => {
                warn!(%error, "Slots cannot be written; requests may go to old addresses until they can.");
                self.is_failing = true;
            }
            Some(error) => debug!(%error, "Slots still cannot be written."),
            None => self.is_failing = false,
        }
    }
}

#[cfg(test)]
mod tests;
