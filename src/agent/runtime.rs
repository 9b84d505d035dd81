//! Looks after the runtime directory while the agent runs: a cleaner of temporary files, or a
//! person, may empty it.
//!
//! Owns the lock and puts back what only the agent can: the directory, the lock, Caddy's record and
//! the name of Caddy's admin socket. Slots, waiting sockets and the status socket are looked after
//! by their owners.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::folders::runtime_again;
use super::start::lock;
use crate::access::Access;
use crate::settings::Settings;
use crate::state::replace_file;
use crate::supervise::Phase;
use crate::telemetry::chain;

/// From one look at the directory to the next; a look is a few calls to the system.
const INTERVAL: Duration = Duration::from_secs(1);
/// To dial a Unix socket takes microseconds.
const DIAL_LIMIT: Duration = Duration::from_secs(1);
/// More is no record of a process.
const RECORD_BYTES_MAX: u64 = 64 * 1024;

/// The directory and what must be in it.
#[derive(Debug)]
pub(super) struct Runtime {
    dir: PathBuf,
    access: Access,
    admin_socket: PathBuf,
    record: PathBuf,
    /// Held as long as the agent runs: two agents on one runtime directory would fight.
    lock: File,
    admin: Option<Pinned>,
    recorded: Vec<u8>,
    is_failing: bool,
    /// The admin socket is gone for good, which was said.
    is_lost: bool,
}

/// A socket that can be dialled also when its name is gone.
#[derive(Debug)]
struct Pinned {
    /// Opened with `O_PATH`, which keeps the inode.
    handle: OwnedFd,
    inode: (u64, u64),
}

impl Runtime {
    pub(super) fn new(settings: &Settings, access: Access, lock: File) -> Self {
        Self {
            dir: settings.runtime_dir.clone(),
            access,
            admin_socket: settings.admin_socket(),
            record: settings.caddy_record(),
            lock,
            admin: None,
            recorded: Vec::new(),
            is_failing: false,
            is_lost: false,
        }
    }

    /// Looks after the directory until asked to stop: again and again, and as soon as a Caddy is
    /// up, whose socket could be gone before the next look.
    pub(super) async fn keep(mut self, mut phase: watch::Receiver<Phase>, stop: CancellationToken) {
        let mut interval = interval(INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = interval.tick() => {}
                Ok(()) = phase.changed() => {}
            }
            let repaired = self.repair().await;
            self.note(repaired);
        }
    }

    async fn repair(&mut self) -> io::Result<()> {
        let is_there = self.dir.is_dir();
        // Slots may have made the directory again, but nothing of Caddy's.
        runtime_again(&self.dir, self.access)?;
        if !is_there {
            warn!(path = %self.dir.display(), "The runtime directory was gone and was made again; do not remove it while the agent runs.");
        }
        self.repair_lock()?;
        self.repair_caddy().await
    }

    /// Takes the lock again when its file is another, or none.
    fn repair_lock(&mut self) -> io::Result<()> {
        let held = self.lock.metadata()?;
        let is_held = fs::metadata(self.dir.join("agent.lock"))
            .is_ok_and(|found| (found.dev(), found.ino()) == (held.dev(), held.ino()));
        if !is_held {
            self.lock = lock(&self.dir).map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Puts Caddy's socket and record back, if Caddy still listens there. A load that finds no file
    /// at the socket's path fails (`listeners.go` of Caddy 2.11 sets its permissions), so it needs
    /// a name again, and a link to our handle is one.
    async fn repair_caddy(&mut self) -> io::Result<()> {
        match fs::symlink_metadata(&self.admin_socket) {
            Ok(found) if found.file_type().is_socket() => {
                self.is_lost = false;
                let inode = (found.dev(), found.ino());
                if self
                    .admin
                    .as_ref()
                    .is_none_or(|pinned| pinned.inode != inode)
                {
                    self.admin = Some(Pinned::open(&self.admin_socket, inode)?);
                }
                if let Ok(recorded) = read_record(&self.record) {
                    self.recorded = recorded;
                }
                return Ok(());
            }
            // The link that we put there, or nothing we know.
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let Some(pinned) = &self.admin else {
            return Ok(());
        };
        if !pinned.is_answered().await {
            // That Caddy has ended, and took its socket with it.
            self.admin = None;
            return Ok(());
        }
        if self.access.caddy().is_some() {
            // Such a link would lead it nowhere: it may not look into our process.
            if !self.is_lost {
                warn!(path = %self.admin_socket.display(), "Caddy's admin socket was gone from the runtime directory; Caddy is started again soon, for it does not answer.");
            }
            self.is_lost = true;
            return Ok(());
        }
        symlink(pinned.path(std::process::id()), &self.admin_socket)?;
        if !self.record.exists() && !self.recorded.is_empty() {
            replace_file(&self.record, &self.recorded)?;
        }
        info!(path = %self.admin_socket.display(), "Caddy's admin socket was gone from the runtime directory; it is reached by a link now, which lasts as long as this agent.");
        Ok(())
    }

    /// Says a failure once, until it is over.
    fn note(&mut self, repaired: io::Result<()>) {
        match repaired {
            Ok(()) => self.is_failing = false,
            Err(error) if !self.is_failing => {
                self.is_failing = true;
                error!(path = %self.dir.display(), error = %chain(&error), "The runtime directory cannot be repaired; start the agent again when it can be used.");
            }
            Err(_) => {}
        }
    }
}

impl Pinned {
    fn open(path: &Path, inode: (u64, u64)) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self { handle, inode })
    }

    /// Leads to the socket, whatever its name is now (proc(5), `/proc/pid/fd`).
    fn path(&self, pid: u32) -> PathBuf {
        PathBuf::from(format!("/proc/{pid}/fd/{}", self.handle.as_raw_fd()))
    }

    async fn is_answered(&self) -> bool {
        let dialled = UnixStream::connect(self.path(std::process::id()));
        matches!(timeout(DIAL_LIMIT, dialled).await, Ok(Ok(_)))
    }
}

