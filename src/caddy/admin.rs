//! Caddy's admin API: load a config, ask whether it lives, ask it to stop.
//!
//! Owns the seam [`Admin`], its client over the Unix socket, and the reading of Caddy's answers.
//! Deliberately without retries, comparison of configs, or knowledge of what is in one: the loop
//! decides what is sent, and when again.

use std::error::Error;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde::Deserialize;

use super::message;
pub(crate) use super::message::{blames_config, is_certificate, is_environment, is_setting};
use super::render::ADMIN_ORIGIN;

/// A load of 10,000 hosts takes 2 s on two idle cores and does not wait for old connections; 30
/// times that is a machine in trouble. When it ends the wait, Caddy may still apply the config:
/// sending it again is then a no-op.
pub const LOAD_TIMEOUT: Duration = Duration::from_mins(1);
/// A ping takes 2 ms; a Caddy that needs 2 s is one that hangs.
pub const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// Caddy answers before it begins to stop, so this is a ping, too.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// How much of a refusal is read. Caddy's are a line; this bounds one that quotes a large config.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Metrics are asked for by who waits for them; Prometheus itself waits 10 s.
pub const METRICS_TIMEOUT: Duration = Duration::from_secs(8);

/// How much of Caddy's metrics is read: without hosts in their labels they are some 50 KB.
const METRICS_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How large a config is read back. Ten thousand hosts are some 10 MB.
const CONFIG_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The seam to a running Caddy. Fakes implement it for tests of the loop.
pub trait Admin: Send + Sync + 'static {
    /// Replaces Caddy's whole config. The same bytes again are no load.
    ///
    /// # Errors
    /// When Caddy could not be asked, or refuses; the config it had keeps serving.
    fn load(&self, json: Arc<[u8]>) -> impl Future<Output = Result<(), AdminError>> + Send;

    /// Whether Caddy answers at all. A load under way does not delay it.
    ///
    /// # Errors
    /// When it does not answer.
    fn ping(&self) -> impl Future<Output = Result<(), AdminError>> + Send;

    /// Asks Caddy to stop. It answers first and exits later, after its grace period at the latest.
    ///
    /// # Errors
    /// When it could not be asked.
    fn stop(&self) -> impl Future<Output = Result<(), AdminError>> + Send;
}

/// What went wrong between us and Caddy.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Nobody answers at the socket.
    #[error("no Caddy answers at the admin socket `{}`", .socket.display())]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Caddy took the request, and the connection ended without an answer: it has ended itself, or
    /// fell over the config, which ends the request alone.
    #[error("Caddy broke off `{operation}` without an answer")]
    BrokenOff {
        /// Which request.
        operation: &'static str,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Caddy took the request and did not answer in time.
    #[error("Caddy did not answer `{operation}` within {limit:?}")]
    Timeout {
        /// Which request.
        operation: &'static str,
        /// How long it was waited for.
        limit: Duration,
    },
    /// Caddy refuses the config.
    #[error("Caddy refuses the config: {message}")]
    Rejected {
        /// Caddy's words, whole up to 64 KiB.
        message: String,
    },
    /// Caddy cannot use the config because of a port, a permission, a file or a disk.
    #[error("Caddy cannot apply the config on this machine: {message}")]
    Environment {
        /// Caddy's words, whole up to 64 KiB.
        message: String,
    },
    /// Caddy, or whoever answers at its socket, is in trouble itself.
    #[error("Caddy answered with status {status}: {message}")]
    Server {
        /// The HTTP status.
        status: u16,
        /// The words, whole up to 64 KiB.
        message: String,
    },
}

/// What is to be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Try again after a while, with the newest config.
    Retry,
    /// The same bytes would be refused again: wait until they change.
    WaitForChange,
}

impl AdminError {
    /// What is to be done about it.
    #[must_use]
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Rejected { .. } => Disposition::WaitForChange,
            Self::Unreachable { .. }
            | Self::BrokenOff { .. }
            | Self::Timeout { .. }
            | Self::Environment { .. }
            | Self::Server { .. } => Disposition::Retry,
        }
    }

    /// The error that an answer with this status and body means.
    fn from_answer(status: u16, body: &str) -> Self {
        #[derive(Deserialize)]
        struct Answer {
            error: String,
        }
        let message = match serde_json::from_str::<Answer>(body) {
            Ok(answer) => answer.error,
            Err(_) => body.trim().to_owned(),
        };
        match status {
            400..=499 if message::is_environment(&message) => Self::Environment { message },
            400..=499 => Self::Rejected { message },
            _ => Self::Server { status, message },
        }
    }
}

/// The admin API of the Caddy behind one Unix socket. Clones share nothing but the path.
#[derive(Debug, Clone)]
pub struct AdminClient {
    socket: PathBuf,
    client: Client,
}

