//! TLS to an engine, against a server that has this or that certificate: what is accepted, and what
//! is said of the rest.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::json;
use sh0_agent::discovery::{Caution, Docker, DockerOptions, Engine, EngineError};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::docker_server::{Script, ok, serve};

/// Longer than any limit that is run into.
const DEADLINE: Duration = Duration::from_secs(8);

/// A pair, in PEM.
struct Pair {
    certificate: String,
    key: String,
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    fn sign(&self, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut params = CertificateParams::default();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Pair {
            certificate,
            key: key.serialize_pem(),
        }
    }

    /// For the loopback.
    fn server(&self) -> Pair {
        self.sign(|params| {
            let loopback = SanType::IpAddress([127, 0, 0, 1].into());
            params.subject_alt_names.push(loopback);
        })
    }

    fn client(&self) -> Pair {
        self.sign(|params| {
            params
                .extended_key_usages
                .push(ExtendedKeyUsagePurpose::ClientAuth);
        })
    }
}

/// An engine with this certificate that takes clients of this authority; its address.
async fn engine(server: &Pair, clients: Option<&Authority>) -> (String, JoinSet<()>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            let root = CertificateDer::from_pem_slice(authority.pem.as_bytes());
            roots.add(root.unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            config.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(server.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(server.key.as_bytes()).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let script: Arc<Script> = Arc::new(|path: &str| match path {
        "/version" => ok(&json!({"ApiVersion": "1.41"})),
        _ => ok(&json!([{"Id": "beef", "State": "running"}])),
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(connection).await {
                serve(stream, Arc::clone(&script), Arc::default()).await;
            }
        }
    });
    (address, tasks)
}

/// A directory with the authority and, where there is one, the client's pair.
fn files(authority: &Authority, client: Option<&Pair>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
    if let Some(pair) = client {
        std::fs::write(folder.path().join("cert.pem"), &pair.certificate).unwrap();
        std::fs::write(folder.path().join("key.pem"), &pair.key).unwrap();
    }
    folder
}

fn docker(endpoint: &str, certificates: &Path) -> Docker {
    let options = DockerOptions {
        endpoint: Some(endpoint.to_owned()),
        tls: true,
        certificates: Some(certificates.to_owned()),
        label_prefix: "sh0".to_owned(),
    };
    Docker::new(options).unwrap()
}

/// How many containers there are, or what is said, without what differs from run to run.
async fn said(endpoint: &str, certificates: &Path) -> String {
    let listed = timeout(DEADLINE, docker(endpoint, certificates).snapshot()).await;
    let error = match listed.unwrap() {
        Ok(snapshot) => return format!("{} container", snapshot.len()),
        Err(error) => error,
    };
    let address = endpoint.replace("tcp", "https");
    let EngineError::Tls { problem, .. } = &error else {
        panic!("{error:?}");
    };
    let text = format!("{error}: {problem}; {}", error.help());
    text.replace(&address, "ADDRESS")
        .replace(certificates.to_str().unwrap(), "DIR")
}

#[tokio::test]
async fn a_right_engine_is_listed_and_every_wrong_one_is_said_with_the_fix() {
    let (ours, others) = (Authority::new(), Authority::new());
    let (server, client) = (ours.server(), ours.client());
    let named = ours.sign(|params| {
        let name = "engine.example".try_into().unwrap();
        params.subject_alt_names.push(SanType::DnsName(name));
    });
    let old = ours.sign(|params| {
        let loopback = SanType::IpAddress([127, 0, 0, 1].into());
        params.subject_alt_names.push(loopback);
        params.not_after = rcgen::date_time_ymd(2001, 1, 1);
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    });
    let both = files(&ours, Some(&client));
    let (anonymous, foreign) = (files(&ours, None), files(&ours, Some(&others.client())));
    let mistrusting = files(&others, Some(&client));
    let mut seen = Vec::new();
    for (what, server, clients, files) in [
        ("right", &server, Some(&ours), &both),
        ("asks for no certificate", &server, None, &anonymous),
        ("another authority", &server, Some(&ours), &mistrusting),
        ("another name", &named, Some(&ours), &both),
        ("old", &old, Some(&ours), &both),
        ("another client", &server, Some(&ours), &foreign),
        ("no client", &server, Some(&ours), &anonymous),
    ] {
        let (address, _tasks) = engine(server, clients).await;
        seen.push(format!("{what}: {}", said(&address, files.path()).await));
    }
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp://{}", plain.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        use tokio::io::AsyncWriteExt;
        while let Ok((mut connection, _)) = plain.accept().await {
            connection
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await
                .unwrap();
            let mut rest = Vec::new();
            drop(tokio::io::AsyncReadExt::read_to_end(&mut connection, &mut rest).await);
        }
    });
    seen.push(format!("no TLS: {}", said(&address, both.path()).await));
    expect_test::expect![[r#"
        right: 1 container
        asks for no certificate: 1 container
        another authority: no protected connection to the Docker engine at `ADDRESS`: its certificate is signed by no authority in `DIR/ca.pem`; put the certificate of the authority that signed the engine's into `DIR/ca.pem`
        another name: no protected connection to the Docker engine at `ADDRESS`: its certificate is not for `127.0.0.1`, but for DnsName("engine.example"); name the engine in `--docker` as its certificate does, or give it one with `127.0.0.1` as subjectAltName (`tlscert` in its `daemon.json`)
        old: no protected connection to the Docker engine at `ADDRESS`: its certificate has expired or does not count yet; renew the engine's certificate (`tlscert` in its `daemon.json`) and restart it; if it is right, set this machine's clock
        another client: no protected connection to the Docker engine at `ADDRESS`: it does not accept the client certificate `DIR/cert.pem` (DecryptError); have `DIR/cert.pem` signed by the authority that the engine's `tlscacert` names
        no client: no protected connection to the Docker engine at `ADDRESS`: it wants a client certificate, and there is no `DIR/cert.pem`; put a certificate and its key there as `DIR/cert.pem` and `key.pem`
        no TLS: no protected connection to the Docker engine at `ADDRESS`: what answers there does not speak TLS; check the port (with TLS it is 2376); for an engine without TLS unset DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, and write `tcp://`"#]].assert_eq(&seen.join("\n"));
}

#[tokio::test]
async fn what_is_not_safe_is_known_before_anything_is_asked() {
    use std::os::unix::fs::PermissionsExt;
    let (ours, nobody) = (Authority::new(), tempfile::tempdir().unwrap());
    let files = files(&ours, Some(&ours.client()));
    let key = files.path().join("key.pem");
    let cautions = |endpoint: &str, tls: bool, files: &Path| {
        let options = DockerOptions {
            endpoint: Some(endpoint.to_owned()),
            tls,
            certificates: Some(files.to_owned()),
            ..DockerOptions::default()
        };
        Docker::new(options).unwrap().cautions()
    };
    for mode in [0o640, 0o604, 0o660] {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        let open = Caution::OpenKey {
            path: key.clone(),
            mode,
        };
        assert_eq!(cautions("tcp://engine", true, files.path()), [open]);
    }
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(cautions("tcp://engine", true, files.path()), []);
    assert_eq!(cautions("https://engine", false, nobody.path()), []);
    assert_eq!(cautions("unix:///run/docker.sock", true, files.path()), []);
    assert_eq!(cautions("tcp://127.0.0.1", false, nobody.path()), []);
    let shown = cautions("tcp://engine", false, nobody.path());
    let shown: Vec<String> = shown.iter().map(|c| format!("{c}; {}", c.help())).collect();
    expect_test::expect!["the connection to Docker at `tcp://engine:2375` is not protected: others on the way can read and change what is said; use TLS (DOCKER_TLS_VERIFY=1), or be sure that nobody else is on that network, as with a socket proxy on one of its own"].assert_eq(&shown.join("\n"));
}
