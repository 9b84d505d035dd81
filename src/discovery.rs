//! Looks at Docker: who runs, with which labels and addresses, and when to look again.
//!
//! Owns the seam [`Engine`] and everything that knows Docker's API. Deliberately read-only, and
//! deliberately without opinions about labels: it hands out whole snapshots and notices that carry
//! no data.

mod convert;
mod docker;
mod echo;
mod endpoint;
mod exposed;
mod failure;
mod http;
mod list;
mod listed;
mod process;
mod relevance;
mod requests;
mod signal;
mod time;
mod tls;
mod version;
mod way;
#[doc(hidden)]
pub mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use futures::stream::BoxStream;

pub use docker::{About, Docker, DockerOptions};
pub(crate) use endpoint::unix_socket;
pub use process::EngineProcess;
pub use requests::DockerRequest;
pub use tls::TlsProblem;
pub use way::Caution;

use crate::model::{ContainerId, Snapshot};

/// Says that something may have changed. It carries no data that is trusted, with one exception:
/// whoever gets it looks again, so a lost, late or doubled notice does no harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Look again; the cause is for the log.
    LookAgain {
        /// The engine's word for what happened: `start`, `health_status: healthy`, `connect` …
        action: String,
        /// The container it happened to, where the engine says so.
        container: Option<ContainerId>,
    },
    /// The engine sent the container a signal. This one counts by its content: a list says
    /// `running` all through a stop, seconds after the signal that began it.
    Kill {
        /// The container.
        container: ContainerId,
        /// The signal's number.
        signal: i32,
    },
}

/// How a container is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopRule {
    /// The signal that `docker stop` sends.
    pub signal: i32,
    /// How long it waits before it kills.
    pub timeout: Duration,
}

impl Default for StopRule {
    /// Docker's own: SIGTERM, and 10 s.
    fn default() -> Self {
        Self {
            signal: 15,
            timeout: Duration::from_secs(10),
        }
    }
}

/// What went wrong between us and the engine. All of it is retried; none of it changes a route.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The endpoint is not of a form that can be dialled.
    #[error("the Docker endpoint `{endpoint}` cannot be used")]
    Endpoint {
        /// What was given.
        endpoint: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nobody answers at the endpoint.
    #[error("no Docker engine answers at `{endpoint}`")]
    Unreachable {
        /// Where it was looked for.
        endpoint: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The socket is there, but not for us.
    #[error("no permission to use the Docker socket `{endpoint}`")]
    Permission {
        /// Where it is.
        endpoint: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file for TLS cannot be used.
    #[error("the file `{}` for TLS to Docker is not usable: {problem}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Somebody answers at the endpoint, and there is no protected connection to it.
    #[error("no protected connection to the Docker engine at `{endpoint}`")]
    Tls {
        /// Where it is.
        endpoint: String,
        /// Why.
        #[source]
        problem: TlsProblem,
    },
    /// The engine took the request and did not answer in time.
    #[error("Docker did not answer `{operation}` within {limit:?}")]
    Timeout {
        /// Which request.
        operation: DockerRequest,
        /// How long it was waited for.
        limit: Duration,
    },
    /// The engine, or a socket proxy before it, refused the request.
    #[error("Docker answered `{operation}` with status {status}: {message}")]
    Refused {
        /// Which request.
        operation: DockerRequest,
        /// The HTTP status.
        status: u16,
        /// The engine's words, cut to a bounded length.
        message: String,
    },
    /// The engine answered that it has no such container or network.
    #[error("Docker answered `{operation}` with status 404: {message}")]
    Missing {
        /// Which request.
        operation: DockerRequest,
        /// The engine's words, cut to a bounded length.
        message: String,
    },
    /// The answer broke off or could not be read.
    #[error("Docker's answer to `{operation}` broke off or could not be read")]
    Broken {
        /// Which request.
        operation: DockerRequest,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// How long to wait at most before an engine that was away is asked again. To dial a local socket
/// at which nobody listens costs nothing, and sites wait for the engine's return.
const AWAY_RETRY_MAX: Duration = Duration::from_millis(200);
/// The same for everything else: what is refused stays so until somebody changes it, and a list
/// costs a struggling engine something.
const RETRY_MAX: Duration = Duration::from_secs(5);

impl EngineError {
    /// How long to wait at most before asking again. An engine that accepts and does not answer in
    /// time may be one that is starting.
    #[must_use]
    pub fn retry_within(&self) -> Duration {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => AWAY_RETRY_MAX,
            Self::Endpoint { .. }
            | Self::Permission { .. }
            | Self::File { .. }
            | Self::Tls { .. }
            | Self::Refused { .. }
            | Self::Missing { .. }
            | Self::Broken { .. } => RETRY_MAX,
        }
    }

    /// Whether it is a proxy before the engine that does not let the request through: no engine
    /// answers so.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                status: 401 | 403 | 404 | 405 | 407 | 501,
                ..
            }
        )
    }

    /// Whether the engine, or a proxy before it, has answered the question, if not with what was
    /// asked for.
    fn is_answer(&self) -> bool {
        matches!(self, Self::Missing { .. }) || self.is_blocked()
    }

    /// What a person can check or type to mend it, in one or two sentences.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Endpoint { .. } => {
                format!("give `--docker` or DOCKER_HOST as {}", endpoint::FORMS)
            }
            Self::File { .. } => "`--docker-cert-path` or DOCKER_CERT_PATH names the directory \
                                  with `ca.pem`, `cert.pem` and `key.pem`"
                .to_owned(),
            Self::Tls { problem, .. } => problem.help(),
            Self::Unreachable { endpoint, .. } => format!(
                "check that Docker runs (`docker version`) and listens at `{endpoint}`, or name \
                 another endpoint with `--docker` or DOCKER_HOST"
            ),
            Self::Permission { endpoint, .. } => format!(
                "run the agent as root, or let its user use `{endpoint}`: `sudo usermod -aG docker \
                 <user>`, then log in again"
            ),
            Self::Timeout { .. } => "check that the engine is alive (`docker ps` should answer at \
                                     once); when it hangs too, restart Docker"
                .to_owned(),
            Self::Refused { operation, .. } if self.is_blocked() => format!(
                "let `{operation}` through the proxy before Docker; docker-socket-proxy needs {}, \
                 and POST stays 0",
                DockerRequest::proxy_variables()
            ),
            Self::Refused { status: 400, .. } => "an engine with TLS answers so to whoever comes \
                                                  without: set DOCKER_TLS_VERIFY and \
                                                  DOCKER_CERT_PATH; else see its log \
                                                  (`journalctl -u docker`)"
                .to_owned(),
            Self::Refused { .. } => "see the engine's log (`journalctl -u docker`)".to_owned(),
            Self::Missing { .. } => "it was removed; nothing is to be done".to_owned(),
            Self::Broken { .. } => "check that a Docker engine is what answers there; when it is, \
                                    it was probably going away, and the agent asks again"
                .to_owned(),
        }
    }
}

