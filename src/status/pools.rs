//! What is known of sites beyond the table: how the last container came, who waits for one, and which
//! certificates are on their way.

use serde::{Deserialize, Serialize, Serializer};

use crate::model::{ByPool, utc};
use crate::slots::WaitingRoom;

/// How a container came to take requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pickup {
    /// When it did, in seconds since 1970.
    pub at: u64,
    /// How long after the event that announced it.
    pub millis: u64,
}

/// A certificate that Caddy is getting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obtaining {
    /// Since when, in seconds since 1970.
    pub since: u64,
    /// Why the last try failed, in the authority's words, so untrusted; `None` before the first
    /// failure.
    pub error: Option<String>,
}

impl Obtaining {
    /// In words, as of a host.
    pub(super) fn text(&self) -> String {
        let text = format!(
            "its certificate is being obtained since {} UTC",
            utc(self.since)
        );
        match &self.error {
            Some(error) => format!("{text}; the last try failed: {error}"),
            None => text,
        }
    }
}

/// Only the pools for which somebody waits: with thousands that is mostly nobody.
pub(super) fn who_wait<S: Serializer>(
    rooms: &ByPool<WaitingRoom>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let waiting = rooms.iter().map(|(pool, room)| (pool, room.waiting()));
    serializer.collect_map(waiting.filter(|(_, waiting)| *waiting > 0))
}
