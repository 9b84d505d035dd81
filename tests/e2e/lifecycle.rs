//! From a labelled container to a live site and back, with everything that can happen between.

use std::time::Duration;

use crate::harness::load::Kind;
use crate::harness::{Agent, App, Engine, Options, patience, request, until};

#[tokio::test]
async fn a_labelled_container_is_live_and_a_removed_one_is_gone() {
    let engine = Engine::start().await;
    // With slots the route stays for a minute, so that a recreated container finds it.
    let options = Options::default().flags(["--upstreams", "direct"]);
    let agent = Agent::start_with(&engine, options).await;
    let host = engine.host("web");
    assert_eq!(agent.get(&host, "/").await.status, 404);
    let web = engine.run(App::named("web").host(&host)).await;
    agent.answers(&host, "web").await;
    engine.remove(&web).await;
    agent.refuses(&host, 404).await;
}

#[tokio::test]
async fn a_stopped_container_answers_503_and_a_started_one_is_back() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let web = engine
        .run(App::named("web").host(&host).without_hold())
        .await;
    agent.answers(&host, "web").await;
    engine.stop(&web).await;
    let answer = agent.refuses(&host, 503).await;
    assert!(
        answer.header("retry-after").parse::<u32>().is_ok(),
        "{answer:?}"
    );
    assert!(
        agent
            .routes()
            .await
            .contains("waiting: the container has exited")
    );
    engine.act("start", &web).await;
    agent.answers(&host, "web").await;
}

#[tokio::test]
async fn a_created_container_has_a_route_but_no_answers_until_it_starts() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let web = engine.create(App::named("web").host(&host)).await;
    engine.act("start", &web).await;
    agent.answers(&host, "web").await;
}

#[tokio::test]
async fn a_restarted_container_is_served_at_its_new_address() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let web = engine.run(App::named("web").host(&host)).await;
    agent.answers(&host, "web").await;
    engine.act("restart", &web).await;
    agent.answers(&host, "web").await;

    let before = engine.ip(&web).await;
    engine.stop(&web).await;
    let squatter = engine.run(App::named("squatter")).await;
    assert_eq!(
        engine.ip(&squatter).await,
        before,
        "it takes the free address"
    );
    engine.act("start", &web).await;
    let after = engine.ip(&web).await;
    assert_ne!(before, after);
    agent.answers(&host, "web").await;
    let routes = agent.routes().await;
    assert!(routes.contains(&format!("{after}:8080")), "{routes}");
}

/// The old address belongs to somebody else's container at once: not one request may go there.
#[tokio::test]
async fn an_address_that_another_container_took_gets_no_requests() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let web = engine
        .run(App::named("web").host(&host).without_hold())
        .await;
    agent.answers(&host, "web").await;
    engine.remove(&web).await;
    let squatter = engine.run(App::named("squatter")).await;
    let load = agent.load(&host, "web", Kind::Kept, 2);
    until("some answers", patience(), async || {
        (load.report().answers() >= 40)
            .then_some(())
            .ok_or_else(String::new)
    })
    .await;
    let counts = load.stop().await;
    let strange = counts.losses();
    let strange = strange.filter(|loss| loss.reason.contains("squatter"));
    assert_eq!(strange.count(), 0, "{squatter:?} answered: {counts:?}");
}

#[tokio::test]
async fn a_renamed_container_stays_live_and_is_shown_by_its_new_name() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let web = App::named("web")
        .of_project(engine.run_id(), "web")
        .host(&host);
    let web = engine.run(web).await;
    agent.answers(&host, "web").await;
    let loads = agent.loads().await;
    let name = engine.name_of("renamed");
    engine.docker(&["rename", &web.id, &name]).await;
    until("the new name is shown", patience(), async || {
        let routes = agent.routes().await;
        if routes.contains(&name) {
            Ok(())
        } else {
            Err(routes)
        }
    })
    .await;
    agent.answers(&host, "web").await;
    assert_eq!(agent.loads().await, loads, "its address is the same");
}

#[tokio::test]
async fn a_paused_container_answers_503_until_it_is_unpaused() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let web = engine
        .run(App::named("web").host(&host).without_hold())
        .await;
    agent.answers(&host, "web").await;
    engine.act("pause", &web).await;
    // A request that is under way before the load would wait for the frozen process.
    agent.logs("No container is ready").await;
    agent.refuses(&host, 503).await;
    engine.act("unpause", &web).await;
    agent.answers(&host, "web").await;
}

#[tokio::test]
async fn a_health_check_must_pass_before_the_first_request() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let app = App::named("web").with_health().host(&host).without_hold();
    let web = engine.run(app.env("WHOAMI_HEALTHY_AFTER_MS", "1500")).await;
    agent.refuses(&host, 503).await;
    let waiting = "waiting: its HEALTHCHECK has not passed yet";
    assert!(agent.routes().await.contains(waiting));
    until("it is healthy, then served", patience(), async || {
        let answer = agent.get(&host, "/").await;
        let health = engine.inspect(&web, "{{.State.Health.Status}}").await;
        match (answer.status, health.as_str()) {
            (503, _) => Err(health),
            (200, "healthy") => Ok(()),
            _ => panic!("{health}, but {}", answer.summary()),
        }
    })
    .await;
}

