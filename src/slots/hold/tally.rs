//! How those fared who waited in one gap, for a line in the log when it is over.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Shared by the gap and the tasks of those who wait.
#[derive(Debug, Default)]
pub struct Tally {
    waiting: AtomicUsize,
    held: AtomicUsize,
    lost: AtomicUsize,
    longest_millis: AtomicU64,
}

impl Tally {
    pub(super) fn begin(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.held.fetch_add(1, Ordering::Relaxed);
    }

    /// One has waited so long; `is_lost` is whether it was sent away.
    pub(super) fn end(&self, waited: Duration, is_lost: bool) {
        let millis = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        self.longest_millis.fetch_max(millis, Ordering::Relaxed);
        self.lost.fetch_add(usize::from(is_lost), Ordering::Relaxed);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// One was not let wait.
    pub(super) fn refuse(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// How many wait still.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How many have waited in all.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// How many were sent away, as far as the agent knows.
    pub fn lost(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }

    /// How long at most.
    pub fn longest(&self) -> Duration {
        Duration::from_millis(self.longest_millis.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waited_and_who_was_sent_away_is_known_when_nobody_waits() {
        let tally = Tally::default();
        for _ in 0..3 {
            tally.begin();
        }
        tally.end(Duration::from_millis(1_400), false);
        tally.end(Duration::from_millis(200), false);
        assert_eq!(tally.waiting(), 1);
        tally.end(Duration::from_millis(900), true);
        tally.refuse();
        assert_eq!((tally.waiting(), tally.held(), tally.lost()), (0, 3, 2));
        assert_eq!(tally.longest(), Duration::from_millis(1_400));
    }
}
