//! Asks the running agent or tells it what to do, and says how to start one when none runs.

use std::future::Future;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::{Exit, Failed};
use crate::settings::Settings;
use crate::status::client;

/// A local socket that does not answer within this time has no agent behind it.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// Where the agent is.
#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    /// Directory for sockets, as given to `run`
    #[arg(
        long,
        env = "SH0_RUNTIME_DIR",
        default_value = "/run/sh0-agent",
        value_name = "DIR"
    )]
    pub(super) runtime_dir: PathBuf,
}

/// The status of the agent of this runtime directory, as JSON.
pub(crate) async fn status(runtime_dir: &Path) -> Result<Vec<u8>, Failed> {
    let socket = socket(runtime_dir);
    answer(&socket, client::ask(&socket)).await
}

/// What the agent of this runtime directory says of a container, a host or a URL, as JSON.
pub(crate) async fn explanation(runtime_dir: &Path, asked: &str) -> Result<Vec<u8>, Failed> {
    let socket = socket(runtime_dir);
    answer(&socket, client::ask_about(&socket, asked)).await
}

/// Tells the agent of this runtime directory what to do; whether it was done, and its answer as JSON.
pub(crate) async fn order(
    runtime_dir: &Path,
    verb: &str,
    body: &[u8],
) -> Result<(bool, Vec<u8>), Failed> {
    let socket = settings(runtime_dir).control_socket();
    answer(&socket, client::order(&socket, verb, body)).await
}

fn socket(runtime_dir: &Path) -> PathBuf {
    settings(runtime_dir).status_socket()
}

fn settings(runtime_dir: &Path) -> Settings {
    Settings {
        runtime_dir: runtime_dir.to_owned(),
        ..Settings::default()
    }
}

async fn answer<T>(
    socket: &Path,
    asked: impl Future<Output = Result<T, Error>>,
) -> Result<T, Failed> {
    let asked = tokio::time::timeout(ANSWER_WAIT, asked).await;
    let socket = socket.display();
    let answer = asked.map_err(|_| {
        let error =
            anyhow::anyhow!("the agent at `{socket}` did not answer within {ANSWER_WAIT:?}");
        let help = "it may be stuck: see its log, and start it again";
        Failed::new(Exit::Unavailable, error, help)
    })?;
    let is_closed = { answer.as_ref() }.is_err_and(|e| e.kind() == ErrorKind::PermissionDenied);
    if is_closed {
        let error = anyhow::anyhow!("this user may not use the agent's socket `{socket}`");
        let help = "only the agent's user and root may: type it again with `sudo`";
        return Err(Failed::new(Exit::Failure, error, help));
    }
    let answer = answer.with_context(|| format!("no agent answers at `{socket}`"));
    answer.map_err(|error| {
        let help = "start it with `sh0-agent run`, or name its `--runtime-dir`";
        Failed::new(Exit::Unavailable, error, help)
    })
}

/// The agent's answer is not of the form that this program knows.
pub(crate) fn unreadable(error: serde_json::Error) -> Failed {
    let help = "the running agent and this program are of different versions";
    Failed::new(Exit::Failure, error.into(), help)
}
