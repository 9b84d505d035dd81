//! Redeploys that nobody notices: addresses in files, and requests that wait while a container is
//! away.

use std::time::Duration;

use reqwest::Method;
use tokio::time::{Instant, sleep, timeout};

use crate::harness::{
    Agent, App, Connections, Container, Engine, Load, answer, patience, request, signal, until,
};

/// Clients that ask without a pause.
const CLIENTS: usize = 8;
/// How long the app takes to listen after its start.
const BOOT_MS: &str = "1000";

struct Scene {
    engine: Engine,
    agent: Agent,
    host: String,
}

impl Scene {
    async fn start() -> Self {
        let engine = Engine::start().await;
        let agent = Agent::start(&engine).await;
        let host = engine.host("web");
        Self {
            engine,
            agent,
            host,
        }
    }

    /// A replica of the app.
    fn replica(&self, name: &str) -> App {
        App::named(name).host(&self.host).label("sh0.app", "web")
    }

    fn load(&self, connections: Connections) -> Load {
        Load::start(
            (self.agent.http_port, &self.host, "web"),
            CLIENTS,
            connections,
        )
    }

    /// Starts a replica and waits until it takes requests.
    async fn ready(&self, app: App) -> Container {
        let container = self.engine.run(app).await;
        self.agent.routed(&container).await;
        container
    }

    async fn loads(&self) -> u64 {
        self.agent.settled().await;
        self.agent.loads().await
    }
}

/// Lets the load go on for some more answers.
async fn go_on(load: &Load) {
    let before = load.answers();
    until("some more answers", patience(), async || {
        let more = load.answers() - before;
        (more >= 200)
            .then_some(())
            .ok_or(format!("{more} more answers"))
    })
    .await;
}

#[tokio::test]
async fn a_recreated_container_loses_no_request_and_needs_no_load() {
    for connections in [Connections::Kept, Connections::Fresh] {
        let scene = Scene::start().await;
        let (engine, agent) = (&scene.engine, &scene.agent);
        let old = engine.run(scene.replica("web-1")).await;
        agent.answers(&scene.host, "web-1").await;
        let loads = scene.loads().await;
        let load = scene.load(connections);
        go_on(&load).await;
        engine.stop(&old).await;
        engine.remove(&old).await;
        let new = scene.replica("web-2").env("WHOAMI_BOOT_MS", BOOT_MS);
        engine.run(new).await;
        agent.answers(&scene.host, "web-2").await;
        go_on(&load).await;
        let counts = load.stop().await;
        assert!(
            counts.failed == 0 && counts.ok > 400,
            "{connections:?}: {counts:?}"
        );
        assert_eq!(scene.loads().await, loads, "{connections:?}");
    }
}

#[tokio::test]
async fn a_start_first_deploy_loses_no_request_and_needs_no_load() {
    let scene = Scene::start().await;
    let (engine, agent) = (&scene.engine, &scene.agent);
    let old = engine.run(scene.replica("web-1")).await;
    agent.answers(&scene.host, "web-1").await;
    let loads = scene.loads().await;
    let load = scene.load(Connections::Kept);
    let new = scene.replica("web-2").env("WHOAMI_BOOT_MS", BOOT_MS);
    scene.ready(new).await;
    engine.stop(&old).await;
    engine.remove(&old).await;
    go_on(&load).await;
    let counts = load.stop().await;
    assert!(counts.failed == 0 && counts.ok > 200, "{counts:?}");
    assert!(agent.get(&scene.host, "/").await.is_from("web-2"));
    assert_eq!(scene.loads().await, loads);
}

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
