//! Where the requests of one pool wait, counted.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places in which requests for a pool wait. Clones count the same places, so that a reader sees
/// how many are taken now, and nobody has to be told of each request.
#[derive(Debug, Clone)]
pub struct WaitingRoom {
    free: Arc<Semaphore>,
    places: usize,
}

impl WaitingRoom {
    /// One with so many places, all of them free.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(places)),
            places,
        }
    }

    /// How many requests wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.places - self.free.available_permits()
    }

    /// A place, until it is dropped; `None` when none is free.
    #[must_use]
    pub fn enter(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).try_acquire_owned().ok()
    }
}

impl Serialize for WaitingRoom {
    /// How many wait.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.waiting().serialize(serializer)
    }
}
