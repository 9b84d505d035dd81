//! The HTTP side: one path, one question.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, error, warn};

use super::names::{Budget, Names};
use crate::model::Hostname;

/// What the answers follow from.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    names: watch::Receiver<Arc<Names>>,
    certificates: PathBuf,
    /// A lock, because requests come at the same time and count together; it is held for a look
    /// into a small map, never over an await.
    budget: Arc<Mutex<Budget>>,
}

impl Asked {
    pub(super) fn new(
        names: watch::Receiver<Arc<Names>>,
        certificates: PathBuf,
        names_max: usize,
    ) -> Self {
        Self {
            names,
            certificates,
            budget: Arc::new(Mutex::new(Budget::new(names_max))),
        }
    }
}

/// Answers until the task is dropped.
pub(super) async fn serve(listener: TcpListener, path: String, asked: Asked) {
    let router = Router::new().route(&path, get(answer)).with_state(asked);
    if let Err(error) = axum::serve(listener, router).await {
        error!(%error, "The endpoint for Caddy's questions ended.");
    }
}

/// 200 lets Caddy obtain or load the certificate; anything else does not.
async fn answer(State(asked): State<Asked>, RawQuery(query): RawQuery) -> StatusCode {
    let query = query.unwrap_or_default();
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let domain = pairs.find(|(name, _)| *name == "domain");
    let name = domain.and_then(|(_, name)| Hostname::parse(name).ok());
    let known = name.filter(|name| asked.names.borrow().has(name));
    let Some(name) = known else {
        debug!("Caddy asked about a name that no route has.");
        return StatusCode::FORBIDDEN;
    };
    if is_certified(&asked.certificates, &name).await {
        return StatusCode::OK;
    }
    let mut budget = asked.budget.lock().unwrap_or_else(PoisonError::into_inner);
    if budget.allows(&name, Instant::now()) {
        return StatusCode::OK;
    }
    warn!(%name, "The name gets no certificate for now: too many new ones were asked for in this hour; see `--on-demand-names-max`.");
    StatusCode::TOO_MANY_REQUESTS
}

/// Whether the storage has a certificate of any authority for the name: it is not a new one.
async fn is_certified(certificates: &Path, name: &Hostname) -> bool {
    let Ok(mut authorities) = tokio::fs::read_dir(certificates).await else {
        return false;
    };
    while let Ok(Some(authority)) = authorities.next_entry().await {
        let file = { authority.path() }.join(format!("{name}/{name}.crt"));
        if tokio::fs::metadata(file).await.is_ok() {
            return true;
        }
    }
    false
}
