//! The agent as a whole: checks the machine, starts the tasks, stops them in order.
//!
//! Owns the wiring and the lifetime of every task. Three long tasks (reconcile, supervise, status)
//! and two small ones (certificates, the runtime directory) run in one `JoinSet`: the first to end ends all, and a panic
//! is resumed. Deliberately decides nothing about routes.

mod check;
mod folders;
mod own;
mod ping;
mod runtime;
mod start;
mod world;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

pub(crate) use self::check::check;
pub(crate) use self::folders::CADDYS;
pub use self::start::StartError;
pub(crate) use self::start::{docker_options, listen_addresses};

use crate::certificates::{CertificateSet, scan};
use crate::clock::wall_clock;
use crate::reconcile::say_certificate_problems;
use crate::settings::Settings;
use crate::status::{Status, StatusError};
use crate::supervise::SuperviseError;
use crate::telemetry::chain;

/// From one look at the certificate directory to the next: renewed files count soon, and a look
/// costs a few file reads.
const CERTIFICATES_INTERVAL: Duration = Duration::from_secs(10);
/// How long the tasks besides Caddy may take to end; Caddy has its own stop timeout.
const STOP_GRACE: Duration = Duration::from_secs(8);

/// A task that ended although nobody asked it to.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The supervisor cannot go on.
    #[error("the supervisor of Caddy ended")]
    Supervise(#[source] SuperviseError),
    /// The status socket failed.
    #[error("the status server ended")]
    Status(#[source] StatusError),
    /// A task ended without a reason.
    #[error("the task `{task}` ended by itself")]
    Ended {
        /// Which.
        task: &'static str,
    },
}

type Outcome = (&'static str, Result<(), AgentError>);

/// A running agent. [`Agent::shutdown`] stops everything, [`Agent::leave`] leaves Caddy serving for
/// the next agent. Dropping it ends its tasks without ceremony, and leaves Caddy as well.
#[derive(Debug)]
pub struct Agent {
    status: watch::Receiver<Arc<Status>>,
    resync: mpsc::Sender<()>,
    tasks: JoinSet<Outcome>,
    stops: Stops,
    stop_timeout: Duration,
}

/// What stops each task.
#[derive(Debug, Default)]
struct Stops {
    reconcile: CancellationToken,
    supervise: CancellationToken,
    /// Makes a stop of Caddy a kill.
    kill_caddy: CancellationToken,
    /// Ends the supervisor, and leaves Caddy to the next agent.
    leave_caddy: CancellationToken,
    status: CancellationToken,
}

impl Agent {
    /// What the agent knows, always the newest.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Arc<Status>> {
        self.status.clone()
    }

    /// Looks at the containers now, as SIGHUP does.
    pub fn resync(&self) {
        if self.resync.try_send(()).is_err() {
            debug!("A look was asked for already.");
        }
    }

    /// A token that, once cancelled, makes [`Agent::shutdown`] kill Caddy instead of waiting.
    #[must_use]
    pub fn abort_token(&self) -> CancellationToken {
        self.stops.kill_caddy.clone()
    }

    /// Waits until a task ends by itself, which is always an error.
    ///
    /// # Errors
    /// Always; the task and its reason.
    ///
    /// # Panics
    /// When the task panicked.
    pub async fn join(&mut self) -> AgentError {
        match self.tasks.join_next().await {
            Some(ended) => match resumed(ended) {
                (_, Err(error)) => error,
                (task, Ok(())) => AgentError::Ended { task },
            },
            None => AgentError::Ended { task: "all" },
        }
    }

    /// Stops in order: no more events, then Caddy (gracefully, then by force), then the status.
    ///
    /// # Errors
    /// What a task said at its end.
    ///
    /// # Panics
    /// When a task panicked.
    pub async fn shutdown(self) -> Result<(), AgentError> {
        info!("Stopping.");
        let caddy = self.stops.supervise.clone();
        self.end(caddy).await
    }

    /// Ends in the same order, but leaves a Caddy that serves to the next agent: requests go on,
    /// except those that wait in the agent for a container.
    ///
    /// # Errors
    /// What a task said at its end.
    ///
    /// # Panics
    /// When a task panicked.
    pub async fn leave(self) -> Result<(), AgentError> {
        info!("Ending without Caddy.");
        let caddy = self.stops.leave_caddy.clone();
        self.end(caddy).await
    }

    async fn end(mut self, caddy: CancellationToken) -> Result<(), AgentError> {
        let mut result = Ok(());
        let stages = [
            ("reconcile", self.stops.reconcile.clone(), STOP_GRACE),
            ("supervise", caddy, STOP_GRACE + self.stop_timeout),
            ("status", self.stops.status.clone(), Duration::from_secs(1)),
        ];
        let mut ended = Vec::new();
        for (stage, token, grace) in stages {
            token.cancel();
            let stopped = async {
                while !ended.contains(&stage) {
                    let Some(next) = self.tasks.join_next().await else {
                        break;
                    };
                    let (task, outcome) = resumed(next);
                    ended.push(task);
                    if let Err(error) = outcome {
                        result = Err(error);
                    }
                }
            };
            if tokio::time::timeout(grace, stopped).await.is_err() {
                warn!(
                    task = stage,
                    ?grace,
                    "A task was still running; going on without it."
                );
            }
        }
        self.tasks.shutdown().await;
        info!("Stopped.");
        result
    }
}

/// A task's outcome; its panic becomes ours.
fn resumed(joined: Result<Outcome, tokio::task::JoinError>) -> Outcome {
    match joined {
        Ok(outcome) => outcome,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => ("cancelled", Ok(())),
    }
}

/// Names a task and gives its error a common type.
fn task<E: 'static>(
    name: &'static str,
    body: impl Future<Output = Result<(), E>> + Send + 'static,
    error: fn(E) -> AgentError,
) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
    Box::pin(async move { (name, body.await.map_err(error)) })
}

/// Looks at the certificate directory again and again.
async fn watch_certificates(
    settings: Arc<Settings>,
    sets: watch::Sender<Arc<CertificateSet>>,
    stop: CancellationToken,
) {
    let mut interval = tokio::time::interval(CERTIFICATES_INTERVAL);
    while settings.certificates.is_some() {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        let settings = Arc::clone(&settings);
        match tokio::task::spawn_blocking(move || certificates(&settings)).await {
            Ok(set) => publish_certificates(&sets, set),
            Err(error) => error!(error = %chain(&error), "Could not look at the certificates."),
        }
    }
    stop.cancelled().await;
}

fn certificates(settings: &Settings) -> CertificateSet {
    let copies = settings.certificate_copies();
    settings
        .certificates
        .as_ref()
        .map(|dir| scan(dir, &copies, wall_clock()))
        .unwrap_or_default()
}

/// Hands on a set that differs from the last, and says its problems once.
fn publish_certificates(sets: &watch::Sender<Arc<CertificateSet>>, set: CertificateSet) {
    sets.send_if_modified(|last| {
        if **last == set {
            return false;
        }
        if last.problems != set.problems || last.warnings != set.warnings {
            say_certificate_problems(&set);
        }
        *last = Arc::new(set);
        true
    });
}