#[tokio::test]
async fn an_unhealthy_replica_leaves_and_comes_back() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let mut replicas = Vec::new();
    for name in ["web-1", "web-2"] {
        let app = App::named(name)
            .with_health()
            .of_project(engine.run_id(), "web");
        replicas.push(engine.run(app.host(&host)).await);
    }
    let (first, second) = (replicas[0].says.as_str(), replicas[1].says.as_str());
    until("both answer", patience(), async || {
        both(&agent, &host, [first, second]).await
    })
    .await;

    let ip = engine.ip(&replicas[0]).await;
    set_health(&ip, false).await;
    agent.status_when("one is left", |s| routed(s) == 1).await;
    agent.settled().await;
    for _ in 0..10 {
        assert!(agent.get(&host, "/").await.is_from(second));
    }
    set_health(&ip, true).await;
    until("both answer", patience(), async || {
        both(&agent, &host, [first, second]).await
    })
    .await;
}

fn routed(status: &serde_json::Value) -> usize {
    let rows = status["rows"].as_array().map_or(&[][..], Vec::as_slice);
    rows.iter().filter(|row| row["state"] == "routed").count()
}

/// Whether a few requests in a row reach both.
async fn both(agent: &Agent, host: &str, names: [&str; 2]) -> Result<(), String> {
    let mut seen = Vec::new();
    for _ in 0..8 {
        let answer = agent.get(host, "/").await;
        seen.push(answer.said("name").unwrap_or_default().to_owned());
    }
    let is_there = |name: &&str| seen.iter().any(|said| said == name);
    if names.iter().all(is_there) {
        Ok(())
    } else {
        Err(seen.join(" "))
    }
}

async fn set_health(ip: &str, healthy: bool) {
    let path = format!("/health?healthy={healthy}");
    let url = format!("http://{ip}:8080{path}");
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let answer = client
        .post(url)
        .timeout(patience())
        .send()
        .await
        .expect("it runs");
    assert_eq!(answer.status(), 204);
}

#[tokio::test]
async fn twenty_containers_at_once_are_all_live_with_few_loads() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let mut made = Vec::new();
    for number in 0..20 {
        let name = format!("web-{number}");
        made.push(
            engine
                .create(App::named(&name).host(&engine.host(&name)))
                .await,
        );
    }
    let before = agent.loads().await;
    let ids = made.iter().map(|container| container.id.as_str());
    engine
        .docker(&["start"].into_iter().chain(ids).collect::<Vec<_>>())
        .await;
    for container in &made {
        agent
            .answers(&engine.host(&container.says), &container.says)
            .await;
    }
    // One for each start that comes alone, and a few for events that follow it.
    let loads = agent.loads().await - before;
    assert!(loads <= 25, "{loads} loads");
}

/// A crash loop must not keep others from becoming live.
#[tokio::test]
async fn a_container_that_starts_and_dies_again_and_again_hinders_nobody() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let crashing = App::named("crash").host(&engine.host("crash"));
    let crashing = crashing.argument("--restart", "always");
    // A port that is none: it ends with an error at once.
    engine.run(crashing.env("WHOAMI_PORT", "none")).await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    agent.answers(&host, "web").await;
    let load = agent.load(&host, "web", Kind::Fresh, 4);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let counts = load.stop().await;
    // Every start and end of the other is a load, and Caddy drops what waits at its old socket.
    assert!(
        counts.ok() > 100 && counts.failed() * 20 < counts.ok(),
        "{counts:?}"
    );
    assert_eq!(agent.get(&host, "/").await.said("path"), Some("/"));
}

#[tokio::test]
async fn requests_of_any_size_and_method_reach_the_container() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    agent.answers(&host, "web").await;
    let post = request(
        agent.http_port,
        &host,
        "/form?a=b%20c",
        reqwest::Method::POST,
    );
    let response = post
        .body(vec![b'x'; 3_000_000])
        .send()
        .await
        .expect("an answer");
    let body = response.text().await.expect("a text");
    for line in ["method: POST", "path: /form?a=b%20c", "body-bytes: 3000000"] {
        assert!(body.lines().any(|said| said == line), "{body}");
    }
    let host_line = format!("host: {host}");
    assert!(body.contains(&host_line) && body.contains("x-forwarded-for: 127.0.0.1"));
}

/// Without a project the container's name is its app, and so the owner of its hosts.
#[tokio::test]
async fn a_renamed_container_without_a_project_stays_live() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let web = engine.run(App::named("web").host(&host)).await;
    agent.answers(&host, "web").await;
    let name = engine.name_of("renamed");
    engine.docker(&["rename", &web.id, &name]).await;
    until("the new name is shown", patience(), async || {
        let routes = agent.routes().await;
        if routes.contains(&name) {
            Ok(())
        } else {
            Err(routes)
        }
    })
    .await;
    agent.settled().await;
    agent.answers(&host, "web").await;
}
