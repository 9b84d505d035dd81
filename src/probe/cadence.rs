//! When to ask again whether a new container is ready.

use std::time::Duration;

use tokio::time::Instant;

/// From one dial to the next while a container is young: most apps listen within a second, and a
/// dial that is refused on the same machine costs next to nothing.
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// The longest pause before the time is up: who needs 12 s to start does not mind a quarter more.
const PAUSE_MAX: Duration = Duration::from_millis(250);
/// A pause is this share of the time that has passed, so that nobody waits more than 2 % longer
/// than it took to start.
const PAUSES_PER_AGE: u32 = 50;
/// From one question to the next after the time is up.
const PAUSE_OVERDUE: Duration = Duration::from_secs(5);

/// The questions to one container until it is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cadence {
    since: Instant,
    timeout: Duration,
}

impl Cadence {
    /// For a container that started at `since`, and should be ready within `timeout`.
    #[must_use]
    pub fn new(since: Instant, timeout: Duration) -> Self {
        Self { since, timeout }
    }

    /// When to ask again after a question that was answered with no at `now`: 20 ms later, after a
    /// second ever more rarely, up to 250 ms; when the time is up, 5 s.
    #[must_use]
    pub fn next(&self, now: Instant) -> Instant {
        if self.is_overdue(now) {
            return now + PAUSE_OVERDUE;
        }
        let age = now.saturating_duration_since(self.since);
        now + (age / PAUSES_PER_AGE).clamp(PAUSE_MIN, PAUSE_MAX)
    }

    /// When the time is up.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.since + self.timeout
    }

    /// Whether the time is up, which is to be said once.
    #[must_use]
    pub fn is_overdue(&self, now: Instant) -> bool {
        now >= self.deadline()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_the_time_that_a_container_takes() {
        let since = Instant::now();
        let cadence = Cadence::new(since, Duration::from_mins(1));
        let at = |ms: u64| since + Duration::from_millis(ms);
        for (now, pause) in [
            (0, 20),
            (999, 20),
            (1_000, 20),
            (2_000, 40),
            (5_000, 100),
            (12_500, 250),
            (59_999, 250),
            (60_000, 5_000),
            (3_600_000, 5_000),
        ] {
            assert_eq!(cadence.next(at(now)), at(now + pause), "at {now} ms");
        }
        assert!(!cadence.is_overdue(at(59_999)));
        assert!(cadence.is_overdue(cadence.deadline()));
    }

    #[test]
    fn a_clock_that_reads_earlier_than_the_start_does_no_harm() {
        let now = Instant::now();
        let cadence = Cadence::new(now + Duration::from_secs(1), Duration::from_mins(1));
        assert_eq!(cadence.next(now), now + PAUSE_MIN);
    }

    /// An app that needs a second is asked some 50 times in it, one that never comes some 300
    /// times in a minute.
    #[test]
    fn the_number_of_questions_is_bounded() {
        let since = Instant::now();
        let cadence = Cadence::new(since, Duration::from_mins(1));
        let asked = std::iter::successors(Some(since), |now| Some(cadence.next(*now)));
        let asked = asked.take_while(|now| !cadence.is_overdue(*now)).count();
        assert!((300..=400).contains(&asked), "{asked}");
    }
}
