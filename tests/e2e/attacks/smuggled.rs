//! Requests that are one to the proxy and two to the container, or the other way round: whatever
//! comes out is one request with one length, and what follows it finds its own route.

use super::mirror::Mirror;
use super::raw::Client;
use super::serving;

/// What would be a request to the protected site if it were taken for one.
const INNER: &str = "GET /inner HTTP/1.1\r\nHost: b.example\r\n\r\n";

/// What is sent, with [`INNER`] behind it, and the statuses that come back on the connection.
const ROWS: &[(&str, &[u16])] = &[
    // Two requests, each with a route of its own.
    ("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", &[200, 403]),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc",
        &[200, 403],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        &[200, 403],
    ),
    // One whose body looks like another.
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 40\r\n\r\n",
        &[200],
    ),
    // Two lengths.
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n",
        &[400],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 40\r\nContent-Length: 0\r\n\r\n",
        &[400],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 40, 0\r\n\r\n",
        &[400],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: +40\r\n\r\n",
        &[400],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0x28\r\n\r\n",
        &[400],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: -1\r\n\r\n",
        &[400],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length : 40\r\n\r\n",
        &[400],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nContent_Length: 40\r\n\r\n",
        &[200, 403],
    ),
    // A length and chunks: the chunks count, and the length goes no further.
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        &[200, 403],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        &[200, 403],
    ),
    // Other spellings of chunks.
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: xchunked\r\n\r\n",
        &[501],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
        &[501],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: identity, chunked\r\n\r\n",
        &[501],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        &[501],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding : chunked\r\n\r\n",
        &[400],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding:\u{b}chunked\r\n\r\n",
        &[400],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\n Transfer-Encoding: chunked\r\n\r\n",
        &[400],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nX: x\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        &[200, 403],
    ),
    (
        "POST / HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        &[200],
    ),
    // Chunks of odd form: found while the body is on its way, which ends there.
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=\"\r\n\"\r\nabc\r\n0\r\n\r\n",
        &[502],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n",
        &[200, 403],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        &[502],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        &[502],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n",
        &[502],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 40\r\n\r\n",
        &[200, 403],
    ),
    // Line ends that are none.
    ("GET / HTTP/1.1\nHost: a.example\n\n", &[200, 403]),
    (
        "GET / HTTP/1.1\r\nHost: a.example\r\nX: a\rContent-Length: 40\r\n\r\n",
        &[400],
    ),
    ("\r\n\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n", &[400]),
    // A body where none is expected, and one that is asked for first.
    (
        "GET / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 40\r\n\r\n",
        &[200],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 40\r\n\r\n",
        &[100, 200],
    ),
    (
        "POST / HTTP/1.1\r\nHost: a.example\r\nExpect: 200-ok\r\n\r\n",
        &[417],
    ),
    (
        "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        &[200, 403],
    ),
];

#[tokio::test]
async fn one_request_is_never_two_to_a_container() {
    let (open, protected) = (Mirror::start().await, Mirror::start().await);
    let (a, b): (&[_], &[_]) = (
        &[("host", "a.example")],
        &[("host", "b.example"), ("allow", "192.0.2.1")],
    );
    let sites = [("a", open.address, a), ("b", protected.address, b)];
    let (_dir, options, _caddy) = serving(&sites, |_| ()).await;
    let mut wrong = Vec::new();
    for (sent, expected) in ROWS {
        let asked = open.asked();
        let mut client = Client::connect(options.http_port).await;
        client.send(format!("{sent}{INNER}")).await;
        let mut statuses = Vec::new();
        while statuses.len() < expected.len() {
            match client.answer().await {
                Some(answer) => statuses.push(answer.status),
                None => break,
            }
        }
        let passed = open.asked() - asked;
        let right = expected.iter().filter(|status| **status == 200).count();
        if statuses != *expected || passed > right {
            wrong.push(format!("{sent:?}: {statuses:?}, {passed} passed on"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(protected.asked(), 0, "nothing reached the protected site");
}
