//! The sockets on which requests wait while a pool has no ready container.
//!
//! Owns the folder `<runtime>/hold`, one socket for each gap in a pool's service, and the
//! connections that wait on them or came through them. Deliberately speaks no HTTP: it waits for a
//! container, dials it and passes bytes on, so that bodies stream, and TLS and HTTP/2 go through.
//! Who gives up just closes; what the client is told then is Caddy's matter.
//!
//! A waiting connection costs a task of some 2 KB and its file descriptor. Not a byte of it is read
//! before a container is there: the request waits in the kernel's buffer, which the sender pays
//! for. So a slow or endless sender holds up nobody, and takes one place for a bounded time.

mod gap;
mod room;
mod tally;
mod waiter;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::gap::{Places, Server, SocketFile};
pub use self::room::WaitingRoom;
pub use self::tally::Tally;
use super::files::make_folder;
use crate::access::{Access, share_socket};
use crate::metrics::Metrics;
use crate::model::{PoolKey, SharedMap};

/// How many connections may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldBounds {
    /// How many may wait for one pool. Default 1,024: at 100 requests/s that is 10 s, and the app
    /// that then starts gets no more at once than its queue of connections usually takes.
    pub pool_waiting_max: usize,
    /// How many may wait in all. Default 16,384: some 32 MB, and with the dialled ones half of the
    /// file descriptors that a service usually may have.
    pub waiting_max: usize,
}

impl Default for HoldBounds {
    fn default() -> Self {
        Self {
            pool_waiting_max: 1_024,
            waiting_max: 16_384,
        }
    }
}

/// Where the sockets are, and how many connections may wait.
#[derive(Debug, Clone)]
pub struct HoldOptions {
    /// The runtime directory. With it a socket's path must stay below 108 bytes.
    pub runtime_dir: PathBuf,
    /// Who connects to them. Default a Caddy of the same user.
    pub access: Access,
    /// How many may wait.
    pub bounds: HoldBounds,
    /// How long the socket of a gap that is over still takes connections: Caddy may have read its
    /// path just before. Default 5 s, where a few milliseconds are usual.
    pub linger: Duration,
}

impl HoldOptions {
    /// The defaults, in this runtime directory.
    #[must_use]
    pub fn new(runtime_dir: &Path) -> Self {
        Self {
            runtime_dir: runtime_dir.to_owned(),
            access: Access::default(),
            bounds: HoldBounds::default(),
            linger: Duration::from_secs(5),
        }
    }
}

/// What those who wait in a gap wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GapState {
    /// Nobody is ready. Everybody waits until then, or, with `None`, until its own time is up.
    Waiting {
        /// When all give up.
        until: Option<Instant>,
    },
    /// These are dialled, in turn. An empty list is like waiting.
    Ready(Vec<SocketAddr>),
    /// Nobody is expected: who waits, and who comes, is closed at once.
    GivenUp,
}

