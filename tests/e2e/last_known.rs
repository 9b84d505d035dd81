//! Docker frozen, killed, or silent as the agent starts: sites go on as far as their containers
//! live, never with another site's containers, and what Docker says counts as soon as it speaks.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::harness::load::{Kind, Load};
use crate::harness::{Agent, App, Engine, Options, SLOTS, get, signal};
use crate::private_engine::PrivateEngine;

/// From Docker's first answer to routes that are right.
const RIGHT_WITHIN: Duration = Duration::from_secs(1);
/// The first look's second, and a start of agent and Caddy, which takes 300 ms on an idle machine.
const REMEMBERED_WITHIN: Duration = Duration::from_millis(2_500);
const FREEZE: Duration = Duration::from_secs(15);
const SITES: [&str; 4] = ["ant", "bee", "cat", "dog"];

/// An engine with four sites, which Docker starts again when it comes back without them.
async fn four_sites(private: &PrivateEngine) -> Engine {
    let engine = private.handle().await;
    for name in SITES {
        let app = App::named(name).host(&engine.host(name));
        engine.run(app.argument("--restart", "always")).await;
    }
    engine
}

/// Two clients for each site, which want its own container's answers.
struct Clients(Vec<(&'static str, Load)>);

impl Clients {
    fn of(agent: &Agent, engine: &Engine) -> Self {
        let load = |name: &'static str| {
            let load = agent.load(&engine.host(name), name, Kind::Kept, 2);
            (name, load)
        };
        Self(SITES.map(load).into())
    }

    /// Ends them: no site may have given another's answer, nor any other than 200 that is not in
    /// `allowed`; how many answers were not its own container's.
    async fn stop(self, allowed: &[&str]) -> u64 {
        let (mut ok, mut failed) = (0, 0);
        for (name, load) in self.0 {
            let counts = load.stop().await;
            let is_allowed = |reason: &str| allowed.iter().any(|a| reason.starts_with(a));
            let wrong = { counts.losses() }.filter(|loss| !is_allowed(&loss.reason));
            let wrong: Vec<_> = wrong.collect();
            assert!(wrong.is_empty(), "{name}: {wrong:?}");
            ok += counts.ok();
            failed += counts.failed();
        }
        println!("{ok} answers, {failed} others");
        failed
    }
}

/// Waits until each site is answered by its own container.
async fn all_answer(agent: &Agent, engine: &Engine) {
    for name in SITES {
        agent.answers(&engine.host(name), name).await;
    }
}

/// Waits for a look at Docker that begins now. A new host is a load, which costs clients their
/// connections, so they end before there is one.
async fn is_looked_at(agent: &Agent) {
    let looks = |status: &Value| status["docker"]["looks"].as_u64().unwrap_or_default();
    let before = looks(&agent.status().await);
    assert!(signal(agent.pid(), Signal::HUP), "it runs");
    agent
        .status_when("Docker is looked at", |status| looks(status) > before)
        .await;
}

/// Starts a container and asserts that its site is live within a second.
async fn is_routed(engine: &Engine, agent: &Agent, name: &str) {
    let host = engine.host(name);
    engine.run(App::named(name).host(&host)).await;
    let runs = Instant::now();
    agent.answers(&host, name).await;
    println!(
        "{name}: routed {:?} after `docker run` returned",
        runs.elapsed()
    );
    assert!(runs.elapsed() < RIGHT_WITHIN, "{:?}", runs.elapsed());
}

#[tokio::test]
async fn a_freeze_of_fifteen_seconds_costs_no_request() {
    let private = PrivateEngine::with_live_restore().await;
    let engine = four_sites(&private).await;
    let agent = Agent::start(&engine).await;
    all_answer(&agent, &engine).await;
    let clients = Clients::of(&agent, &engine);
    private.freeze();
    sleep(FREEZE).await;
    private.thaw();
    is_looked_at(&agent).await;
    assert_eq!(clients.stop(&[]).await, 0);
    is_routed(&engine, &agent, "late").await;
}

#[tokio::test]
async fn a_restart_of_docker_with_live_restore_costs_no_request() {
    let mut private = PrivateEngine::with_live_restore().await;
    let engine = four_sites(&private).await;
    let agent = Agent::start(&engine).await;
    all_answer(&agent, &engine).await;
    let clients = Clients::of(&agent, &engine);
    private.kill();
    sleep(FREEZE).await;
    private.restart().await;
    is_looked_at(&agent).await;
    assert_eq!(clients.stop(&[]).await, 0);
    is_routed(&engine, &agent, "late").await;
}

#[tokio::test]
async fn a_restart_of_docker_without_live_restore_gives_no_site_anothers_answer() {
    let mut private = PrivateEngine::without_live_restore().await;
    let engine = four_sites(&private).await;
    // Requests wait for the containers, over connections that no load cuts.
    let agent = Agent::start_with(&engine, Options::default().flags(SLOTS)).await;
    all_answer(&agent, &engine).await;
    let clients = Clients::of(&agent, &engine);
    private.kill();
    sleep(Duration::from_secs(3)).await;
    private.restart().await;
    let back = Instant::now();
    all_answer(&agent, &engine).await;
    println!(
        "all sites answer {:?} after Docker's return",
        back.elapsed()
    );
    assert!(back.elapsed() < RIGHT_WITHIN, "{:?}", back.elapsed());
    // 502 and 503 while the containers were away.
    clients.stop(&["502 ", "503 "]).await;
    is_routed(&engine, &agent, "late").await;
}

/// An agent that has served the sites and was stopped, beside a frozen Docker; changes what it
/// remembers first.
async fn stopped_beside_frozen_docker(
    private: &PrivateEngine,
    engine: &Engine,
    options: Options,
    change: impl FnOnce(&mut Value),
) -> Agent {
    let mut agent = Agent::start_with(engine, options).await;
    all_answer(&agent, engine).await;
    assert!(agent.stop().await.success());
    private.freeze();
    let file = agent.state_dir().join("containers.json");
    let mode = std::fs::metadata(&file).expect("it is there").permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let text = std::fs::read(&file).expect("it is there");
    let mut remembered = serde_json::from_slice(&text).expect("it is JSON");
    change(&mut remembered);
    std::fs::write(&file, remembered.to_string()).expect("the folder is ours");
    agent
}

#[tokio::test]
async fn an_agent_that_starts_beside_a_frozen_docker_serves_what_it_remembers() {
    let private = PrivateEngine::with_live_restore().await;
    let engine = four_sites(&private).await;
    // As if it had not been told that containers outlive this engine.
    let change = |remembered: &mut Value| remembered["live_restore"] = false.into();
    let options = Options::default();
    let mut agent = stopped_beside_frozen_docker(&private, &engine, options, change).await;
    let started = Instant::now();
    agent.spawn();
    all_answer(&agent, &engine).await;
    println!("all sites answer {:?} after the start", started.elapsed());
    assert!(started.elapsed() < REMEMBERED_WITHIN);
    let report = agent.routes().await;
    let first = report.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("! Docker has not answered since the agent started; the containers are served as they were "),
        "{report}"
    );
    agent
        .logs("Docker does not answer; serving the containers as they were last.")
        .await;
    let clients = Clients::of(&agent, &engine);
    sleep(Duration::from_secs(2)).await;
    private.thaw();
    is_looked_at(&agent).await;
    assert_eq!(clients.stop(&[]).await, 0);
    is_routed(&engine, &agent, "late").await;
    let report = agent.routes().await;
    assert!(!report.contains('!'), "{report}");
}

