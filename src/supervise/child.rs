//! The process itself: spawn, feed, drain, signal, wait.
//!
//! Owns everything that touches `tokio::process`, and how Caddy becomes another user: `setpriv` of
//! util-linux changes it and then becomes Caddy, so that pid, session and streams are Caddy's. It deliberately
//! decides nothing, and does not kill the child when it is dropped: routes outlive a crash of the
//! agent. A child that was dropped is still reaped by the runtime.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessSession};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::output::{LastWords, drain};
use crate::access::User;

/// The only variables of ours that Caddy sees. Notably not `NOTIFY_SOCKET`, which is the agent's.
const PASSED_VARIABLES: [&str; 14] = [
    "PATH",
    "TZ",
    "GOMEMLIMIT",
    "GOGC",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
];

/// The program that gives up privileges before it becomes another.
pub(super) const SETPRIV: &str = "setpriv";

/// What is left to Caddy as another user: its one group, and ports below 1024. Nothing that it runs
/// can get more.
fn privileges(user: User) -> [String; 7] {
    const CAPABILITIES: &str = "-all,+net_bind_service";
    [
        format!("--reuid={}", user.uid),
        format!("--regid={}", user.gid),
        "--clear-groups".to_owned(),
        format!("--inh-caps={CAPABILITIES}"),
        format!("--ambient-caps={CAPABILITIES}"),
        format!("--bounding-set={CAPABILITIES}"),
        "--no-new-privs".to_owned(),
    ]
}

/// A version is a line; the modules of a Caddy with every plug-in there is are some ten thousand bytes.
const OUTPUT_BYTES_MAX: u64 = 64 * 1024;

/// A running Caddy with its streams.
#[derive(Debug)]
pub(super) struct Child {
    process: Box<dyn ChildWrapper>,
    stdin: Option<ChildStdin>,
    pub(super) pid: u32,
    /// The drains, and the write of the config; they end with the process.
    streams: JoinSet<LastWords>,
}

impl Child {
    /// Starts `caddy run --config -` in a session of its own, so that Ctrl-C at the terminal does
    /// not reach it, and drains its output from the first byte. It waits for [`Child::feed`].
    pub(super) fn spawn(
        binary: &Path,
        user: Option<User>,
        home_dir: &Path,
        epoch: u64,
    ) -> io::Result<Self> {
        let mut command = command(binary, user);
        command.args(["run", "--config", "-"]);
        for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
            command.env(variable, home_dir);
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = CommandWrap::from(command).wrap(ProcessSession).spawn()?;
        let mut streams = JoinSet::new();
        if let Some(stderr) = process.stderr().take() {
            streams.spawn(drain(stderr, epoch));
        }
        if let Some(stdout) = process.stdout().take() {
            streams.spawn(drain(stdout, epoch));
        }
        let pid = process.id().ok_or(io::ErrorKind::NotFound)?;
        Ok(Self {
            stdin: process.stdin().take(),
            process,
            pid,
            streams,
        })
    }

    /// Gives it its config, while its output is being drained.
    pub(super) fn feed(&mut self, config: Arc<[u8]>) {
        let Some(mut stdin) = self.stdin.take() else {
            return;
        };
        self.streams.spawn(async move {
            if let Err(error) = stdin.write_all(&config).await {
                // It ended before it had read all; its exit says more.
                debug!(%error, "Could not write the whole config to Caddy.");
            }
            LastWords::default()
        });
    }

    /// Waits for the exit and reaps the process. May be dropped and called again.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.process.wait().await
    }

    /// Sends a signal.
    pub(super) fn signal(&self, signal: Signal) {
        if let Err(error) = self.process.signal(signal.as_raw()) {
            // It is gone; the wait is about to say so.
            debug!(pid = self.pid, %error, "Could not signal Caddy.");
        }
    }

    /// The drains of its output, which end with it.
    pub(super) fn streams(self) -> JoinSet<LastWords> {
        self.streams
    }
}

/// What a program said, each stream cut at [`OUTPUT_BYTES_MAX`].
#[derive(Debug)]
pub(super) struct Output {
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Runs the binary with one argument, as this user, and gives back how it ended and what it printed.
///
/// # Errors
/// When it cannot be started or read, or takes longer than `limit`; then it is killed.
pub(super) async fn output(
    binary: &Path,
    user: Option<User>,
    argument: impl AsRef<OsStr>,
    limit: Duration,
) -> io::Result<Output> {
    let mut command = command(binary, user);
    command.arg(argument).kill_on_drop(true);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let run = async {
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (stdout, stderr) = tokio::try_join!(text_of(stdout), text_of(stderr))?;
        let status = child.wait().await?;
        Ok(Output {
            status,
            stdout,
            stderr,
        })
    };
    timeout(limit, run).await?
}

async fn text_of(stream: Option<impl AsyncRead + Unpin>) -> io::Result<String> {
    let mut text = vec![];
    if let Some(stream) = stream {
        stream.take(OUTPUT_BYTES_MAX).read_to_end(&mut text).await?;
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn command(binary: &Path, user: Option<User>) -> Command {
    let mut command = match user {
        None => Command::new(binary),
        Some(user) => {
            let mut command = Command::new(SETPRIV);
            command.args(privileges(user)).arg("--").arg(binary);
            command
        }
    };
    command.env_clear();
    for variable in PASSED_VARIABLES {
        if let Some(value) = std::env::var_os(variable) {
            command.env(variable, value);
        }
    }
    command
}

/// Raises our limit of open files to what we are allowed; the child inherits it. Each proxied
/// request takes two, and the usual soft limit is 1,024.
pub(super) fn raise_open_files_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        warn!(current = limit.current, maximum = limit.maximum, %error, "Could not raise the limit of open files.");
    }
}
