//! Whether a container answers: readiness before it takes traffic, health while it does.
//!
//! Owns the seam [`Probe`] and the real one, [`Prober`]. Dials exactly the address it is given: no
//! name of a label is ever looked up, no redirect is followed, no proxy is used. A certificate is
//! not checked, because the question is whether somebody answers; Caddy checks it when it passes
//! requests on. Deliberately without memory: what follows from a verdict, and how many probes run
//! at once, is decided by who asks; [`Cadence`] says when to ask about readiness again.

mod cadence;
mod http;
mod tcp;
mod tls;

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::timeout;
use tokio_rustls::TlsConnector;

pub use self::cadence::Cadence;
use crate::model::{Scheme, StatusSet, shown};

/// Longest text of a network's or a peer's complaint that is kept.
const COMPLAINT_CHARS_MAX: usize = 200;

/// One question to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Whom to ask.
    pub address: SocketAddr,
    /// What to ask.
    pub question: Question,
    /// The time for all of it: dialling, TLS, the answer.
    pub timeout: Duration,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Whether it accepts a connection.
    Tcp,
    /// Whether it answers a GET.
    Http(HttpQuestion),
}

/// A GET, and the answers that are good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpQuestion {
    /// The protocol.
    pub scheme: Scheme,
    /// The host that is named in the request, and to TLS. Never looked up.
    pub host: String,
    /// Path with or without a query; begins with `/`.
    pub path: String,
    /// The statuses that are good. The rest of the answer does not matter.
    pub expected: StatusSet,
}

/// The head of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Who says to have passed it on (`Via`).
    pub via: Option<String>,
    /// Where a redirect leads.
    pub location: Option<String>,
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It answered as expected.
    Healthy,
    /// It did not.
    Unhealthy(Reason),
}

/// Why a container is not healthy. `Display` is half a sentence: `… because it refuses connections`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Nobody listens at the port.
    Refused,
    /// Not in this time.
    Silent(Duration),
    /// It cannot be dialled, or the connection broke; the system's words.
    Network(String),
    /// TLS was not agreed on; the library's words.
    Tls(String),
    /// What it answered is not the protocol that was asked for; the library's words.
    Http(String),
    /// It answered with this status.
    Status(u16),
    /// The host or the path cannot be asked for.
    Question,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("it refuses connections"),
            Self::Silent(time) => write!(f, "it does not answer within {time:?}"),
            Self::Network(text) => write!(f, "it cannot be reached: {text}"),
            Self::Tls(text) => write!(f, "it does not speak TLS with us: {text}"),
            Self::Http(text) => write!(f, "it does not speak HTTP with us: {text}"),
            Self::Status(status) => write!(f, "it answers with status {status}"),
            Self::Question => f.write_str("its host or path cannot be asked for"),
        }
    }
}

impl From<Result<(), Reason>> for Verdict {
    fn from(answer: Result<(), Reason>) -> Self {
        match answer {
            Ok(()) => Self::Healthy,
            Err(reason) => Self::Unhealthy(reason),
        }
    }
}

/// The seam to the containers. Fakes implement it for tests of the loop.
pub trait Probe: Send + Sync + 'static {
    /// Asks once. Takes [`Check::timeout`] at most; may be dropped at any time.
    fn check(&self, check: &Check) -> impl Future<Output = Verdict> + Send;
}

/// Asks real containers, and Caddy as a client would. Clones share the TLS settings.
#[derive(Clone)]
pub struct Prober {
    tls: TlsConnector,
}

impl fmt::Debug for Prober {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prober").finish_non_exhaustive()
    }
}

impl Default for Prober {
    fn default() -> Self {
        Self {
            tls: tls::connector(),
        }
    }
}

impl Prober {
    /// What a server answers to a question, whatever that is, within this time.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn reply(
        &self,
        address: SocketAddr,
        question: &HttpQuestion,
        limit: Duration,
    ) -> Result<Reply, Reason> {
        let answer = async {
            let stream = tcp::connect(address).await?;
            http::reply(stream, question, &self.tls).await
        };
        let answer = timeout(limit, answer).await;
        answer.unwrap_or(Err(Reason::Silent(limit)))
    }
}

impl Probe for Prober {
    async fn check(&self, check: &Check) -> Verdict {
        let answer = async {
            let stream = tcp::connect(check.address).await?;
            match &check.question {
                Question::Tcp => Ok(()),
                Question::Http(question) => http::ask(stream, question, &self.tls).await,
            }
        };
        let answer = timeout(check.timeout, answer).await;
        answer.unwrap_or(Err(Reason::Silent(check.timeout))).into()
    }
}

/// What the system or the other side complains about, with its causes, fit to be shown.
fn complaint(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    let texts = std::iter::once(error.to_string()).chain(causes.map(ToString::to_string));
    let text = texts.collect::<Vec<_>>().join(": ");
    shown(&text, COMPLAINT_CHARS_MAX)
}

#[cfg(test)]
mod tests;