fn read_record(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(
        &mut io::Read::take(File::open(path)?, RECORD_BYTES_MAX),
        &mut bytes,
    )?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    use super::*;

    fn settings(dir: &Path) -> Settings {
        Settings {
            runtime_dir: dir.to_owned(),
            ..Settings::default()
        }
    }

    #[tokio::test]
    async fn what_was_removed_is_put_back_as_long_as_caddy_listens() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().join("run");
        runtime_again(&dir, Access::default()).expect("made");
        let (socket, record) = (dir.join("caddy/admin.sock"), dir.join("caddy.json"));
        let held = lock(&dir).expect("free");
        let mut runtime = Runtime::new(&settings(&dir), Access::default(), held);
        runtime.repair().await.expect("nothing to do");
        let caddy = UnixListener::bind(&socket).expect("bound");
        fs::write(&record, "{}").expect("written");
        runtime.repair().await.expect("nothing to do");

        fs::remove_dir_all(&dir).expect("it is there");
        runtime.repair().await.expect("repaired");
        let mode = fs::metadata(&dir).expect("it is back").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(lock(&dir).is_err(), "the lock is held again");
        assert_eq!(fs::read(&record).expect("it is back"), b"{}");
        let dialled = std::os::unix::net::UnixStream::connect(&socket);
        dialled.expect("the link leads to Caddy");

        fs::remove_dir_all(&dir).expect("it is there");
        drop(caddy);
        runtime.repair().await.expect("repaired");
        assert!(fs::symlink_metadata(&socket).is_err(), "Caddy has ended");
        assert!(!record.exists());
    }

    #[tokio::test]
    async fn another_agent_that_took_the_directory_meanwhile_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().join("run");
        runtime_again(&dir, Access::default()).expect("made");
        let held = lock(&dir).expect("free");
        let mut runtime = Runtime::new(&settings(&dir), Access::default(), held);
        fs::remove_dir_all(&dir).expect("it is there");
        runtime_again(&dir, Access::default()).expect("made");
        let other = lock(&dir).expect("free");
        let error = runtime.repair().await.expect_err("it is another's");
        assert!(error.to_string().contains("another sh0-agent"), "{error}");
        drop(other);
        runtime.repair().await.expect("it is free again");
    }
}
