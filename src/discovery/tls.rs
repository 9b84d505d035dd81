//! TLS to an engine: the transport, and what is wrong with it in words for people.
//!
//! The server's certificate is always verified, and only by the authorities in `ca.pem`. The files
//! are read anew for each connection, so that renewed ones count at once. Deliberately keeps no
//! connection, as `docker` does.

use std::error::Error as StdError;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bollard::BollardRequest;
use bollard::errors::Error;
use hyper::Response;
use hyper::body::Incoming;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConfig};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::http::{Connections, NoAnswer};
use crate::certificates::{ClientFiles, WrongFile};

/// To dial and to shake hands takes a few round trips; the engine may be on another continent.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Who else than its owner may do something with a file.
const OTHERS: u32 = 0o077;

/// An engine behind TLS.
#[derive(Debug)]
pub(super) struct Tls {
    files: ClientFiles,
    connections: Connections,
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
            connections: Connections::default(),
        }
    }

    /// The key's file and its mode, if others than its owner may use it.
    pub(super) fn open_key(&self) -> Option<(PathBuf, u32)> {
        let key = self.files.key();
        let mode = std::fs::metadata(&key).ok()?.permissions().mode();
        (mode & OTHERS != 0).then_some((key, mode & 0o777))
    }

    /// Makes one request of `host:port`, as bollard has it made.
    pub(super) async fn request(
        self: Arc<Self>,
        authority: String,
        request: BollardRequest,
    ) -> Result<Response<Incoming>, Error> {
        let answer = self.send(&authority, request).await;
        answer.map_err(|failure| Error::IOError {
            err: io::Error::other(failure),
        })
    }

    /// Makes one request of `host:port`, on a connection of its own.
    pub(super) async fn send(
        &self,
        authority: &str,
        request: BollardRequest,
    ) -> Result<Response<Incoming>, NoAnswer> {
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
            Err(_elapsed) => return Err(NoAnswer::Dial(io::ErrorKind::TimedOut.into())),
            Ok(stream) => stream?,
        };
        let stream = stream.map_err(|error| {
            let known = problem(&error);
            NoAnswer::Tls(known.unwrap_or_else(|| TlsProblem::Failed(error.into())))
        })?;
        // With TLS 1.3 a refusal of our certificate comes only after the handshake.
        let broken = |error: hyper::Error| match problem(&error) {
            Some(problem) => NoAnswer::Tls(problem),
            None => NoAnswer::Exchange(error),
        };
        let answer = self.connections.exchange(stream, authority, request);
        answer.await.map_err(broken)
    }

    /// What shakes hands, and whether it has a certificate to show.
    async fn connector(&self) -> Result<(TlsConnector, bool), NoAnswer> {
        let files = self.files.clone();
        let loaded = spawn_blocking(move || files.load()).await;
        let loaded = loaded.map_err(|error| NoAnswer::Dial(io::Error::other(error)))?;
        let loaded = loaded.map_err(NoAnswer::File)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has cipher suites for TLS 1.2 and 1.3")
            .with_root_certificates(loaded.roots);
        let has_certificate = loaded.pair.is_some();
        let config = match loaded.pair {
            None => config.with_no_client_auth(),
            Some((chain, key)) => config.with_client_auth_cert(chain, key).map_err(|error| {
                NoAnswer::File(WrongFile {
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
) -> Result<io::Result<TlsStream<TcpStream>>, NoAnswer> {
    let name = ServerName::try_from(host.to_owned());
    let name = name.map_err(|error| NoAnswer::Dial(io::Error::other(error)))?;
    let stream = TcpStream::connect(authority).await;
    let stream = stream.map_err(NoAnswer::Dial)?;
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
