//! The status socket: read-only HTTP on a Unix socket in the runtime directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Status;

/// Why the status cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// The socket could not be made.
    #[error("cannot listen on the status socket `{path}`")]
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

/// Serves the status until asked to stop, and removes the socket then. A socket file left by an earlier agent is replaced: the
/// caller holds the lock of the runtime directory.
///
/// # Errors
/// When the socket cannot be made or served.
pub async fn serve(
    path: &Path,
    latest: Latest,
    stop: CancellationToken,
) -> Result<(), StatusError> {
    let bind = |source| StatusError::Bind {
        path: path.to_owned(),
        source,
    };
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(bind(error)),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(bind)?;
    let router = Router::new().route("/status", get(show)).with_state(latest);
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    let served = served.await;
    // Nobody listens there any more; one that cannot be removed is replaced by the next agent.
    drop(std::fs::remove_file(path));
    served.map_err(|source| StatusError::Serve { source })
}

async fn show(State(latest): State<Latest>) -> Json<Arc<Status>> {
    Json(Arc::clone(&latest.borrow()))
}
