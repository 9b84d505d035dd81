//! A request on a connection of its own, whose answer is read as it comes.
//!
//! bollard reads an answer once all of it is there, so what may be large is asked for here: the
//! container list. Deliberately keeps no connection, as `docker` does.

use std::io;
use std::sync::{Mutex, PoisonError};

use bollard::BollardRequest;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::{Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::tls::TlsProblem;
use crate::certificates::WrongFile;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    /// A file cannot be used.
    #[error("{} {}", .0.path.display(), .0.problem)]
    File(WrongFile),
    /// Nobody is there.
    #[error(transparent)]
    Dial(io::Error),
    /// There is no agreement on a protected connection.
    #[error(transparent)]
    Tls(TlsProblem),
    /// The connection broke.
    #[error(transparent)]
    Exchange(hyper::Error),
}

/// The connections under way; each ends with its answer.
#[derive(Debug, Default)]
pub(super) struct Connections {
    /// A lock, because requests run in tasks of their own; held for a few instructions.
    tasks: Mutex<JoinSet<()>>,
}

impl Connections {
    /// Makes one request of this host.
    pub(super) async fn exchange(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        host: &str,
        mut request: BollardRequest,
    ) -> Result<Response<Incoming>, hyper::Error> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let (tell, end) = oneshot::channel();
        // Nobody listens any more when there was an answer.
        self.keep(async { drop(tell.send(connection.await.err())) });
        if let Ok(host) = HeaderValue::from_str(host) {
            request.headers_mut().insert(HOST, host);
        }
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map_or_else(Uri::default, Uri::from);
        let answer = sender.send_request(request).await;
        drop(sender);
        match answer {
            Ok(answer) => Ok(answer),
            // What came before the request is known to the connection alone.
            Err(error) => Err(end.await.ok().flatten().unwrap_or(error)),
        }
    }

    /// Keeps a connection going until its end.
    fn keep(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(connection);
    }
}
