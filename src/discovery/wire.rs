//! What becomes of an engine's bytes, without an engine, for tests that make the bytes up.
//!
//! Owns nothing that the agent itself uses: it hands answers to the same functions as the adapter
//! does. Deliberately without sockets, time and tasks.

use std::collections::BTreeSet;

use bollard::models::EventMessage;

use super::list::List;
use super::relevance::{Known, Relevance};
use super::{Notice, StopRule, convert};
use crate::model::Snapshot;

/// The snapshot of a container list, where our own labels have this prefix; `None` when it cannot be
/// had whole.
#[must_use]
pub fn snapshot(list: &[u8], prefix: &str) -> Option<Snapshot> {
    let mut containers = List::new(prefix);
    containers.push(list).ok()?;
    containers.end().map(Snapshot::new).ok()
}

/// How an inspected container is stopped, and its exposed ports; `None` when it is no inspect.
#[must_use]
pub fn inspected(answer: &[u8]) -> Option<(StopRule, BTreeSet<u16>)> {
    let read = || serde_json::from_slice(answer).ok();
    Some((convert::stop_rule(read()?), convert::exposed_ports(read()?)))
}

/// One stream of events.
#[derive(Debug)]
pub struct Events {
    relevance: Relevance,
    known: Option<Known>,
}

impl Events {
    /// A stream on which the labels with this prefix count; `None` is before the first look.
    #[must_use]
    pub fn new(prefix: &str, last: Option<&Snapshot>) -> Self {
        Self {
            relevance: Relevance::new(prefix.to_owned()),
            known: last.map(|snapshot| Known::of(snapshot, prefix)),
        }
    }

    /// The notice of a line of the stream; `None` when it does not matter, or is no event.
    pub fn read(&mut self, line: &[u8]) -> Option<Notice> {
        let message: EventMessage = serde_json::from_slice(line).ok()?;
        let event = convert::event(message);
        self.relevance.judge(event, self.known.as_ref())
    }
}
