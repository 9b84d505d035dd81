//! Requests that wait, and those that do not.

use std::time::Duration;

use reqwest::Method;
use tokio::time::{Instant, sleep, timeout};

use super::scene::Scene;
use crate::harness::{App, answer, patience, request, signal, until};

#[tokio::test]
async fn a_request_with_a_body_waits_for_the_container() {
    let scene = Scene::start().await;
    let (engine, agent) = (&scene.engine, &scene.agent);
    let old = engine.run(scene.replica("web-1")).await;
    agent.answers(&scene.host, "web-1").await;
    engine.stop(&old).await;
    let body = vec![b'x'; 256 * 1024];
    let held = request(agent.http_port, &scene.host, "/", Method::POST).body(body);
    let started = async {
        sleep(Duration::from_millis(300)).await;
        engine.act("start", &old).await;
    };
    let (answer, ()) = tokio::join!(answer(held), started);
    assert!(answer.is_from("web-1"), "{answer:?}");
    assert_eq!(answer.said("body-bytes"), Some("262144"));
}

#[tokio::test]
async fn a_site_that_was_never_ready_answers_503_at_once() {
    let scene = Scene::start().await;
    let (engine, agent) = (&scene.engine, &scene.agent);
    engine.create(scene.replica("web-1")).await;
    // Nobody is told of a container that was never started; the next look sees it.
    assert!(signal(agent.pid(), rustix::process::Signal::HUP));
    let began = Instant::now();
    let answer = agent.refuses(&scene.host, 503).await;
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    assert!(
        answer.header("retry-after").parse::<u32>().is_ok(),
        "{answer:?}"
    );
    assert!(
        answer
            .body
            .starts_with(&format!("{} is not ready", scene.host)),
        "{answer:?}"
    );
    let asked = timeout(Duration::from_secs(2), agent.get(&scene.host, "/")).await;
    assert_eq!(asked.expect("at once").status, 503);
}

#[tokio::test]
async fn slots_survive_a_killed_caddy_a_killed_agent_and_an_emptied_folder() {
    let mut scene = Scene::start().await;
    scene.engine.run(scene.replica("web-1")).await;
    scene.agent.answers(&scene.host, "web-1").await;
    let slots = scene.agent.runtime_dir().join("slots");
    std::fs::remove_dir_all(&slots).unwrap();
    until("the slots are back", patience(), async || {
        let answer = scene.agent.get(&scene.host, "/").await;
        let is_back = slots.exists() && answer.is_from("web-1");
        is_back.then_some(()).ok_or_else(|| answer.summary())
    })
    .await;
    let caddy = scene.agent.caddy_pid().await;
    assert!(signal(caddy, rustix::process::Signal::KILL));
    scene.agent.answers(&scene.host, "web-1").await;
    scene.agent.kill().await;
    scene.agent.start_again().await;
    scene.agent.answers(&scene.host, "web-1").await;
}

#[tokio::test]
async fn replicas_share_requests_and_a_third_one_gets_its_slot_with_the_next_load() {
    let scene = Scene::start().await;
    let (engine, agent) = (&scene.engine, &scene.agent);
    for name in ["web-1", "web-2", "web-3"] {
        scene.ready(scene.replica(name)).await;
    }
    engine
        .run(App::named("other").host(&engine.host("other")))
        .await;
    agent.answers(&engine.host("other"), "other").await;
    let mut shares = std::collections::BTreeMap::<String, usize>::new();
    for _ in 0..90 {
        let answer = agent.get(&scene.host, "/").await;
        *shares
            .entry(answer.said("name").unwrap_or("nobody").to_owned())
            .or_default() += 1;
    }
    assert_eq!(shares.len(), 3, "{shares:?}");
    assert!(shares.values().all(|share| *share > 10), "{shares:?}");
}
