//! HTTP/3: requests over QUIC, across a load.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::http::Request;
use h3::client::SendRequest;
use h3_quinn::OpenStreams;
use hyper::body::{Buf, Bytes};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::harness::{patience, until};
use crate::hosts::served::Served;

const HOST: &str = "app.internal";

/// A connection to this Caddy, and what keeps it going.
struct Client {
    requests: SendRequest<OpenStreams, Bytes>,
    _endpoint: Endpoint,
    _driver: tokio::task::JoinSet<()>,
}

impl Client {
    async fn connect(served: &Served) -> Result<Self, String> {
        let root = { &served.options.storage_dir }.join("pki/authorities/local/root.crt");
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_file(root).expect("Caddy made it");
        roots.add(root).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("QUIC has TLS 1.3");
        let mut tls = tls.with_root_certificates(roots).with_no_client_auth();
        tls.alpn_protocols = vec![b"h3".to_vec()];
        let tls = QuicClientConfig::try_from(tls).expect("a cipher suite for QUIC");
        let mut endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).expect("a socket");
        endpoint.set_default_client_config(ClientConfig::new(Arc::new(tls)));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, served.options.https_port));
        let connecting = endpoint.connect(address, HOST).expect("an address");
        let connection = connecting.await.map_err(|error| error.to_string())?;
        let connection = h3_quinn::Connection::new(connection);
        let (mut driver, requests) =
            { h3::client::new(connection).await }.map_err(|error| error.to_string())?;
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(async move {
            // It ends with the connection.
            drop(std::future::poll_fn(|context| driver.poll_close(context)).await);
        });
        Ok(Self {
            requests,
            _endpoint: endpoint,
            _driver: tasks,
        })
    }

    /// The first word of the answer to a request, or why there is none.
    async fn get(&mut self) -> Result<String, String> {
        let request = Request::get(format!("https://{HOST}/x")).body(());
        let request = request.expect("a request");
        let sent = self.requests.send_request(request).await;
        let mut stream = sent.map_err(|error| error.to_string())?;
        stream.finish().await.map_err(|error| error.to_string())?;
        let answer = stream.recv_response().await;
        answer.map_err(|error| error.to_string())?;
        let mut body = Vec::new();
        while let Some(mut part) =
            { stream.recv_data().await }.map_err(|error| error.to_string())?
        {
            body.extend_from_slice(&part.copy_to_bytes(part.remaining()));
        }
        let body = String::from_utf8(body).expect("a text");
        Ok(body.split(':').next().unwrap_or_default().to_owned())
    }
}

#[tokio::test]
async fn requests_over_quic_are_served_across_a_load() {
    let labels = "alpha\nhost=app.internal";
    let served = Served::start(labels).await;
    let mut client = answered(&served).await;
    for _ in 0..3 {
        assert_eq!(client.get().await.as_deref(), Ok("alpha"));
    }
    served.load(&format!("{labels}\nhsts=true")).await;
    // The connection may be told to end, as over HTTP/2; the next one is served.
    let same = client.get().await;
    println!("over the old connection: {same:?}");
    answered(&served).await;
}

/// A connection over which a request was answered.
async fn answered(served: &Served) -> Client {
    until("a request over QUIC is answered", patience(), async || {
        let mut client = Client::connect(served).await?;
        match client.get().await?.as_str() {
            "alpha" => Ok(client),
            other => Err(other.to_owned()),
        }
    })
    .await
}
