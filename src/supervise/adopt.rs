//! Takes over the Caddy that an earlier agent left running.
//!
//! Owns the proof that it is ours, and what is known of a process that is nobody's child here. It
//! deliberately stops nothing: what is not taken over is removed by [`stale`](super::stale) before
//! the next start.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::process::{PidfdFlags, Signal, getegid, geteuid, pidfd_open, pidfd_send_signal};
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, info};

use super::output::{LastWords, drain};
use super::record::Record;
use super::{ChildOptions, Ping, StartConfig};

/// A Caddy that does not answer the ping within this time hangs.
const PING_MAX: Duration = Duration::from_secs(2);

/// How long it may take to say what it serves. The question waits for a load that the last agent
/// began, and that may take so long (`caddy::admin::LOAD_TIMEOUT`); Caddy serves meanwhile.
const SERVED_MAX: Duration = Duration::from_mins(1);

/// A process that somebody else started: watched through a pidfd, which stays with the process
/// when its pid is given to another.
#[derive(Debug)]
pub(super) struct Adopted {
    pub(super) pid: u32,
    process: AsyncFd<OwnedFd>,
    streams: JoinSet<LastWords>,
}

impl Adopted {
    /// Waits for the exit. May be dropped and called again.
    pub(super) async fn wait(&self) -> io::Result<()> {
        self.process.readable().await.map(drop)
    }

    /// Sends a signal.
    pub(super) fn signal(&self, signal: Signal) {
        if let Err(error) = pidfd_send_signal(&self.process, signal) {
            // It is gone; the wait is about to say so.
            debug!(pid = self.pid, %error, "Could not signal Caddy.");
        }
    }

    /// The drains of its output, which end with it.
    pub(super) fn streams(self) -> JoinSet<LastWords> {
        self.streams
    }
}

/// Why a Caddy is not taken over.
#[derive(Debug)]
enum Refused {
    /// The system has no pidfd for it.
    NoPidfd(io::Error),
    /// The recorded process is gone.
    Gone,
    /// It was started from another file than the one that is to be run now.
    OtherBinary,
    /// Nobody listens at our admin socket.
    NoSocket(io::Error),
    /// Another process listens at our admin socket.
    SocketOfAnother,
    /// It runs as another user than it is to.
    OtherUser,
    /// It takes requests and does not answer them.
    Silent,
    /// It does not say what it serves, or serves nothing.
    NothingServed,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPidfd(error) => write!(f, "its exit cannot be watched: {error}"),
            Self::Gone => f.write_str("it has ended"),
            Self::OtherBinary => f.write_str("the Caddy binary is another now"),
            Self::NoSocket(error) => write!(f, "nobody is at its admin socket: {error}"),
            Self::SocketOfAnother => f.write_str("another process is at its admin socket"),
            Self::OtherUser => f.write_str("it runs as another user"),
            Self::Silent => f.write_str("it does not answer"),
            Self::NothingServed => f.write_str("it does not say what it serves"),
        }
    }
}

/// Looks for a Caddy of an earlier agent that can be taken over, and what it serves. Takes at most
/// [`PING_MAX`] and [`SERVED_MAX`]; milliseconds when all is well.
pub(super) async fn find(
    options: &ChildOptions,
    ping: &impl Ping,
) -> Option<(Adopted, StartConfig)> {
    let record = Record::read(&options.pid_file).await;
    let record = record.filter(Record::is_alive)?;
    match take(&record, options, ping).await {
        Ok(found) => Some(found),
        Err(reason) => {
            let pid = record.pid;
            info!(pid, %reason, "The Caddy of an earlier agent is not taken over.");
            None
        }
    }
}

async fn take(
    record: &Record,
    options: &ChildOptions,
    ping: &impl Ping,
) -> Result<(Adopted, StartConfig), Refused> {
    if !record.was_started_from(&options.binary) {
        return Err(Refused::OtherBinary);
    }
    let process = watch(record).map_err(Refused::NoPidfd)?;
    // Only now is the pidfd known to be that of the recorded process.
    if !record.is_alive() {
        return Err(Refused::Gone);
    }
    let socket = UnixStream::connect(&options.admin_socket).await;
    let socket = socket.map_err(Refused::NoSocket)?;
    // For a listener the system tells who called listen(2) (`SO_PEERCRED` of unix(7)).
    let peer = socket.peer_cred().ok();
    let listener = peer.and_then(|peer| peer.pid());
    if listener.and_then(|pid| u32::try_from(pid).ok()) != Some(record.pid) {
        return Err(Refused::SocketOfAnother);
    }
    let own = || (geteuid().as_raw(), getegid().as_raw());
    let wanted = { options.user }.map_or_else(own, |user| (user.uid, user.gid));
    if peer.map(|peer| (peer.uid(), peer.gid())) != Some(wanted) {
        return Err(Refused::OtherUser);
    }
    if !timeout(PING_MAX, ping.ping()).await.unwrap_or(false) {
        return Err(Refused::Silent);
    }
    let served = timeout(SERVED_MAX, ping.served()).await.unwrap_or(None);
    let served = served.ok_or(Refused::NothingServed)?;
    let adopted = Adopted {
        pid: record.pid,
        process,
        streams: JoinSet::new(),
    };
    Ok((adopted, served))
}

#[expect(
    deprecated,
    reason = "its successor is unsafe code, for the sake of types that give another descriptor at \
              each question; an `OwnedFd` does not"
)]
fn watch(record: &Record) -> io::Result<AsyncFd<OwnedFd>> {
    let pid = record.raw_pid().ok_or(io::ErrorKind::NotFound)?;
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    AsyncFd::new(process)
}

impl Adopted {
    /// Drains its standard streams again: the pipes of the last agent have no reader since its end,
    /// and the system opens another one by `/proc` (proc(5)). A Go panic is told there, and nothing
    /// else; where it is not allowed, that is all that is missed.
    pub(super) fn drain(&mut self, epoch: u64) {
        for stream in [1, 2] {
            let path = format!("/proc/{}/fd/{stream}", self.pid);
            match pipe::OpenOptions::new().open_receiver(path) {
                Ok(pipe) => drop(self.streams.spawn(drain(pipe, epoch))),
                Err(error) => debug!(pid = self.pid, stream, %error, "An output of Caddy is lost."),
            }
        }
    }
}
