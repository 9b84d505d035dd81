//! Containers in memory that answer probes, and the notes of who was asked what and when.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use sh0_agent::probe::{Check, Probe, Question, Reason, Verdict};
use tokio::time::{Instant, sleep};

/// What is behind an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// An app that answers every request with this status.
    Answers(u16),
    /// It accepts connections, and says nothing.
    Silent,
}

/// A handle; clones speak of the same containers. Nobody listens anywhere at first.
#[derive(Clone, Default)]
pub(crate) struct FakeProbe(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    peers: BTreeMap<SocketAddr, Peer>,
    asked: Vec<(Instant, Check)>,
}

impl FakeProbe {
    /// From now on this is behind the address.
    pub(crate) fn put(&self, address: SocketAddr, peer: Peer) {
        self.state().peers.insert(address, peer);
    }

    /// From now on nobody listens there.
    pub(crate) fn take(&self, address: SocketAddr) {
        self.state().peers.remove(&address);
    }

    /// Every question so far, with its (virtual) time.
    pub(crate) fn asked(&self) -> Vec<(Instant, Check)> {
        self.state().asked.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics with the lock in hand")
    }
}

impl fmt::Debug for FakeProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeProbe").finish_non_exhaustive()
    }
}

impl Probe for FakeProbe {
    async fn check(&self, check: &Check) -> Verdict {
        let peer = {
            let mut state = self.state();
            state.asked.push((Instant::now(), check.clone()));
            state.peers.get(&check.address).copied()
        };
        tokio::task::yield_now().await;
        match (peer, &check.question) {
            (None, _) => Verdict::Unhealthy(Reason::Refused),
            (Some(_), Question::Tcp) => Verdict::Healthy,
            (Some(Peer::Silent), Question::Http(_)) => {
                sleep(check.timeout).await;
                Verdict::Unhealthy(Reason::Silent(check.timeout))
            }
            (Some(Peer::Answers(status)), Question::Http(question)) => {
                if question.expected.contains(status) {
                    Verdict::Healthy
                } else {
                    Verdict::Unhealthy(Reason::Status(status))
                }
            }
        }
    }
}
