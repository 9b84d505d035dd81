//! Which process our Caddy is, written down so that the agent's successor recognises it.
//!
//! Owns the pid file. It deliberately trusts no bare pid and no name: a process is ours only if
//! boot, pid, start time and executable are those that were recorded.

use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use tracing::debug;

use crate::access::write_anew;

/// One process, told apart from all others that had or will have its pid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) pid: u32,
    /// Clock ticks since boot (`/proc/<pid>/stat`, field 22).
    start_time: u64,
    /// `/proc/<pid>/exe`, also after the file was replaced by a newer one; empty when it is hidden
    /// from us, as that of a program with capabilities of its own is, or was not to be known yet:
    /// boot, pid and start time tell a process by themselves.
    exe: PathBuf,
    /// The run of the machine, for a runtime directory that outlives it.
    #[serde(default)]
    boot: String,
    /// The file that was to be run; `None` when it could not be looked at.
    #[serde(default)]
    binary: Option<Binary>,
}

/// A file with a program in it, told apart from its newer versions.
///
/// Device and inode change when a package manager puts another file in its place, size and time
/// when somebody writes into it. What `--caddy` names is compared, not `/proc/<pid>/exe`: the two
/// differ when it is a script that ends in `exec`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Binary {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Binary {
    /// The file that is run by this name now: a path, or a bare name that is looked up in `PATH`.
    pub(super) fn named(program: &Path) -> Option<Self> {
        if program.components().count() > 1 {
            return fs::metadata(program).ok().map(|file| Self::of(&file));
        }
        let path = std::env::var_os("PATH")?;
        let mut files = std::env::split_paths(&path)
            .filter_map(|folder| fs::metadata(folder.join(program)).ok())
            .filter(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
        files.next().map(|file| Self::of(&file))
    }

    /// Whether the process was started from this very file.
    fn is_run_by(&self, pid: u32) -> bool {
        fs::metadata(format!("/proc/{pid}/exe")).is_ok_and(|file| Self::of(&file) == *self)
    }

    fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
        }
    }
}