#[tokio::test]
async fn after_a_reboot_remembered_addresses_are_not_used_and_requests_wait() {
    let private = PrivateEngine::with_live_restore().await;
    let engine = four_sites(&private).await;
    let change = |remembered: &mut Value| remembered["boot_id"] = "another".into();
    let options = Options::default().flags(SLOTS);
    let mut agent = stopped_beside_frozen_docker(&private, &engine, options, change).await;
    agent.spawn();
    agent.logs("the machine was started anew since").await;
    agent.caddy_pid().await;
    let (port, host) = (agent.http_port, engine.host("ant"));
    let waiting = tokio::spawn(async move { get(port, &host, "/").await });
    sleep(Duration::from_secs(2)).await;
    assert!(!waiting.is_finished(), "{:?}", waiting.await);
    let report = agent.routes().await;
    assert!(
        report.contains("which may have other addresses by now, so they take no requests"),
        "{report}"
    );
    private.thaw();
    let answer = waiting.await.expect("it does not panic");
    assert!(answer.is_from("ant"), "{}", answer.summary());
    all_answer(&agent, &engine).await;
}

#[tokio::test]
async fn unusable_files_of_the_state_directory_are_put_aside_with_a_warning_each() {
    let private = PrivateEngine::with_live_restore().await;
    let engine = four_sites(&private).await;
    let mut agent = Agent::start(&engine).await;
    all_answer(&agent, &engine).await;
    for (number, bytes) in [
        &b"{\"version\":1,\"cla"[..],
        b"{\"version\":99}",
        b"\0\xff",
        b"",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(agent.stop().await.success());
        let files = ["state.json", "containers.json"].map(|name| agent.state_dir().join(name));
        for file in &files {
            std::fs::write(file, bytes).expect("the folder is ours");
        }
        private.freeze();
        agent.spawn();
        agent.refuses(&engine.host("ant"), 503).await;
        private.thaw();
        all_answer(&agent, &engine).await;
        let said = agent.logged("A file of the state directory is not usable");
        assert_eq!(said.len(), 2 * (number + 1), "{said:?}");
        for file in &files {
            let name = format!("path={} ", file.display());
            assert!(said.iter().any(|line| line.contains(&name)), "{said:?}");
        }
        assert!(
            said[0].contains("nothing needs to be done; it was put aside"),
            "{said:?}"
        );
    }
}
