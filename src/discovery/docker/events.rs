//! The event stream: opened, filtered, and repeated where the engine speaks too early.
//!
//! A stream ends for good with its first error. Opening it is never waited for: with some socket
//! proxies the headers of the answer come only with the first event.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::errors::Error;
use bollard::models::EventMessage;
use bollard::query_parameters::{EventsOptions, EventsOptionsBuilder};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use tokio::select;
use tokio::time::{Instant, sleep_until};

use super::Inner;
use crate::discovery::echo::Echoes;
use crate::discovery::relevance::{self, Relevance};
use crate::discovery::{DockerRequest, EngineError, Notice, convert};

/// How long a request for events may stay without an answer. Some proxies send the headers only
/// with the first event, and cut silent streams after 10 minutes themselves; one that does not is
/// asked anew after this time, as if the stream had ended.
const HEADERS_LIMIT: Duration = Duration::from_mins(15);

/// How far back a new stream begins. It covers the time between the request's making and the
/// engine's taking it, so that a look made at the same time misses nothing; repeats do no harm.
const OVERLAP: Duration = Duration::from_secs(5);

/// A request for events that was not refused by then is let through: proxies refuse at once.
const REFUSAL_LIMIT: Duration = Duration::from_secs(2);

/// An open stream.
struct Subscription {
    inner: Arc<Inner>,
    events: BoxStream<'static, Result<EventMessage, Error>>,
    relevance: Relevance,
    echoes: Echoes,
    /// When it is taken to be let through; `None` once it is.
    accepted_at: Option<Instant>,
}

/// What `select!` gathers.
enum Step {
    Event(Option<Result<EventMessage, Error>>),
    EchoDue,
    Accepted,
}

/// The notices of a stream that opens at the first poll.
pub(super) fn notices(inner: Arc<Inner>) -> BoxStream<'static, Result<Notice, EngineError>> {
    let opened = stream::once(Subscription::open(inner));
    let notices = opened.map_ok(|subscription| {
        stream::unfold(Some(subscription), |subscription| async {
            let mut subscription = subscription?;
            let item = subscription.next().await?;
            let rest = item.is_ok().then_some(subscription);
            Some((item, rest))
        })
    });
    notices.try_flatten().boxed()
}

impl Subscription {
    async fn open(inner: Arc<Inner>) -> Result<Self, EngineError> {
        let version = inner.version().await?;
        let docker = inner
            .way
            .dial(version, HEADERS_LIMIT.as_secs())
            .map_err(|error| {
                inner
                    .request(DockerRequest::Events, HEADERS_LIMIT)
                    .failed(error)
            })?;
        let events = docker.events(Some(options(now().saturating_sub(OVERLAP))));
        Ok(Self {
            events: events.boxed(),
            relevance: Relevance::new(inner.label_prefix.clone()),
            echoes: Echoes::default(),
            accepted_at: Some(Instant::now() + REFUSAL_LIMIT),
            inner,
        })
    }

    /// The next notice, an error, or the end.
    async fn next(&mut self) -> Option<Result<Notice, EngineError>> {
        loop {
            let step = select! { biased;
                () = at(self.echoes.due()) => Step::EchoDue,
                event = self.events.next() => Step::Event(event),
                () = at(self.accepted_at) => Step::Accepted,
            };
            let notice = match step {
                Step::EchoDue => self.echoes.take(),
                Step::Accepted => {
                    self.accept();
                    None
                }
                Step::Event(Some(Ok(message))) => {
                    self.accept();
                    self.judge(message)
                }
                Step::Event(None | Some(Err(Error::RequestTimeoutError))) => {
                    self.inner.forget_version();
                    return None;
                }
                Step::Event(Some(Err(error))) => {
                    self.inner.forget_version();
                    let request = self.inner.request(DockerRequest::Events, HEADERS_LIMIT);
                    let error = request.failed(error);
                    self.inner.note_access(DockerRequest::Events, Some(&error));
                    return Some(Err(error));
                }
            };
            if let Some(notice) = notice {
                return Some(Ok(notice));
            }
        }
    }

    fn accept(&mut self) {
        if self.accepted_at.take().is_some() {
            self.inner.note_access(DockerRequest::Events, None);
        }
    }

    fn judge(&mut self, message: EventMessage) -> Option<Notice> {
        let event = convert::event(message);
        let notice = self
            .relevance
            .judge(event, self.inner.memory().known.as_ref())?;
        self.echoes.hear(&notice, Instant::now());
        Some(notice)
    }
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

fn options(since: Duration) -> EventsOptions {
    let filters = relevance::filters().into_iter().collect();
    EventsOptionsBuilder::new()
        .since(&since.as_secs().to_string())
        .filters(&filters)
        .build()
}

/// The time of day, which is what `since` means.
#[expect(
    clippy::disallowed_methods,
    reason = "the engine's `since` is a time of day, and only repeats of notices depend on it"
)]
fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
