//! With real sockets and the real clock.

mod untrusted;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri, Version};
use axum::response::Redirect;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::*;
use crate::model::StatusSet;

/// Bounds every probe that is to answer.
const PATIENCE: Duration = Duration::from_secs(10);

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

/// An app that answers over HTTP/1.1 and HTTP/2.
async fn app() -> (JoinSet<()>, SocketAddr) {
    let (listener, address) = listen().await;
    let router = Router::new()
        .route("/ok", get(|| async { "fine" }))
        .route("/teapot", get(|| async { StatusCode::IM_A_TEAPOT }))
        .route("/moved", get(|| async { Redirect::temporary("/teapot") }))
        .route("/long", get(|| async { "x".repeat(10_000_000) }))
        .route("/asked", get(asked));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
    (tasks, address)
}

/// 200 for the request that the tests make, whichever the protocol.
async fn asked(version: Version, uri: Uri, headers: HeaderMap) -> StatusCode {
    let host = match version {
        Version::HTTP_2 => uri.host().map(str::to_owned),
        _ => headers
            .get("host")
            .map(|host| host.to_str().expect("text").to_owned()),
    };
    let is_right = host.as_deref() == Some("app.example.com") && uri.query() == Some("q=1");
    let has_agent = headers.get("user-agent").is_some();
    if is_right && has_agent {
        StatusCode::OK
    } else {
        StatusCode::BAD_REQUEST
    }
}

fn question(scheme: Scheme, path: &str) -> HttpQuestion {
    HttpQuestion {
        scheme,
        host: "app.example.com".to_owned(),
        path: path.to_owned(),
        expected: StatusSet::default(),
    }
}

async fn ask(address: SocketAddr, question: Question, timeout: Duration) -> Verdict {
    let check = Check {
        address,
        question,
        timeout,
    };
    Prober::default().check(&check).await
}

async fn ask_http(address: SocketAddr, scheme: Scheme, path: &str) -> Verdict {
    ask(address, Question::Http(question(scheme, path)), PATIENCE).await
}

/// A peer that does this with each connection.
async fn peer<F>(talk: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> (JoinSet<()>, SocketAddr)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (listener, address) = listen().await;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut conversations = JoinSet::new();
        loop {
            conversations.spawn(talk(listener.accept().await.expect("it listens").0));
        }
    });
    (tasks, address)
}

#[tokio::test]
async fn a_port_that_listens_is_healthy() {
    let (listener, address) = listen().await;
    assert_eq!(
        ask(address, Question::Tcp, PATIENCE).await,
        Verdict::Healthy
    );
    drop(listener);
    let refused = Verdict::Unhealthy(Reason::Refused);
    assert_eq!(ask(address, Question::Tcp, PATIENCE).await, refused);
    assert_eq!(ask_http(address, Scheme::Http, "/ok").await, refused);
}

#[tokio::test]
async fn the_status_decides_in_both_protocols() {
    let (_app, address) = app().await;
    for scheme in [Scheme::Http, Scheme::H2c] {
        for path in ["/ok", "/asked?q=1", "/long"] {
            assert_eq!(
                ask_http(address, scheme, path).await,
                Verdict::Healthy,
                "{path}"
            );
        }
        for (path, status) in [("/teapot", 418), ("/asked", 400), ("/", 404)] {
            let expected = Verdict::Unhealthy(Reason::Status(status));
            assert_eq!(ask_http(address, scheme, path).await, expected, "{path}");
        }
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let (_app, address) = app().await;
    assert_eq!(
        ask_http(address, Scheme::Http, "/moved").await,
        Verdict::Healthy
    );
    let mut question = question(Scheme::Http, "/moved");
    question.expected = (200..=200).into();
    let verdict = ask(address, Question::Http(question), PATIENCE).await;
    assert_eq!(verdict, Verdict::Unhealthy(Reason::Status(307)));
}

#[tokio::test]
async fn who_says_nothing_is_not_waited_for() {
    let (_peer, address) = peer(|stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let time = Duration::from_millis(50);
    for scheme in [Scheme::Http, Scheme::H2c, Scheme::Https] {
        let question = Question::Http(question(scheme, "/ok"));
        let verdict = ask(address, question, time).await;
        assert_eq!(
            verdict,
            Verdict::Unhealthy(Reason::Silent(time)),
            "{scheme:?}"
        );
    }
}

#[tokio::test]
async fn who_speaks_something_else_is_not_healthy() {
    let (_peer, address) = peer(|mut stream| async move {
        drop(stream.write_all(b"220 mail.example.com ESMTP\r\n").await);
        drop(stream.read(&mut [0; 1_024]).await);
    })
    .await;
    for scheme in [Scheme::Http, Scheme::H2c] {
        let verdict = ask_http(address, scheme, "/ok").await;
        assert!(
            matches!(verdict, Verdict::Unhealthy(Reason::Http(_))),
            "{verdict:?}"
        );
    }
    let verdict = ask_http(address, Scheme::Https, "/ok").await;
    assert!(
        matches!(verdict, Verdict::Unhealthy(Reason::Tls(_))),
        "{verdict:?}"
    );
}

/// The body is not waited for, and not read to its end; an endless head is not, either.
#[tokio::test]
async fn an_endless_answer_is_cut() {
    let (_peer, address) = peer(|mut stream| async move {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        drop(stream.write_all(head).await);
        while stream.write_all(b"5\r\nagain\r\n").await.is_ok() {}
    })
    .await;
    assert_eq!(ask_http(address, Scheme::Http, "/").await, Verdict::Healthy);
    let (_peer, address) = peer(|mut stream| async move {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\n").await);
        let mut number = 0_u64;
        while stream
            .write_all(format!("X-{number}: again\r\n").as_bytes())
            .await
            .is_ok()
        {
            number += 1;
        }
    })
    .await;
    let verdict = ask_http(address, Scheme::Http, "/").await;
    assert!(
        matches!(verdict, Verdict::Unhealthy(Reason::Http(_))),
        "{verdict:?}"
    );
    // Streams, and says nothing for now.
    let (_peer, address) = peer(|mut stream| async move {
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        drop(stream.write_all(head).await);
        std::future::pending::<()>().await;
    })
    .await;
    assert_eq!(ask_http(address, Scheme::Http, "/").await, Verdict::Healthy);
}

#[tokio::test]
async fn an_answer_that_comes_with_the_end_of_the_connection_counts() {
    let (_peer, address) = peer(|mut stream| async move {
        drop(stream.read(&mut [0; 1_024]).await);
        drop(stream.write_all(b"HTTP/1.0 204 No Content\r\n\r\n").await);
    })
    .await;
    for _ in 0..50 {
        assert_eq!(ask_http(address, Scheme::Http, "/").await, Verdict::Healthy);
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_said() {
    let (_app, address) = app().await;
    for (host, path) in [
        ("app.example.com", "ok"),
        ("app.example.com", "/a b"),
        ("a\nb", "/ok"),
    ] {
        for scheme in [Scheme::Http, Scheme::H2c] {
            let mut question = question(scheme, path);
            question.host = host.to_owned();
            let verdict = ask(address, Question::Http(question), PATIENCE).await;
            assert_eq!(
                verdict,
                Verdict::Unhealthy(Reason::Question),
                "{host} {path}"
            );
        }
    }
}
