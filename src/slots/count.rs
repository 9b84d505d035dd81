//! How many slots a pool has.
//!
//! The number is part of Caddy's config, so each change of it is a load: it follows the number of
//! ready replicas slowly. Pure but for the type of the clock's readings: the time is passed in.

use std::cmp::Ordering;
use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::time::Instant;

use crate::routes::Pool;

/// So long there must be more ready replicas than slots before the number grows: a deploy that
/// starts the new replica before it stops the old one is over by then, and needs no load.
pub const GROW_AFTER: Duration = Duration::from_secs(10);
/// So long there must be fewer before it shrinks: a replica that is recreated is back by then. A
/// slot too many costs nothing but an uneven share.
pub const SHRINK_AFTER: Duration = Duration::from_secs(30);
/// The slots of a pool in which any weight is not 1: shares in steps of 5 %.
pub const WEIGHTED_SLOTS: usize = 20;
/// The most slots of one pool. A Linux bridge has no more ports, so no network more containers.
pub const SLOTS_MAX: usize = 1_024;

/// For how many replicas a pool needs slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// How many are ready. Beside one that is, those that are not well count too: a replica that
    /// rests for a minute must not cost two loads.
    pub ready: usize,
    /// How many are ready or on their way.
    pub expected: usize,
    /// Whether any of its containers has another weight than 1.
    pub is_weighted: bool,
}

impl Demand {
    /// What this pool needs.
    #[must_use]
    pub fn of(pool: &Pool) -> Self {
        let resting = match pool.upstreams.len() {
            0 => 0,
            _ => pool.health.resting,
        };
        Self {
            ready: pool.upstreams.len() + resting,
            expected: pool.expected,
            is_weighted: pool.is_weighted,
        }
    }
}

/// The number of slots of one pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotCount {
    count: NonZeroUsize,
    wanted: NonZeroUsize,
    /// Since when there are more, or since when there are fewer.
    differs_since: Option<Instant>,
}

impl SlotCount {
    /// The number with which a pool is first rendered: its replicas, those on their way included,
    /// so that they need no load of their own; at least 1.
    #[must_use]
    pub fn first(demand: Demand) -> Self {
        Self::found(wanted(
            demand.expected.max(demand.ready),
            demand.is_weighted,
        ))
    }

    /// A number that Caddy already serves, such as one that an earlier agent rendered.
    #[must_use]
    pub fn found(count: NonZeroUsize) -> Self {
        Self {
            count,
            wanted: count,
            differs_since: None,
        }
    }

    /// The number now.
    #[must_use]
    pub fn get(&self) -> NonZeroUsize {
        self.count
    }

    /// When the number changes next if nothing else does: the time for another [`Self::update`].
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let wait = match self.wanted.cmp(&self.count) {
            Ordering::Less => SHRINK_AFTER,
            Ordering::Greater => GROW_AFTER,
            Ordering::Equal => return None,
        };
        self.differs_since.map(|since| since + wait)
    }

    /// Takes note of who is ready, and changes the number if it is time. While nobody is ready it
    /// stays: a load would help nobody.
    pub fn update(&mut self, demand: Demand, now: Instant) {
        let before = self.wanted.cmp(&self.count);
        self.wanted = match demand.ready {
            0 => self.count,
            ready => wanted(ready, demand.is_weighted),
        };
        let after = self.wanted.cmp(&self.count);
        if after != before {
            self.differs_since = (after != Ordering::Equal).then_some(now);
        }
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.settle();
        }
    }

    /// A load goes anyway: grows at once. It does not shrink, because in a redeploy with changed
    /// labels that would be undone seconds later.
    pub fn join_load(&mut self) {
        if self.wanted > self.count {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.count = self.wanted;
        self.differs_since = None;
    }
}

