//! An engine in memory: a map of containers, notices of its changes, and failures on demand.

mod weather;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use sh0_agent::discovery::{DockerRequest, Engine, EngineError, EngineProcess, Notice, StopRule};
use sh0_agent::model::{
    Address, Container, ContainerId, ContainerState, Few, Health, NetworkMode, Snapshot,
};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

pub(crate) use self::weather::{Delivery, Listing};
use crate::engine_contract::EXPOSED_PORT;

/// How far back a new stream begins, as with the real engine.
const OVERLAP: Duration = Duration::from_secs(5);

/// More notices than any test causes between two polls of a stream.
const STREAM_NOTICES_MAX: usize = 10_000;

type Sent = (Instant, Notice);

/// The engine; clones are handles to the same.
#[derive(Debug, Clone)]
pub(crate) struct FakeEngine {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    prefix: String,
    containers: BTreeMap<ContainerId, Container>,
    networks: BTreeSet<String>,
    listing: Listing,
    delivery: Delivery,
    /// The notice that waits for the one that follows it.
    swapped: Option<Notice>,
    streams: Vec<mpsc::Sender<Sent>>,
    streams_refused: bool,
    history: VecDeque<Sent>,
    listings: usize,
    /// What was asked about containers, in order.
    calls: Vec<String>,
    stop_rules: BTreeMap<ContainerId, StopRule>,
    process: EngineProcess,
    live_restore: bool,
    blocked: BTreeMap<DockerRequest, u16>,
}

impl FakeEngine {
    /// An empty engine with the network `sh0-net`, for labels that begin with `sh0.`.
    pub(crate) fn new() -> Self {
        let state = State {
            prefix: "sh0".to_owned(),
            containers: BTreeMap::new(),
            networks: BTreeSet::from(["sh0-net".to_owned()]),
            listing: Listing::Works,
            delivery: Delivery::AtOnce,
            swapped: None,
            streams: Vec::new(),
            streams_refused: false,
            history: VecDeque::new(),
            listings: 0,
            calls: Vec::new(),
            stop_rules: BTreeMap::new(),
            process: EngineProcess::Known("engine 1".to_owned()),
            live_restore: false,
            blocked: BTreeMap::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// A running container on `sh0-net` with the address `10.0.0.<n>`, not yet in the engine.
    pub(crate) fn container(name: &str, n: u8, labels: &[(&str, &str)]) -> Container {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Container {
            id: ContainerId::new(format!("{name}-id-{n:0>12}")).unwrap(),
            name: name.into(),
            labels: labels.iter().map(owned).collect(),
            state: ContainerState::Running,
            health: Health::None,
            created: 1_700_000_000 + i64::from(n),
            network_mode: NetworkMode::Attached,
            networks: Few::from([("sh0-net".to_owned(), address(n))]),
            ports: BTreeSet::from([EXPOSED_PORT]),
        }
    }

    /// Puts a container there, or another in its place, and tells of it.
    pub(crate) fn put(&self, action: &str, container: Container) {
        let mut state = self.state();
        let before = state
            .containers
            .insert(container.id.clone(), container.clone());
        state.tell(action, &before.unwrap_or(container));
    }

    /// Changes a container and tells of it.
    pub(crate) fn change(
        &self,
        action: &str,
        id: &ContainerId,
        change: impl FnOnce(&mut Container),
    ) {
        let mut container = self.state().containers[id].clone();
        change(&mut container);
        self.put(action, container);
    }

    /// Removes a container and tells of it.
    pub(crate) fn remove(&self, id: &ContainerId) {
        let mut state = self.state();
        let container = state.containers.remove(id).expect("it is there");
        state.tell("destroy", &container);
    }

    /// What is there now.
    pub(crate) fn now(&self) -> Snapshot {
        Snapshot::new(self.state().containers.values().cloned())
    }

    /// How many listings were asked for.
    pub(crate) fn listings(&self) -> usize {
        self.state().listings
    }

    /// What was asked about containers since the last call of this.
    pub(crate) fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.state().calls)
    }

