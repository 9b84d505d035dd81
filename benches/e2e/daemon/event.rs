//! Events, and the streams that tell them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sh0_agent::clock::wall_clock;
use tokio::sync::mpsc;

use super::container::Container;
use super::filters::Filters;
use super::{NETWORK, NETWORK_ID};

/// So many past events a new stream may begin with, as Docker's own (`eventsLimit` in its
/// daemon/events).
const HISTORY_MAX: usize = 256;
/// So many events may wait in a stream.
const STREAM_MAX: usize = 1_024;
/// A stream that takes nothing for so long is ended.
const PATIENCE: Duration = Duration::from_mins(1);

/// The filters of a stream.
pub(super) const FILTERS: [&str; 5] = ["container", "event", "label", "scope", "type"];

/// Something that happened.
#[derive(Debug, Clone)]
pub(super) struct Event {
    kind: &'static str,
    action: String,
    container: String,
    attributes: BTreeMap<String, String>,
    time: Duration,
}

impl Event {
    /// `connect` and `disconnect` are the network's, all others the container's own.
    pub(super) fn of(container: &Container, action: &str) -> Self {
        let is_network = ["connect", "disconnect"].contains(&action);
        let attribute = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let attributes = if is_network {
            BTreeMap::from([
                attribute("container", &container.id),
                attribute("name", NETWORK),
                attribute("type", "bridge"),
            ])
        } else {
            let mut attributes = container.attributes();
            attributes.extend((action == "kill").then(|| attribute("signal", "15")));
            attributes
        };
        Self {
            kind: if is_network { "network" } else { "container" },
            action: action.to_owned(),
            container: container.id.clone(),
            attributes,
            time: now(),
        }
    }

    fn line(&self) -> String {
        let is_container = self.kind == "container";
        let id = if is_container {
            &self.container
        } else {
            NETWORK_ID
        };
        let mut event = json!({
            "Type": self.kind,
            "Action": self.action,
            "Actor": {"ID": id, "Attributes": self.attributes},
            "scope": "local",
            "time": self.time.as_secs(),
            "timeNano": u64::try_from(self.time.as_nanos()).unwrap_or(u64::MAX)
        });
        // What came before `Actor`, and is still sent of containers.
        if let Some(fields) = event.as_object_mut().filter(|_| is_container) {
            let old = [
                ("status", self.action.as_str()),
                ("id", &self.container),
                ("from", Container::image()),
            ];
            fields.extend(old.map(|(key, value)| (key.to_owned(), Value::from(value))));
        }
        format!("{event}\n")
    }

    fn fits(&self, filters: &Filters) -> bool {
        let word = self.action.split(':').next().unwrap_or_default();
        filters.any("type", |kind| kind == self.kind)
            && filters.any("event", |action| action == self.action || action == word)
            && filters.any("scope", |scope| scope == "local")
            && filters.any("container", |id| self.container.starts_with(id))
            && filters.labels(&self.attributes)
    }
}

/// The open streams, and what the next one may begin with.
#[derive(Debug, Default)]
pub(super) struct Streams {
    history: VecDeque<Event>,
    open: Vec<(Filters, mpsc::Sender<Arc<str>>)>,
}

/// An event on its way.
#[derive(Debug)]
pub(super) struct Waiting {
    line: Arc<str>,
    to: Vec<mpsc::Sender<Arc<str>>>,
}

impl Streams {
    /// A new stream, which begins with what has happened since then.
    pub(super) fn subscribe(
        &mut self,
        filters: Filters,
        since: Option<Duration>,
    ) -> mpsc::Receiver<Arc<str>> {
        let (sender, receiver) = mpsc::channel(STREAM_MAX);
        let past = self.history.iter().filter(|event| event.fits(&filters));
        for event in past.filter(|event| since.is_some_and(|since| since <= event.time)) {
            let sent = sender.try_send(event.line().into());
            sent.expect("the history is shorter than the stream");
        }
        self.open.push((filters, sender));
        receiver
    }

    /// Remembers the event, and says who is to get it.
    pub(super) fn add(&mut self, event: Event) -> Waiting {
        self.open.retain(|(_, sender)| !sender.is_closed());
        let fits = self.open.iter().filter(|(filters, _)| event.fits(filters));
        let to = fits.map(|(_, sender)| sender.clone()).collect();
        let line = event.line().into();
        self.history.push_back(event);
        if HISTORY_MAX < self.history.len() {
            self.history.pop_front();
        }
        Waiting { line, to }
    }

    pub(super) fn cut(&mut self) {
        self.open.clear();
    }

    pub(super) fn open(&self) -> usize {
        let open = self.open.iter().filter(|(_, sender)| !sender.is_closed());
        open.count()
    }
}

/// Puts the event into its streams.
pub(super) async fn deliver(waiting: Waiting) {
    for sender in waiting.to {
        let sent = sender.send_timeout(Arc::clone(&waiting.line), PATIENCE);
        // A reader that has gone is no matter of the teller's.
        drop(sent.await);
    }
}

fn now() -> Duration {
    Duration::from_secs(wall_clock())
}
