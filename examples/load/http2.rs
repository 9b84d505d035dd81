//! HTTP/2 over TLS. A server that goes away says which requests it has not looked at
//! (RFC 9113, 6.8 and 8.7), and those are sent again.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::Secure;
use super::answer::{Answer, Question};

/// How often one request is sent: two servers in a row may go away.
const TRIES_MAX: u64 = 3;

type Failure = Box<dyn Error + Send + Sync>;

/// A client's one connection at a time.
pub(crate) struct Http2 {
    address: SocketAddr,
    host: String,
    uri: String,
    connector: TlsConnector,
    kept: Option<Kept>,
}

struct Kept {
    sender: SendRequest<Full<Bytes>>,
    /// The task that moves the bytes; it ends with the connection.
    _task: JoinSet<()>,
}

/// A request without an answer.
struct Loss {
    reason: String,
    /// The server has not looked at it.
    is_unseen: bool,
}

impl Http2 {
    pub(crate) fn new(secure: &Secure) -> Self {
        Self {
            address: (Ipv4Addr::LOCALHOST, secure.port).into(),
            host: secure.host.clone(),
            uri: format!("https://{}:{}/", secure.host, secure.port),
            connector: connector(secure),
            kept: None,
        }
    }

    pub(crate) fn close(&mut self) {
        self.kept = None;
    }

    /// Asks, and asks again while the server says that it has not looked.
    pub(crate) async fn ask(
        &mut self,
        question: &Question,
        retried: &mut u64,
    ) -> Result<Answer, String> {
        loop {
            match self.try_once(question).await {
                Ok(answer) => return Ok(answer),
                Err(loss) if loss.is_unseen && *retried + 1 < TRIES_MAX => *retried += 1,
                Err(loss) => return Err(loss.reason),
            }
        }
    }

    async fn try_once(&mut self, question: &Question) -> Result<Answer, Loss> {
        self.kept.take_if(|kept| kept.sender.is_closed());
        let mut kept = match self.kept.take() {
            Some(kept) => kept,
            None => self.connect().await.map_err(|error| Loss {
                reason: format!("no connection: {}", chain(&*error)),
                is_unseen: false,
            })?,
        };
        let request = Request::builder().method(&question.method).uri(&self.uri);
        let request = request.body(Full::new(question.body.clone()));
        let request = request.expect("a host name is part of a URI");
        let asked = async {
            kept.sender.ready().await?;
            let (head, body) = kept.sender.send_request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, hyper::Error>((head.status, body))
        };
        let (status, body) = asked.await.map_err(|error| Loss {
            is_unseen: is_unseen(&error),
            reason: format!("no answer: {}", chain(&error)),
        })?;
        self.kept = Some(kept);
        Ok(Answer { status, body })
    }

    async fn connect(&self) -> Result<Kept, Failure> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(self.host.clone())?;
        let stream = self.connector.connect(name, stream).await?;
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        let mut task = JoinSet::new();
        task.spawn(async move {
            // Its error comes to whoever waits for the answer, too.
            drop(connection.await);
        });
        Ok(Kept {
            sender,
            _task: task,
        })
    }
}

/// Whether the request never left, or the server has refused it unseen.
fn is_unseen(error: &hyper::Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref());
    let is_refused = source.is_some_and(|error: &h2::Error| {
        let goes_away = error.is_go_away() && error.is_remote();
        match error.reason() {
            Some(h2::Reason::REFUSED_STREAM) => true,
            Some(h2::Reason::NO_ERROR) => goes_away,
            _ => false,
        }
    });
    error.is_canceled() || is_refused
}

fn chain(error: &(dyn Error + 'static)) -> String {
    sh0_agent::telemetry::chain(error)
}

fn connector(secure: &Secure) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let file = CertificateDer::pem_file_iter(&secure.root).expect("the root can be read");
    for root in file {
        let root = root.expect("the root is PEM");
        roots.add(root).expect("the root is a certificate");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for TLS 1.2 and 1.3")
        .with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsConnector::from(Arc::new(config))
}
