//! Orders for the loop: `POST /pause`, `/resume` and `/stop`, each with a small JSON body.
//!
//! Only over a Unix socket of its own, which only the agent's user, and root, may connect to; never
//! over TCP. What is asked of an app is checked here, who is meant is the loop's matter.

use std::path::Path;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{Path as Segment, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::IncomingStream;
use axum::{Json, Router};
use serde::Deserialize;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{StatusError, serve_at};
use crate::access::{is_own_or_root, user_name};
use crate::model::{HaltKind, HaltMessage, shown};
use crate::status::control::{Command, Done, Refusal, RefusalKind, Verb};

/// Characters of a verb that are shown.
const NAME_CHARS_MAX: usize = 32;
/// Longest body, in bytes: a message of four bytes a character with every one escaped, twice over.
const BODY_BYTES_MAX: usize = 16 * 1024;
/// How long one order may take, its body and the write of the state file included.
const ORDER_TIME_MAX: Duration = Duration::from_secs(4);

/// Who is at the other end of the socket.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// `None` where the system does not say.
    uid: Option<u32>,
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        let uid = stream.io().peer_cred().ok().map(|peer| peer.uid());
        Self { uid }
    }
}

/// Takes orders on this socket, mode 0600, until asked to stop; as [`super::serve`] for the rest.
///
/// # Errors
/// When the socket cannot be made at first, or served.
pub async fn serve_control(
    path: &Path,
    commands: mpsc::Sender<Command>,
    stop: CancellationToken,
) -> Result<(), StatusError> {
    let router = |_| router(commands.clone());
    serve_at(path, router, stop).await
}

fn router(commands: mpsc::Sender<Command>) -> Router {
    Router::new()
        .route("/{verb}", post(ordered))
        .with_state(commands)
}

/// What is said of an app.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    app: String,
    /// Only of `pause`; 30 s where it is not said.
    max_millis: Option<u64>,
    /// Only of `stop`.
    message: Option<String>,
}

async fn ordered(
    State(commands): State<mpsc::Sender<Command>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Segment(verb): Segment<String>,
    body: Body,
) -> Response {
    let done = timeout(ORDER_TIME_MAX, obey(&commands, &peer, &verb, body)).await;
    match done.unwrap_or_else(|_| Err(late())) {
        Ok(done) => Json(done).into_response(),
        Err(refusal) => {
            let status = match refusal.kind {
                RefusalKind::Invalid => StatusCode::BAD_REQUEST,
                RefusalKind::Forbidden => StatusCode::FORBIDDEN,
                RefusalKind::Unknown => StatusCode::NOT_FOUND,
                RefusalKind::Ambiguous | RefusalKind::Impossible => StatusCode::CONFLICT,
                RefusalKind::Ending => StatusCode::SERVICE_UNAVAILABLE,
            };
            (status, Json(refusal)).into_response()
        }
    }
}

async fn obey(
    commands: &mpsc::Sender<Command>,
    peer: &Peer,
    verb: &str,
    body: Body,
) -> Result<Done, Refusal> {
    // The socket's mode says so as well; it has another one for a moment after it is made.
    let uid = peer.uid.filter(|uid| is_own_or_root(*uid));
    let uid = uid.ok_or_else(forbidden)?;
    let body = to_bytes(body, BODY_BYTES_MAX).await;
    let body = body.map_err(|error| invalid(&error.to_string()))?;
    let order = serde_json::from_slice(&body).map_err(|error| invalid(&error.to_string()))?;
    let (verb, app) = meant(verb, order)?;
    let by = spawn_blocking(move || user_name(uid)).await;
    let by = by.unwrap_or_else(|_| uid.to_string());
    let (answer, answered) = oneshot::channel();
    let command = Command {
        verb,
        app,
        by,
        answer,
    };
    commands.send(command).await.map_err(|_| ending())?;
    answered.await.map_err(|_| ending())?
}

fn meant(verb: &str, order: Order) -> Result<(Verb, String), Refusal> {
    let is_allowed = match verb {
        "pause" => order.message.is_none(),
        "stop" => order.max_millis.is_none(),
        "resume" => order.message.is_none() && order.max_millis.is_none(),
        _ => {
            let error = format!("there is no verb `{}`", shown(verb, NAME_CHARS_MAX));
            let help = "the verbs are pause, resume and stop";
            return Err(Refusal::new(RefusalKind::Invalid, error, help));
        }
    };
    if !is_allowed {
        return Err(invalid(
            "`max_millis` belongs to `pause`, `message` to `stop`",
        ));
    }
    let verb = match verb {
        "pause" => {
            let max = order
                .max_millis
                .map_or(HaltKind::MAX_DEFAULT, Duration::from_millis);
            let kind = HaltKind::paused(max).ok_or_else(|| {
                let (least, most) = (HaltKind::MAX_LEAST, HaltKind::MAX_MOST);
                invalid(&format!(
                    "expected a wait from {least:?} to {most:?}, found {max:?}"
                ))
            })?;
            Verb::Halt(kind)
        }
        "stop" => {
            let message = order.message.as_deref().map(HaltMessage::parse);
            let message = message.transpose().map_err(|error| invalid(&error))?;
            Verb::Halt(HaltKind::Stopped { message })
        }
        _ => Verb::Resume,
    };
    Ok((verb, order.app))
}

fn invalid(problem: &str) -> Refusal {
    let error = format!("the order cannot be read: {problem}");
    let help = "send JSON such as {\"app\":\"shop/web\"}";
    Refusal::new(RefusalKind::Invalid, error, help)
}

fn forbidden() -> Refusal {
    let help = "only the agent's user and root may tell it what to do";
    Refusal::new(RefusalKind::Forbidden, "this user may not do that", help)
}

fn ending() -> Refusal {
    let help = "try again when the next agent runs";
    Refusal::new(RefusalKind::Ending, "the agent is ending", help)
}

fn late() -> Refusal {
    let error = format!("it was not done within {ORDER_TIME_MAX:?}");
    let help = "it may be done still: see `sh0-agent routes`, and the agent's log";
    Refusal::new(RefusalKind::Ending, error, help)
}
