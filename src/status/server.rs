//! HTTP for people and machines: read-only on a Unix socket in the runtime directory, and over TCP
//! where that is asked for; and for orders on another socket, which only the agent's user may use.

mod connections;
mod control;
mod live;
mod pages;
mod tcp;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path as Segment, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::UnixListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use self::control::Peer;
pub use self::control::serve_control;
use self::live::LISTENERS_MAX;
pub use self::tcp::serve_tcp;
use super::explain::{Explanation, explain};
use super::{Monitored, Status, monitored as machines};
use crate::access::close_socket;
use crate::slots::contents;

/// From one look whether the socket is still there to the next.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Why the status cannot be served, or orders not taken.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// The socket could not be made.
    #[error("cannot listen on the socket `{path}`")]
    Bind {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Serving ended.
    #[error("the status socket ended")]
    Serve {
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

type Latest = watch::Receiver<Arc<Status>>;

/// What answers are made of.
#[derive(Debug, Clone)]
struct Served {
    latest: Latest,
    monitored: Monitored,
    /// Where the slots are.
    runtime_dir: PathBuf,
    /// Places for who reads along.
    listeners: Arc<Semaphore>,
    /// Ends answers that would go on for ever.
    closing: CancellationToken,
}

impl Served {
    fn new(
        runtime_dir: &Path,
        latest: Latest,
        monitored: Monitored,
        closing: CancellationToken,
    ) -> Self {
        Self {
            latest,
            monitored,
            runtime_dir: runtime_dir.to_owned(),
            listeners: Arc::new(Semaphore::new(LISTENERS_MAX)),
            closing,
        }
    }

    /// The newest status, which the loop does not wait for.
    fn status(&self) -> Arc<Status> {
        Arc::clone(&self.latest.borrow())
    }

    /// What there is to ask for, by GET and HEAD alone.
    fn router(self) -> Router {
        let machines = machines::routes(self.monitored.clone(), self.latest.clone());
        Router::new()
            .route("/", get(pages::home))
            .route("/site/{asked}", get(pages::site))
            .route("/code/{id}", get(pages::code))
            .route("/events", get(live::events))
            .route("/status", get(show))
            .route("/explain/{asked}", get(explained))
            .with_state(self)
            .merge(machines)
    }
}

/// Serves the status until asked to stop, and removes the socket then. A socket file left by an
/// earlier agent is replaced: the caller holds the lock of the runtime directory. One that is
/// removed meanwhile is made anew within two seconds.
///
/// # Errors
/// When the socket cannot be made at first, or served.
pub async fn serve(
    path: &Path,
    latest: Latest,
    monitored: Monitored,
    stop: CancellationToken,
) -> Result<(), StatusError> {
    let runtime_dir = path.parent().unwrap_or(Path::new("/"));
    let router = |closing: CancellationToken| {
        let (status, counted) = (latest.clone(), monitored.clone());
        Served::new(runtime_dir, status, counted, closing).router()
    };
    serve_at(path, router, stop).await
}

/// Serves what `router` makes at this socket until asked to stop; its token ends answers that would
/// go on for ever.
async fn serve_at(
    path: &Path,
    router: impl Fn(CancellationToken) -> Router,
    stop: CancellationToken,
) -> Result<(), StatusError> {
    let mut listener = bind(path).map_err(|source| StatusError::Bind {
        path: path.to_owned(),
        source,
    })?;
    loop {
        let (watched, closing) = (path.to_owned(), stop.child_token());
        let router = router(closing.clone()).into_make_service_with_connect_info::<Peer>();
        let ends = async move {
            closing.run_until_cancelled(gone(&watched)).await;
            closing.cancel();
        };
        let served = axum::serve(listener, router).with_graceful_shutdown(ends);
        let served = served.await;
        served.map_err(|source| StatusError::Serve { source })?;
        match stop.run_until_cancelled(bound_again(path)).await {
            Some(next) => listener = next,
            None => break,
        }
    }
    // Nobody listens there any more; one that cannot be removed is replaced by the next agent.
    drop(std::fs::remove_file(path));
    Ok(())
}

fn bind(path: &Path) -> std::io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => {
            let listener = UnixListener::bind(path)?;
            close_socket(path)?;
            Ok(listener)
        }
    }
}

/// Waits until the socket's file is removed.
async fn gone(path: &Path) {
    while std::fs::symlink_metadata(path).is_ok() {
        sleep(LOOK_INTERVAL).await;
    }
}

/// A new socket, as soon as there is a directory for it again.
async fn bound_again(path: &Path) -> UnixListener {
    loop {
        match bind(path) {
            Ok(listener) => return listener,
            Err(error) => debug!(%error, "Cannot listen on the socket again."),
        }
        sleep(LOOK_INTERVAL).await;
    }
}

async fn show(State(served): State<Served>) -> Result<Response, StatusCode> {
    // With ten thousand containers it is 10 MB, which no other task is to wait for.
    let shown = tokio::task::spawn_blocking(move || Json(served.status()).into_response());
    shown.await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

async fn explained(
    State(served): State<Served>,
    Segment(asked): Segment<String>,
) -> Result<Json<Explanation>, StatusCode> {
    let explained = explanation(served, asked).await;
    explained.map(Json)
}

async fn explanation(served: Served, asked: String) -> Result<Explanation, StatusCode> {
    let explained = move || {
        let contents = |pool| contents(&served.runtime_dir, pool);
        explain(&served.status(), &asked, &contents)
    };
    // It reads files, and thousands of routes.
    let explained = tokio::task::spawn_blocking(explained).await;
    explained.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}
