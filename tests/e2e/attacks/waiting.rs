//! Two requests on one connection while the first waits for its container: the second has a route of
//! its own, also when it stands in the body of the first.

use crate::harness::{Agent, App, Engine, Options, SLOTS, patience, until};

use super::raw::Client;

#[tokio::test]
async fn nothing_behind_a_request_that_waits_goes_to_its_container() {
    let engine = Engine::start().await;
    let agent = Agent::start_with(&engine, Options::default().flags(SLOTS)).await;
    let (host, closed) = (engine.host("web"), engine.host("closed"));
    let first = engine.run(App::named("web").host(&host)).await;
    let protected = App::named("closed").host(&closed);
    engine.run(protected.label("sh0.allow", "192.0.2.1")).await;
    agent.answers(&host, "web").await;
    agent.refuses(&closed, 403).await;
    engine.remove(&first).await;

    let inner = format!("GET /inner HTTP/1.1\r\nHost: {closed}\r\n\r\n");
    let after = format!("GET /after HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let length = inner.len();
    let heads = [
        // The inner one is the second request.
        "Content-Length: 0\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        // It is the body.
        format!("Content-Length: {length}\r\n\r\n"),
    ];
    let mut clients = Vec::new();
    for head in heads {
        let mut client = Client::connect(agent.http_port).await;
        client
            .send(format!(
                "POST /first HTTP/1.1\r\nHost: {host}\r\n{head}{inner}{after}"
            ))
            .await;
        clients.push((head, client));
    }
    engine.run(App::named("web").host(&host)).await;
    agent.answers(&host, "web").await;
    for (head, mut client) in clients {
        let mut seen = Vec::new();
        until("all are answered", patience(), async || {
            match client.answer().await {
                Some(answer) => {
                    let path = answer.body.lines().find(|line| line.starts_with("path: "));
                    seen.push(format!("{} {}", answer.status, path.unwrap_or_default()));
                    Err(format!("{seen:?}"))
                }
                None => Ok(()),
            }
        })
        .await;
        let is_body = head == format!("Content-Length: {length}\r\n\r\n");
        let expected: &[&str] = if is_body {
            &["200 path: /first", "200 path: /after"]
        } else {
            &["200 path: /first", "403 ", "200 path: /after"]
        };
        assert_eq!(seen, expected, "{head:?}");
    }
}
