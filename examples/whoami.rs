//! The demo backend: a small web server that says who it is and what it was asked.
//!
//! Every test, benchmark and demo that needs "an app behind the proxy" runs this one, so that an
//! answer's body proves which container gave it. It owns no state but its health. It knows nothing
//! of the agent, of Caddy or of labels.
//!
//! | path | answer |
//! |---|---|
//! | any other | `name: …`, then hostname, method, host, path, proto, forwarded headers, body |
//! | `/health` | 200 `healthy` or 503 `unhealthy`; `POST /health?healthy=false` changes it |
//! | `/slow?ms=…` | as any other, after so many milliseconds (60 s at most) |
//! | `/events` | server-sent events, a number every second |
//! | `/ws` | WebSocket: the name first, then an echo |
//!
//! Settings, by environment:
//!
//! | variable | default | meaning |
//! |---|---|---|
//! | `WHOAMI_NAME` | `whoami` | what it says |
//! | `WHOAMI_PORT` | 8080 | where it listens; HTTP/1.1 and HTTP/2 without TLS share the port |
//! | `WHOAMI_TLS` | 0 | 1: HTTPS with a certificate that it makes and signs itself |
//! | `WHOAMI_BOOT_MS` | 0 | wait before it listens |
//! | `WHOAMI_HEALTHY_AFTER_MS` | 0 | `/health` answers 503 for so long after it listens |
//! | `WHOAMI_ON_TERM` | `finish` | SIGTERM: `finish` what is in flight, `exit` at once, `ignore` |
//! | `WHOAMI_LINGER_MS` | 0 | with `finish`: takes requests for so long after SIGTERM |
//! | `WHOAMI_EXIT_AFTER_MS` | never | ends with exit code 1 so long after its start |
//!
//! `whoami healthcheck` asks `/health` of the server in the same container and exits 0 or 1: an
//! image made `FROM scratch` has no shell and no curl for a `HEALTHCHECK`.

#[path = "whoami/settings.rs"]
mod settings;
#[path = "whoami/tls.rs"]
mod tls;

use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::pending;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use futures::{Stream, StreamExt, stream};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::settings::{OnTerm, Settings};
use self::tls::TlsListener;

/// Longest delay that `/slow` grants: a test that needs more is a hanging test.
const SLOW_MAX: Duration = Duration::from_mins(1);
/// Requests in flight may take so long after SIGTERM: a second less than `docker stop` waits
/// before it kills.
const GRACE: Duration = Duration::from_secs(9);
/// Time between two server-sent events.
const TICK: Duration = Duration::from_secs(1);
/// A server on the loopback interface that needs longer for `/health` is not healthy.
const HEALTHCHECK_TIMEOUT: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let settings = Settings::from_environment()?;
    if std::env::args().nth(1).as_deref() == Some("healthcheck") {
        return Ok(healthcheck(settings.port).await);
    }
    tracing_subscriber::fmt().init();
    serve(settings).await?;
    Ok(ExitCode::SUCCESS)
}

/// What the handlers share.
#[derive(Clone)]
struct App {
    name: Arc<str>,
    hostname: Arc<str>,
    healthy_from: Instant,
    /// Set by `POST /health`.
    unhealthy: Arc<AtomicBool>,
    /// Set by SIGTERM: ends the endless answers, which would otherwise use up the whole grace,
    /// and asks clients to close their connections.
    closing: CancellationToken,
}

/// Serves until SIGTERM or SIGINT; then answers what it has begun, for [`GRACE`] at most.
async fn serve(settings: Settings) -> anyhow::Result<()> {
    // From the first moment on: as process 1 of a container it would ignore SIGTERM otherwise.
    let mut terminate = signal(SignalKind::terminate()).context("cannot catch SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot catch SIGINT")?;
    let (closing, stop) = (CancellationToken::new(), CancellationToken::new());
    let on_term = settings.on_term;
    let stopped = async {
        let linger = tokio::select! {
            linger = async { terminate.recv().await; until_obeyed(on_term).await } => linger,
            _ = interrupt.recv() => Some(Duration::ZERO),
        };
        let Some(linger) = linger else { return };
        closing.cancel();
        sleep(linger).await;
        stop.cancel();
        sleep(GRACE).await;
    };
    let failed = async {
        match settings.exit_after {
            Some(after) => sleep(after).await,
            None => pending().await,
        }
    };
    tokio::select! {
        () = stopped => Ok(()),
        () = failed => bail!("this is the end that WHOAMI_EXIT_AFTER_MS asked for"),
        served = listen(&settings, closing.clone(), stop.clone()) => served,
    }
}

/// How long it lingers after SIGTERM; `None` is to end without a word.
async fn until_obeyed(on_term: OnTerm) -> Option<Duration> {
    match on_term {
        OnTerm::Finish { linger } => Some(linger),
        OnTerm::Exit => None,
        OnTerm::Ignore => pending().await,
    }
}