/// The seam to a container engine. Fakes implement it for tests of the loop.
pub trait Engine: Send + Sync + 'static {
    /// All containers in any state, in one complete list.
    ///
    /// # Errors
    /// When the list could not be had whole; there is no partial snapshot.
    fn snapshot(&self) -> impl Future<Output = Result<Snapshot, EngineError>> + Send;

    /// These containers in any state, in one complete list; one that it lacks does not exist. It
    /// takes no longer where there are many others.
    ///
    /// # Errors
    /// As [`Engine::snapshot`].
    fn look_at(
        &self,
        ids: &BTreeSet<ContainerId>,
    ) -> impl Future<Output = Result<Snapshot, EngineError>> + Send;

    /// Notices, from shortly before now on. Where the engine's events run ahead of its list, a
    /// notice comes again a little later. The stream subscribes at its first poll; it ends, or
    /// gives an error and then ends, when the connection does: the caller opens a new one and
    /// looks again.
    fn notices(&self) -> BoxStream<'static, Result<Notice, EngineError>>;

    /// Whether a network of this name exists.
    ///
    /// # Errors
    /// When the engine could not be asked.
    fn network_exists(&self, name: &str) -> impl Future<Output = Result<bool, EngineError>> + Send;

    /// Whether containers outlive a restart of the engine (`live-restore`).
    ///
    /// # Errors
    /// When the engine could not be asked.
    fn live_restore(&self) -> impl Future<Output = Result<bool, EngineError>> + Send;

    /// Which process listens at the engine's endpoint. Waits for no answer of it.
    fn process(&self) -> impl Future<Output = EngineProcess> + Send;

    /// Asks what is not asked anyway when a stream is opened, so that [`Engine::blocked`] knows of
    /// every request before its answer is needed.
    fn check_access(&self) -> impl Future<Output = ()> + Send;

    /// The requests that a proxy before the engine does not let through, as far as they were made,
    /// each with the HTTP status that said so.
    fn blocked(&self) -> BTreeMap<DockerRequest, u16>;

    /// The API version that was agreed on, once a request was made; `None` where there is none.
    fn api_version(&self) -> Option<String> {
        None
    }

    /// How this container is stopped. Ask before it stops: the answer hangs while it does.
    ///
    /// # Errors
    /// When the engine could not be asked.
    fn stop_rule(
        &self,
        id: &ContainerId,
    ) -> impl Future<Output = Result<StopRule, EngineError>> + Send;
}
