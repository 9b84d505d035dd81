//! A Docker daemon's API without containers: what an agent asks for, for any number of them.
//!
//! It answers on a Unix socket as Engine 20.10 does, from a list that whoever holds the [`Daemon`]
//! changes, and tells of changes on the event stream. It can freeze, slow down and go away, and
//! counts what it was asked. What it does not know (a filter, a path) it refuses, so that no client
//! gets a wrong answer in silence. It starts no process, and its containers are addresses on which
//! somebody else listens.

mod container;
mod event;
mod filters;
mod server;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub(crate) use self::container::{Container, State};
use self::event::Streams;
use self::server::Door;

/// The routing network, which all containers are on.
pub(crate) const NETWORK: &str = "sh0-net";
const NETWORK_ID: &str = "53b5d1a9a4c1c39a4c6f1b2b0c8bb7bd1d9b2a4c7e0f3a6955b1c08e2d7f4a10";

/// How the daemon behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// It answers at once.
    Fair,
    /// It answers each request so much later.
    Slow(Duration),
    /// It takes requests and answers none; streams are silent.
    Frozen,
    /// Nobody is there: streams break and connections end.
    Gone,
}

/// What was asked of one endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Count {
    /// Requests.
    pub(crate) calls: u64,
    /// Bytes of their answers' bodies.
    pub(crate) bytes: u64,
}

/// What was asked, by endpoint.
pub(crate) type Counts = BTreeMap<&'static str, Count>;

/// A daemon at a socket of its own; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Daemon {
    shared: Arc<Shared>,
    folder: TempDir,
    _tasks: JoinSet<()>,
}

/// What its connections share. A lock each, held for the copying of a text at most and never across
/// an await.
#[derive(Debug)]
struct Shared {
    containers: Mutex<BTreeMap<String, Known>>,
    streams: Mutex<Streams>,
    counts: Mutex<Counts>,
    weather: watch::Sender<Weather>,
}

/// A container, and its entry of a list: made once, as a list of ten thousand is asked for often.
#[derive(Debug)]
struct Known {
    container: Container,
    listed: String,
}

impl Known {
    fn new(container: Container) -> Self {
        let listed = container.listed().to_string();
        Self { container, listed }
    }
}

impl Daemon {
    /// A daemon with these containers.
    pub(crate) fn start(containers: impl IntoIterator<Item = Container>) -> Self {
        let known = containers
            .into_iter()
            .map(|container| (container.id.clone(), Known::new(container)));
        let shared = Arc::new(Shared {
            containers: Mutex::new(known.collect()),
            streams: Mutex::default(),
            counts: Mutex::default(),
            weather: watch::Sender::new(Weather::Fair),
        });
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join("docker.sock"));
        let door = Door::new(listener.expect("the folder is new"), Arc::clone(&shared));
        let mut tasks = JoinSet::new();
        tasks.spawn(server::serve(door, Arc::clone(&shared)));
        Self {
            shared,
            folder,
            _tasks: tasks,
        }
    }

    /// Where it is, as `DOCKER_HOST` says it.
    pub(crate) fn endpoint(&self) -> String {
        format!("unix://{}/docker.sock", self.folder.path().display())
    }

    /// Puts a container there, or changes the one with its id, and then tells these events of it:
    /// `connect` and `disconnect` of the network, all others of the container.
    pub(crate) async fn put(&self, container: Container, actions: &[&str]) {
        self.hide(&container);
        self.tell(&container, actions).await;
    }

    /// Puts a container there and tells nobody.
    pub(crate) fn hide(&self, container: &Container) {
        let mut containers = lock(&self.shared.containers);
        containers.insert(container.id.clone(), Known::new(container.clone()));
    }

    /// Removes a container and tells of it.
    pub(crate) async fn remove(&self, container: &Container) {
        lock(&self.shared.containers).remove(&container.id);
        self.tell(container, &["destroy"]).await;
    }

    /// Tells events of a container that need not be there. Waits while a stream has too many that
    /// nobody has read.
    pub(crate) async fn tell(&self, container: &Container, actions: &[&str]) {
        for action in actions {
            let event = event::Event::of(container, action);
            let waiting = lock(&self.shared.streams).add(event);
            event::deliver(waiting).await;
        }
    }

    /// Changes how it behaves.
    pub(crate) fn turn(&self, weather: Weather) {
        self.shared.weather.send_replace(weather);
        if weather == Weather::Gone {
            self.cut();
        }
    }

    /// Breaks all streams that are open.
    pub(crate) fn cut(&self) {
        lock(&self.shared.streams).cut();
    }

    /// How many streams are open.
    pub(crate) fn streams(&self) -> usize {
        lock(&self.shared.streams).open()
    }

    /// What was asked of it so far.
    pub(crate) fn counts(&self) -> Counts {
        lock(&self.shared.counts).clone()
    }
}

impl Shared {
    fn count(&self, endpoint: &'static str, calls: u64, bytes: usize) {
        let mut counts = lock(&self.counts);
        let count = counts.entry(endpoint).or_default();
        count.calls += calls;
        count.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
