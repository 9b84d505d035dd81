//! Containers in memory that answer the loop's questions, for a scene.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use sh0_agent::probe::{Check, Probe, Question, Reason, Verdict};

/// Containers that answer at once, unless a test has silenced them.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeProber(Arc<Mutex<Containers>>);

#[derive(Debug, Default)]
struct Containers {
    silent: BTreeSet<SocketAddr>,
    /// With what they answer instead of 200.
    failing: BTreeMap<SocketAddr, u16>,
    asked: BTreeMap<SocketAddr, usize>,
}

impl FakeProber {
    /// From now on nobody answers at this address.
    pub(crate) fn silence(&self, address: &str) {
        let address = address.parse().unwrap();
        self.0.lock().unwrap().silent.insert(address);
    }

    /// From now on requests to this address are answered with this status.
    pub(crate) fn fail(&self, address: &str, status: u16) {
        let address = address.parse().unwrap();
        self.0.lock().unwrap().failing.insert(address, status);
    }

    /// From now on requests to this address are answered with 200.
    pub(crate) fn pass(&self, address: &str) {
        let address: SocketAddr = address.parse().unwrap();
        self.0.lock().unwrap().failing.remove(&address);
    }

    /// How often it was asked.
    pub(crate) fn asked(&self, address: &str) -> usize {
        let address: SocketAddr = address.parse().unwrap();
        let containers = self.0.lock().unwrap();
        containers.asked.get(&address).copied().unwrap_or_default()
    }

    /// How often anybody was asked.
    pub(crate) fn all_asked(&self) -> usize {
        self.0.lock().unwrap().asked.values().sum()
    }

    /// From now on everybody answers.
    pub(crate) fn unsilence(&self) {
        let mut containers = self.0.lock().unwrap();
        containers.silent.clear();
        containers.failing.clear();
    }
}

impl Probe for FakeProber {
    async fn check(&self, check: &Check) -> Verdict {
        tokio::task::yield_now().await;
        let mut containers = self.0.lock().unwrap();
        *containers.asked.entry(check.address).or_default() += 1;
        let status = containers.failing.get(&check.address).copied();
        match (&check.question, status) {
            _ if containers.silent.contains(&check.address) => Verdict::Unhealthy(Reason::Refused),
            (Question::Http(question), Some(status)) if !question.expected.contains(status) => {
                Verdict::Unhealthy(Reason::Status(status))
            }
            (_, _) => Verdict::Healthy,
        }
    }
}
