//! Asks containers whether they are ready.
//!
//! Owns the connections to containers' own addresses. A check never follows a redirect, looks at
//! no certificate and reads no body: only whether somebody listens, or answers 2xx or 3xx. Each is
//! one question; when it is asked again is decided elsewhere.

mod tls;

use std::net::SocketAddr;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use hyper::header::{HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::model::{Hostname, ReadyCheck, Scheme};
use crate::reconcile::Prober;
use crate::routes::Trial;

/// Why a container is not ready; only for debugging, as most fail for a while.
#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error("nobody accepts a connection")]
    Connect(#[source] std::io::Error),
    #[error("the connection is no TLS")]
    Tls(#[source] std::io::Error),
    #[error("there is no answer")]
    Answer(#[source] hyper::Error),
    #[error("the answer is {0}")]
    Status(StatusCode),
    #[error("the path cannot be asked for")]
    Request(#[source] hyper::http::Error),
}

/// Asks over the network.
#[derive(Debug, Clone, Copy, Default)]
pub struct NetworkProber;

impl Prober for NetworkProber {
    async fn shows(&self, trial: &Trial) -> bool {
        let asked = match &trial.check {
            ReadyCheck::Http(path) => http(trial.address, trial.scheme, &trial.host, path).await,
            ReadyCheck::Tcp | ReadyCheck::Health => connect(trial.address).await.map(drop),
            ReadyCheck::None => Ok(()),
        };
        if let Err(error) = &asked {
            let error = crate::telemetry::chain(error);
            tracing::trace!(container = %trial.container, address = %trial.address, %error, "Not ready.");
        }
        asked.is_ok()
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, ProbeError> {
    TcpStream::connect(address)
        .await
        .map_err(ProbeError::Connect)
}

/// Whether the path is answered with 2xx or 3xx.
async fn http(
    address: SocketAddr,
    scheme: Scheme,
    host: &Hostname,
    path: &str,
) -> Result<(), ProbeError> {
    let stream = connect(address).await?;
    let status = match scheme {
        Scheme::Http => over_http1(stream, host, path).await?,
        Scheme::H2c => over_http2(stream, address, path).await?,
        Scheme::Https => {
            let stream = tls::wrap(stream, host, address)
                .await
                .map_err(ProbeError::Tls)?;
            over_http1(stream, host, path).await?
        }
    };
    let is_good = status.is_success() || status.is_redirection();
    is_good.then_some(()).ok_or(ProbeError::Status(status))
}

type Ask = Request<Empty<Bytes>>;

async fn over_http1(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &Hostname,
    path: &str,
) -> Result<StatusCode, ProbeError> {
    let request: Ask = Request::get(path)
        .header(HOST, host.as_str())
        .header(USER_AGENT, "sh0-agent")
        .body(Empty::new())
        .map_err(ProbeError::Request)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(ProbeError::Answer)?;
    let answer = tokio::select! {
        answer = sender.send_request(request) => answer,
        Err(error) = connection => Err(error),
    };
    answer
        .map(|answer| answer.status())
        .map_err(ProbeError::Answer)
}

async fn over_http2(
    stream: TcpStream,
    address: SocketAddr,
    path: &str,
) -> Result<StatusCode, ProbeError> {
    let request: Ask = Request::get(format!("http://{address}{path}"))
        .header(USER_AGENT, "sh0-agent")
        .body(Empty::new())
        .map_err(ProbeError::Request)?;
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .map_err(ProbeError::Answer)?;
    let answer = tokio::select! {
        answer = sender.send_request(request) => answer,
        Err(error) = connection => Err(error),
    };
    answer
        .map(|answer| answer.status())
        .map_err(ProbeError::Answer)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;
    use tokio::time::timeout;

    use super::*;

    /// A server that answers every connection with these bytes, and how it fares in a check.
    async fn check(answer: &'static str, check: ReadyCheck) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let mut server = JoinSet::new();
        server.spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut asked = [0_u8; 1024];
            let read = stream.read(&mut asked).await.unwrap_or(0);
            let asked = String::from_utf8_lossy(asked.get(..read).unwrap_or_default()).into_owned();
            stream.write_all(answer.as_bytes()).await.expect("written");
            asked
        });
        let shows = NetworkProber.shows(&trial(address, check)).await;
        server.shutdown().await;
        shows
    }

    fn trial(address: SocketAddr, check: ReadyCheck) -> Trial {
        Trial {
            container: crate::model::ContainerRef {
                name: "web".to_owned(),
                id: crate::model::ContainerId::new("beef").expect("not empty"),
            },
            address,
            check,
            scheme: Scheme::Http,
            host: Hostname::parse("a.example").expect("a host"),
            timeout: Duration::from_secs(1),
        }
    }

    #[tokio::test]
    async fn a_path_must_be_answered_with_2xx_or_3xx() {
        let path = || ReadyCheck::Http("/healthz".to_owned());
        for (answer, expected) in [
            ("HTTP/1.1 204 No Content\r\n\r\n", true),
            (
                "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
                true,
            ),
            ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", false),
            (
                "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
                false,
            ),
            ("SSH-2.0-OpenSSH_9.2\r\n", false),
            ("", false),
        ] {
            let shows = timeout(Duration::from_secs(10), check(answer, path())).await;
            assert_eq!(shows, Ok(expected), "{answer:?}");
        }
    }

    #[tokio::test]
    async fn an_open_port_is_enough_for_tcp_and_a_closed_one_is_not() {
        assert!(check("", ReadyCheck::Tcp).await);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        drop(listener);
        assert!(!NetworkProber.shows(&trial(address, ReadyCheck::Tcp)).await);
    }
}
