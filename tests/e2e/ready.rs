//! Who takes requests, and from when to when: containers that are still booting, and containers
//! that are stopping.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::harness::{Agent, App, Engine, Options, patience, until};

/// How long the slow apps of these tests take, in milliseconds.
const SLOW_MS: u64 = 1_500;

#[tokio::test]
async fn a_booting_replica_takes_no_requests_before_it_listens() {
    let engine = Engine::start().await;
    // With slots the new replica is a spare for ten seconds.
    let options = Options::default().flags(["--upstreams", "direct"]);
    let agent = Agent::start_with(&engine, options).await;
    let host = engine.host("web");
    let of_web = |name: &str| App::named(name).host(&host).label("sh0.app", "web");
    engine.run(of_web("old")).await;
    agent.answers(&host, "old").await;
    let new = of_web("new").env("WHOAMI_BOOT_MS", &SLOW_MS.to_string());
    engine.run(new).await;
    let began = Instant::now();
    let (mut is_new_seen, mut resets) = (false, 0);
    while began.elapsed() < Duration::from_millis(SLOW_MS * 2) {
        let answer = agent.get(&host, "/").await;
        // The load that adds the new replica resets what waits at Caddy's old socket.
        if answer.status == 0 {
            resets += 1;
            continue;
        }
        let is_served = answer.is_from("old") || answer.is_from("new");
        assert!(is_served, "{answer:?}");
        is_new_seen |= answer.is_from("new");
        sleep(Duration::from_millis(20)).await;
    }
    assert!(is_new_seen, "the new replica never answered");
    assert!(resets <= 1, "{resets} connections were reset by one load");
}

#[tokio::test]
async fn a_lone_booting_container_answers_503_and_is_live_when_it_listens() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let app = App::named("web").host(&host).without_hold();
    engine
        .run(app.env("WHOAMI_BOOT_MS", &SLOW_MS.to_string()))
        .await;
    let answer = agent.refuses(&host, 503).await;
    assert!(
        answer.header("retry-after").parse::<u32>().is_ok(),
        "{answer:?}"
    );
    let routes = agent.routes().await;
    assert!(
        routes.contains("waiting: it does not answer at its port yet"),
        "{routes}"
    );
    agent.answers(&host, "web").await;
}

#[tokio::test]
async fn a_path_that_must_answer_keeps_a_container_out_until_it_does() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let app = App::named("web")
        .host(&host)
        .without_hold()
        .label("sh0.ready", "http:/health");
    engine
        .run(app.env("WHOAMI_HEALTHY_AFTER_MS", &SLOW_MS.to_string()))
        .await;
    agent.refuses(&host, 503).await;
    agent.answers(&host, "web").await;
}

#[tokio::test]
async fn a_stopping_container_finishes_its_requests_and_takes_no_more() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let web = engine
        .run(App::named("web").host(&host).without_hold())
        .await;
    agent.answers(&host, "web").await;
    let path = format!("/slow?ms={SLOW_MS}");
    let under_way = agent.get(&host, &path);
    let stopped = async {
        sleep(Duration::from_millis(200)).await;
        engine.docker(&["stop", "--time", "9", &web.id]).await;
    };
    let refused = async {
        sleep(Duration::from_millis(300)).await;
        agent.refuses(&host, 503).await;
        assert_eq!(
            engine.inspect(&web, "{{.State.Running}}").await,
            "true",
            "it left its route before it died"
        );
    };
    let (answer, (), ()) = tokio::join!(under_way, stopped, refused);
    assert!(answer.status == 200 && answer.is_from("web"), "{answer:?}");
}

#[tokio::test]
async fn a_signal_that_does_not_stop_changes_nothing() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let web = engine.run(App::named("web").host(&host)).await;
    agent.answers(&host, "web").await;
    let loads = agent.loads().await;
    engine.docker(&["kill", "--signal", "HUP", &web.id]).await;
    for _ in 0..50 {
        let answer = agent.get(&host, "/").await;
        assert!(answer.is_from("web"), "{answer:?}");
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(agent.loads().await, loads);
}

#[tokio::test]
async fn a_container_that_never_listens_is_said_with_what_to_look_at() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let app = App::named("web")
        .host(&host)
        .without_hold()
        .label("sh0.port", "81");
    engine.run(app.label("sh0.ready.timeout", "1s")).await;
    let said = agent.logs("The container is not ready").await;
    assert!(said.contains("is the port right"), "{said}");
    until("a 503", patience(), async || {
        let answer = agent.get(&host, "/").await;
        (answer.status == 503)
            .then_some(())
            .ok_or(format!("{answer:?}"))
    })
    .await;
}
