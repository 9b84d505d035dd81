//! A small HTTP server in Docker's place that follows a script, well-behaved or not.

use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// What the server does with a request; afterwards it closes the connection.
pub(crate) enum Step {
    Send(String),
    WaitFor(Arc<Notify>),
    Hang,
}

pub(crate) type Script = dyn Fn(&str) -> Vec<Step> + Send + Sync;

/// A server that follows a script; dropping it ends all its connections.
pub(crate) struct Server {
    requests: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(crate) fn on_unix(
        socket: &Path,
        script: impl Fn(&str) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let requests = Arc::default();
        let (log, script): (_, Arc<Script>) = (Arc::clone(&requests), Arc::new(script));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                connections.spawn(serve(connection, Arc::clone(&script), Arc::clone(&log)));
            }
        });
        Self {
            requests,
            _tasks: tasks,
        }
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Serves one request: reads its head, logs its first line, and plays the script for its path
/// without the version.
pub(crate) async fn serve(
    mut connection: impl AsyncRead + AsyncWrite + Unpin,
    script: Arc<Script>,
    log: Arc<Mutex<Vec<String>>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match connection.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let line = head.lines().next().unwrap().to_owned();
    let path = line.split(' ').nth(1).unwrap().to_owned();
    log.lock().unwrap().push(line);
    let bare = match path.strip_prefix("/v1.") {
        Some(rest) => format!("/{}", rest.split_once('/').unwrap().1),
        None => path,
    };
    for step in script(&bare) {
        match step {
            Step::Send(text) => {
                if connection.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
            Step::WaitFor(signal) => signal.notified().await,
            Step::Hang => std::future::pending().await,
        }
    }
}

/// The head of an answer that ends when the connection does.
pub(crate) const STREAM_HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";

/// Sends these bytes.
pub(crate) fn send(text: impl Into<String>) -> Step {
    Step::Send(text.into())
}

/// A whole answer.
pub(crate) fn reply(status: &str, body: &str) -> Vec<Step> {
    let length = body.len();
    vec![send(format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}"
    ))]
}

/// A whole answer with this JSON.
pub(crate) fn ok(body: &Value) -> Vec<Step> {
    reply("200 OK", &body.to_string())
}
