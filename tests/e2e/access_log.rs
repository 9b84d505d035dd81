//! Requests in the log.

use reqwest::Method;

use crate::harness::{Agent, App, Engine, request};

#[tokio::test]
async fn a_request_of_a_route_with_the_label_is_logged_once_without_secrets() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let (host, silent) = (engine.host("web"), engine.host("silent"));
    let web = App::named("web").host(&host);
    engine.run(web.label("sh0.log", "true")).await;
    engine.run(App::named("silent").host(&silent)).await;
    agent.answers(&silent, "silent").await;
    agent.answers(&host, "web").await;
    let asked = request(agent.http_port, &host, "/basket?page=2", Method::GET);
    let asked = { asked.header("Authorization", "Basic c2VjcmV0") }
        .header("Cookie", "session=secret")
        .header("X-Api-Key", "secret")
        .header("User-Agent", "curl/8");
    let answer = asked.send().await.expect("Caddy answers");
    assert_eq!(answer.status(), 200);
    drop(answer.bytes().await);
    agent.get(&silent, "/basket").await;
    agent.get(&host, "/last").await;
    // Lines come in order, so none is on its way any more.
    let line = agent.logs("/last").await;
    assert!(line.contains("INFO"), "{line}");
    let lines = agent.logged("/basket");
    let [line] = lines.as_slice() else {
        panic!("it is logged once: {lines:?}");
    };
    for part in [
        "INFO",
        "client=\"127.0.0.1\"",
        "method=\"GET\"",
        &format!("host=\"{host}\""),
        "uri=\"/basket?page=2\"",
        "status=200",
        "agent=\"curl/8\"",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let log = agent.log();
    for secret in ["c2VjcmV0", "secret"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}
