//! Who answers where the handshake, the authority, the `Host` field and the target of one request
//! name different hosts, over TLS: HTTP/2 frame by frame, HTTP/1.1 byte for byte. The site that is
//! reached sees its own name, and one that asks for certificates is not reached around them.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::frames::asked_over_http2;
use crate::caddy::client::connect_tls;
use crate::harness::patience;
use crate::hosts::Authority;
use crate::hosts::served::Served;

/// What is sent over a connection of its own.
#[derive(Debug, Clone, Copy)]
enum Request {
    /// `GET` of this target with this `Host`, over HTTP/1.1.
    Line(&'static str, &'static str),
    /// These fields over HTTP/2, after `:method`, `:scheme` and `:path` of a plain `GET /`.
    Fields(&'static [(&'static str, &'static str)]),
    /// These fields over HTTP/2 and no others.
    Bare(&'static [(&'static str, &'static str)]),
}

use Request::{Bare, Fields, Line};

const PLAIN_GET: &[(&str, &str)] = &[(":method", "GET"), (":scheme", "https"), (":path", "/")];

async fn asked_over_http1(mut stream: TlsStream<TcpStream>, target: &str, host: &str) -> String {
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let taken = stream.write_all(request.as_bytes()).await;
    taken.expect("it is taken");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it is closed");
    let answer = String::from_utf8_lossy(&answer);
    let (_, body) = answer.split_once("\r\n\r\n").expect("it has a head");
    first_line(body)
}

pub(super) fn first_line(body: &str) -> String {
    body.lines().next().unwrap_or_default().to_owned()
}

/// Sends each request after a handshake that named this host, and compares what comes back.
async fn check(
    served: &Served,
    named: &str,
    client: Option<&std::path::Path>,
    rows: &[(Request, &str)],
) {
    let root = (served.options.storage_dir).join("pki/authorities/local/root.crt");
    let mut wrong = Vec::new();
    for (request, expected) in rows {
        let connect = async |protocol| {
            connect_tls(&root, served.options.https_port, named, protocol, client).await
        };
        let outcome = async {
            match request {
                Line(target, host) => {
                    asked_over_http1(connect("http/1.1").await, target, host).await
                }
                Bare(fields) => asked_over_http2(connect("h2").await, fields).await,
                Fields(fields) => {
                    let fields = [PLAIN_GET, fields].concat();
                    asked_over_http2(connect("h2").await, &fields).await
                }
            }
        };
        let found = timeout(patience(), outcome).await.expect("it ends");
        if found != *expected {
            wrong.push(format!("{named} {request:?}: {found:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const TWO: &str = "
alpha
host=a.internal

beta
app=b
host=b.internal
";

const NAMES: &[(Request, &str)] = &[
    (
        Fields(&[(":authority", "a.internal")]),
        "alpha: GET a.internal / HTTP/1.1 https",
    ),
    (
        Fields(&[(":authority", "b.internal")]),
        "beta: GET b.internal / HTTP/1.1 https",
    ),
    (
        Fields(&[(":authority", "b.internal:443")]),
        "beta: GET b.internal:443 / HTTP/1.1 https",
    ),
    (
        Fields(&[(":authority", "b.internal:99")]),
        "beta: GET b.internal:99 / HTTP/1.1 https",
    ),
    (
        Fields(&[(":authority", "B.Internal")]),
        "beta: GET b.internal / HTTP/1.1 https",
    ),
    (
        Fields(&[(":authority", "b.internal.")]),
        "beta: GET b.internal / HTTP/1.1 https",
    ),
    (
        Fields(&[(":authority", "B.INTERNAL.:8443")]),
        "beta: GET b.internal:8443 / HTTP/1.1 https",
    ),
    (
        Fields(&[(":authority", "b.internal..")]),
        "Not found: there is no site at this address.",
    ),
    (Fields(&[(":authority", "user@b.internal")]), "reset 1"),
    (
        Fields(&[(":authority", "a.internal@b.internal")]),
        "reset 1",
    ),
    (Fields(&[(":authority", "b.internal/admin")]), "reset 1"),
    (
        Fields(&[(":authority", "a.internal, b.internal")]),
        "reset 1",
    ),
    (
        Fields(&[(":authority", "a.internal b.internal")]),
        "reset 1",
    ),
    (Fields(&[(":authority", "b.internal\0")]), "reset 1"),
    (Fields(&[(":authority", "{env.HOME}")]), "reset 1"),
    (
        Fields(&[(":authority", "")]),
        "Not found: there is no site at this address.",
    ),
    (Fields(&[]), "Not found: there is no site at this address."),
    (
        Fields(&[("host", "b.internal")]),
        "beta: GET b.internal / HTTP/1.1 https",
    ),
    (
        Fields(&[("host", "B.internal.")]),
        "beta: GET b.internal / HTTP/1.1 https",
    ),
    (
        Fields(&[("host", "a.internal"), ("host", "b.internal")]),
        "reset 1",
    ),
    (
        Fields(&[(":authority", "a.internal"), ("host", "b.internal")]),
        "reset 1",
    ),
    (
        Fields(&[("host", "b.internal"), (":authority", "a.internal")]),
        "reset 1",
    ),
    (
        Fields(&[(":authority", "b.internal"), ("host", "a.internal")]),
        "reset 1",
    ),
    (
        Fields(&[(":authority", ""), ("host", "b.internal")]),
        "beta: GET b.internal / HTTP/1.1 https",
    ),
    (
        Fields(&[(":authority", "a.internal"), (":authority", "b.internal")]),
        "reset 1",
    ),
    (
        Fields(&[(":authority", "a.internal"), (":host", "b.internal")]),
        "reset 1",
    ),
    (
        Fields(&[(":authority", "a.internal"), ("Host", "b.internal")]),
        "reset 1",
    ),
    (
        Fields(&[
            (":authority", "a.internal"),
            ("x-forwarded-host", "b.internal"),
        ]),
        "alpha: GET a.internal / HTTP/1.1 https",
    ),
    (
        Bare(&[
            (":method", "GET"),
            (":scheme", "http"),
            (":path", "/"),
            (":authority", "a.internal"),
        ]),
        "alpha: GET a.internal / HTTP/1.1 https",
    ),
    (
        Bare(&[
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "https://b.internal/"),
            (":authority", "a.internal"),
        ]),
        "reset 1",
    ),
    (
        Bare(&[
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "//b.internal/"),
            (":authority", "a.internal"),
        ]),
        "alpha: GET a.internal //b.internal/ HTTP/1.1 https",
    ),
    (
        Bare(&[
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "b.internal"),
            (":authority", "a.internal"),
        ]),
        "reset 1",
    ),
    (
        Bare(&[
            (":method", "GET"),
            (":scheme", "https"),
            (":path", ""),
            (":authority", "a.internal"),
        ]),
        "reset 1",
    ),
    (
        Bare(&[(":method", "CONNECT"), (":authority", "b.internal:22")]),
        "beta: CONNECT b.internal:22 b.internal:22 HTTP/1.1 https",
    ),
    (
        Bare(&[
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "https"),
            (":path", "/"),
            (":authority", "b.internal"),
        ]),
        "reset 1",
    ),
    (
        Line("/", "b.internal"),
        "beta: GET b.internal / HTTP/1.1 https",
    ),
    (
        Line("https://b.internal/", "a.internal"),
        "beta: GET b.internal / HTTP/1.1 https",
    ),
    (
        Line("https://a.internal/", "b.internal"),
        "alpha: GET a.internal / HTTP/1.1 https",
    ),
    (
        Line("http://b.internal:99/x", "a.internal"),
        "beta: GET b.internal:99 /x HTTP/1.1 https",
    ),
    (
        Line("https://B.INTERNAL./", "a.internal"),
        "beta: GET b.internal / HTTP/1.1 https",
    ),
    (
        Line("https://user@b.internal/", "a.internal"),
        "beta: GET b.internal / HTTP/1.1 https",
    ),
    (
        Line("https:///", "b.internal"),
        "beta: GET b.internal / HTTP/1.1 https",
    ),
];

#[tokio::test]
async fn one_name_of_a_request_decides_who_answers_and_is_all_that_the_container_sees() {
    let served = Served::start(TWO).await;
    check(&served, "a.internal", None, NAMES).await;
}

const GUARDED: &str = "
alpha
host=one.internal
tls.client_ca=one.pem

beta
app=open
host=open.internal, 127.0.0.1
";

/// After a handshake that named the open site, or nobody.
const AROUND: &[(Request, &str)] = &[
    (
        Fields(&[(":authority", "open.internal")]),
        "beta: GET open.internal / HTTP/1.1 https",
    ),
    (
        Fields(&[(":authority", "one.internal")]),
        "This site must be asked over a connection of its own, with a client certificate.",
    ),
    (
        Fields(&[(":authority", "ONE.internal.:1")]),
        "This site must be asked over a connection of its own, with a client certificate.",
    ),
    (Fields(&[(":authority", "user@one.internal")]), "reset 1"),
    (
        Fields(&[("host", "one.internal")]),
        "This site must be asked over a connection of its own, with a client certificate.",
    ),
    (
        Fields(&[(":authority", ""), ("host", "one.internal")]),
        "This site must be asked over a connection of its own, with a client certificate.",
    ),
    (
        Fields(&[(":authority", "open.internal"), ("host", "one.internal")]),
        "reset 1",
    ),
    (
        Bare(&[
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "https://one.internal/"),
            (":authority", "open.internal"),
        ]),
        "reset 1",
    ),
    (
        Line("/", "one.internal"),
        "This site must be asked over a connection of its own, with a client certificate.",
    ),
    (
        Line("https://one.internal/", "open.internal"),
        "This site must be asked over a connection of its own, with a client certificate.",
    ),
    (
        Line("https://one.internal:1/", "127.0.0.1"),
        "This site must be asked over a connection of its own, with a client certificate.",
    ),
    (
        Line("https://open.internal/", "one.internal"),
        "beta: GET open.internal / HTTP/1.1 https",
    ),
];

#[tokio::test]
async fn a_site_that_asks_for_certificates_is_not_reached_by_naming_it_after_the_handshake() {
    let authority = Authority::new("one");
    let served = Served::start_with(GUARDED, &[("one.pem", &authority)]).await;
    check(&served, "open.internal", None, AROUND).await;
    check(&served, "127.0.0.1", None, NAMELESS).await;
    // Who has the certificate may also name an open site.
    let client = authority.client(served.dir.path(), "one");
    check(&served, "one.internal", Some(&client), SHOWN).await;
}

/// After a handshake that named nobody.
const NAMELESS: &[(Request, &str)] = &[
    (
        Fields(&[(":authority", "127.0.0.1")]),
        "beta: GET 127.0.0.1 / HTTP/1.1 https",
    ),
    (
        Fields(&[(":authority", "one.internal")]),
        "This site must be asked over a connection of its own, with a client certificate.",
    ),
    (
        Fields(&[("host", "one.internal")]),
        "This site must be asked over a connection of its own, with a client certificate.",
    ),
    (
        Line("https://one.internal/", "127.0.0.1"),
        "This site must be asked over a connection of its own, with a client certificate.",
    ),
];

/// After a handshake that named the guarded site and showed a certificate.
const SHOWN: &[(Request, &str)] = &[
    (
        Fields(&[(":authority", "one.internal")]),
        "alpha: GET one.internal / HTTP/1.1 https",
    ),
    (
        Fields(&[(":authority", "one.internal"), ("host", "open.internal")]),
        "reset 1",
    ),
    (
        Fields(&[(":authority", "open.internal")]),
        "beta: GET open.internal / HTTP/1.1 https",
    ),
    (
        Line("https://one.internal/", "open.internal"),
        "alpha: GET one.internal / HTTP/1.1 https",
    ),
];
