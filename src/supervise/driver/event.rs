//! What wakes the driver, and how it is waited for.

use std::future::pending;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::supervise::adopt::Adopted;
use crate::supervise::process::{Exit, Process};
use crate::supervise::state::Answer;
use crate::supervise::{Listener, Ping, StartConfig, SuperviseError};

/// An answer that takes longer is none, whatever the implementor does.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Everything that can wake the driver.
pub(super) enum Event {
    Abort,
    Stop,
    Leave,
    Exited(Exit),
    Looked(Option<(Adopted, StartConfig)>),
    Prepared(Option<Listener>),
    Answered(Answer),
    Config,
    Time,
    Log,
}

/// Whether Caddy serves; one that does not is asked whether it lives.
pub(super) async fn serving(ping: &impl Ping) -> Answer {
    if bounded(ping.serving()).await {
        return Answer::Serving;
    }
    alive(ping).await
}

/// Whether Caddy lives.
pub(super) async fn alive(ping: &impl Ping) -> Answer {
    if bounded(ping.ping()).await {
        Answer::Alive
    } else {
        Answer::Nothing
    }
}

async fn bounded(answer: impl Future<Output = bool>) -> bool {
    timeout(ANSWER_MAX, answer).await.unwrap_or(false)
}

pub(super) async fn exit(process: &mut Option<Process>) -> Result<Exit, SuperviseError> {
    match process {
        Some(process) => {
            let pid = process.pid();
            process
                .wait()
                .await
                .map_err(|source| SuperviseError::Wait { pid, source })
        }
        None => pending().await,
    }
}

pub(super) async fn finished<T>(future: &mut Option<BoxFuture<'_, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

/// A sender that is gone sends nothing more, which is no reason to stop Caddy.
pub(super) async fn changed(config: &mut watch::Receiver<Option<StartConfig>>) {
    if config.changed().await.is_err() {
        pending::<()>().await;
    }
}

pub(super) async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
