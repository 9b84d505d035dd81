//! Hosts that share routes are answered by a real Caddy as in a flat list.

use std::collections::BTreeMap;

use sh0_agent::caddy::admin::Admin;
use sh0_agent::caddy::config::{Handler, Matcher, Pattern, Route, ServerName};
use sh0_agent::caddy::render::{Grouping, RenderOptions, render};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::client::answered;
use super::damaged;
use crate::child::{CaddyChild, place};
use crate::harness::client;
use crate::tables::grouped::many;
use crate::tables::{site, table};

/// So many that both kinds of groups are full, and parts of their own stand in a tree.
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
    let word = asked
        .lines()
        .find(|l| l.to_ascii_lowercase().starts_with("authorization: "));
    let word = word.unwrap_or_default();
    let body = format!("{} {line} {word}", stream.local_addr()?.ip());
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await?;
    stream.shutdown().await
}

/// What everybody answers, by host, method, path and user.
async fn answers(port: u16) -> BTreeMap<String, String> {
    let client = client(8);
    let mut answers = BTreeMap::new();
    let ask = async |host: &str, method: &str, path: &str, user: Option<String>| {
        let url = format!("http://127.0.0.1:{port}{path}");
        let asked = client.request(method.parse().expect("a method"), url);
        let asked = match &user {
            Some(user) => asked.basic_auth(user, Some("open sesame")),
            None => asked,
        };
        let response = answered(asked.header("Host", host)).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let headers = ["x-site", "location"].map(|name| headers.get(name).cloned());
        let body = response.text().await.expect("a body");
        let by = user.unwrap_or_default();
        (
            format!("{host} {method} {path} {by}"),
            format!("{status} {headers:?} {body}"),
        )
    };
    let hosts = (0..HOSTS).map(|n| format!("h{n}.example.com"));
    let redirects = (0..HOSTS).step_by(16).map(|n| format!("w{n}.example.com"));
    let others = [
        "H9.Example.COM.:80",
        "H0.Example.COM.:80",
        "x.example.com",
        "example.com",
        "a.b.example.com",
    ];
    let hosts = hosts.chain(redirects).chain(others.map(str::to_owned));
    for (n, host) in hosts.enumerate() {
        let method = ["GET", "POST"][n / 10 % 2];
        for path in [["/", "/path/deeper/x"], ["/path", "/pathology"]][n / 20 % 2] {
            answers.extend([ask(&host, method, path, None).await]);
        }
    }
    // Each lets in its own user, and nobody else's: Caddy takes a second to say so.
    let own = (9..HOSTS).step_by(20).map(|n| (n, n));
    let others = [(9, 29), (29, 9), (49, 69), (649, 9), (1_389, 669)];
    for (n, user) in own.chain(others) {
        let (host, user) = (format!("h{n}.example.com"), format!("user{user}"));
        answers.extend([ask(&host, "GET", "/", Some(user)).await]);
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
    let with = |start: &str| by_flat.values().filter(|a| a.starts_with(start)).count();
    let from = |net: u8| {
        { by_flat.values() }
            .filter(|a| a.starts_with("200") && a.contains(&format!(" 127.{net}.")))
            .count()
    };
    let (own, wildcards) = (from(1), from(2) + from(3));
    // Nobody lets in who gives no password or another's, and everybody else is answered by somebody.
    let said = own + wildcards + with("401") + with("308");
    assert_eq!(said, by_flat.len());
    let users = usize::from(HOSTS / 20);
    let let_in = by_flat
        .iter()
        .filter(|(asked, a)| asked.contains(" user") && a.starts_with("200"));
    assert_eq!(let_in.count(), users);
    let answer = |asked: &str| by_grouped[asked].as_str();
    assert_eq!(
        answer("H0.Example.COM.:80 GET / "),
        "200 [None, None] 127.1.0.0 GET / HTTP/1.1 "
    );
    assert_eq!(
        answer("h49.example.com GET / user49"),
        "200 [None, None] 127.1.0.49 GET / HTTP/1.1 Authorization: the agent's"
    );
    assert!(answer("h49.example.com GET / user69").starts_with("401"));
    assert!(answer("h19.example.com POST / ").contains(r#"Some("19")"#));
}

/// What is refused of a route that hosts share is refused of each of them.
#[tokio::test]
async fn a_refusal_of_a_shared_route_names_one_of_its_hosts() {
    let (dir, options) = place();
    let options = RenderOptions {
        grouping: Grouping::Always,
        ..options
    };
    let hosts = ["a.example.com", "b.example.com"];
    let both = |host: &str| [format!("{host}/api"), host.to_owned()];
    let sites = hosts.into_iter().flat_map(both);
    let rendered = render(&table(sites.map(|of| site(&of, "127.0.0.1:9"))), &options);
    let servers = &rendered.config.apps.http.servers;
    let routes = &servers[&ServerName::Http].routes;
    let is_shared = |route: &Route| matches!(route.handle.first(), Some(Handler::Map(_)));
    let shared = routes.iter().position(is_shared).expect("they share one");
    let caddy = CaddyChild::start(dir.path(), &rendered.json).await;
    for (index, key) in ["a.example.com/api", "a.example.com"].iter().enumerate() {
        let json = damaged(&rendered, shared, |route| {
            let Some(Handler::Subroute(within)) = route.handle.get_mut(1) else {
                panic!("{route:?}");
            };
            let wrong = Pattern {
                pattern: "(not closed".to_owned(),
            };
            let matcher = Matcher {
                path_regexp: Some(wrong),
                ..Matcher::default()
            };
            within.routes[index].matchers.push(matcher);
        });
        let error = (caddy.admin.load(json).await).expect_err("it is damaged");
        let message = error.to_string();
        let blamed = rendered.blame(&message).map(ToString::to_string);
        assert_eq!(blamed.as_deref(), Some(*key), "{message}");
    }
}
