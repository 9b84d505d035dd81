//! The way to an engine: how its endpoint is dialled, and what is not safe about it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bollard::errors::Error;
use bollard::{ClientVersion, Docker, body_full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use tokio::net::{TcpStream, UnixStream};

use super::EngineError;
use super::endpoint::Endpoint;
use super::http::{Connections, NoAnswer};
use super::tls::Tls;
use super::version::with_version;

/// The host that a request on a Unix socket names: HTTP/1.1 wants one.
const HOST_OF_SOCKET: &str = "localhost";

/// An endpoint with what is needed to reach it.
#[derive(Debug)]
pub(super) struct Way {
    endpoint: Endpoint,
    /// Used for an endpoint with TLS alone.
    tls: Arc<Tls>,
    /// Used for one without TLS, where bollard is not.
    connections: Connections,
}

impl Way {
    /// The way to what a person gave; nothing is dialled and no file read.
    ///
    /// # Errors
    /// [`EngineError::Endpoint`] when the endpoint is not of a form that can be dialled.
    pub(super) fn parse(
        endpoint: Option<&str>,
        tls: bool,
        certificates: Option<PathBuf>,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            endpoint: Endpoint::parse(endpoint, tls)?,
            tls: Arc::new(Tls::new(certificates)),
            connections: Connections::default(),
        })
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A client that dials for each request.
    pub(super) fn dial(
        &self,
        version: ClientVersion,
        header_limit_secs: u64,
    ) -> Result<Docker, Error> {
        let docker = match &self.endpoint {
            Endpoint::Unix(path) => Docker::connect_with_unix(path, header_limit_secs, &version),
            Endpoint::Http(authority) => {
                Docker::connect_with_http(authority, header_limit_secs, &version)
            }
            Endpoint::Https(authority) => {
                let (tls, to) = (Arc::clone(&self.tls), authority.clone());
                let transport = move |request| Arc::clone(&tls).request(to.clone(), request);
                let address = format!("https://{authority}");
                Docker::connect_with_custom_transport(
                    transport,
                    Some(address),
                    header_limit_secs,
                    &version,
                )
            }
        };
        Ok(docker?.with_request_modifier(move |request| with_version(request, version)))
    }

    /// Makes one request, whose answer is read as it comes, on a connection of its own. `path` is
    /// whole, with the version.
    pub(super) async fn send(&self, path: &str) -> Result<Response<Incoming>, NoAnswer> {
        let request = { Request::get(path).body(body_full(Bytes::new())) }
            .expect("the path has no characters but those of a URL");
        let connections = &self.connections;
        let answer = match &self.endpoint {
            Endpoint::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(NoAnswer::Dial)?;
                connections.exchange(stream, HOST_OF_SOCKET, request).await
            }
            Endpoint::Http(authority) => {
                let stream = TcpStream::connect(authority)
                    .await
                    .map_err(NoAnswer::Dial)?;
                connections.exchange(stream, authority, request).await
            }
            Endpoint::Https(authority) => return self.tls.send(authority, request).await,
        };
        answer.map_err(NoAnswer::Exchange)
    }

    /// What is not safe about it.
    pub(super) fn cautions(&self) -> Vec<Caution> {
        let unprotected = self
            .endpoint
            .is_unprotected()
            .then(|| Caution::Unprotected {
                endpoint: self.endpoint.to_string(),
            });
        let key = match &self.endpoint {
            Endpoint::Https(_) => self.tls.open_key(),
            Endpoint::Unix(_) | Endpoint::Http(_) => None,
        };
        let key = key.map(|(path, mode)| Caution::OpenKey { path, mode });
        unprotected.into_iter().chain(key).collect()
    }
}

/// What is not safe about the way to the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caution {
    /// TCP without TLS to another machine.
    Unprotected {
        /// Where it leads.
        endpoint: String,
    },
    /// Others than its owner may use the client's key.
    OpenKey {
        /// Where it is.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
}

impl Caution {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Unprotected { .. } => "use TLS (DOCKER_TLS_VERIFY=1), or be sure that nobody \
                                         else is on that network, as with a socket proxy on one \
                                         of its own"
                .to_owned(),
            Self::OpenKey { path, .. } => format!("type `chmod 600 {}`", path.display()),
        }
    }
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unprotected { endpoint } => write!(
                f,
                "the connection to Docker at `{endpoint}` is not protected: others on the way can \
                 read and change what is said"
            ),
            Self::OpenKey { path, mode } => write!(
                f,
                "the key `{}` has mode {mode:o}: whoever can read it rules Docker",
                path.display()
            ),
        }
    }
}
