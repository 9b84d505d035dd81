//! TLS servers with a certificate that nobody trusts.

use std::sync::Mutex;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::*;

/// For `nobody.example.com`, signed by itself.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBkTCCATegAwIBAgIUfD4X5Y7gbY0ktwhwFtmxlhd4h+UwCgYIKoZIzj0EAwIw
HTEbMBkGA1UEAwwSbm9ib2R5LmV4YW1wbGUuY29tMCAXDTI2MTEyMzEwNTg0NVoY
DzIxMjYxMDMwMTA1ODQ1WjAdMRswGQYDVQQDDBJub2JvZHkuZXhhbXBsZS5jb20w
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARNSr55NOzr37FL25W8e57Vmok6leHd
dbRLyvcjaNlSaUnPjCqTLbEf7iNMfvW6CC7FJG1lCjq2hPsiKEJR6shIo1MwUTAd
BgNVHQ4EFgQUK11XpYGaUMISaMoW23p1g7PymGAwHwYDVR0jBBgwFoAUK11XpYGa
UMISaMoW23p1g7PymGAwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBF
AiBUrhKwI4LBAcVkyVgZ/P1zD8l/j0DwsSvpW2FMU0jxAgIhAPQSZMYKTYG5hQcg
fgmId+hezeS5iDd7/uTARKd8/vWb
-----END CERTIFICATE-----
";

const KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMKH1LsorOt8UqMlj
RVHPoWXSAZNFYsArLteq/uEjzqehRANCAARNSr55NOzr37FL25W8e57Vmok6leHd
dbRLyvcjaNlSaUnPjCqTLbEf7iNMfvW6CC7FJG1lCjq2hPsiKEJR6shI
-----END PRIVATE KEY-----
";

/// Notes which host each client names.
#[derive(Debug, Default)]
struct Named(Mutex<Vec<Option<String>>>);

impl ResolvesServerCert for Named {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut named = self.0.lock().expect("no test panics with it");
        named.push(hello.server_name().map(str::to_owned));
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).expect("PEM");
        let provider = rustls::crypto::ring::default_provider();
        let pair = CertifiedKey::from_der(vec![certificate.expect("PEM")], key, &provider);
        Some(Arc::new(pair.expect("they belong together")))
    }
}

#[tokio::test]
async fn a_certificate_is_not_checked_but_the_host_is_named() {
    for version in rustls::ALL_VERSIONS {
        let named = Arc::new(Named::default());
        let (_peer, address) = server(version, Arc::clone(&named)).await;
        assert_eq!(
            ask_http(address, Scheme::Https, "/").await,
            Verdict::Healthy
        );
        for host in ["*", "*.example.com", "10.0.0.1"] {
            let mut question = question(Scheme::Https, "/");
            question.host = host.to_owned();
            let verdict = ask(address, Question::Http(question), PATIENCE).await;
            assert_eq!(verdict, Verdict::Healthy, "{host}");
        }
        let named = named.0.lock().expect("no test panics with it").clone();
        assert_eq!(
            named,
            [Some("app.example.com".to_owned()), None, None, None]
        );
    }
}

/// A peer that agrees on this version of TLS, and answers over HTTP/1.1.
async fn server(
    version: &'static rustls::SupportedProtocolVersion,
    named: Arc<Named>,
) -> (JoinSet<()>, SocketAddr) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("ring has it")
        .with_no_client_auth()
        .with_cert_resolver(named);
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    peer(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            drop(stream.read(&mut [0; 1_024]).await);
            drop(
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                    .await,
            );
            drop(stream.shutdown().await);
        }
    })
    .await
}
