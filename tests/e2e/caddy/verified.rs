//! From labels to answers: containers that speak TLS, and how their certificates are checked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sh0_agent::access::Access;
use sh0_agent::caddy::render::{RenderOptions, SlotOptions, render};
use sh0_agent::model::{Container, FileName};
use sh0_agent::routes::RouteTable;
use sh0_agent::slots::{Content, Slot, SlotFiles};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio_rustls::TlsAcceptor;

use super::client::get;
use super::matching::{container, table};
use crate::child::{CaddyChild, place};
use crate::hosts::Authority;

/// Answers `secret` to whoever takes its certificate.
async fn backend(certificate: &str, key: &str) -> SocketAddr {
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a pair");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                drop(stream.read(&mut [0; 4096]).await);
                let answer =
                    "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret";
                drop(stream.write_all(answer.as_bytes()).await);
                drop(stream.shutdown().await);
            });
        }
    });
    address
}

/// A socket that passes bytes on, as a waiting socket does once a container is there.
fn relay(socket: &Path, to: SocketAddr) {
    let listener = UnixListener::bind(socket).expect("the folder is ours");
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut to = TcpStream::connect(to).await.expect("it listens");
                drop(copy_bidirectional(&mut from, &mut to).await);
            });
        }
    });
}

/// What the config says of where the container is.
#[derive(Debug, Clone, Copy)]
enum Way {
    Address,
    SlotWithAddress,
    SlotWithSocket,
}

/// A Caddy that serves the table in this way.
async fn serve(
    way: Way,
    table: &RouteTable,
    authorities: &BTreeMap<FileName, PathBuf>,
    backend: SocketAddr,
) -> (TempDir, RenderOptions, CaddyChild) {
    let (dir, mut options) = place();
    options.authorities.clone_from(authorities);
    let content = match way {
        Way::Address => None,
        Way::SlotWithAddress => Some(Content::Address(backend)),
        Way::SlotWithSocket => {
            let socket = dir.path().join("relay");
            relay(&socket, backend);
            Some(Content::Socket(socket))
        }
    };
    if let Some(content) = content {
        let mut files = SlotFiles::open(dir.path(), Access::default()).expect("the folder is ours");
        for route in table.routes.values() {
            let slot = Slot {
                pool: route.pool.key,
                number: 0,
            };
            files.write(slot, &content).expect("the folder is ours");
        }
        options.slots = Some(SlotOptions {
            runtime_dir: dir.path().to_owned(),
            counts: Arc::default(),
        });
    }
    let rendered = render(table, &options);
    let caddy = CaddyChild::start(dir.path(), &rendered.json).await;
    (dir, options, caddy)
}

type Labels = &'static [(&'static str, &'static str)];

const CA: (&str, &str) = ("upstream.tls.ca", "corp.pem");
const NAME: &str = "upstream.tls.server_name";

/// The hosts of a route, its labels, and the answer at the last host. The container's certificate is
/// for names below `right.example`, by the authority `corp.pem`.
const ROWS: &[(&str, Labels, u16)] = &[
    ("ca.right.example", &[CA], 200),
    ("two.right.example, two.wrong.example", &[CA], 200),
    ("named.wrong.example", &[CA, (NAME, "x.right.example")], 200),
    (
        "any.wrong.example",
        &[("upstream.tls.skip_verify", "true")],
        200,
    ),
    ("ca.wrong.example", &[CA], 502),
    ("two.wrong.example.org, two.right.example.org", &[CA], 502),
    ("named.right.example", &[CA, (NAME, "x.wrong.example")], 502),
    ("machine.right.example", &[], 502),
    (
        "other.right.example",
        &[("upstream.tls.ca", "other.pem")],
        502,
    ),
];

fn containers(address: SocketAddr) -> Vec<Container> {
    let one = |(number, (hosts, labels, _)): (usize, &(&str, Labels, u16))| {
        let all = [("host", *hosts), ("scheme", "https"), ("retry", "0s")];
        let all = [all.as_slice(), labels].concat();
        container(&format!("web{number}"), &address.to_string(), &all)
    };
    ROWS.iter().enumerate().map(one).collect()
}

#[tokio::test]
async fn a_containers_certificate_is_checked_as_its_labels_say() {
    let (corp, other) = (Authority::new("corp"), Authority::new("other"));
    let (certificate, key) = corp.server_named("*.right.example");
    let address = backend(&certificate, &key).await;
    let folder = tempfile::tempdir().expect("a folder");
    let authority = |name: &str, authority: &Authority| {
        let file = folder.path().join(name);
        std::fs::write(&file, authority.pem()).expect("the folder is ours");
        (FileName::parse(name).expect("a name"), file)
    };
    let authorities =
        BTreeMap::from([authority("corp.pem", &corp), authority("other.pem", &other)]);
    let table = table(containers(address), &authorities);
    for way in [Way::Address, Way::SlotWithAddress, Way::SlotWithSocket] {
        let (_dir, options, _caddy) = serve(way, &table, &authorities, address).await;
        for (hosts, _, status) in ROWS {
            let host = hosts.rsplit(", ").next().expect("there is one");
            let answer = get(options.http_port, host, "/").await;
            assert_eq!(answer.status, *status, "{host} by {way:?}");
            assert_eq!(answer.body.contains("secret"), *status == 200, "{host}");
        }
    }
}