impl Record {
    /// What `/proc` says of a pid; `None` if it is gone, or a zombie.
    fn of(pid: u32) -> Option<Self> {
        let start_time = start_time(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
        let exe = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        let exe = exe
            .to_str()
            .and_then(|path| path.strip_suffix(" (deleted)"))
            .map(PathBuf::from)
            .unwrap_or(exe);
        Some(Self {
            pid,
            start_time,
            exe,
            boot: boot(),
            binary: None,
        })
    }

    /// What was written down; `None` when there is nothing, or nothing that can be read.
    pub(super) async fn read(pid_file: &Path) -> Option<Self> {
        let bytes = tokio::fs::read(pid_file).await.ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Whether the very process still runs.
    pub(super) fn is_alive(&self) -> bool {
        Self::of(self.pid).is_some_and(|now| {
            let is_same_exe = self.exe.as_os_str().is_empty() || self.exe == now.exe;
            let is_same_boot = self.boot.is_empty() || self.boot == now.boot;
            is_same_boot && self.start_time == now.start_time && is_same_exe
        })
    }

    /// Whether the process was started from the file that this name leads to now.
    pub(super) fn was_started_from(&self, program: &Path) -> bool {
        self.binary.is_some() && self.binary == Binary::named(program)
    }

    /// Its pid as the system's calls take it.
    pub(super) fn raw_pid(&self) -> Option<Pid> {
        i32::try_from(self.pid).ok().and_then(Pid::from_raw)
    }

    /// Signals the process if it still is the recorded one.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(pid) = self.raw_pid().filter(|_| self.is_alive())
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

/// The id of this run of the machine; empty where the system does not say.
fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// Writes down which process our Caddy is, and from which file it was started.
///
/// # Errors
/// When the process is gone already, or the file cannot be written.
pub(super) async fn record(pid_file: &Path, pid: u32, binary: Option<Binary>) -> io::Result<()> {
    // What starts Caddy may not have become Caddy yet: `setpriv`, or a script that ends in `exec`.
    // Asked first: once it is Caddy it stays so, and its program may change after this.
    let is_caddy = { binary.as_ref() }.is_some_and(|binary| binary.is_run_by(pid));
    let record = Record::of(pid).ok_or(io::ErrorKind::NotFound)?;
    let exe = if is_caddy { record.exe } else { PathBuf::new() };
    let record = Record {
        exe,
        binary,
        ..record
    };
    let draft = pid_file.with_extension("new");
    write_anew(&draft, 0o600)?.write_all(&serde_json::to_vec(&record)?)?;
    tokio::fs::rename(&draft, pid_file).await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

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
    fn a_process_is_ours_only_if_boot_start_time_and_executable_match_too() {
        let own = Record::of(std::process::id()).expect("we run");
        assert!(own.is_alive());
        let strangers = [
            Record {
                start_time: own.start_time + 1,
                ..own.clone()
            },
            Record {
                exe: "/bin/other".into(),
                ..own.clone()
            },
            Record {
                boot: "another".to_owned(),
                ..own.clone()
            },
            Record { pid: 1, ..own },
        ];
        for stranger in strangers {
            assert!(!stranger.is_alive(), "{stranger:?}");
        }
    }

    #[test]
    fn a_record_of_an_older_agent_names_its_process_and_no_binary() {
        let own = Record::of(std::process::id()).expect("we run");
        let old = serde_json::json!({"pid": own.pid, "start_time": own.start_time, "exe": own.exe});
        let old: Record = serde_json::from_value(old).expect("it is still read");
        assert!(old.is_alive());
        assert!(!old.was_started_from(&own.exe));
    }

    #[tokio::test]
    async fn a_record_is_read_back_as_written_and_garbage_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let pid_file = folder.path().join("caddy.json");
        let own = std::process::id();
        let program = std::env::current_exe().expect("we run");
        let written = record(&pid_file, own, Binary::named(&program)).await;
        written.expect("written");
        let read = Record::read(&pid_file).await.expect("it was written");
        assert!(read.is_alive() && read.was_started_from(&program));
        for garbage in ["", "{", "{}", "4711", r#"{"pid":-1}"#, "\0\0"] {
            fs::write(&pid_file, garbage).expect("written");
            assert_eq!(Record::read(&pid_file).await, None, "{garbage}");
        }
    }

    #[tokio::test]
    async fn a_process_that_becomes_caddy_while_it_is_recorded_is_still_known_then() {
        let folder = tempfile::tempdir().expect("a folder");
        let pid_file = folder.path().join("caddy.json");
        let sleep = ["/bin/sleep", "/usr/bin/sleep"].map(Path::new);
        let sleep = sleep.into_iter().find(|path| path.exists());
        let binary = Binary::named(sleep.expect("it is there"));
        let is_sleep = |pid| binary.as_ref().is_some_and(|binary| binary.is_run_by(pid));
        for round in 0..200 {
            let mut child = tokio::process::Command::new("setpriv")
                .args(["sleep", "60"])
                .kill_on_drop(true)
                .spawn()
                .expect("it starts");
            let pid = child.id().expect("it runs");
            // It becomes the other program within a millisecond or two: that moment is met.
            let moment = Instant::now() + Duration::from_micros(10 * round);
            while Instant::now() < moment {
                tokio::task::yield_now().await;
            }
            let written = record(&pid_file, pid, binary.clone()).await;
            written.expect("written");
            while !is_sleep(pid) {
                tokio::task::yield_now().await;
            }
            let read = Record::read(&pid_file).await.expect("it was written");
            assert!(read.is_alive(), "{read:?}");
            child.kill().await.expect("it runs");
        }
    }

    #[test]
    fn a_binary_is_another_once_it_is_replaced_or_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, beside) = (folder.path().join("caddy"), folder.path().join("new"));
        fs::write(&path, "one").expect("written");
        let first = Binary::named(&path).expect("it is there");
        assert_eq!(Binary::named(&path), Some(first.clone()));
        fs::write(&beside, "one").expect("written");
        fs::rename(&beside, &path).expect("renamed");
        let second = Binary::named(&path).expect("it is there");
        assert_ne!(second, first);
        fs::write(&path, "three").expect("written");
        assert_ne!(Binary::named(&path), Some(second));
        fs::remove_file(&path).expect("it was there");
        assert_eq!(Binary::named(&path), None);
        assert!(Binary::named(Path::new("sh")).is_some(), "from PATH");
        assert_eq!(Binary::named(Path::new("no-such-program")), None);
    }
}
