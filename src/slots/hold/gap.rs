//! One gap's socket: accepts, counts, and hands each connection to a task of its own.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::select;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::waiter::Waiter;
use super::{GapState, Tally, WaitingRoom, resume};
use crate::metrics::{HeldEnd, Metrics};
use crate::model::PoolKey;

/// After an accept that failed, mostly for want of file descriptors: long enough not to spin, and
/// nobody is lost meanwhile, because the kernel queues thousands.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A listening socket whose file goes with it.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    listener: UnixListener,
}

impl SocketFile {
    pub(super) fn new(path: PathBuf, listener: UnixListener) -> Self {
        Self { path, listener }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Gone already when somebody emptied the runtime directory; a later agent removes the rest.
        drop(fs::remove_file(&self.path));
    }
}

/// The free places of a pool.
#[derive(Debug, Clone)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    room: WaitingRoom,
}

/// A place in use; dropping it frees it.
#[derive(Debug)]
pub(super) struct Place {
    _all: OwnedSemaphorePermit,
    _pool: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(all: Arc<Semaphore>, room: WaitingRoom) -> Self {
        Self { all, room }
    }

    pub(super) fn taken(&self) -> usize {
        self.room.waiting()
    }

    /// A place, if both the pool and the whole have one.
    fn take(&self) -> Option<Place> {
        Some(Place {
            _pool: self.room.enter()?,
            _all: Arc::clone(&self.all).try_acquire_owned().ok()?,
        })
    }
}

/// What a gap's task needs to know.
pub(super) struct Server {
    pub(super) pool: PoolKey,
    pub(super) places: Places,
    pub(super) states: watch::Receiver<GapState>,
    pub(super) wait_max: watch::Receiver<Duration>,
    pub(super) linger: Duration,
    /// The gap is over: accept for `linger` longer.
    pub(super) is_over: CancellationToken,
    /// Everything is over.
    pub(super) stop: CancellationToken,
    pub(super) metrics: Arc<Metrics>,
    pub(super) tally: Arc<Tally>,
}

/// Everything that can wake a gap's task.
enum Event {
    Stop,
    Ended(Result<(), JoinError>),
    Accepted(io::Result<UnixStream>),
    Over,
    Lingered,
}

impl Server {
    /// Runs until the gap is over and all its connections have ended.
    pub(super) async fn run(self, socket: SocketFile) {
        let mut socket = Some(socket);
        let mut closes_at = None;
        let mut connections = JoinSet::new();
        let mut turn = 0_usize;
        let mut refused = 0_usize;
        while socket.is_some() || !connections.is_empty() {
            let event = select! { biased;
                () = self.stop.cancelled() => Event::Stop,
                Some(ended) = connections.join_next(), if !connections.is_empty() => {
                    Event::Ended(ended)
                }
                () = at(closes_at), if socket.is_some() => Event::Lingered,
                () = self.is_over.cancelled(), if closes_at.is_none() => Event::Over,
                accepted = accept(socket.as_ref()) => Event::Accepted(accepted),
            };
            match event {
                Event::Stop => return,
                Event::Ended(ended) => resume(ended),
                Event::Over => closes_at = Some(Instant::now() + self.linger),
                Event::Lingered => socket = None,
                Event::Accepted(Ok(client)) => {
                    if let Some(place) = self.places.take() {
                        connections.spawn(self.waiter(client, place, turn).run());
                        turn = turn.wrapping_add(1);
                    } else {
                        self.metrics.held_ends.of(HeldEnd::Refused).increment();
                        self.tally.refuse();
                        self.note_refused(refused);
                        refused = refused.saturating_add(1);
                    }
                }
                Event::Accepted(Err(error)) => {
                    warn!(pool = %self.pool, %error, "Could not accept a request that would wait.");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn waiter(&self, client: UnixStream, place: Place, turn: usize) -> Waiter {
        Waiter {
            client,
            place,
            states: self.states.clone(),
            deadline: Instant::now() + *self.wait_max.borrow(),
            turn,
            metrics: Arc::clone(&self.metrics),
            tally: Arc::clone(&self.tally),
        }
    }

    fn note_refused(&self, before: usize) {
        if before == 0 {
            let waiting = self.places.taken();
            warn!(pool = %self.pool, waiting, "Too many requests wait for a container; refusing more.");
        }
    }
}

async fn accept(socket: Option<&SocketFile>) -> io::Result<UnixStream> {
    match socket {
        Some(socket) => Ok(socket.listener.accept().await?.0),
        None => std::future::pending().await,
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
