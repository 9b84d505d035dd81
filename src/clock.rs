//! The wall clock: claims are dated by it. Everything that waits uses Tokio's clock instead.

use std::time::UNIX_EPOCH;

/// Seconds since 1970; 0 with a clock that stands before that.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the wall clock"
)]
pub fn wall_clock() -> u64 {
    std::time::SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
