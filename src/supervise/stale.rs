//! The Caddy that an earlier agent left behind: how it is recognised, and how it is removed.
//!
//! Owns the pid file. It deliberately trusts no bare pid and no name: a process is ours only if
//! pid, start time and executable are those that were recorded. Caddy shares its ports
//! (`SO_REUSEPORT`), so a leftover would go on serving its old routes to a share of the clients.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, error, info, warn};

use super::Ping;

/// How long a stale Caddy may take for each way of being stopped. Nobody is routed meanwhile, so
/// it is shorter than the stop of a Caddy in service.
const STALE_STOP_MAX: Duration = Duration::from_secs(2);

/// How often it is looked whether it is gone.
const GONE_POLL: Duration = Duration::from_millis(20);

/// One process, told apart from all others that had or will have its pid.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    pid: u32,
    /// Clock ticks since boot (`/proc/<pid>/stat`, field 22).
    start_time: u64,
    /// `/proc/<pid>/exe`, also after the file was replaced by a newer one.
    exe: PathBuf,
}

impl Record {
    /// What `/proc` says of a pid; `None` if it is gone, a zombie, or hidden from us.
    fn of(pid: u32) -> Option<Self> {
        let start_time = start_time(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
        let exe = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
        let exe = exe
            .to_str()
            .and_then(|path| path.strip_suffix(" (deleted)"))
            .map(PathBuf::from)
            .unwrap_or(exe);
        Some(Self {
            pid,
            start_time,
            exe,
        })
    }

    fn is_alive(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }

    /// Signals the process if it still is the recorded one.
    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| self.is_alive())
            && let Err(error) = kill_process(pid, signal)
        {
            debug!(pid = self.pid, %error, "Could not signal the stale Caddy.");
        }
    }
}

/// `1234 (name (with) parens) S 1 …`: the state is field 3, the start time field 22 (proc(5)).
fn start_time(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    let start_time = fields.nth(18)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(start_time)
}

/// Writes down which process our Caddy is.
///
/// # Errors
/// When the process is gone already, or the file cannot be written.
pub(super) async fn record(pid_file: &Path, pid: u32) -> io::Result<()> {
    let record = Record::of(pid).ok_or(io::ErrorKind::NotFound)?;
    let draft = pid_file.with_extension("new");
    tokio::fs::write(&draft, serde_json::to_vec(&record)?).await?;
    tokio::fs::rename(&draft, pid_file).await
}

/// Removes the files of a Caddy that is gone; one that was killed leaves its socket behind.
pub(super) async fn tidy(pid_file: &Path, admin_socket: &Path) {
    for path in [pid_file, admin_socket] {
        match tokio::fs::remove_file(path).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                warn!(path = %path.display(), %error, "Could not remove a file of the last Caddy.");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

/// Stops a Caddy that an earlier agent left: through its admin socket, else by the recorded pid.
///
/// Takes at most three times [`STALE_STOP_MAX`] and an answer's bound. What cannot be removed is
/// found on our ports by the check that follows.
pub(super) async fn clear(admin_socket: &Path, pid_file: &Path, ping: &impl Ping) {
    let record = read(pid_file).await.filter(Record::is_alive);
    let answers = UnixStream::connect(admin_socket).await.is_ok();
    if !answers && record.is_none() {
        return;
    }
    let pid = record.as_ref().map(|record| record.pid);
    warn!(
        pid,
        "A Caddy of an earlier agent is still there; stopping it."
    );
    let accepted = answers && timeout(STALE_STOP_MAX, ping.stop()).await.unwrap_or(false);
    let is_gone = match record {
        Some(record) => {
            (accepted && gone(&record).await)
                || {
                    record.signal(Signal::TERM);
                    gone(&record).await
                }
                || {
                    record.signal(Signal::KILL);
                    gone(&record).await
                }
        }
        None => accepted && silent(admin_socket).await,
    };
    if is_gone {
        info!(pid, "Removed the Caddy of an earlier agent.");
        tidy(pid_file, admin_socket).await;
    } else {
        error!(pid, socket = %admin_socket.display(), "Could not remove the Caddy of an earlier agent; stop it by hand.");
    }
}

async fn read(pid_file: &Path) -> Option<Record> {
    let bytes = tokio::fs::read(pid_file).await.ok()?;
    serde_json::from_slice(&bytes).ok()
}

async fn gone(record: &Record) -> bool {
    let deadline = Instant::now() + STALE_STOP_MAX;
    while record.is_alive() {
        if deadline <= Instant::now() {
            return false;
        }
        sleep(GONE_POLL).await;
    }
    true
}

/// Waits until nobody accepts at the socket: all that can be known of a process without a record.
async fn silent(admin_socket: &Path) -> bool {
    let refused = async {
        while UnixStream::connect(admin_socket).await.is_ok() {
            sleep(GONE_POLL).await;
        }
    };
    timeout(STALE_STOP_MAX, refused).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_found_behind_any_process_name_and_a_zombie_has_none() {
        let stat = |state: &str| {
            format!("42 (a) b) c) {state} 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 7777 100 5")
        };
        assert_eq!(start_time(&stat("S")), Some(7777));
        assert_eq!(start_time(&stat("Z")), None);
        assert_eq!(start_time("42 (short) S 1"), None);
    }

    #[test]
    fn a_process_is_ours_only_if_start_time_and_executable_match_too() {
        let own = || Record::of(std::process::id()).expect("we run");
        assert!(own().is_alive());
        assert!(
            !Record {
                start_time: own().start_time + 1,
                ..own()
            }
            .is_alive()
        );
        assert!(
            !Record {
                exe: "/bin/other".into(),
                ..own()
            }
            .is_alive()
        );
    }

    #[tokio::test]
    async fn a_record_is_read_back_as_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let pid_file = folder.path().join("caddy.pid");
        record(&pid_file, std::process::id())
            .await
            .expect("written");
        assert_eq!(read(&pid_file).await, Record::of(std::process::id()));
        tidy(&pid_file, &folder.path().join("no.sock")).await;
        assert_eq!(read(&pid_file).await, None);
    }
}
