//! From labels to answers: gRPC, which is HTTP/2 with answers in both directions at once and
//! trailers after them.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Request, Response};
use h2::client::SendRequest;
use hyper::body::Bytes;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::client::{connect_tls, get_tls};
use super::matching::{container, serve};
use crate::harness::{patience, until};

/// Sends back each message as it comes, then its trailers, if the client takes trailers.
async fn backend() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
                while let Some(Ok((request, respond))) = connection.accept().await {
                    tokio::spawn(echo(request, respond));
                }
            });
        }
    });
    address
}

async fn echo(request: Request<h2::RecvStream>, mut respond: h2::server::SendResponse<Bytes>) {
    let takes_trailers = request
        .headers()
        .get("te")
        .is_some_and(|te| te == "trailers");
    let head = Response::builder().header("content-type", "application/grpc");
    let head = head.body(()).expect("a response");
    let mut send = respond.send_response(head, false).expect("it is open");
    let mut body = request.into_body();
    while let Some(Ok(message)) = body.data().await {
        let length = message.len();
        drop(body.flow_control().release_capacity(length));
        send.send_data(message, false).expect("it is open");
    }
    let status = if takes_trailers { "0" } else { "13" };
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static(status));
    send.send_trailers(trailers).expect("it is open");
}

/// A connection to this host at this port of the loopback.
async fn connect(root: &Path, port: u16, host: &str) -> SendRequest<Bytes> {
    let stream = connect_tls(root, port, host, "h2", None).await;
    let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    client.ready().await.expect("it is open")
}

#[tokio::test]
async fn messages_go_both_ways_at_once_and_trailers_arrive() {
    let address = backend().await.to_string();
    let labels = &[
        ("host", "grpc.internal"),
        ("scheme", "h2c"),
        ("tls", "internal"),
    ];
    let web = container("web", &address, labels);
    let (_dir, options, _caddy) = serve(vec![web], |_| ()).await;
    let root = options.storage_dir.join("pki/authorities/local/root.crt");
    let port = options.https_port;
    until("it has its certificate", patience(), async || {
        let answer = get_tls(&root, port, "grpc.internal", "/").await;
        { answer.ends_with("200") }.then_some(()).ok_or(answer)
    })
    .await;
    let call = async {
        let mut client = connect(&root, port, "grpc.internal").await;
        let request = Request::post(format!("https://grpc.internal:{port}/shop.Shop/Watch"))
            .header("te", "trailers")
            .header("content-type", "application/grpc");
        let request = request.body(()).expect("a request");
        let (answer, mut send) = client.send_request(request, false).expect("it is open");
        send.send_data(Bytes::from("one"), false)
            .expect("it is open");
        let mut body = answer.await.expect("an answer").into_body();
        for next in ["two", "three", ""] {
            let message = body.data().await.expect("a message").expect("whole");
            drop(body.flow_control().release_capacity(message.len()));
            let is_last = next.is_empty();
            assert_eq!(message.len(), if is_last { 5 } else { 3 }, "{message:?}");
            send.send_data(Bytes::from(next), is_last)
                .expect("it is open");
        }
        while let Some(rest) = body.data().await {
            assert_eq!(rest.expect("whole"), Bytes::new());
        }
        let trailers = body.trailers().await.expect("they arrive");
        trailers.expect("there are some")
    };
    let trailers = timeout(Duration::from_secs(5), call)
        .await
        .expect("in time");
    let trailers: Vec<_> = trailers.iter().collect();
    let status = (
        "grpc-status".parse().expect("a name"),
        HeaderValue::from_static("0"),
    );
    assert_eq!(trailers, [(&status.0, &status.1)]);
}
