//! A state directory in memory, which fails or forgets on demand.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use sh0_agent::state::{Recalled, Remembered, State, StateError, Store};

/// A state directory in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeStore {
    kept: Arc<Mutex<State>>,
    recalled: Arc<Mutex<Option<Recalled>>>,
    remembered: Arc<AtomicUsize>,
    mood: Arc<Mutex<StoreMood>>,
}

/// What the state directory does with what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum StoreMood {
    #[default]
    Keeps,
    Fails,
    /// Says that it keeps it: no directory does.
    Forgets,
}

impl FakeStore {
    pub(crate) fn kept(&self) -> State {
        self.kept.lock().unwrap().clone()
    }

    /// What the next agent will remember.
    pub(crate) fn recalled(&self) -> Option<Recalled> {
        self.recalled.lock().unwrap().clone()
    }

    /// Lets the next agent remember something else.
    pub(crate) fn set_recalled(&self, recalled: Recalled) {
        *self.recalled.lock().unwrap() = Some(recalled);
    }

    /// Whether nothing can be written from now on.
    pub(crate) fn fail(&self, is_full: bool) {
        let mut mood = self.mood.lock().unwrap();
        match *mood {
            StoreMood::Forgets => {}
            StoreMood::Keeps | StoreMood::Fails if is_full => *mood = StoreMood::Fails,
            StoreMood::Keeps | StoreMood::Fails => *mood = StoreMood::Keeps,
        }
    }

    /// From now on it says that it keeps what it is given, and does not.
    pub(crate) fn forget(&self) {
        *self.mood.lock().unwrap() = StoreMood::Forgets;
    }

    /// Whether this write is done.
    fn writes(&self) -> Result<bool, StateError> {
        match *self.mood.lock().unwrap() {
            StoreMood::Keeps => Ok(true),
            StoreMood::Forgets => Ok(false),
            StoreMood::Fails => Err(StateError::Write {
                path: "/state".into(),
                source: std::io::ErrorKind::StorageFull.into(),
            }),
        }
    }

    /// How often something was written to be remembered.
    pub(crate) fn remembered(&self) -> usize {
        self.remembered.load(Ordering::Relaxed)
    }
}

impl Store for FakeStore {
    async fn save(&self, state: &State) -> Result<(), StateError> {
        tokio::task::yield_now().await;
        if self.writes()? {
            self.kept.lock().unwrap().clone_from(state);
        }
        Ok(())
    }

    async fn remember(&self, remembered: Arc<Remembered>, at: u64) -> Result<(), StateError> {
        tokio::task::yield_now().await;
        if !self.writes()? {
            return Ok(());
        }
        self.remembered.fetch_add(1, Ordering::Relaxed);
        self.set_recalled(Recalled {
            remembered: Arc::unwrap_or_clone(remembered),
            at,
            is_same_boot: true,
        });
        Ok(())
    }

    async fn recall(&self) -> Option<Recalled> {
        tokio::task::yield_now().await;
        self.recalled()
    }
}
