//! When to act on changes: at once when idle, else after a quiet moment, and never too late.

use std::time::Duration;

use tokio::time::Instant;

/// The two limits of a debounce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DebounceOptions {
    /// How long no further change must come. Default 50 ms: containers of one compose project
    /// start tens of milliseconds apart.
    pub quiet: Duration,
    /// How long a change waits at most, however long the storm. Default 250 ms.
    pub max_wait: Duration,
}

impl Default for DebounceOptions {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(50),
            max_wait: Duration::from_millis(250),
        }
    }
}

/// How long a change that is not urgent waits for another.
const COMPANY_WAIT: Duration = Duration::from_mins(1);

/// Holds changes back. The first change after an idle time is due at once; those that follow are
/// due when `quiet` has passed without another, at the latest `max_wait` after the first of them.
#[derive(Debug)]
pub(super) struct Debounce {
    options: DebounceOptions,
    pending: Option<Pending>,
    fired: Option<Instant>,
    /// When changes are due that wait for others.
    postponed: Option<Instant>,
}

#[derive(Debug)]
struct Pending {
    first: Instant,
    due: Instant,
}

impl Debounce {
    pub(super) fn new(options: DebounceOptions) -> Self {
        let quiet = options.quiet.min(options.max_wait);
        Self {
            options: DebounceOptions { quiet, ..options },
            pending: None,
            fired: None,
            postponed: None,
        }
    }

    /// Notes a change.
    pub(super) fn change(&mut self, now: Instant) {
        let DebounceOptions { quiet, max_wait } = self.options;
        let is_idle = self.fired.is_none_or(|fired| now >= fired + quiet);
        self.pending = Some(match &self.pending {
            None if is_idle => Pending {
                first: now,
                due: now,
            },
            None => Pending {
                first: now,
                due: now + quiet,
            },
            // What is due at once stays due.
            Some(pending) if pending.due <= now => Pending { ..*pending },
            Some(pending) => {
                let due = (now + quiet).min(pending.first + max_wait);
                Pending {
                    first: pending.first,
                    due,
                }
            }
        });
    }

    /// Notes a change that goes with the next one, or after [`COMPANY_WAIT`].
    pub(super) fn postpone(&mut self, now: Instant) {
        self.postponed.get_or_insert(now + COMPANY_WAIT);
    }

    /// Whether there is a change that waits for another.
    pub(super) fn is_postponed(&self) -> bool {
        self.postponed.is_some()
    }

    /// Whether there are no other changes than such.
    pub(super) fn is_only_postponed(&self) -> bool {
        self.pending.is_none() && self.postponed.is_some()
    }

    /// When the changes are due; `None` while there are none. They may be put off until
    /// `patience`, but not beyond the longest wait.
    pub(super) fn deadline(&self, patience: Option<Instant>) -> Option<Instant> {
        let Some(pending) = &self.pending else {
            return self.postponed;
        };
        let latest = pending.first + self.options.max_wait;
        let put_off = patience.map_or(pending.due, |patience| patience.min(latest));
        Some(pending.due.max(put_off))
    }

    /// Notes that all changes so far were acted on.
    pub(super) fn fire(&mut self, now: Instant) {
        self.pending = None;
        self.postponed = None;
        self.fired = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn the_first_change_after_an_idle_time_is_due_at_once() {
        let start = Instant::now();
        let mut debounce = Debounce::new(DebounceOptions::default());
        debounce.change(start);
        assert_eq!(debounce.deadline(None), Some(start));
        debounce.fire(start);
        assert_eq!(debounce.deadline(None), None);
        debounce.change(start + ms(50));
        assert_eq!(debounce.deadline(None), Some(start + ms(50)));
    }

    #[test]
    fn changes_that_follow_wait_for_quiet_but_not_for_ever() {
        let start = Instant::now();
        let mut debounce = Debounce::new(DebounceOptions::default());
        debounce.change(start);
        debounce.fire(start);
        debounce.change(start + ms(10));
        assert_eq!(debounce.deadline(None), Some(start + ms(60)));
        for at in (20..=240).step_by(20) {
            debounce.change(start + ms(at));
        }
        assert_eq!(debounce.deadline(None), Some(start + ms(260)));
    }

    #[test]
    fn a_change_may_be_put_off_but_not_for_ever() {
        let start = Instant::now();
        let mut debounce = Debounce::new(DebounceOptions::default());
        debounce.change(start);
        assert_eq!(
            debounce.deadline(Some(start + ms(30))),
            Some(start + ms(30))
        );
        assert_eq!(
            debounce.deadline(Some(start + ms(900))),
            Some(start + ms(250))
        );
        assert_eq!(debounce.deadline(Some(start - ms(1))), Some(start));
    }

    #[test]
    fn a_change_that_is_not_urgent_goes_with_the_next_or_after_a_minute() {
        let start = Instant::now();
        let mut debounce = Debounce::new(DebounceOptions::default());
        debounce.postpone(start);
        debounce.postpone(start + ms(500));
        assert_eq!(debounce.deadline(None), Some(start + ms(60_000)));
        debounce.change(start + ms(1_000));
        assert_eq!(debounce.deadline(None), Some(start + ms(1_000)));
        debounce.fire(start + ms(1_000));
        assert_eq!(debounce.deadline(None), None);
    }

    proptest! {
        /// However changes come, each is acted on at most `max_wait` later.
        #[test]
        fn no_storm_starves_a_change(gaps in proptest::collection::vec(0_u64..120, 1..60)) {
            let mut now = Instant::now();
            let mut debounce = Debounce::new(DebounceOptions::default());
            let mut oldest = None;
            for gap in gaps {
                let next = now + ms(gap);
                if let Some(due) = debounce.deadline(None).filter(|due| *due <= next) {
                    let waited = due - oldest.take().expect("a change is pending");
                    prop_assert!(waited <= ms(250));
                    debounce.fire(due);
                }
                now = next;
                debounce.change(now);
                oldest.get_or_insert(now);
            }
        }
    }
}
