//! How the health of the containers of a pool is watched.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Serialize;

/// HTTP statuses, as ranges. `Display` is what a label may say: `200-399, 401`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct StatusSet(Vec<(u16, u16)>);

impl StatusSet {
    /// The statuses of these ranges, both ends included.
    #[must_use]
    pub fn new(ranges: impl IntoIterator<Item = RangeInclusive<u16>>) -> Self {
        let ranges = ranges.into_iter();
        Self(ranges.map(RangeInclusive::into_inner).collect())
    }

    /// Whether the status is among them.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        let mut ranges = self.0.iter();
        ranges.any(|(first, last)| (*first..=*last).contains(&status))
    }
}

impl Default for StatusSet {
    /// The answers by which an app says that all is well: 2xx and 3xx.
    fn default() -> Self {
        Self::from(200..=399)
    }
}

impl From<RangeInclusive<u16>> for StatusSet {
    fn from(range: RangeInclusive<u16>) -> Self {
        Self::new([range])
    }
}

impl fmt::Display for StatusSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

/// Questions that the agent asks the containers of a pool while they take requests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct HealthCheck {
    /// Path with or without a query; begins with `/`.
    pub path: String,
    /// From one question to the next. 1 s or more.
    pub interval: Duration,
    /// How long the answer may take. At most the interval.
    pub timeout: Duration,
    /// The answers that are good.
    pub status: StatusSet,
}

/// When Caddy leaves out an upstream by what becomes of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PassiveChecks {
    /// How long a failed request is remembered.
    pub fail_for: Duration,
    /// So many remembered ones leave the upstream out. 1 or more.
    pub max_fails: u32,
}

/// How the health of a pool is watched, beyond its containers' HEALTHCHECK.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct HealthRules {
    /// The agent's questions; `None` is none.
    pub active: Option<HealthCheck>,
    /// Caddy's own judgement; `None` is none.
    pub passive: Option<PassiveChecks>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_statuses_is_shown_as_it_is_written() {
        let set = StatusSet::new([200..=399, 401..=401]);
        assert_eq!(set.to_string(), "200-399, 401");
        let contained: Vec<u16> = [199, 200, 399, 400, 401, 402].into();
        let contained: Vec<u16> = { contained }
            .into_iter()
            .filter(|status| set.contains(*status))
            .collect();
        assert_eq!(contained, [200, 399, 401]);
    }
}
