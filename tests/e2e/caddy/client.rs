//! Asks through Caddy, and stands behind it.

use std::path::Path;
use std::sync::Arc;

use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::child::{CaddyChild, free_ports};
use crate::harness::{patience, until};

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// A header field's value, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str());
        value.map_or("", |text| text.expect("our headers are ASCII"))
    }
}

/// How often a question is asked that Caddy does not answer: a load closes connections that come at
/// its end, without a word; about one of 500 on a machine with too much to do, asked at once after
/// loads of a config with nothing but a fixed answer.
const TRIES: usize = 3;

/// What Caddy answers to this request, which has no body.
pub(crate) async fn answered(request: RequestBuilder) -> Response {
    let ask = || request.try_clone().expect("it has no body").send();
    let mut answer = ask().await;
    for _ in 1..TRIES {
        if answer.as_ref().is_err_and(|error| !error.is_connect()) {
            answer = ask().await;
        }
    }
    answer.expect("Caddy answers")
}

/// `GET http://<host><path>` at this port of the loopback.
pub(crate) async fn get(port: u16, host: &str, path: &str) -> Answer {
    let client = reqwest::Client::builder()
        .redirect(Policy::none())
        .no_proxy();
    let client = client.build().expect("a plain client");
    let request = client.get(format!("http://127.0.0.1:{port}{path}"));
    let response = answered(request.header("Host", host)).await;
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.text().await.expect("a text"),
    }
}

/// `GET https://<host>:<port><path>` on the loopback, trusting `root` only: `<body><status>`, or
/// curl's own complaint.
pub(crate) async fn get_tls(root: &Path, port: u16, host: &str, path: &str) -> String {
    let output = Command::new("curl")
        .args([
            "-sS",
            "--max-time",
            "10",
            "--noproxy",
            "*",
            "-w",
            "%{http_code}",
        ])
        .args(["--connect-to", &format!("::127.0.0.1:{port}"), "--cacert"])
        .arg(root)
        .arg(format!("https://{host}:{port}{path}"))
        .output()
        .await
        .expect("curl is installed");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        text(&output.stdout)
    } else {
        text(&output.stderr)
    }
}

/// A connection to this port of the loopback whose handshake names this host (nobody, where it is
/// an address) and offers this protocol, trusting `root` only; with a client's certificate and key
/// in one file, if there is one. Waits for the host's certificate, which Caddy makes once it serves.
pub(crate) async fn connect_tls(
    root: &Path,
    port: u16,
    host: &str,
    protocol: &str,
    client: Option<&Path>,
) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_file(root).expect("the root is PEM");
    roots.add(root).expect("the root is a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for TLS 1.2 and 1.3")
        .with_root_certificates(roots);
    let mut config = match client {
        Some(file) => {
            let certificate = CertificateDer::from_pem_file(file).expect("it has one");
            let key = PrivateKeyDer::from_pem_file(file).expect("it has one");
            let config = config.with_client_auth_cert(vec![certificate], key);
            config.expect("they belong together")
        }
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let name = ServerName::try_from(host.to_owned()).expect("a name");
    let connector = TlsConnector::from(Arc::new(config));
    until("it has its certificate", patience(), async || {
        let stream = TcpStream::connect(("127.0.0.1", port)).await;
        let stream = stream.map_err(|error| error.to_string())?;
        let shaken = connector.connect(name.clone(), stream).await;
        shaken.map_err(|error| error.to_string())
    })
    .await
}

/// Backends: each answers with its name and what it was asked.
#[derive(Debug)]
pub(crate) struct Backends {
    _dir: TempDir,
    _caddy: CaddyChild,
    /// Plain HTTP.
    pub(crate) alpha: String,
    /// Plain HTTP.
    pub(crate) beta: String,
    /// HTTP/2 in clear text only.
    pub(crate) h2c: String,
    /// HTTPS, with a certificate that nobody trusts.
    pub(crate) tls: String,
}

impl Backends {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let ports: [u16; 4] = free_ports();
        let [alpha, beta, h2c, tls] = ports.map(|port| format!("127.0.0.1:{port}"));
        let config = json!({
            "admin": {"listen": format!("unix/{}/admin.sock", dir.path().display())},
            "storage": {"module": "file_system", "root": dir.path()},
            "apps": {
                "pki": {"certificate_authorities": {"local": {"install_trust": false}}},
                "tls": {"automation": {"policies": [{"issuers": [{"module": "internal"}]}]}},
                "http": {"http_port": ports[0], "https_port": ports[3], "servers": {
                    "alpha": echo("alpha", &alpha, &["h1"]),
                    "beta": echo("beta", &beta, &["h1"]),
                    "h2c": echo("h2c", &h2c, &["h2c"]),
                    "tls": {
                        "listen": [tls],
                        "tls_connection_policies": [{"default_sni": "backend.test"}],
                        "automatic_https": {"disable_redirects": true},
                        "routes": [
                            {"match": [{"host": ["backend.test"]}], "handle": [answer("tls")]},
                            {"handle": [answer("tls")]},
                        ],
                    },
                }},
            },
        });
        let caddy = CaddyChild::start(dir.path(), config.to_string().as_bytes()).await;
        Self {
            _dir: dir,
            _caddy: caddy,
            alpha,
            beta,
            h2c,
            tls,
        }
    }
}

fn echo(name: &str, listen: &str, protocols: &[&str]) -> Value {
    json!({
        "listen": [listen],
        "protocols": protocols,
        "automatic_https": {"disable": true},
        "routes": [{"handle": [answer(name)]}],
    })
}

fn answer(name: &str) -> Value {
    let asked = "{http.request.method} {http.request.hostport} {http.request.orig_uri} \
                 {http.request.proto} {http.request.header.X-Forwarded-Proto}";
    json!({"handler": "static_response", "body": format!("{name}: {asked}\n")})
}