/// What went wrong with the sockets.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// Their folder could not be made or read.
    #[error("the folder of waiting sockets `{}` cannot be used", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A socket could not be made.
    #[error("cannot listen on the waiting socket `{}`", .path.display())]
    Bind {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The folder of the waiting sockets: Caddy's config tells by it which requests have waited.
#[must_use]
pub fn hold_folder(runtime_dir: &Path) -> PathBuf {
    runtime_dir.join("hold")
}

/// All waiting sockets. Dropping it closes everything that waits or came through one of them.
#[derive(Debug)]
pub struct Hold {
    options: HoldOptions,
    folder: PathBuf,
    /// Free places in all.
    all: Arc<Semaphore>,
    /// Where requests for each pool wait that has a gap, or had one.
    rooms: SharedMap<PoolKey, WaitingRoom>,
    /// The number of the next gap: no path is used twice while anything of it is left.
    next: u64,
    /// Sockets that an earlier agent left.
    left: Vec<PathBuf>,
    gaps: JoinSet<()>,
    stop: CancellationToken,
    metrics: Arc<Metrics>,
}

impl Hold {
    /// Makes the folder; no socket yet. What an earlier agent left there stays for now, because
    /// slots may still name it.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn spawn(options: HoldOptions) -> Result<Self, HoldError> {
        let folder = hold_folder(&options.runtime_dir);
        let left = make_folder(&folder, options.access).and_then(|()| sockets(&folder));
        let left = left.map_err(|source| HoldError::Folder {
            path: folder.clone(),
            source,
        })?;
        Ok(Self {
            all: Arc::new(Semaphore::new(options.bounds.waiting_max)),
            rooms: SharedMap::default(),
            next: left
                .iter()
                .filter_map(|path| number(path))
                .max()
                .unwrap_or(0)
                + 1,
            left,
            gaps: JoinSet::new(),
            stop: CancellationToken::new(),
            metrics: Arc::default(),
            options,
            folder,
        })
    }

    /// Counts into these from the next gap on.
    pub fn count_in(&mut self, metrics: &Arc<Metrics>) {
        self.metrics = Arc::clone(metrics);
    }

    /// A new socket for a gap of this pool; it takes connections when this returns. Each of them
    /// waits at most `wait_max`, whatever the gap's state says, or what [`Gap::wait_at_most`] said
    /// when it came. The folder is made anew if it is gone.
    ///
    /// # Errors
    /// When the socket cannot be made.
    ///
    /// # Panics
    /// When the task of an earlier gap did. Outside of a Tokio runtime.
    pub fn open(
        &mut self,
        pool: PoolKey,
        wait_max: Duration,
        state: GapState,
    ) -> Result<Gap, HoldError> {
        self.reap();
        let path = self.folder.join(format!("{pool}.{}.sock", self.next));
        self.next += 1;
        let listener = make_folder(&self.folder, self.options.access)
            .and_then(|()| UnixListener::bind(&path))
            .and_then(|listener| share_socket(&path).map(|()| listener));
        let listener = listener.map_err(|source| HoldError::Bind {
            path: path.clone(),
            source,
        })?;
        let places = self.places(pool);
        let (states, seen) = watch::channel(state);
        let (waits, wait_max) = watch::channel(wait_max);
        let is_over = CancellationToken::new();
        let tally = Arc::new(Tally::default());
        let server = Server {
            pool,
            places: places.clone(),
            states: seen,
            wait_max,
            linger: self.options.linger,
            is_over: is_over.clone(),
            stop: self.stop.clone(),
            metrics: Arc::clone(&self.metrics),
            tally: Arc::clone(&tally),
        };
        let socket = SocketFile::new(path.clone(), listener);
        self.gaps.spawn(server.run(socket));
        Ok(Gap {
            path,
            states,
            waits,
            places,
            tally,
            is_over,
        })
    }

    /// How many wait in all.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.options.bounds.waiting_max - self.all.available_permits()
    }

    /// Where requests for each pool wait that has a gap, or had one: what each says is always new.
    #[must_use]
    pub fn rooms(&self) -> SharedMap<PoolKey, WaitingRoom> {
        self.rooms.clone()
    }

    /// Forgets where requests for other pools waited. Who waits there still goes on.
    pub fn keep_only(&mut self, stays: impl Fn(PoolKey) -> bool) {
        self.rooms.retain(|pool, _| stays(*pool));
    }

    /// Removes the sockets that an earlier agent left: for when no slot names them any more.
    pub fn remove_left(&mut self) {
        for path in self.left.drain(..) {
            // Somebody else's deed when it is gone; harmless when it stays.
            drop(fs::remove_file(path));
        }
    }

    /// Closes everything, and removes the sockets.
    ///
    /// # Panics
    /// When a task did.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.gaps.join_next().await {
            resume(ended);
        }
    }

    fn places(&mut self, pool: PoolKey) -> Places {
        let room = if let Some(room) = self.rooms.get(&pool) {
            room.clone()
        } else {
            let room = WaitingRoom::new(self.options.bounds.pool_waiting_max);
            self.rooms.insert(pool, room.clone());
            room
        };
        Places::new(Arc::clone(&self.all), room)
    }

    fn reap(&mut self) {
        while let Some(ended) = self.gaps.try_join_next() {
            resume(ended);
        }
    }
}

/// A gap in a pool's service, and its socket. Dropping it ends the gap: who still waits for
/// somebody gives up, who is being connected or was connected is left alone, and after
/// [`HoldOptions::linger`] the socket goes.
#[derive(Debug)]
pub struct Gap {
    path: PathBuf,
    states: watch::Sender<GapState>,
    /// How long who comes from now on waits at most.
    waits: watch::Sender<Duration>,
    places: Places,
    tally: Arc<Tally>,
    is_over: CancellationToken,
}

impl Gap {
    /// The socket, new for each gap: Caddy keeps connections by address, and would use one that
    /// leads to a container of an earlier gap.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What to wait for from now on, for those who wait already, too.
    pub fn set(&self, state: GapState) {
        self.states.send_if_modified(|now| {
            let is_new = *now != state;
            *now = state;
            is_new
        });
    }

    /// How long who comes from now on waits at most; who waits already keeps its time.
    pub fn wait_at_most(&self, wait_max: Duration) {
        self.waits.send_replace(wait_max);
    }

    /// How those fare who wait in it; known for good once nobody does.
    #[must_use]
    pub fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.tally)
    }

    /// How many wait for its pool, in this gap or in one that is just over.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.places.taken()
    }

    /// Whether the socket is still where Caddy looks for it. If not, somebody has emptied the
    /// runtime directory, and only a new gap helps.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok()
    }
}

impl Drop for Gap {
    fn drop(&mut self) {
        self.states.send_if_modified(|state| {
            let is_waiting = matches!(state, GapState::Waiting { .. });
            if is_waiting {
                *state = GapState::GivenUp;
            }
            is_waiting
        });
        self.is_over.cancel();
    }
}

/// A panic goes on in who waits for the task.
fn resume(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}

fn sockets(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    paths.collect()
}

/// The gap's number in the name of its socket.
fn number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".sock")?;
    name.split_once('.')?.1.parse().ok()
}

#[cfg(test)]
mod tests;
