//! Which process listens at the engine's socket: one that has hung still knows its containers, one
//! that has just been started may be about to give their addresses to others.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::timeout;

use super::endpoint::Endpoint;

/// To dial a Unix socket takes microseconds, unless its queue is full.
const DIAL_LIMIT: Duration = Duration::from_millis(100);
/// The engine's name in `/proc/<pid>/comm`. Whoever else listens, such as systemd or a proxy, says
/// nothing about the engine behind it.
const ENGINE: &str = "dockerd";

/// The process behind the endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineProcess {
    /// Nobody listens.
    Absent,
    /// An engine's process; the text is another for each process.
    Known(String),
    /// Somebody listens, and it cannot be told which engine that is.
    Unknown,
}

/// Who listens there now. Waits for no answer.
pub(super) async fn of(endpoint: &Endpoint) -> EngineProcess {
    let Endpoint::Unix(path) = endpoint else {
        return EngineProcess::Unknown;
    };
    let stream = match timeout(DIAL_LIMIT, UnixStream::connect(path)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) if error.kind() != std::io::ErrorKind::WouldBlock => {
            return EngineProcess::Absent;
        }
        Ok(Err(_)) | Err(_) => return EngineProcess::Unknown,
    };
    let peer = stream.peer_cred().ok().and_then(|peer| peer.pid());
    let listener = peer.and_then(|pid| named(&pid.to_string()));
    // With systemd's socket unit the listener is systemd, and the engine's pid is in its file.
    let known = listener.or_else(|| {
        let pid_file = Path::new(path).with_file_name("docker.pid");
        named(fs::read_to_string(pid_file).ok()?.trim())
    });
    known.map_or(EngineProcess::Unknown, EngineProcess::Known)
}

/// The process of this pid, if it is an engine.
fn named(pid: &str) -> Option<String> {
    let pid: u32 = pid.parse().ok()?;
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    (comm.trim() == ENGINE).then(|| Some(format!("{pid} {}", start_time(&stat)?)))?
}

/// Field 22 of `/proc/<pid>/stat` (proc(5)), behind the name in parentheses, which may have any
/// character in it.
fn start_time(stat: &str) -> Option<&str> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(19)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_behind_any_name() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 7777 100 5";
        assert_eq!(start_time(stat), Some("7777"));
        assert_eq!(start_time("42"), None);
    }

    #[tokio::test]
    async fn a_listener_that_is_no_engine_is_unknown_and_none_is_absent() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("docker.sock");
        let endpoint = Endpoint::Unix(path.to_str().expect("text").to_owned());
        assert_eq!(of(&endpoint).await, EngineProcess::Absent);
        let listener = tokio::net::UnixListener::bind(&path).expect("bound");
        assert_eq!(of(&endpoint).await, EngineProcess::Unknown);
        drop(listener);
        assert_eq!(of(&endpoint).await, EngineProcess::Absent);
        let tcp = Endpoint::Http("127.0.0.1:1".to_owned());
        assert_eq!(of(&tcp).await, EngineProcess::Unknown);
    }
}
