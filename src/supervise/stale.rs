//! How a Caddy that an earlier agent left behind, and that was not taken over, is removed.
//!
//! Caddy shares its ports (`SO_REUSEPORT`), so a leftover would go on serving its old routes to a
//! share of the clients.

use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info, warn};

use super::Ping;
use super::record::Record;

/// How long a stale Caddy may take for each way of being stopped. Nobody is routed meanwhile, so
/// it is shorter than the stop of a Caddy in service.
const STALE_STOP_MAX: Duration = Duration::from_secs(2);

/// How often it is looked whether it is gone.
const GONE_POLL: Duration = Duration::from_millis(20);

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
    let record = Record::read(pid_file).await.filter(Record::is_alive);
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