/// Boots, listens and serves; ends when all requests are answered after `stop`.
async fn listen(
    settings: &Settings,
    closing: CancellationToken,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    tokio::select! {
        () = sleep(settings.boot) => {}
        () = closing.cancelled() => return Ok(()),
    }
    let listener = bind(settings.port).await.context("cannot listen")?;
    info!(name = %settings.name, port = settings.port, "Listening.");
    let app = App {
        name: settings.name.as_str().into(),
        hostname: std::fs::read_to_string("/etc/hostname")
            .unwrap_or_default()
            .trim()
            .into(),
        healthy_from: Instant::now() + settings.healthy_after,
        unhealthy: Arc::default(),
        closing,
    };
    let router = Router::new()
        .route("/health", get(health).post(set_health))
        .route("/slow", any(slow))
        .route("/events", get(events))
        .route("/ws", any(echo))
        .fallback(who)
        .layer(from_fn_with_state(app.clone(), say_goodbye))
        .with_state(app);
    let stopped = stop.cancelled_owned();
    let served = if settings.is_tls {
        let listener = TlsListener::new(listener, &settings.name)?;
        let server = axum::serve(listener, router);
        server.with_graceful_shutdown(stopped).await
    } else {
        let server = axum::serve(listener, router);
        server.with_graceful_shutdown(stopped).await
    };
    served.context("cannot serve")
}

/// Asks the client to close its connection when this server is about to end. In HTTP/2 the field
/// has no meaning and no place (RFC 9113, 8.2.2).
async fn say_goodbye(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_http1 = request.version() <= Version::HTTP_11;
    let mut response = next.run(request).await;
    if app.closing.is_cancelled() && is_http1 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// All addresses; without IPv6 in the kernel, all IPv4 addresses.
async fn bind(port: u16) -> std::io::Result<TcpListener> {
    match TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await,
    }
}

async fn who(State(app): State<App>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let field = |name| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let host = field(header::HOST.as_str()).or(parts.uri.authority().map(Authority::as_str));
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut lines = vec![
        format!("name: {}", app.name),
        format!("hostname: {}", app.hostname),
        format!("method: {}", parts.method),
        format!("host: {}", host.unwrap_or_default()),
        format!("path: {path}"),
        format!("proto: {:?}", parts.version),
    ];
    for name in ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"] {
        lines.push(format!("{name}: {}", field(name).unwrap_or_default()));
    }
    match read(body).await {
        Ok((bytes, sum)) => {
            lines.push(format!("body-bytes: {bytes}"));
            lines.push(format!("body-sha256: {sum}"));
        }
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
    (lines.join("\n") + "\n").into_response()
}

/// Reads a body to its end, keeping nothing of it but its size and sum.
async fn read(body: Body) -> Result<(u64, String), axum::Error> {
    let (mut bytes, mut sum) = (0, Sha256::new());
    if !body.is_end_stream() {
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            bytes += chunk.len() as u64;
            sum.update(&chunk);
        }
    }
    let mut hex = String::new();
    for byte in sum.finalize() {
        write!(hex, "{byte:02x}").expect("a string takes everything");
    }
    Ok((bytes, hex))
}

async fn health(State(app): State<App>) -> (StatusCode, &'static str) {
    if app.unhealthy.load(Ordering::Relaxed) || Instant::now() < app.healthy_from {
        (StatusCode::SERVICE_UNAVAILABLE, "unhealthy\n")
    } else {
        (StatusCode::OK, "healthy\n")
    }
}

#[derive(Deserialize)]
struct SetHealth {
    healthy: bool,
}

async fn set_health(State(app): State<App>, Query(set): Query<SetHealth>) -> StatusCode {
    app.unhealthy.store(!set.healthy, Ordering::Relaxed);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Slow {
    #[serde(default)]
    ms: u64,
}

async fn slow(State(app): State<App>, Query(slow): Query<Slow>, request: Request) -> Response {
    sleep(Duration::from_millis(slow.ms).min(SLOW_MAX)).await;
    who(State(app), request).await
}

async fn events(State(app): State<App>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let ticks = stream::unfold(0_u64, |tick| async move {
        if tick > 0 {
            sleep(TICK).await;
        }
        Some((Ok(Event::default().data(tick.to_string())), tick + 1))
    });
    Sse::new(ticks.take_until(app.closing.cancelled_owned())).keep_alive(KeepAlive::default())
}

async fn echo(State(app): State<App>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async move |socket| {
        if let Err(error) = converse(socket, &app.name).await {
            info!(%error, "A WebSocket broke.");
        }
    })
}

/// Says the name, then sends every message back, until the client closes.
async fn converse(mut socket: WebSocket, name: &str) -> Result<(), axum::Error> {
    socket.send(Message::text(name)).await?;
    while let Some(message) = socket.recv().await {
        match message? {
            Message::Close(_) => break,
            // Answered by axum itself.
            Message::Ping(_) | Message::Pong(_) => {}
            message @ (Message::Text(_) | Message::Binary(_)) => socket.send(message).await?,
        }
    }
    Ok(())
}

/// Asks the server of this container for its health.
async fn healthcheck(port: u16) -> ExitCode {
    match timeout(HEALTHCHECK_TIMEOUT, status_line(port)).await {
        Ok(Ok(line)) if line.starts_with("HTTP/1.1 200 ") => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

async fn status_line(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let request = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let line = answer
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    Ok(String::from_utf8_lossy(line).into_owned())
}
