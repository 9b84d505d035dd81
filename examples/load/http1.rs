//! HTTP/1.1 over one connection that is kept: nothing is ever sent twice.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::answer::{Answer, Question};

/// A client's one connection at a time.
pub(crate) struct Http1 {
    address: SocketAddr,
    host: String,
    kept: Option<Kept>,
}

struct Kept {
    sender: SendRequest<Full<Bytes>>,
    /// The same socket, to look at it without reading from it.
    socket: std::net::TcpStream,
    /// The task that moves the bytes; it ends with the connection.
    _task: JoinSet<()>,
}

impl Http1 {
    pub(crate) fn new(port: u16, host: &str) -> Self {
        Self {
            address: (Ipv4Addr::LOCALHOST, port).into(),
            host: host.to_owned(),
            kept: None,
        }
    }

    /// Drops the connection if the server has closed it.
    pub(crate) fn look(&mut self) {
        self.kept.take_if(|kept| {
            // Nothing to read, and no end: that is how an open connection looks between answers.
            let seen = kept.socket.peek(&mut [0]);
            let is_quiet = seen.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
            kept.sender.is_closed() || !is_quiet
        });
    }

    /// Drops the connection.
    pub(crate) fn close(&mut self) {
        self.kept = None;
    }

    /// Asks over the kept connection, or over a new one if there is none. After a loss there is
    /// none.
    pub(crate) async fn ask(&mut self, question: &Question) -> Result<Answer, String> {
        let (state, mut kept) = match self.kept.take() {
            Some(kept) => ("kept", kept),
            None => ("new", self.connect().await.map_err(|e| told("new", &*e))?),
        };
        let request = Request::builder()
            .method(&question.method)
            .uri("/")
            .header(header::HOST, &self.host)
            .body(Full::new(question.body.clone()));
        let request = request.expect("a host name is a header value");
        let asked = async {
            kept.sender.ready().await?;
            let (head, body) = kept.sender.send_request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, hyper::Error>((head, body))
        };
        let (head, body) = asked.await.map_err(|error| told(state, &error))?;
        let closes = head.headers.get(header::CONNECTION);
        if closes.is_none_or(|value| value != "close") {
            self.kept = Some(kept);
        }
        Ok(Answer {
            status: head.status,
            body,
        })
    }

    async fn connect(&self) -> Result<Kept, Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let stream = stream.into_std()?;
        let socket = stream.try_clone()?;
        let stream = TcpStream::from_std(stream)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        let mut task = JoinSet::new();
        task.spawn(async move {
            // Its error comes to whoever waits for the answer, too.
            drop(connection.await);
        });
        Ok(Kept {
            sender,
            socket,
            _task: task,
        })
    }
}

fn told(state: &str, error: &(dyn std::error::Error + 'static)) -> String {
    let error = sh0_agent::telemetry::chain(error);
    format!("no answer over a {state} connection: {error}")
}