    /// What a list with this content comes to.
    async fn listed(&self, snapshot: Snapshot) -> Result<Snapshot, EngineError> {
        let listing = self.state().listing;
        match listing {
            Listing::Works => Ok(snapshot),
            Listing::Forgets => Ok(Snapshot::default()),
            Listing::Takes(time) => {
                sleep(time).await;
                Ok(snapshot)
            }
            Listing::Fails => Err(unreachable_engine()),
            Listing::Hangs => {
                let limit = Duration::from_secs(10);
                sleep(limit).await;
                Err(EngineError::Timeout {
                    operation: DockerRequest::List,
                    limit,
                })
            }
        }
    }

    /// Sends a container a signal and tells of it; what the container does then is up to the test.
    pub(crate) fn kill(&self, id: &ContainerId, signal: i32) {
        let notice = Notice::Kill {
            container: id.clone(),
            signal,
        };
        self.state().send(&notice);
    }

    /// How this container is stopped, if not by Docker's default.
    pub(crate) fn set_stop_rule(&self, id: &ContainerId, rule: StopRule) {
        self.state().stop_rules.insert(id.clone(), rule);
    }

    /// Who listens from now on.
    pub(crate) fn set_process(&self, process: EngineProcess) {
        self.state().process = process;
    }

    /// Whether containers outlive it.
    pub(crate) fn set_live_restore(&self, outlive: bool) {
        self.state().live_restore = outlive;
    }

    /// What a proxy before it blocks from now on.
    pub(crate) fn set_blocked(&self, blocked: impl IntoIterator<Item = (DockerRequest, u16)>) {
        self.state().blocked = blocked.into_iter().collect();
    }

    /// What listings do from now on.
    pub(crate) fn set_listing(&self, listing: Listing) {
        self.state().listing = listing;
    }

    /// What becomes of the notices of changes from now on.
    pub(crate) fn set_delivery(&self, delivery: Delivery) {
        let mut state = self.state();
        state.delivery = delivery;
        if let Some(notice) = state.swapped.take() {
            state.deliver(Instant::now(), &notice);
        }
    }

    /// Ends all streams after what they still hold.
    pub(crate) fn cut_streams(&self) {
        self.state().streams.clear();
    }

    /// Whether new streams fail at their first poll.
    pub(crate) fn refuse_streams(&self, refuse: bool) {
        self.state().streams_refused = refuse;
    }

