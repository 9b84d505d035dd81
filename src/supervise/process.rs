//! The Caddy that runs: one that we started, or one that an earlier agent did.
//!
//! Owns the difference between the two, so that nobody else sees it.

use std::fmt;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::debug;

use super::adopt::Adopted;
use super::child::Child;
use super::output::LastWords;

/// After an exit the pipes are at their end at once, unless a grandchild holds them open.
const DRAIN_MAX: Duration = Duration::from_millis(500);

/// A running Caddy.
#[derive(Debug)]
pub(super) enum Process {
    /// Our child.
    Spawned(Child),
    /// Somebody else's.
    Adopted(Adopted),
}

/// How it ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Exit {
    /// The status of a child.
    Status(ExitStatus),
    /// It is gone; only a parent gets to know more.
    Unknown,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => status.fmt(f),
            Self::Unknown => f.write_str("unknown, for an earlier agent started it"),
        }
    }
}

impl Process {
    /// Its pid.
    pub(super) fn pid(&self) -> u32 {
        match self {
            Self::Spawned(child) => child.pid,
            Self::Adopted(adopted) => adopted.pid,
        }
    }

    /// Waits for the exit; a child is reaped. May be dropped and called again.
    pub(super) async fn wait(&mut self) -> io::Result<Exit> {
        match self {
            Self::Spawned(child) => child.wait().await.map(Exit::Status),
            Self::Adopted(adopted) => adopted.wait().await.map(|()| Exit::Unknown),
        }
    }

    /// SIGTERM: Caddy finishes its requests and exits.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGKILL: also ends a process that is stopped or stuck.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        match self {
            Self::Spawned(child) => child.signal(signal),
            Self::Adopted(adopted) => adopted.signal(signal),
        }
    }

    /// The last error lines of its standard streams, to be asked for after its exit.
    pub(super) async fn last_words(self) -> String {
        let pid = self.pid();
        let streams = match self {
            Self::Spawned(child) => child.streams(),
            Self::Adopted(adopted) => adopted.streams(),
        };
        let mut words = vec![];
        if timeout(DRAIN_MAX, collect(streams, &mut words))
            .await
            .is_err()
        {
            debug!(
                pid,
                "Somebody still holds the output of the Caddy that ended."
            );
        }
        words.join("\n")
    }
}

async fn collect(mut streams: JoinSet<LastWords>, words: &mut Vec<String>) {
    while let Some(stream) = streams.join_next().await {
        let text = stream.map(LastWords::into_text).ok();
        words.extend(text.filter(|text| !text.is_empty()));
    }
}