fn wanted(replicas: usize, is_weighted: bool) -> NonZeroUsize {
    let least = if is_weighted { WEIGHTED_SLOTS } else { 1 };
    NonZeroUsize::new(replicas.min(SLOTS_MAX).max(least)).unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(replicas: usize) -> Demand {
        Demand {
            ready: replicas,
            expected: replicas,
            is_weighted: false,
        }
    }

    fn weighted(replicas: usize) -> Demand {
        Demand {
            is_weighted: true,
            ..ready(replicas)
        }
    }

    fn count(count: usize) -> NonZeroUsize {
        NonZeroUsize::new(count).expect("not zero")
    }

    /// Milliseconds and the number of ready replicas then, with the number of slots and the
    /// deadline afterwards.
    #[track_caller]
    fn check(first: usize, steps: &[(u64, usize, usize, Option<u64>)]) {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut slots = SlotCount::first(ready(first));
        for (now, replicas, expected, deadline) in steps {
            slots.update(ready(*replicas), at(*now));
            let found = (slots.get().get(), slots.deadline());
            assert_eq!(found, (*expected, deadline.map(at)), "at {now} ms");
        }
    }

    #[test]
    fn a_pool_begins_with_its_ready_replicas_and_at_least_one_slot() {
        for (replicas, expected) in [(0, 1), (1, 1), (3, 3), (5_000, SLOTS_MAX)] {
            let slots = SlotCount::first(ready(replicas));
            assert_eq!(slots.get(), count(expected));
        }
    }

    #[test]
    fn it_grows_after_ten_seconds_with_more() {
        check(
            1,
            &[
                (0, 1, 1, None),
                (500, 2, 1, Some(10_500)),
                (10_499, 3, 1, Some(10_500)),
                (10_500, 3, 3, None),
            ],
        );
    }

    #[test]
    fn a_deploy_that_is_over_in_time_changes_nothing() {
        check(
            1,
            &[
                (0, 2, 1, Some(10_000)),
                (9_999, 1, 1, None),
                (10_000, 2, 1, Some(20_000)),
            ],
        );
    }

    #[test]
    fn it_shrinks_after_thirty_seconds_with_fewer_but_not_for_none() {
        check(
            3,
            &[
                (0, 2, 3, Some(30_000)),
                (20_000, 1, 3, Some(30_000)),
                (25_000, 0, 3, None),
                (90_000, 0, 3, None),
                (90_001, 1, 3, Some(120_001)),
                (120_001, 1, 1, None),
            ],
        );
    }

    #[test]
    fn more_after_fewer_waits_its_own_time() {
        check(
            2,
            &[
                (0, 1, 2, Some(30_000)),
                (29_000, 3, 2, Some(39_000)),
                (39_000, 3, 3, None),
            ],
        );
    }

    #[test]
    fn it_grows_with_a_load_that_goes_anyway_and_does_not_shrink_with_it() {
        let now = Instant::now();
        let mut slots = SlotCount::first(ready(1));
        slots.update(ready(2), now);
        slots.join_load();
        assert_eq!((slots.get(), slots.deadline()), (count(2), None));
        slots.update(ready(1), now);
        slots.join_load();
        assert_eq!(
            (slots.get(), slots.deadline()),
            (count(2), Some(now + SHRINK_AFTER))
        );
    }

    #[test]
    fn any_weight_gives_twenty_slots() {
        assert_eq!(SlotCount::first(weighted(0)).get(), count(20));
        assert_eq!(SlotCount::first(weighted(30)).get(), count(30));
        let now = Instant::now();
        let mut slots = SlotCount::first(ready(1));
        slots.update(weighted(2), now);
        assert_eq!(
            (slots.get(), slots.deadline()),
            (count(1), Some(now + GROW_AFTER))
        );
        slots.update(weighted(1), now + GROW_AFTER);
        assert_eq!((slots.get(), slots.deadline()), (count(20), None));
        slots.update(weighted(0), now + GROW_AFTER);
        assert_eq!((slots.get(), slots.deadline()), (count(20), None));
    }

    #[test]
    fn replicas_on_their_way_count_at_first() {
        let booting = Demand {
            ready: 1,
            expected: 3,
            is_weighted: false,
        };
        let now = Instant::now();
        let mut slots = SlotCount::first(booting);
        assert_eq!(slots.get(), count(3));
        slots.update(booting, now);
        assert_eq!(
            (slots.get(), slots.deadline()),
            (count(3), Some(now + SHRINK_AFTER)),
            "if they never come"
        );
    }
}
