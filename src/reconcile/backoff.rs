//! How long to wait before the next try.

use std::time::Duration;

/// Doubling waits between two bounds, with jitter, so that many agents behind one cause do not
/// come back together.
#[derive(Debug)]
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    tries: u32,
    spread: Spread,
}

impl Backoff {
    /// Waits from `min` to `max`; swapped bounds are put right.
    pub(super) fn new(min: Duration, max: Duration) -> Self {
        Self {
            min: min.min(max),
            max: max.max(min),
            tries: 0,
            spread: Spread::default(),
        }
    }

    /// The next wait: between half of the doubled bound and all of it. `max` may lower the bound.
    pub(super) fn next(&mut self, max: Duration) -> Duration {
        let doubled = self
            .min
            .saturating_mul(2_u32.saturating_pow(self.tries.min(20)));
        self.tries = self.tries.saturating_add(1);
        let bound = doubled.min(self.max.min(max).max(self.min));
        (bound / 2 + self.spread.share_of(bound / 2)).max(self.min)
    }

    /// Forgets the failures; only for proof of success.
    pub(super) fn reset(&mut self) {
        self.tries = 0;
    }
}

/// Numbers that are spread out, and nothing more: xorshift64 (Marsaglia 2003).
#[derive(Debug)]
pub(super) struct Spread(u64);

impl Default for Spread {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Spread {
    /// Another part of this time, from none to nearly all of it.
    pub(super) fn share_of(&mut self, time: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let share = u32::try_from(self.0 % 1_000).expect("below 1,000");
        time * share / 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_within_their_bounds_and_start_anew_after_a_reset() {
        let (min, max) = (Duration::from_millis(100), Duration::from_secs(5));
        let mut backoff = Backoff::new(min, max);
        let waits: Vec<Duration> = (0..100).map(|_| backoff.next(max)).collect();
        assert!(
            waits.iter().all(|wait| (min..=max).contains(wait)),
            "{waits:?}"
        );
        assert!(
            waits.iter().skip(8).all(|wait| *wait >= max / 2),
            "{waits:?}"
        );
        let low = Duration::from_millis(500);
        assert!(backoff.next(low) <= low);
        assert!(backoff.next(max) > low, "the waits grow all the same");
        backoff.reset();
        assert_eq!(backoff.next(max), min);
        assert_eq!(backoff.next(Duration::ZERO), min);
    }
}
