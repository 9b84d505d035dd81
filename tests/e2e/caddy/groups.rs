//! Hosts that share routes are answered by a real Caddy as in a flat list.

use std::collections::BTreeMap;

use sh0_agent::caddy::render::{Grouping, RenderOptions, render};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::child::{CaddyChild, place};
use crate::harness::client;
use crate::tables::grouped::many;

/// So many that both kinds of groups are full.
const HOSTS: u16 = 1_400;

/// Answers at all addresses of the loopback, with the address that was dialled and the path.
async fn backend() -> u16 {
    let listener = TcpListener::bind("0.0.0.0:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    port
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut asked = Vec::new();
    while !asked.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut asked).await? == 0 {
            return Ok(());
        }
    }
    let asked = String::from_utf8_lossy(&asked).into_owned();
    let line = asked.lines().next().unwrap_or_default();
    let body = format!("{} {line}", stream.local_addr()?.ip());
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await?;
    stream.shutdown().await
}

/// What everybody answers, by host, method and path.
async fn answers(port: u16) -> BTreeMap<String, String> {
    let client = client(8);
    let mut answers = BTreeMap::new();
    let hosts = (0..HOSTS).map(|n| format!("h{n}.example.com"));
    let others = [
        "H9.Example.COM.:80",
        "x.example.com",
        "example.com",
        "a.b.example.com",
    ];
    let hosts = hosts.chain(others.map(str::to_owned));
    for (n, host) in hosts.enumerate() {
        let method = ["GET", "POST"][n / 8 % 2];
        for path in [["/", "/path/deeper/x"], ["/path", "/pathology"]][n / 16 % 2] {
            let url = format!("http://127.0.0.1:{port}{path}");
            let asked = client.request(method.parse().expect("a method"), url);
            let response = asked.header("Host", &host).send().await;
            let response = response.expect("Caddy answers");
            let status = response.status().as_u16();
            let body = response.text().await.expect("a body");
            answers.insert(
                format!("{host} {method} {path}"),
                format!("{status} {body}"),
            );
        }
    }
    answers
}

#[tokio::test]
async fn hosts_that_share_routes_are_answered_as_in_a_flat_list() {
    let (dir, options) = place();
    let table = many(HOSTS, backend().await);
    let of = |grouping| {
        let options = RenderOptions {
            grouping,
            ..options.clone()
        };
        render(&table, &options)
    };
    let (flat, grouped) = (of(Grouping::Never), of(Grouping::Auto));
    assert!(grouped.json.len() < flat.json.len(), "they share routes");
    let caddy = CaddyChild::start(dir.path(), &flat.json).await;
    let by_flat = answers(options.http_port).await;
    caddy.load(grouped.json).await.expect("Caddy takes it");
    let by_grouped = answers(options.http_port).await;
    for (asked, answer) in &by_flat {
        assert_eq!(Some(answer), by_grouped.get(asked), "{asked}");
    }
    let from = |start: &str| by_flat.values().filter(|a| a.starts_with(start)).count();
    // Nobody lets in who gives no password, and everybody else is answered by somebody.
    let said = (
        from("200 127.1."),
        from("200 127.2."),
        from("200 127.3."),
        from("401"),
    );
    let all = by_flat.len();
    assert_eq!(said.0 + said.1 + said.2 + said.3, all, "{said:?} of {all}");
    assert_eq!(
        by_flat["H9.Example.COM.:80 POST /path"],
        "200 127.1.0.9 POST /path HTTP/1.1"
    );
}
