//! What came back, as plain data.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::Kind;

/// So many losses of each kind of clients are told in words.
const TOLD_MAX: usize = 1_000;

/// What came back, by kind of client.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) clients: BTreeMap<Kind, Counts>,
    pub(crate) websockets: super::socket::Counts,
}

impl Report {
    /// Answers that were right.
    pub(crate) fn ok(&self) -> u64 {
        self.clients.values().map(|counts| counts.ok).sum()
    }

    /// What the losses were.
    pub(crate) fn losses(&self) -> impl Iterator<Item = &Loss> {
        self.clients.values().flat_map(|counts| &counts.failures)
    }

    /// All requests so far.
    pub(crate) fn answers(&self) -> u64 {
        self.ok() + self.failed()
    }

    /// All others.
    pub(crate) fn failed(&self) -> u64 {
        self.clients.values().map(|counts| counts.failed).sum()
    }
}

/// What came back to one kind of client.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Counts {
    /// Answers with status 200 whose body names the app and what was sent.
    pub(crate) ok: u64,
    /// Everything else: other answers, wrong bodies, no answer.
    pub(crate) failed: u64,
    /// Requests that were sent again; each of them counts as ok or failed, too.
    pub(crate) retried: u64,
    /// The longest time from a request to its answer, repetitions included.
    pub(crate) longest_wait_ms: u64,
    /// How often each container has answered.
    pub(crate) names: BTreeMap<String, u64>,
    /// The first losses.
    pub(crate) failures: Vec<Loss>,
}

/// A request without a right answer, or a websocket that was closed.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Loss {
    /// When it was lost, in milliseconds since the clients began.
    pub(crate) at_ms: u64,
    /// How long it had taken by then: since it was sent, or since the last message.
    pub(crate) took_ms: u64,
    /// What came back instead.
    pub(crate) reason: String,
}

/// Counts that all clients of a kind write to. Behind a lock, because whoever waits for answers
/// reads them while the clients work, and both hold it for less than a microsecond.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    counts: Arc<Mutex<Counts>>,
    began: Instant,
}

impl Tally {
    /// No counts; losses are told with the time since `began`.
    pub(crate) fn new(began: Instant) -> Self {
        Self {
            counts: Arc::default(),
            began,
        }
    }

    /// The counts so far.
    pub(crate) fn counts(&self) -> Counts {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.clone()
    }

    /// One request more: who answered, or what went wrong.
    pub(crate) fn note(&self, answered: Result<String, String>, retried: u64, took: Duration) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.retried += retried;
        let took_ms = milliseconds(took);
        counts.longest_wait_ms = counts.longest_wait_ms.max(took_ms);
        match answered {
            Ok(name) => {
                counts.ok += 1;
                *counts.names.entry(name).or_default() += 1;
            }
            Err(reason) => {
                counts.failed += 1;
                if counts.failures.len() < TOLD_MAX {
                    counts.failures.push(Loss {
                        at_ms: milliseconds(self.began.elapsed()),
                        took_ms,
                        reason,
                    });
                }
            }
        }
    }
}

/// Whole milliseconds; more than half a billion years are not told apart.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
