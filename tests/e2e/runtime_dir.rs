//! The runtime directory is removed while the agent runs.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::harness::{Agent, App, Engine, Options, SLOTS, get, patience, until};

/// Slots are looked after every second.
const REPAIRED_WITHIN: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_runtime_directory_that_is_removed_is_made_again_and_caddy_stays() {
    let engine = Engine::start().await;
    let (host, held) = (engine.host("web"), engine.host("held"));
    engine.run(App::named("web").host(&host)).await;
    let stopped = engine.run(App::named("held").host(&held)).await;
    let mut agent = Agent::start_with(&engine, Options::default().flags(SLOTS)).await;
    agent.answers(&host, "web").await;
    agent.answers(&held, "held").await;
    engine.act("stop", &stopped).await;
    let caddy = agent.caddy_pid().await;

    std::fs::remove_dir_all(agent.runtime_dir()).expect("it is there");
    let removed = Instant::now();
    agent.answers(&host, "web").await;
    println!("slots are back {:?} after the removal", removed.elapsed());
    let status = |so: &Value| so.pointer("/caddy/pid").is_some_and(Value::is_u64);
    agent.status_when("the status is back", status).await;
    println!("all is back {:?} after the removal", removed.elapsed());
    assert!(removed.elapsed() < REPAIRED_WITHIN);
    let mode = std::fs::metadata(agent.runtime_dir())
        .expect("it is back")
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o700);

    // A request waits on a socket of the new directory.
    let (port, name) = (agent.http_port, held.clone());
    let waiting = tokio::spawn(async move { get(port, &name, "/").await });
    engine.act("start", &stopped).await;
    let answer = waiting.await.expect("it does not panic");
    assert!(answer.is_from("held"), "{}", answer.summary());

    // A load reaches Caddy, and so do pings: no other one is started.
    let late = engine.host("late");
    engine.run(App::named("late").host(&late)).await;
    agent.answers(&late, "late").await;
    sleep(Duration::from_secs(13)).await;
    assert_eq!(agent.caddy_pid().await, caddy);
    agent.answers(&host, "web").await;
    agent.logs("Caddy's admin socket was gone").await;

    // Nobody else takes the directory.
    let second = tokio::process::Command::from(agent.command("run")).output();
    let second = tokio::time::timeout(patience(), second).await;
    let second = second.expect("it ends").expect("it was built");
    assert_eq!(second.status.code(), Some(78));
    assert!(agent.stop().await.success());
    until("nobody listens", patience(), async || {
        let answer = get(port, &host, "/").await;
        (answer.status == 0)
            .then_some(())
            .ok_or_else(|| answer.summary())
    })
    .await;
}

#[tokio::test]
async fn one_that_is_removed_as_soon_as_caddy_is_up_costs_no_caddy_either() {
    let engine = Engine::start().await;
    let (host, late) = (engine.host("web"), engine.host("late"));
    engine.run(App::named("web").host(&host)).await;
    let agent = Agent::start(&engine).await;
    let caddy = agent.caddy_pid().await;
    std::fs::remove_dir_all(agent.runtime_dir()).expect("it is there");
    engine.run(App::named("late").host(&late)).await;
    agent.answers(&late, "late").await;
    agent.answers(&host, "web").await;
    assert_eq!(agent.caddy_pid().await, caddy, "{}", agent.log());
}
