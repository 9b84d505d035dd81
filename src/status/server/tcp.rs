//! The same over TCP, for who may read it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::connections::{self, Bounds};
use super::{Latest, Served, StatusError};
use crate::status::Monitored;
use crate::status::guard::{Guard, TcpOptions, Verdict};

/// From one try to listen to the next: whoever has the port may go.
const BIND_INTERVAL: Duration = Duration::from_secs(5);

/// Serves the status over TCP until asked to stop. An address that is not free is waited for: no
/// site is to miss its routes because of the page about them.
///
/// # Errors
/// When it cannot be served any more.
pub async fn serve_tcp(
    options: TcpOptions,
    runtime_dir: &Path,
    latest: Latest,
    monitored: Monitored,
    stop: CancellationToken,
) -> Result<(), StatusError> {
    if options.is_open() {
        warn!(address = %options.address, "Other machines can read the status without a password; set one with `--status-auth`, or listen on 127.0.0.1.");
    }
    let Some(listener) = stop.run_until_cancelled(bound(&options)).await else {
        return Ok(());
    };
    let guarded = latest.clone();
    let router = Served::new(runtime_dir, latest, monitored, stop.clone()).router();
    let guard = Arc::new(Guard::new(options, guarded));
    let router = router.layer(from_fn_with_state(guard, judged));
    connections::serve(listener, router, Bounds::default(), stop).await;
    Ok(())
}

/// Listens, as soon as that is possible.
async fn bound(options: &TcpOptions) -> TcpListener {
    let address = options.address;
    let mut is_said = false;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => {
                info!(%address, "The status page is at http://{address}/.");
                return listener;
            }
            Err(error) if !is_said => {
                warn!(%address, %error, "The status page cannot be served there yet; it is tried again.");
                is_said = true;
            }
            Err(_) => {}
        }
        sleep(BIND_INTERVAL).await;
    }
}

async fn judged(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let (host, authorization) = said(&request);
    let judged = guard.judge(host.as_deref(), authorization.as_deref());
    match judged.await {
        Verdict::Welcome => next.run(request).await,
        Verdict::ForeignHost => {
            let why = "this is not a name of the status page; allow it with --status-host\n";
            (StatusCode::MISDIRECTED_REQUEST, why).into_response()
        }
        Verdict::Unknown => {
            let asks = [(header::WWW_AUTHENTICATE, "Basic realm=\"sh0-agent\"")];
            let why = "say a name and a password\n";
            (StatusCode::UNAUTHORIZED, asks, why).into_response()
        }
    }
}

/// The host that is asked for, and by whom.
fn said(request: &Request) -> (Option<String>, Option<String>) {
    let field = |name| {
        let value = request.headers().get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    // An absolute target stands before the field (RFC 9112, section 3.2.2).
    let target = request.uri().authority().map(ToString::to_string);
    let host = target.or_else(|| field(header::HOST));
    (host, field(header::AUTHORIZATION))
}
