//! TLS to an engine: the transport, and what is wrong with it in words for people.
//!
//! The server's certificate is always verified, and only by the authorities in `ca.pem`. The files
//! are read anew for each connection, so that renewed ones count at once. Deliberately keeps no
//! connection, as `docker` does.

use std::error::Error as StdError;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::BollardRequest;
use bollard::errors::Error;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::{Response, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConfig};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::certificates::{ClientFiles, WrongFile};

/// To dial and to shake hands takes a few round trips; the engine may be on another continent.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Who else than its owner may do something with a file.
const OTHERS: u32 = 0o077;

/// An engine behind TLS.
#[derive(Debug)]
pub(super) struct Tls {
    files: ClientFiles,
    /// The connections under way; each ends with its answer. A lock, because requests run in tasks
    /// of their own; held for a few instructions.
    connections: Mutex<JoinSet<()>>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsFailure {
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

/// Why there is no protected connection to an engine.
#[derive(Debug, thiserror::Error)]
pub enum TlsProblem {
    /// The engine's certificate comes from somebody else.
    #[error("its certificate is signed by no authority in `{}`", .authorities.display())]
    UnknownAuthority {
        /// The file of authorities.
        authorities: PathBuf,
    },
    /// The engine's certificate is another's.
    #[error("its certificate is not for `{host}`, but for {names}")]
    OtherName {
        /// What was dialled.
        host: String,
        /// What the certificate says.
        names: String,
    },
    /// The engine's certificate does not count now.
    #[error("its certificate has expired or does not count yet")]
    OtherTime,
    /// The engine refuses our certificate.
    #[error("it does not accept the client certificate `{}` ({alert:?})", .certificate.display())]
    ClientRefused {
        /// Our certificate's file.
        certificate: PathBuf,
        /// What TLS says.
        alert: AlertDescription,
    },
    /// The engine wants a certificate, and we have none.
    #[error("it wants a client certificate, and there is no `{}`", .certificate.display())]
    ClientMissing {
        /// Where it was looked for.
        certificate: PathBuf,
    },
    /// Whoever answers does not speak TLS.
    #[error("what answers there does not speak TLS")]
    NoTls,
    /// Something else.
    #[error("the handshake failed")]
    Failed(#[source] Box<dyn StdError + Send + Sync>),
}

impl TlsProblem {
    /// What a person can check or type to mend it.
    pub(super) fn help(&self) -> String {
        match self {
            Self::UnknownAuthority { authorities } => format!(
                "put the certificate of the authority that signed the engine's into `{}`",
                authorities.display()
            ),
            Self::OtherName { host, .. } => format!(
                "name the engine in `--docker` as its certificate does, or give it one with \
                 `{host}` as subjectAltName (`tlscert` in its `daemon.json`)"
            ),
            Self::OtherTime => "renew the engine's certificate (`tlscert` in its `daemon.json`) \
                                and restart it; if it is right, set this machine's clock"
                .to_owned(),
            Self::ClientRefused { certificate, .. } => format!(
                "have `{}` signed by the authority that the engine's `tlscacert` names",
                certificate.display()
            ),
            Self::ClientMissing { certificate } => format!(
                "put a certificate and its key there as `{}` and `key.pem`",
                certificate.display()
            ),
            Self::NoTls => "check the port (with TLS it is 2376); for an engine without TLS unset \
                            DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, and write `tcp://`"
                .to_owned(),
            Self::Failed(_) => "see the engine's log (`journalctl -u docker`)".to_owned(),
        }
    }
}

impl Tls {
    /// With the files of this directory.
    pub(super) fn new(certificates: Option<PathBuf>) -> Self {
        Self {
            files: ClientFiles::in_directory(certificates.unwrap_or_else(default_directory)),
            connections: Mutex::default(),
        }
    }

    /// The key's file and its mode, if others than its owner may use it.
    pub(super) fn open_key(&self) -> Option<(PathBuf, u32)> {
        let key = self.files.key();
        let mode = std::fs::metadata(&key).ok()?.permissions().mode();
        (mode & OTHERS != 0).then_some((key, mode & 0o777))
    }

    /// Makes one request of `host:port`, on a connection of its own.
    pub(super) async fn request(
        self: Arc<Self>,
        authority: String,
        request: BollardRequest,
    ) -> Result<Response<Incoming>, Error> {
        let answer = self.exchange(&authority, request).await;
        answer.map_err(|failure| Error::IOError {
            err: io::Error::other(failure),
        })
    }

    async fn exchange(
        &self,
        authority: &str,
        mut request: BollardRequest,
    ) -> Result<Response<Incoming>, TlsFailure> {
        let (connector, has_certificate) = self.connector().await?;
        let host = authority
            .rsplit_once(':')
            .map_or(authority, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let problem = |error: &(dyn StdError + 'static)| {
            rustls_cause(error).map(|error| self.problem(error, host, has_certificate))
        };
        let connect = connect(authority, host, &connector);
        let stream = match timeout(CONNECT_LIMIT, connect).await {
            Err(_elapsed) => return Err(TlsFailure::Dial(io::ErrorKind::TimedOut.into())),
            Ok(stream) => stream?,
        };
        let stream = stream.map_err(|error| {
            let known = problem(&error);
            TlsFailure::Tls(known.unwrap_or_else(|| TlsProblem::Failed(error.into())))
        })?;
        // With TLS 1.3 a refusal of our certificate comes only after the handshake.
        let broken = |error: hyper::Error| match problem(&error) {
            Some(problem) => TlsFailure::Tls(problem),
            None => TlsFailure::Exchange(error),
        };
        let (mut sender, connection) =
            { http1::handshake(TokioIo::new(stream)).await }.map_err(broken)?;
        let (tell, end) = oneshot::channel();
        // Nobody listens any more when there was an answer.
        self.keep(async { drop(tell.send(connection.await.err())) });
        if let Ok(host) = HeaderValue::from_str(authority) {
            request.headers_mut().insert(HOST, host);
        }
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map_or_else(Uri::default, Uri::from);
        let answer = sender.send_request(request).await;
        drop(sender);
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) if problem(&error).is_some() => Err(broken(error)),
            // A refusal that came before the request is known to the connection alone.
            Err(error) => Err(broken(end.await.ok().flatten().unwrap_or(error))),
        }
    }

    /// Keeps a connection going until its end.
    fn keep(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let connections = self.connections.lock();
        let mut connections = connections.unwrap_or_else(PoisonError::into_inner);
        while connections.try_join_next().is_some() {}
        connections.spawn(connection);
    }

    /// What shakes hands, and whether it has a certificate to show.
    async fn connector(&self) -> Result<(TlsConnector, bool), TlsFailure> {
        let files = self.files.clone();
        let loaded = spawn_blocking(move || files.load()).await;
        let loaded = loaded.map_err(|error| TlsFailure::Dial(io::Error::other(error)))?;
        let loaded = loaded.map_err(TlsFailure::File)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has cipher suites for TLS 1.2 and 1.3")
            .with_root_certificates(loaded.roots);
        let has_certificate = loaded.pair.is_some();
        let config = match loaded.pair {
            None => config.with_no_client_auth(),
            Some((chain, key)) => config.with_client_auth_cert(chain, key).map_err(|error| {
                TlsFailure::File(WrongFile {
                    path: self.files.certificate(),
                    problem: error.to_string(),
                })
            })?,
        };
        Ok((TlsConnector::from(Arc::new(config)), has_certificate))
    }

    fn problem(&self, error: &rustls::Error, host: &str, has_certificate: bool) -> TlsProblem {
        if let rustls::Error::InvalidCertificate(invalid) = error
            && let Some(problem) = self.server_problem(invalid, host)
        {
            return problem;
        }
        if let rustls::Error::AlertReceived(alert) = error
            && is_about_certificate(*alert)
        {
            let (certificate, alert) = (self.files.certificate(), *alert);
            return if has_certificate {
                TlsProblem::ClientRefused { certificate, alert }
            } else {
                TlsProblem::ClientMissing { certificate }
            };
        }
        if matches!(error, rustls::Error::InvalidMessage(_)) {
            return TlsProblem::NoTls;
        }
        TlsProblem::Failed(error.clone().into())
    }

    /// What is wrong with the engine's certificate, where there are words of ours for it.
    fn server_problem(&self, invalid: &CertificateError, host: &str) -> Option<TlsProblem> {
        if let CertificateError::NotValidForNameContext { presented, .. } = invalid {
            return Some(TlsProblem::OtherName {
                host: host.to_owned(),
                names: match presented.as_slice() {
                    [] => "no host at all".to_owned(),
                    some => some.join(", "),
                },
            });
        }
        let is_time = matches!(
            invalid,
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        );
        if is_time {
            return Some(TlsProblem::OtherTime);
        }
        // The signature is bad where another authority has the same name, as one made anew has.
        let is_issuer = matches!(
            invalid,
            CertificateError::UnknownIssuer | CertificateError::BadSignature
        );
        is_issuer.then(|| TlsProblem::UnknownAuthority {
            authorities: self.files.authorities(),
        })
    }
}

/// Dials; inside, how the handshake went.
async fn connect(
    authority: &str,
    host: &str,
    connector: &TlsConnector,
) -> Result<io::Result<TlsStream<TcpStream>>, TlsFailure> {
    let name = ServerName::try_from(host.to_owned());
    let name = name.map_err(|error| TlsFailure::Dial(io::Error::other(error)))?;
    let stream = TcpStream::connect(authority).await;
    let stream = stream.map_err(TlsFailure::Dial)?;
    Ok(connector.connect(name, stream).await)
}

/// Where Docker's own command line looks.
fn default_directory() -> PathBuf {
    std::env::home_dir().unwrap_or_default().join(".docker")
}

/// Whether the other side complains of our certificate, or of its absence.
fn is_about_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::HandshakeFailure
            | AlertDescription::DecryptError
    )
}

/// The first error of rustls among an error and its causes. An I/O error shows the cause of what
/// is in it as its own, not what is in it.
fn rustls_cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    if let Some(cause) = error.downcast_ref() {
        return Some(cause);
    }
    let inner = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    match inner {
        Some(inner) => rustls_cause(inner),
        None => rustls_cause(error.source()?),
    }
}
