//! Clients that take their time, and much of the server: those that only hold it up are cut, and
//! nobody else notices.

use std::net::SocketAddr;
use std::time::Duration;

use sh0_agent::caddy::render::ClientLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::mirror::Mirror;
use super::raw::{Client, ask};
use super::serving;

/// A limit that a test can wait for.
const SHORT: Duration = Duration::from_millis(500);
/// Longer than that, by far.
const LONGER: Duration = Duration::from_millis(1_500);
/// Until a limit shows on a busy machine.
const SOON: Duration = Duration::from_secs(10);
const SITE: &[(&str, &str)] = &[("host", "a.example")];

/// All limits short but that for stalls, which nobody may notice.
fn short() -> ClientLimits {
    ClientLimits {
        header_timeout: SHORT,
        idle_timeout: SHORT,
        ..ClientLimits::default()
    }
}

#[tokio::test]
async fn a_header_that_does_not_end_and_a_connection_without_requests_are_cut() {
    let mirror = Mirror::start().await;
    let sites = [("web", mirror.address, SITE)];
    let (_dir, options, _caddy) = serving(&sites, |options| options.clients = short()).await;
    let port = options.http_port;
    for begun in ["", "G", "GET / HTTP/1.1\r\nHost: a.example\r\nX: "] {
        let mut client = Client::connect(port).await;
        let began = Instant::now();
        client.send(begun).await;
        client.closed_within(SOON).await;
        assert!(began.elapsed() >= SHORT * 9 / 10, "{begun:?}");
    }
    // Byte by byte, each well before the limit.
    let mut client = Client::connect(port).await;
    let began = Instant::now();
    while client.send("G").await && began.elapsed() < SOON {
        sleep(SHORT / 5).await;
    }
    assert!(began.elapsed() < SOON, "it may go on for ever");
    let mut client = Client::connect(port).await;
    client
        .send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.expect("an answer").status, 200);
    client.closed_within(SOON).await;
}

#[tokio::test]
async fn a_header_may_be_as_long_as_the_limit_says() {
    let mirror = Mirror::start().await;
    let (_dir, options, _caddy) = serving(&[("web", mirror.address, SITE)], |_| ()).await;
    let status = async |fields: String| {
        let request = format!("GET / HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n");
        let answer = ask(options.http_port, request).await;
        answer.map(|answer| answer.status)
    };
    let one = |length: usize| format!("X: {}\r\n", "x".repeat(length));
    assert_eq!(status(one(30 << 10)).await, Some(200));
    // Caddy closes before it has read all, so the answer may be lost on the way.
    let refused = [Some(431), None];
    assert!(refused.contains(&status(one(40 << 10)).await));
    assert_eq!(status("X: y\r\n".repeat(5_000)).await, Some(200));
    assert!(refused.contains(&status("X: y\r\n".repeat(7_000)).await));
}

#[tokio::test]
async fn hundreds_of_slow_clients_do_not_hinder_another() {
    let mirror = Mirror::start().await;
    let (_dir, options, _caddy) = serving(&[("web", mirror.address, SITE)], |_| ()).await;
    let mut slow = Vec::new();
    for count in 0..400 {
        let mut client = Client::connect(options.http_port).await;
        let begun = match count % 2 {
            0 => "GET / HTTP/1.1\r\nHost: a.ex",
            _ => "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 9\r\n\r\nx",
        };
        client.send(begun).await;
        slow.push(client);
    }
    for _ in 0..20 {
        let began = Instant::now();
        let answer = ask(
            options.http_port,
            "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
        )
        .await;
        assert_eq!(answer.expect("an answer").status, 200);
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "{:?}",
            began.elapsed()
        );
    }
    drop(slow);
}

/// A server that is slow in each way that an application may be: before its answer, within it and,
/// once the protocol has changed, between two words.
async fn slow_server() -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(async move { drop(slowly(stream).await) });
        }
    });
    (address, serving)
}

async fn slowly(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = [0; 4_096];
    let length = stream.read(&mut request).await?;
    let text = String::from_utf8_lossy(&request[..length]).into_owned();
    if text.starts_with("GET /upgrade") {
        let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                    Upgrade: websocket\r\n\r\n";
        stream.write_all(head.as_bytes()).await?;
        sleep(LONGER).await;
        let length = stream.read(&mut request).await?;
        return stream.write_all(&request[..length]).await;
    }
    sleep(LONGER).await;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n";
    stream.write_all(head.as_bytes()).await?;
    sleep(LONGER).await;
    stream.write_all(b"0\r\n\r\n").await
}

/// Long polling, events, uploads and websockets last as long as they like.
#[tokio::test]
async fn who_waits_for_the_container_or_sends_slowly_is_not_cut() {
    let (address, _serving) = slow_server().await;
    let mirror = Mirror::start().await;
    let sites = [
        ("slow", address, SITE),
        ("web", mirror.address, &[("host", "b.example")]),
    ];
    let (_dir, options, _caddy) = serving(&sites, |options| options.clients = short()).await;
    let port = options.http_port;
    let events = async {
        let answer = Client::connect(port).await;
        let mut answer = answer;
        answer
            .send("GET /events HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
            .await;
        let said = answer.closed_within(SOON).await;
        assert!(said.ends_with("2\r\nhi\r\n0\r\n\r\n"), "{said}");
    };
    let upload = async {
        let mut client = Client::connect(port).await;
        client
            .send("POST / HTTP/1.1\r\nHost: b.example\r\nContent-Length: 6\r\n\r\n")
            .await;
        for _ in 0..6 {
            sleep(LONGER / 3).await;
            assert!(client.send("x").await, "it is cut");
        }
        let answer = client.answer().await.expect("an answer");
        assert!(answer.body.ends_with("xxxxxx"), "{answer:?}");
    };
    let websocket = async {
        let mut client = Client::connect(port).await;
        client
            .send("GET /upgrade HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            .await;
        assert_eq!(client.answer().await.expect("an answer").status, 101);
        sleep(LONGER).await;
        client.send("ping").await;
        assert_eq!(client.closed_within(SOON).await, "ping");
    };
    tokio::join!(events, upload, websocket);
}

/// More than the buffers on its way hold.
const MUCH: usize = 40 << 20;

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_cut_after_the_limit() {
    let mirror = Mirror::start().await;
    let (_dir, options, _caddy) = serving(&[("web", mirror.address, SITE)], |options| {
        options.clients.stall_timeout = SHORT;
    })
    .await;
    let head = format!("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: {MUCH}\r\n\r\n");
    for is_stalled in [false, true] {
        let mut client = Client::connect(options.http_port).await;
        client.send(&head).await;
        client.send(vec![b'x'; MUCH]).await;
        let answer = if is_stalled {
            sleep(LONGER * 2).await;
            client.closed_within(SOON).await
        } else {
            client.answer().await.expect("the whole of it").body
        };
        assert_eq!(answer.len() < MUCH, is_stalled, "{} bytes", answer.len());
    }
}
