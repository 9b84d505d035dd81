//! Probes: the real one and its fake answer alike.

use std::net::SocketAddr;
use std::time::Duration;

use sh0_agent::model::Scheme;
use sh0_agent::probe::{Check, HttpQuestion, Probe, Prober, Question, Reason, Verdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::fakes::probe::{FakeProbe, Peer};

/// Short, because one who says nothing is waited for.
const TIMEOUT: Duration = Duration::from_millis(200);

fn check(address: SocketAddr, question: &Question) -> Check {
    Check {
        address,
        question: question.clone(),
        timeout: TIMEOUT,
    }
}

/// One who answers with 503, one who says nothing, and a port where nobody listens.
async fn contract(probe: &impl Probe, failing: SocketAddr, silent: SocketAddr, nobody: SocketAddr) {
    let http = |expected: std::ops::RangeInclusive<u16>| {
        Question::Http(HttpQuestion {
            scheme: Scheme::Http,
            host: "app.example.com".to_owned(),
            path: "/health".to_owned(),
            expected: expected.into(),
        })
    };
    for (address, question, expected) in [
        (failing, Question::Tcp, Verdict::Healthy),
        (
            failing,
            http(200..=399),
            Verdict::Unhealthy(Reason::Status(503)),
        ),
        (failing, http(503..=503), Verdict::Healthy),
        (silent, Question::Tcp, Verdict::Healthy),
        (
            silent,
            http(200..=399),
            Verdict::Unhealthy(Reason::Silent(TIMEOUT)),
        ),
        (nobody, Question::Tcp, Verdict::Unhealthy(Reason::Refused)),
        (nobody, http(200..=399), Verdict::Unhealthy(Reason::Refused)),
    ] {
        let check = check(address, &question);
        assert_eq!(probe.check(&check).await, expected, "{check:?}");
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[tokio::test]
async fn the_prober_keeps_the_contract() {
    let (app, failing) = listen().await;
    let mut apps = JoinSet::new();
    apps.spawn(async move {
        loop {
            let (mut stream, _) = app.accept().await.unwrap();
            drop(stream.read(&mut [0; 1_024]).await);
            let answer = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
            drop(stream.write_all(answer).await);
        }
    });
    let (_listener, silent) = listen().await;
    let (closed, nobody) = listen().await;
    drop(closed);
    contract(&Prober::default(), failing, silent, nobody).await;
}

#[tokio::test(start_paused = true)]
async fn the_fake_keeps_the_contract_and_notes_who_asked_when() {
    let address = |last| SocketAddr::from(([10, 0, 0, last], 80));
    let probe = FakeProbe::default();
    probe.put(address(1), Peer::Answers(503));
    probe.put(address(2), Peer::Silent);
    probe.put(address(3), Peer::Silent);
    probe.take(address(3));
    let start = Instant::now();
    contract(&probe, address(1), address(2), address(3)).await;
    let asked = probe.asked();
    assert_eq!(asked[0], (start, check(address(1), &Question::Tcp)));
    assert_eq!(asked[6].0, start + TIMEOUT);
}
