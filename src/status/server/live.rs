//! Tells who reads the page that something has changed, by server-sent events.
//!
//! An event says only that: whoever hears it asks for the page again, as it does at any other time.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};

use super::{Latest, Served};
use crate::metrics::Metrics;
use crate::status::Status;

/// Who reads along at the same time: each open page of a browser is one.
pub(super) const LISTENERS_MAX: usize = 64;
/// From one event to the next: people see no more, and thousands of containers that start at once
/// are a few pages, not thousands.
const PACE: Duration = Duration::from_secs(1);

/// An event at once and at each change; 503 where too many read along.
pub(super) async fn events(
    State(served): State<Served>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, StatusCode> {
    let place = Arc::clone(&served.listeners).try_acquire_owned();
    let place = place.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let listener = Listener {
        latest: served.latest.clone(),
        told: None,
        metrics: Arc::clone(&served.monitored.metrics),
        _place: place,
    };
    let closing = served.closing.clone();
    let stream = futures::stream::unfold(listener, move |mut listener| {
        let closing = closing.clone();
        async move {
            let heard = closing.run_until_cancelled(listener.next()).await;
            heard.flatten().map(|event| (Ok(event), listener))
        }
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

struct Listener {
    latest: Latest,
    /// What was told last: the status, and how many requests waited then.
    told: Option<(Arc<Status>, u64)>,
    metrics: Arc<Metrics>,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    /// Waits until there is something to tell; `None` when there never will be.
    async fn next(&mut self) -> Option<Event> {
        if self.told.is_some() {
            sleep(PACE).await;
        }
        loop {
            let now = Arc::clone(&self.latest.borrow_and_update());
            let waiting = self.metrics.waiting();
            let is_old = |(told, waited): &(Arc<Status>, u64)| {
                *waited == waiting && (Arc::ptr_eq(told, &now) || looks_alike(told, &now))
            };
            let is_news = !self.told.as_ref().is_some_and(is_old);
            self.told = Some((now, waiting));
            if is_news {
                return Some(Event::default().data("changed"));
            }
            // Nobody tells that a request begins to wait, or ends.
            if let Ok(changed) = timeout(PACE, self.latest.changed()).await {
                changed.ok()?;
            }
        }
    }
}

/// Whether nobody would see a difference on the page. Rows and findings that stay are shared from
/// one status to the next, and pointers to the same are equal at once.
fn looks_alike(a: &Status, b: &Status) -> bool {
    let docker = |status: &Status| {
        let docker = status.docker.clone();
        (
            docker.error,
            docker.network_missing,
            docker.remembered,
            docker.blocked,
        )
    };
    a.rows == b.rows
        && a.diagnostics == b.diagnostics
        && a.caddy == b.caddy
        && (a.generation, a.applied) == (b.generation, b.applied)
        && docker(a) == docker(b)
        && Arc::ptr_eq(&a.history, &b.history)
        && Arc::ptr_eq(&a.obtainings, &b.obtainings)
}
