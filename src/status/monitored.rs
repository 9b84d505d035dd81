//! For who watches the agent by machine: its metrics, Caddy's, and whether it is alive and ready.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::timeout;

use super::exposition::text;
use super::{Status, readiness};
use crate::metrics::Metrics;

/// How long the loop may take to answer. It takes milliseconds, also with thousands of containers.
const ALIVE_WITHIN: Duration = Duration::from_secs(5);

/// The format of Prometheus' text.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Fetches Caddy's own metrics; the error is for people.
pub type CaddyMetrics = Arc<dyn Fn() -> BoxFuture<'static, Result<String, String>> + Send + Sync>;

/// What is watched. Default an agent of which nothing is counted.
#[derive(Clone, Default)]
pub struct Monitored {
    /// The agent's counters.
    pub metrics: Arc<Metrics>,
    /// Caddy's own; `None` while they are switched off.
    pub caddy: Option<CaddyMetrics>,
}

impl std::fmt::Debug for Monitored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Monitored");
        shown.field("metrics", &self.metrics);
        shown.field("caddy", &self.caddy.is_some()).finish()
    }
}

#[derive(Clone)]
struct Watched {
    monitored: Monitored,
    latest: watch::Receiver<Arc<Status>>,
}

/// The paths for machines.
pub(super) fn routes(monitored: Monitored, latest: watch::Receiver<Arc<Status>>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/metrics/caddy", get(caddy_metrics))
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .with_state(Watched { monitored, latest })
}

async fn metrics(State(watched): State<Watched>) -> Response {
    let status = Arc::clone(&watched.latest.borrow());
    // It goes through thousands of containers.
    let made = move || text(&watched.monitored.metrics, &status);
    match tokio::task::spawn_blocking(made).await {
        Ok(text) => ([(CONTENT_TYPE, TEXT)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn caddy_metrics(State(watched): State<Watched>) -> Response {
    let Some(fetch) = watched.monitored.caddy else {
        let help = "Caddy's metrics are switched off: start the agent with --caddy-metrics\n";
        return (StatusCode::NOT_FOUND, help).into_response();
    };
    match fetch().await {
        Ok(text) => ([(CONTENT_TYPE, TEXT)], text).into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error}\n")).into_response(),
    }
}

async fn alive(State(watched): State<Watched>) -> Response {
    let asked = watched.monitored.metrics.pulse.ask();
    if timeout(ALIVE_WITHIN, asked).await.is_ok() {
        return "alive\n".into_response();
    }
    let text = format!("the agent's loop did not answer within {ALIVE_WITHIN:?}\n");
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

async fn ready(State(watched): State<Watched>) -> Response {
    let missing = readiness::missing(&watched.latest.borrow());
    if missing.is_empty() {
        return "ready\n".into_response();
    }
    let lines = missing.join("\n") + "\n";
    (StatusCode::SERVICE_UNAVAILABLE, lines).into_response()
}
