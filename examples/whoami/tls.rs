//! HTTPS with a certificate that the backend makes when it starts: for itself, signed by itself.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::serve::Listener;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A client that needs longer to agree on keys is gone, or means no good.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
/// Handshakes under way at once.
const HANDSHAKES_MAX: usize = 1_024;

/// Connections whose handshake is done.
pub(crate) struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    handshakes: JoinSet<io::Result<(TlsStream<TcpStream>, SocketAddr)>>,
}

impl TlsListener {
    /// HTTPS on this listener, with a new certificate for this name.
    pub(crate) fn new(listener: TcpListener, name: &str) -> anyhow::Result<Self> {
        let pair = rcgen::generate_simple_self_signed([name.to_owned(), "localhost".to_owned()]);
        let pair = pair.context("cannot make a certificate")?;
        let key = PrivateKeyDer::Pkcs8(pair.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("no cipher suites")?
            .with_no_client_auth()
            .with_single_cert(vec![pair.cert.der().clone()], key);
        let mut config = config.context("the certificate does not fit its key")?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            listener,
            acceptor: TlsAcceptor::from(Arc::new(config)),
            handshakes: JoinSet::new(),
        })
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    /// Handshakes go on beside each other, so that a slow one keeps nobody out.
    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let has_room = self.handshakes.len() < HANDSHAKES_MAX;
            tokio::select! {
                (stream, address) = Listener::accept(&mut self.listener), if has_room => {
                    let handshake = self.acceptor.accept(stream);
                    self.handshakes.spawn(async move {
                        let stream = timeout(HANDSHAKE_LIMIT, handshake).await??;
                        Ok((stream, address))
                    });
                }
                Some(ended) = self.handshakes.join_next() => {
                    if let Ok(Ok(connection)) = ended {
                        return connection;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
