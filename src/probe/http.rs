//! Asks a container over HTTP.
//!
//! A connection of its own for each question, so that a kept one never stands for a container that
//! has long changed.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::http::uri::{Authority, PathAndQuery};
use hyper::rt::Executor;
use hyper::{Request, Response, Uri, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::select;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{HttpQuestion, Reason, Reply, complaint, tls};
use crate::model::Scheme;

/// The most that is read of a body. Only the status counts; an app whose answer is taken whole is
/// spared a complaint in its log.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// The longest time for that. A body that is not there by then is one that streams.
const BODY_TIME_MAX: Duration = Duration::from_millis(100);
/// The most that the head of an answer may take.
const HEAD_BYTES_MAX: usize = 64 * 1024;

type Question = Request<Empty<&'static [u8]>>;

/// Whether the answer is among the expected ones.
pub(super) async fn ask(
    stream: TcpStream,
    question: &HttpQuestion,
    tls: &TlsConnector,
) -> Result<(), Reason> {
    let Reply { status, .. } = reply(stream, question, tls).await?;
    if question.expected.contains(status) {
        Ok(())
    } else {
        Err(Reason::Status(status))
    }
}

/// The head of the answer, whatever it is.
pub(super) async fn reply(
    stream: TcpStream,
    question: &HttpQuestion,
    tls: &TlsConnector,
) -> Result<Reply, Reason> {
    match question.scheme {
        Scheme::Http => ask_http1(stream, question).await,
        Scheme::H2c => ask_http2(stream, question).await,
        Scheme::Https => {
            let name = server_name(&question.host, &stream)?;
            let stream = tls.connect(name, stream).await;
            let stream = stream.map_err(|error| Reason::Tls(complaint(&error)))?;
            match stream.get_ref().1.alpn_protocol() {
                Some(tls::HTTP2) => ask_http2(stream, question).await,
                Some(_) | None => ask_http1(stream, question).await,
            }
        }
    }
}

/// The host where it is a name that TLS may ask for, else the address, for which it asks nothing.
fn server_name(host: &str, stream: &TcpStream) -> Result<ServerName<'static>, Reason> {
    match ServerName::try_from(host.to_owned()) {
        Ok(name) => Ok(name),
        Err(_) => match stream.peer_addr() {
            Ok(address) => Ok(ServerName::IpAddress(address.ip().into())),
            Err(error) => Err(Reason::Network(complaint(&error))),
        },
    }
}

async fn ask_http1(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    question: &HttpQuestion,
) -> Result<Reply, Reason> {
    let request = to_request(question, Uri::from(path(question)?))?;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_BYTES_MAX);
    let (mut sender, connection) = builder
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    beside(connection, answer(sender.send_request(request))).await
}

async fn ask_http2(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    question: &HttpQuestion,
) -> Result<Reply, Reason> {
    let authority: Authority = (question.host.parse()).map_err(|_| Reason::Question)?;
    let uri = Uri::builder().scheme(scheme(question.scheme));
    let uri = uri.authority(authority).path_and_query(path(question)?);
    let request = to_request(question, uri.build().map_err(|_| Reason::Question)?)?;
    let tasks = Tasks::default();
    let _end = End(tasks.clone());
    let mut builder = http2::Builder::new(tasks);
    builder.max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX));
    let (mut sender, connection) = builder
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    beside(connection, answer(sender.send_request(request))).await
}

fn scheme(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Http | Scheme::H2c => "http",
        Scheme::Https => "https",
    }
}

fn path(question: &HttpQuestion) -> Result<PathAndQuery, Reason> {
    let path = question.path.parse::<PathAndQuery>();
    let path = path.ok().filter(|_| question.path.starts_with('/'));
    path.ok_or(Reason::Question)
}

fn to_request(question: &HttpQuestion, uri: Uri) -> Result<Question, Reason> {
    let agent = concat!("sh0-agent/", env!("CARGO_PKG_VERSION"));
    let request = Request::get(uri).header(header::USER_AGENT, agent);
    let request = match question.scheme {
        Scheme::Http | Scheme::Https => request.header(header::HOST, &question.host),
        Scheme::H2c => request,
    };
    (request.body(Empty::new())).map_err(|_| Reason::Question)
}

/// The head of the answer, after a short look at its body.
async fn answer(
    answer: impl Future<Output = hyper::Result<Response<Incoming>>>,
) -> Result<Reply, Reason> {
    let response = answer.await.map_err(broken)?;
    let field = |name| { response.headers().get(name) }.and_then(|value| value.to_str().ok());
    let reply = Reply {
        status: response.status().as_u16(),
        via: field(header::VIA).map(str::to_owned),
        location: field(header::LOCATION).map(str::to_owned),
    };
    // A body that breaks off or goes on for ever changes nothing.
    drop(timeout(BODY_TIME_MAX, drain(response.into_body())).await);
    Ok(reply)
}

async fn drain(mut body: Incoming) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read >= BODY_BYTES_MAX {
            return;
        }
    }
}

/// The answer, while the connection is kept going. Its end alone says nothing: the answer may have
/// come with it, and else fails by itself.
async fn beside(
    connection: impl Future<Output = hyper::Result<()>>,
    answer: impl Future<Output = Result<Reply, Reason>>,
) -> Result<Reply, Reason> {
    let connection = async {
        drop(connection.await);
        pending::<Infallible>().await
    };
    select! { biased;
        answer = answer => answer,
        never = connection => match never {},
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn broken(error: hyper::Error) -> Reason {
    Reason::Http(complaint(&error))
}

/// Runs what the HTTP/2 client must run beside.
#[derive(Clone, Default)]
struct Tasks(
    /// A lock, because the client's interface for this has only a shared reference; never held for
    /// longer than a call.
    Arc<Mutex<JoinSet<()>>>,
);

impl Tasks {
    fn set(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.set().spawn(task);
    }
}

/// Ends them with the question, however that ends.
struct End(Tasks);

impl Drop for End {
    fn drop(&mut self) {
        self.0.set().abort_all();
    }
}
