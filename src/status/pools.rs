//! What is known of sites beyond the table: how the last container came, and who waits for one.

use serde::{Deserialize, Serialize, Serializer};

use crate::model::{PoolKey, SharedMap};
use crate::slots::WaitingRoom;

/// How a container came to take requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pickup {
    /// When it did, in seconds since 1970.
    pub at: u64,
    /// How long after the event that announced it.
    pub millis: u64,
}

/// Only the pools for which somebody waits: with thousands that is mostly nobody.
pub(super) fn who_wait<S: Serializer>(
    rooms: &SharedMap<PoolKey, WaitingRoom>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let waiting = rooms.iter().map(|(pool, room)| (pool, room.waiting()));
    serializer.collect_map(waiting.filter(|(_, waiting)| *waiting > 0))
}
