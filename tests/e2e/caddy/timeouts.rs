//! From labels to answers: how long a container may take.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, sleep};

use super::client::get;
use super::matching::{container, serve};

/// A server that takes the time of the path, `/<before>/<after>` in milliseconds, before its answer
/// begins and before it ends.
async fn slow() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(answer(stream));
        }
    });
    (address, asked)
}

async fn answer(mut stream: TcpStream) {
    let mut request = [0; 4096];
    let read = stream.read(&mut request).await.expect("a request");
    let text = String::from_utf8_lossy(&request[..read]).into_owned();
    let times = text.split(['/', ' ']).filter_map(|part| part.parse().ok());
    let times: Vec<u64> = times.take(2).collect();
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n";
    for (part, time) in [head, "late"].iter().zip(times) {
        sleep(Duration::from_millis(time)).await;
        if stream.write_all(part.as_bytes()).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn an_answer_that_does_not_begin_in_time_is_504_and_not_asked_for_again() {
    let (address, asked) = slow().await;
    let labels = &[("host", "a.example"), ("timeout.response", "400ms")];
    let web = container("web", &address.to_string(), labels);
    let (_dir, options, _caddy) = serve(vec![web], |_| ()).await;
    let ask = async |path: &str| {
        let began = Instant::now();
        let answer = get(options.http_port, "a.example", path).await;
        (answer.status, answer.body, began.elapsed())
    };
    let (status, _, took) = ask("/5000/0").await;
    assert_eq!(status, 504);
    assert!(took >= Duration::from_millis(400), "{took:?}");
    assert!(took < Duration::from_millis(1_500), "{took:?}");
    assert_eq!(asked.load(Ordering::Relaxed), 1, "once is enough");
    let (status, body, _) = ask("/0/900").await;
    assert_eq!((status, body.as_str()), (200, "late"), "it began in time");
}

/// An address at which nobody answers: the one place in its queue is taken, and the kernel drops
/// what comes then.
async fn deaf() -> (TcpListener, Vec<TcpStream>, SocketAddr) {
    let socket = TcpSocket::new_v4().expect("a socket");
    let any = "127.0.0.1:0".parse().expect("an address");
    socket.bind(any).expect("a free port");
    let listener = socket.listen(0).expect("it is bound");
    let address = listener.local_addr().expect("it is bound");
    let mut waiting = Vec::new();
    let wait = Duration::from_millis(200);
    while let Ok(stream) = tokio::time::timeout(wait, TcpStream::connect(address)).await {
        waiting.push(stream.expect("there is room in the queue"));
        assert!(waiting.len() < 16, "the queue has one place");
    }
    (listener, waiting, address)
}

#[tokio::test]
async fn a_container_that_does_not_accept_in_time_is_502() {
    let (_listener, _waiting, address) = deaf().await;
    let at = address.to_string();
    let sites = [("short", "100ms"), ("long", "700ms")];
    let sites = sites.map(|(name, connect)| {
        let host = format!("{name}.example");
        let retry = ("retry", "0s");
        let labels = [("host", host.as_str()), ("timeout.connect", connect), retry];
        container(name, &at, &labels)
    });
    let (_dir, options, _caddy) = serve(sites.to_vec(), |_| ()).await;
    let ask = async |host: &str| {
        let began = Instant::now();
        let answer = get(options.http_port, host, "/").await;
        (answer.status, began.elapsed())
    };
    let ((short, early), (long, late)) = tokio::join!(ask("short.example"), ask("long.example"));
    assert_eq!((short, long), (502, 502));
    assert!(early < Duration::from_millis(600), "{early:?}");
    assert!(late >= Duration::from_millis(700), "{late:?}");
    assert!(late < Duration::from_millis(1_500), "{late:?}");
}
