//! Clients that are slow, deaf or many, on real sockets.

use std::net::SocketAddr;

use axum::routing::get;
use futures::{StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::*;

/// Bounds every wait for something that takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longer than any test.
const NEVER: Duration = Duration::from_mins(10);
/// More than the buffers of two sockets take.
const LARGE: usize = 64 * 1024 * 1024;

/// Begins, and does not end.
async fn endless() -> Body {
    let first = stream::once(async { Ok::<_, Infallible>("begun") });
    Body::from_stream(first.chain(stream::pending()))
}

struct Page {
    address: SocketAddr,
    stop: CancellationToken,
    served: JoinSet<()>,
}

impl Page {
    async fn start(bounds: Bounds) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it listens");
        let router = Router::new()
            .route("/", get(async || "hello"))
            .route("/large", get(async || vec![b'x'; LARGE]))
            .route("/endless", get(endless));
        let stop = CancellationToken::new();
        let mut served = JoinSet::new();
        served.spawn(serve(listener, router, bounds, stop.clone()));
        Self {
            address,
            stop,
            served,
        }
    }

    /// A connection that has sent this.
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("it listens");
        stream.write_all(text.as_bytes()).await.expect("it is open");
        stream
    }

    /// A connection that asked for this and reads no more than the beginning of the answer.
    async fn begin(&self, path: &str) -> TcpStream {
        let mut stream = self
            .send(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
            .await;
        let begun = timeout(PATIENCE, stream.read_exact(&mut [0; 8])).await;
        begun.expect("in time").expect("it is answered");
        stream
    }

    /// What a client is answered that asks once.
    async fn ask(&self) -> String {
        let request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        rest(&mut self.send(request).await).await
    }
}

/// Everything until the end, which must come in time; a reset is an end, too.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut all)).await;
    drop(read.expect("it ends in time"));
    String::from_utf8_lossy(&all).into_owned()
}

fn bounds(connections_max: usize) -> Bounds {
    Bounds {
        connections_max,
        head_wait: NEVER,
        stall_max: NEVER,
    }
}

#[tokio::test]
async fn who_only_holds_connections_open_keeps_nobody_out() {
    let page = Page::start(bounds(8)).await;
    let mut slow = Vec::new();
    for _ in 0..32 {
        slow.push(page.send("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").await);
        let answer = page.ask().await;
        assert!(answer.ends_with("hello"), "{answer}");
    }
    // The oldest had to go, and the newest still may finish.
    let first = slow.first_mut().expect("there are 32");
    assert_eq!(rest(first).await, "");
    let last = slow.last_mut().expect("there are 32");
    last.write_all(b"1\r\nConnection: close\r\n\r\n")
        .await
        .expect("it is open");
    assert!(rest(last).await.ends_with("hello"));
}

#[tokio::test]
async fn who_is_being_answered_keeps_the_place_and_one_more_is_refused() {
    let page = Page::start(bounds(2)).await;
    let (_first, second) = (page.begin("/endless").await, page.begin("/endless").await);
    assert_eq!(page.ask().await, "");
    drop(second);
    let answered = timeout(PATIENCE, async { while page.ask().await.is_empty() {} });
    answered.await.expect("a place is free again");
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection_and_so_does_doing_nothing() {
    let page = Page::start(Bounds {
        head_wait: Duration::from_millis(100),
        ..bounds(8)
    })
    .await;
    for begun in ["", "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let answer = rest(&mut page.send(begun).await).await;
        assert!(!answer.contains("hello"), "{answer}");
    }
    let kept = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let answer = rest(&mut page.send(kept).await).await;
    assert!(answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn an_answer_that_is_not_read_ends_the_connection() {
    let page = Page::start(Bounds {
        stall_max: Duration::from_millis(100),
        ..bounds(1)
    })
    .await;
    let mut deaf = page.begin("/large").await;
    // Its place is the only one, and free once it has been given up.
    let answered = timeout(PATIENCE, async { while page.ask().await.is_empty() {} });
    answered.await.expect("the place is free again");
    assert!(rest(&mut deaf).await.len() < LARGE, "it is cut");
}

#[tokio::test]
async fn a_stop_ends_all_connections() {
    let mut page = Page::start(bounds(8)).await;
    let mut idle = page.send("").await;
    let kept = page.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    page.stop.cancel();
    let ended = timeout(PATIENCE, page.served.join_next()).await;
    let ended = ended.expect("in time").expect("it was started");
    ended.expect("no panic");
    assert_eq!(rest(&mut idle).await, "");
    drop(kept);
}
