//! Counters of what the agent does, for who watches it over weeks.
//!
//! Owns the instruments, not their names: the table in [`crate::status::exposition`] gives each its
//! name and meaning. Instruments are atomics that several tasks add to, so that counting costs
//! nanoseconds and makes nobody wait; a reader may see one observation half counted. Whatever can
//! be computed of the status is computed when it is read, and is not counted here. Deliberately has
//! no label for a host or a container: the number of series is fixed.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// Upper bounds of the buckets of all durations, in seconds: from a file's write to a slow start of
/// an app.
pub const BOUNDS: [f64; 15] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// The values of one label, few and known.
pub trait Word: Copy + 'static {
    /// All of them, in the order of their declaration.
    const ALL: &'static [Self];
    /// As the label's value.
    fn as_str(self) -> &'static str;
    /// Its place in [`Word::ALL`].
    fn index(self) -> usize;
}

macro_rules! words {
    ($(#[doc = $about:literal])+ $name:ident { $($(#[doc = $doc:literal])+ $word:ident = $text:literal,)+ }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name { $($(#[doc = $doc])+ #[serde(rename = $text)] $word,)+ }

        impl Word for $name {
            const ALL: &'static [Self] = &[$(Self::$word,)+];

            fn as_str(self) -> &'static str {
                match self { $(Self::$word => $text,)+ }
            }

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

words! {
    /// How a container's address came into force.
    Way {
        /// A slot was written.
        Slot = "slot",
        /// The config was loaded.
        Load = "load",
    }
}

words! {
    /// Why a config was sent to Caddy.
    LoadReason {
        /// What containers or certificates ask for has changed.
        Change = "change",
        /// Sites were removed, and nothing else happened for a minute.
        Removal = "removal",
        /// A new Caddy process serves an older config.
        NewProcess = "new_process",
        /// The last load failed.
        Retry = "retry",
        /// Caddy refused the last config, and what is to blame is left out or searched for.
        Quarantine = "quarantine",
    }
}

words! {
    /// What came of a load.
    LoadResult {
        /// Caddy serves the config.
        Applied = "applied",
        /// Caddy refused it.
        Refused = "refused",
        /// Caddy did not answer, or cannot use it on this machine.
        Failed = "failed",
        /// The process that took it has ended.
        Lost = "lost",
    }
}

words! {
    /// How the wait of a held request ended.
    HeldEnd {
        /// A container took it.
        Passed = "passed",
        /// No container came in time.
        GaveUp = "gave_up",
        /// The client went away.
        Left = "left",
        /// Too many waited already.
        Refused = "refused",
        /// Nobody was expected, so it did not wait at all.
        NotExpected = "not_expected",
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long something took, each time.
#[derive(Debug, Default)]
pub struct Durations {
    /// By the bucket in which each lies; the last is beyond all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Durations {
    /// It took so long once more.
    pub fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound);
        if let Some(bucket) = self.buckets.get(bucket.unwrap_or(BOUNDS.len())) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// How many took at most each of [`BOUNDS`], then how many there are.
    pub fn cumulative(&self) -> [u64; BOUNDS.len() + 1] {
        let mut sum = 0;
        self.buckets.each_ref().map(|bucket| {
            sum += bucket.load(Ordering::Relaxed);
            sum
        })
    }

    /// The sum of all, to the microsecond.
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::Relaxed))
    }
}

/// One instrument for each value of a label.
pub struct By<W, T> {
    each: Vec<T>,
    word: PhantomData<W>,
}

impl<W: Word, T: Default> Default for By<W, T> {
    fn default() -> Self {
        Self {
            each: W::ALL.iter().map(|_| T::default()).collect(),
            word: PhantomData,
        }
    }
}

impl<W, T: fmt::Debug> fmt::Debug for By<W, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.each.fmt(f)
    }
}

impl<W: Word, T> By<W, T> {
    /// That of this value.
    ///
    /// # Panics
    /// Never: there is one for each value.
    pub fn of(&self, word: W) -> &T {
        self.each.get(word.index()).expect("one for each word")
    }

    /// All, in the order of the values.
    pub fn iter(&self) -> impl Iterator<Item = (W, &T)> {
        W::ALL.iter().copied().zip(&self.each)
    }
}

/// Asks the loop for a sign of life.
#[derive(Debug, Default)]
pub struct Pulse {
    asked: Notify,
    answered: Notify,
}

impl Pulse {
    /// Waits until the loop has answered; for ever when it hangs.
    pub async fn ask(&self) {
        let answered = self.answered.notified();
        self.asked.notify_one();
        answered.await;
    }

    /// Waits until somebody asks. May be dropped at any await.
    pub async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Answers all who ask.
    pub fn answer(&self) {
        self.answered.notify_waiters();
    }
}

/// All instruments. Shared, because tasks of their own count what waits.
#[derive(Debug, Default)]
pub struct Metrics {
    /// From the event of a container to its address being in force.
    pub pickup: By<Way, Durations>,
    /// Configs sent to Caddy.
    pub loads: By<LoadReason, By<LoadResult, Counter>>,
    /// How long Caddy took for one.
    pub load_duration: Durations,
    /// Slots that were written with a new content.
    pub slot_writes: Counter,
    /// Requests that began to wait for a container.
    pub held: Counter,
    /// Those whose wait has ended, and those that were not let wait.
    pub held_ends: By<HeldEnd, Counter>,
    /// How long they waited.
    pub held_wait: Durations,
    /// From the first question to a new container to the answer that it is ready.
    pub ready_wait: Durations,
    /// Containers that were told to stop while they took requests.
    pub drains: Counter,
    /// The loop's sign of life.
    pub pulse: Pulse,
}

impl Metrics {
    /// How many requests wait for a container.
    pub fn waiting(&self) -> u64 {
        let ends = [HeldEnd::Passed, HeldEnd::GaveUp, HeldEnd::Left];
        let ended: u64 = ends.map(|end| self.held_ends.of(end).get()).iter().sum();
        self.held.get().saturating_sub(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_all_buckets_that_it_does_not_exceed() {
        let durations = Durations::default();
        for millis in [1, 2, 600, 61_000] {
            durations.observe(Duration::from_millis(millis));
        }
        let expected = [1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 4];
        assert_eq!(durations.cumulative(), expected);
        assert_eq!(durations.sum(), Duration::from_millis(61_603));
    }

    #[tokio::test]
    async fn who_asks_is_answered_also_when_nobody_listened_yet() {
        let pulse = Pulse::default();
        let loop_of_one = async {
            pulse.asked().await;
            pulse.answer();
        };
        tokio::join!(pulse.ask(), loop_of_one);
    }
}