impl AdminClient {
    /// A client of this socket; nothing is dialled yet, and the socket need not be there.
    ///
    /// # Panics
    /// Never: a client without TLS has nothing that could fail to be built.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        let socket = socket.into();
        // A new connection for each request: Caddy replaces the endpoint at every load, and the
        // socket file at every start, so a kept connection would be a dead or a wrong one.
        let client = Client::builder()
            .unix_socket(socket.clone())
            .pool_max_idle_per_host(0)
            .no_proxy()
            .build()
            .expect("a client without TLS can always be built");
        Self { socket, client }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("http://{ADMIN_ORIGIN}{path}"))
    }

    /// Sends a request and waits for the status and the header of its answer.
    async fn send(
        &self,
        request: RequestBuilder,
        operation: &'static str,
        limit: Duration,
    ) -> Result<Response, AdminError> {
        (request.timeout(limit).send().await)
            .map_err(|source| self.broken(source, operation, limit))
    }

    /// Reads an answer, which is `Ok` with a 2xx status.
    async fn finish(
        &self,
        mut response: Response,
        operation: &'static str,
        limit: Duration,
    ) -> Result<(), AdminError> {
        if response.status().is_success() {
            return Ok(());
        }
        let mut body = Vec::new();
        while body.len() < ANSWER_BYTES_MAX {
            let chunk = response.chunk().await;
            match chunk.map_err(|source| self.broken(source, operation, limit))? {
                Some(chunk) => body.extend_from_slice(&chunk),
                None => break,
            }
        }
        body.truncate(ANSWER_BYTES_MAX);
        let body = String::from_utf8_lossy(&body);
        Err(AdminError::from_answer(response.status().as_u16(), &body))
    }

    fn broken(
        &self,
        source: reqwest::Error,
        operation: &'static str,
        limit: Duration,
    ) -> AdminError {
        if source.is_timeout() {
            return AdminError::Timeout { operation, limit };
        }
        let is_taken = !source.is_connect();
        let source = source.into();
        if is_taken {
            return AdminError::BrokenOff { operation, source };
        }
        let socket = self.socket.clone();
        AdminError::Unreachable { socket, source }
    }
}

impl AdminClient {
    /// Whether Caddy serves a config. It opens the socket before it has provisioned its first
    /// config; this path waits for a load under way, and is `null` without a config.
    pub async fn serving(&self) -> bool {
        let request = self.request(Method::GET, "/config/admin/listen");
        let answer = self
            .send(request, "GET /config/admin/listen", PING_TIMEOUT)
            .await;
        match answer {
            Ok(response) if response.status().is_success() => response
                .text()
                .await
                .is_ok_and(|text| text.trim() != "null"),
            Ok(_) | Err(_) => false,
        }
    }
}

impl AdminClient {
    /// The config that Caddy serves, in its own form; `None` when it does not answer, or serves
    /// none. Waits for a load under way, and at most as long as a load may take.
    pub async fn served(&self) -> Option<Vec<u8>> {
        let request = self.request(Method::GET, "/config/");
        let answer = self.send(request, "GET /config/", LOAD_TIMEOUT).await;
        let mut answer = answer.ok().filter(|answer| answer.status().is_success())?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.ok()? {
            body.extend_from_slice(&chunk);
            if body.len() > CONFIG_BYTES_MAX {
                return None;
            }
        }
        (body.trim_ascii() != b"null").then_some(body)
    }
}

impl AdminClient {
    /// Caddy's own metrics, in Prometheus' text format.
    ///
    /// # Errors
    /// When Caddy could not be asked, or answers something else.
    pub async fn metrics(&self) -> Result<String, AdminError> {
        let operation = "GET /metrics";
        let request = self.request(Method::GET, "/metrics");
        let mut answer = self.send(request, operation, METRICS_TIMEOUT).await?;
        let status = answer.status();
        let mut body = Vec::new();
        while body.len() < METRICS_BYTES_MAX {
            let chunk = answer.chunk().await;
            match chunk.map_err(|source| self.broken(source, operation, METRICS_TIMEOUT))? {
                Some(chunk) => body.extend_from_slice(&chunk),
                None => break,
            }
        }
        let text = String::from_utf8_lossy(&body).into_owned();
        if status.is_success() {
            return Ok(text);
        }
        Err(AdminError::from_answer(status.as_u16(), &text))
    }
}

impl Admin for AdminClient {
    async fn load(&self, json: Arc<[u8]>) -> Result<(), AdminError> {
        let request = (self.request(Method::POST, "/load"))
            .header("Content-Type", "application/json")
            .body(json.to_vec());
        let response = self.send(request, "POST /load", LOAD_TIMEOUT).await?;
        self.finish(response, "POST /load", LOAD_TIMEOUT).await
    }

    async fn ping(&self) -> Result<(), AdminError> {
        // The one path that neither waits for a running load nor is logged above DEBUG
        // (`adminHandler.ServeHTTP` in Caddy's admin.go). Whatever it answers, it lives.
        let request = self.request(Method::HEAD, "/metrics");
        (self.send(request, "HEAD /metrics", PING_TIMEOUT).await).map(drop)
    }

    async fn stop(&self) -> Result<(), AdminError> {
        let request = self.request(Method::POST, "/stop");
        let response = self.send(request, "POST /stop", STOP_TIMEOUT).await?;
        self.finish(response, "POST /stop", STOP_TIMEOUT).await
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(status: u16, body: &str, expected: &Expect) {
        let error = AdminError::from_answer(status, body);
        expected.assert_eq(&format!("{:?}: {error}", error.disposition()));
    }

    #[test]
    fn answers_are_read_by_status_and_words() {
        check(
            400,
            r#"{"error":"loading config: json: unknown field \"x\""}"#,
            &expect![[
                r#"WaitForChange: Caddy refuses the config: loading config: json: unknown field "x""#
            ]],
        );
        check(
            400,
            r#"{"error":"listen tcp :80: bind: address already in use"}"#,
            &expect![
                "Retry: Caddy cannot apply the config on this machine: listen tcp :80: bind: address already in use"
            ],
        );
        check(
            400,
            "no JSON at all\n",
            &expect!["WaitForChange: Caddy refuses the config: no JSON at all"],
        );
        check(503, "", &expect!["Retry: Caddy answered with status 503: "]);
    }
}