    /// Makes the network `sh0-net` known or unknown.
    pub(crate) fn set_network(&self, exists: bool) {
        let mut state = self.state();
        state.networks.clear();
        state.networks.extend(exists.then(|| "sh0-net".to_owned()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics with the lock")
    }
}

impl State {
    /// As the real engine's filter: labelled containers and those that lend them their network.
    fn tell(&mut self, action: &str, container: &Container) {
        let id = &container.id;
        let lent = |c: &Container| c.network_mode == NetworkMode::Container(id.clone());
        let matters = container.has_prefix(&self.prefix)
            || self
                .containers
                .values()
                .any(|c| c.has_prefix(&self.prefix) && lent(c));
        if matters {
            self.send(&Notice::LookAgain {
                action: action.to_owned(),
                container: Some(id.clone()),
            });
        }
    }

    fn send(&mut self, notice: &Notice) {
        let now = Instant::now();
        let due = match self.delivery {
            Delivery::AtOnce => now,
            Delivery::After(delay) => now + delay,
            Delivery::Lost => return,
            Delivery::Twice => {
                self.deliver(now, notice);
                now
            }
            Delivery::Swapped => match self.swapped.take() {
                None => {
                    self.swapped = Some(notice.clone());
                    return;
                }
                Some(before) => {
                    self.deliver(now, notice);
                    return self.deliver(now, &before);
                }
            },
        };
        self.deliver(due, notice);
    }

    fn deliver(&mut self, due: Instant, notice: &Notice) {
        let now = Instant::now();
        self.history.retain(|(due, _)| *due + OVERLAP >= now);
        self.history.push_back((due, notice.clone()));
        self.streams
            .retain(|stream| stream.try_send((due, notice.clone())).is_ok());
    }

    fn open(&mut self) -> Result<mpsc::Receiver<Sent>, EngineError> {
        if self.streams_refused {
            return Err(unreachable_engine());
        }
        let (sender, receiver) = mpsc::channel(STREAM_NOTICES_MAX);
        let now = Instant::now();
        for sent in self.history.iter().filter(|(due, _)| *due + OVERLAP >= now) {
            sender.try_send(sent.clone()).expect("room for the history");
        }
        self.streams.push(sender);
        Ok(receiver)
    }
}

impl Engine for FakeEngine {
    async fn snapshot(&self) -> Result<Snapshot, EngineError> {
        let snapshot = {
            let mut state = self.state();
            state.listings += 1;
            state.calls.push("list all".to_owned());
            Snapshot::new(state.containers.values().cloned())
        };
        self.listed(snapshot).await
    }

    async fn look_at(&self, ids: &BTreeSet<ContainerId>) -> Result<Snapshot, EngineError> {
        let snapshot = {
            let mut state = self.state();
            let names = ids.iter().map(|id| {
                let known = state.containers.get(id);
                known.map_or_else(|| format!("({id})"), |container| container.name.to_string())
            });
            let call = format!("list {}", names.collect::<Vec<_>>().join(" "));
            state.calls.push(call);
            let found = ids.iter().filter_map(|id| state.containers.get(id));
            Snapshot::new(found.cloned())
        };
        self.listed(snapshot).await
    }

    fn notices(&self) -> BoxStream<'static, Result<Notice, EngineError>> {
        let engine = self.clone();
        let opened = stream::once(async move { engine.state().open() });
        opened
            .flat_map(|opened| match opened {
                Err(error) => stream::once(async { Err(error) }).boxed(),
                Ok(receiver) => stream::unfold(receiver, |mut receiver| async {
                    let (due, notice) = receiver.recv().await?;
                    sleep_until(due).await;
                    Some((Ok(notice), receiver))
                })
                .boxed(),
            })
            .boxed()
    }

    async fn stop_rule(&self, id: &ContainerId) -> Result<StopRule, EngineError> {
        let mut state = self.state();
        let name = state.containers.get(id).map(|c| c.name.to_string());
        state
            .calls
            .push(format!("inspect {}", name.unwrap_or_default()));
        match state.listing {
            Listing::Fails | Listing::Hangs => Err(unreachable_engine()),
            Listing::Works | Listing::Takes(_) | Listing::Forgets => {
                Ok(state.stop_rules.get(id).copied().unwrap_or_default())
            }
        }
    }

    async fn live_restore(&self) -> Result<bool, EngineError> {
        Ok(self.state().live_restore)
    }

    async fn check_access(&self) {}

    fn blocked(&self) -> BTreeMap<DockerRequest, u16> {
        self.state().blocked.clone()
    }

    async fn process(&self) -> EngineProcess {
        self.state().process.clone()
    }

    async fn network_exists(&self, name: &str) -> Result<bool, EngineError> {
        let state = self.state();
        match state.listing {
            Listing::Fails | Listing::Hangs => Err(unreachable_engine()),
            Listing::Works | Listing::Takes(_) | Listing::Forgets => {
                Ok(state.networks.contains(name))
            }
        }
    }
}

fn unreachable_engine() -> EngineError {
    EngineError::Unreachable {
        endpoint: "fake".to_owned(),
        source: "nobody is there".into(),
    }
}

pub(crate) fn address(n: u8) -> Address {
    Address {
        ipv4: Some(Ipv4Addr::new(10, 0, 0, n)),
        ipv6: None,
    }
}
