//! Containers that are not well: who leaves, who stays, and what the clients notice.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::time::Instant;

use crate::harness::load::Kind;
use crate::harness::{
    Agent, App, Container, Engine, Options, SLOTS, answer, patience, request, until,
};

/// The port of the demo backend.
const PORT: u16 = 8080;
/// From one try of a request to the next.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

struct Scene {
    engine: Engine,
    agent: Agent,
    host: String,
}

impl Scene {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Where who leaves and returns costs no load.
    async fn with_slots() -> Self {
        Self::start_with(&SLOTS).await
    }

    async fn start_with(flags: &[&str]) -> Self {
        let engine = Engine::start().await;
        // Labels of its own: a container of another run on this engine would cost a load.
        let options = Options::default().flags(["--label-prefix", engine.run_id()]);
        let options = options.flags(flags.iter().copied());
        let agent = Agent::start_with(&engine, options).await;
        let host = engine.host("web");
        Self {
            engine,
            agent,
            host,
        }
    }

    /// The label under this test's prefix.
    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.engine.run_id())
    }

    /// A site of its own.
    fn site(&self, name: &str) -> App {
        App::named(name).label(&self.key("host"), &self.engine.host(name))
    }

    /// A replica of the app `web`.
    fn replica(&self, name: &str) -> App {
        let app = App::named(name).label(&self.key("host"), &self.host);
        app.label(&self.key("app"), "web")
    }

    /// A replica that is asked for its health every second.
    fn watched(&self, name: &str) -> App {
        let app = self.replica(name);
        app.label(&self.key("health.path"), "/health")
            .label(&self.key("health.interval"), "1s")
    }

    /// Lets a container's `/health` fail or pass, past the proxy.
    async fn set_health(&self, container: &Container, is_healthy: bool) {
        let ip = self.engine.ip(container).await;
        let url = format!("http://{ip}:{PORT}/health?healthy={is_healthy}");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let set = client.request(Method::POST, url).send().await;
        assert!(set.expect("the backend answers").status().is_success());
    }

    /// Waits until the status says this of the container: its state, and a part of its reason.
    async fn says(&self, container: &Container, state: &str, reason: &str) {
        let is_so = |status: &Value| {
            let rows = status["rows"].as_array().map_or(&[][..], Vec::as_slice);
            let mut own = rows
                .iter()
                .filter(|row| row["container"]["id"] == container.id);
            own.any(|row| {
                let text = row["reason"].as_str().unwrap_or_default();
                row["state"] == state && text.contains(reason)
            })
        };
        let what = format!("{} is {state}: {reason}", container.name);
        self.agent.status_when(&what, is_so).await;
    }

    async fn ready(&self, app: App) -> Container {
        let container = self.engine.run(app).await;
        self.says(&container, "routed", "").await;
        container
    }

    /// Who answers a number of requests.
    async fn answerers(&self) -> Vec<String> {
        let mut names = Vec::new();
        for _ in 0..30 {
            let answer = self.agent.get(&self.host, "/").await;
            names.push(answer.said("name").unwrap_or("nobody").to_owned());
        }
        names.sort();
        names.dedup();
        names
    }
}

#[tokio::test]
async fn a_replica_that_fails_its_health_check_leaves_and_returns_without_a_load() {
    let scene = Scene::with_slots().await;
    let one = scene.ready(scene.watched("web-1")).await;
    let two = scene.ready(scene.watched("web-2")).await;
    until("both have a slot", patience(), async || {
        let names = scene.answerers().await;
        (names == ["web-1", "web-2"])
            .then_some(())
            .ok_or(format!("{names:?}"))
    })
    .await;
    let loads = scene.agent.loads().await;
    let load = scene.agent.load(&scene.host, "web", Kind::Kept, 4);
    scene.set_health(&one, false).await;
    scene.says(&one, "waiting", "status 503").await;
    assert_eq!(scene.answerers().await, ["web-2"]);
    scene.set_health(&two, false).await;
    scene
        .says(&two, "routed", "no other replica is ready")
        .await;
    assert_eq!(scene.answerers().await, ["web-2"]);
    let routes = scene.agent.routes().await;
    assert!(
        routes.contains("it goes on, because no other replica is ready"),
        "{routes}"
    );
    scene.set_health(&one, true).await;
    scene.says(&one, "routed", "").await;
    assert_eq!(scene.answerers().await, ["web-1"]);
    scene.set_health(&two, true).await;
    scene.says(&two, "routed", "").await;
    assert_eq!(scene.answerers().await, ["web-1", "web-2"]);
    let counts = load.stop().await;
    assert!(counts.failed() == 0 && counts.ok() > 200, "{counts:?}");
    assert_eq!(scene.agent.loads().await, loads);
}

#[tokio::test]
async fn a_lone_container_whose_healthcheck_fails_goes_on() {
    let scene = Scene::with_slots().await;
    let web = scene.ready(scene.replica("web-1").with_health()).await;
    let loads = scene.agent.loads().await;
    scene.set_health(&web, false).await;
    scene
        .says(&web, "routed", "its HEALTHCHECK fails; it goes on")
        .await;
    assert_eq!(scene.answerers().await, ["web-1"]);
    let two = scene.ready(scene.replica("web-2").with_health()).await;
    scene.says(&web, "waiting", "its HEALTHCHECK fails").await;
    assert_eq!(scene.answerers().await, ["web-2"]);
    scene.set_health(&web, true).await;
    scene.says(&web, "routed", "").await;
    scene.set_health(&two, false).await;
    scene.says(&two, "waiting", "its HEALTHCHECK fails").await;
    assert_eq!(scene.answerers().await, ["web-1"]);
    assert_eq!(scene.agent.loads().await, loads);
}

#[tokio::test]
async fn labels_say_which_answer_is_good_and_how_long_it_may_take() {
    let scene = Scene::start().await;
    let any = scene.watched("any").label(&scene.key("app"), "any");
    let any = any.label(&scene.key("health.status"), "2xx, 503");
    let any = scene.ready(any.label(&scene.key("host"), &scene.engine.host("any")));
    let any = any.await;
    scene.set_health(&any, false).await;
    let late = scene
        .replica("late")
        .label(&scene.key("health.path"), "/slow?ms=3000")
        .label(&scene.key("health.interval"), "1s")
        .label(&scene.key("health.timeout"), "100ms")
        .label(&scene.key("ready"), "tcp");
    let late = scene.ready(late).await;
    scene
        .says(&late, "routed", "no other replica is ready")
        .await;
    // As long as it took the other to fail twice.
    scene.says(&any, "routed", "").await;
    let routes = scene.agent.routes().await;
    let row = routes.lines().find(|line| line.contains(&any.name));
    let row = row.unwrap_or_default();
    assert!(row.trim_end().ends_with("routed"), "{routes}");
}

/// So many dials must fail before the replica is left out, and each costs its request a pause.
#[tokio::test]
async fn a_label_says_how_many_failures_leave_a_replica_out() {
    let scene = Scene::start().await;
    let deaf = |name: &str, boot: &str| {
        let app = scene.replica(name).env("WHOAMI_BOOT_MS", boot);
        app.label(&scene.key("health.fail_for"), "30s")
            .label(&scene.key("health.max_fails"), "3")
            .label(&scene.key("lb.policy"), "round_robin")
            .label(&scene.key("ready"), "none")
    };
    let one = scene.engine.create(deaf("web-1", "0")).await;
    let two = scene.engine.create(deaf("web-2", "600000")).await;
    for container in [&one, &two] {
        scene.engine.act("start", container).await;
        scene.says(container, "routed", "").await;
    }
    let mut waits = 0;
    for number in 0..40 {
        let began = Instant::now();
        let asked = request(scene.agent.http_port, &scene.host, "/", Method::GET);
        let answer = answer(asked).await;
        assert!(answer.is_from("web-1"), "{number}: {answer:?}");
        waits += u32::from(began.elapsed() >= RETRY_PAUSE);
    }
    assert!((3..20).contains(&waits), "{waits} of 40 requests waited");
}

#[tokio::test]
async fn passive_checks_spare_clients_a_replica_that_refuses() {
    let scene = Scene::start().await;
    let passive = |name: &str| {
        let app = scene.replica(name);
        app.label(&scene.key("health.fail_for"), "30s")
            .label(&scene.key("ready"), "none")
    };
    scene.ready(passive("web-1")).await;
    // It takes requests at once, and listens long after the test.
    let deaf = passive("web-2").env("WHOAMI_BOOT_MS", "600000");
    scene.ready(deaf).await;
    // Two slots from the next load on.
    scene.engine.run(scene.site("other")).await;
    scene
        .agent
        .answers(&scene.engine.host("other"), "other")
        .await;
    scene.agent.settled().await;
    let mut times = Vec::new();
    for number in 0..100 {
        let began = Instant::now();
        let asked = request(scene.agent.http_port, &scene.host, "/", Method::GET);
        let answer = answer(asked).await;
        assert!(answer.is_from("web-1"), "{number}: {answer:?}");
        times.push(began.elapsed());
    }
    // Every second request would meet the deaf one first, and be tried again after a pause.
    times.sort();
    assert!(times[75] < RETRY_PAUSE, "{times:?}");
}

/// Once both have refused a request, Caddy remembers that dial to the end of its first second, not
/// that passive checks leave nobody: it would answer 502.
#[tokio::test]
async fn requests_that_all_replicas_with_passive_checks_refuse_are_tried_on() {
    let scene = Scene::start().await;
    let boots = |name: &str| {
        let app = scene.replica(name).env("WHOAMI_BOOT_MS", "4000");
        app.label(&scene.key("health.fail_for"), "30s")
            .label(&scene.key("ready"), "none")
    };
    let one = scene.engine.create(boots("web-1")).await;
    let two = scene.engine.create(boots("web-2")).await;
    for container in [&one, &two] {
        scene.engine.act("start", container).await;
        scene.says(container, "routed", "").await;
    }
    // Caddy gives up what it tries again when a load takes its config away.
    scene.agent.settled().await;
    let ask = |method: Method| {
        let asked = request(scene.agent.http_port, &scene.host, "/", method);
        answer(asked.body("a body that must not be lost"))
    };
    let answers = [ask(Method::GET), ask(Method::POST)];
    for answer in futures::future::join_all(answers).await {
        assert_eq!(answer.status, 200, "{answer:?}");
        let name = answer.said("name").unwrap_or_default();
        assert!(name.starts_with("web-"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_site_that_is_redeployed_twice_within_seconds_is_not_kept_out() {
    let scene = Scene::start().await;
    let mut web = scene.ready(scene.replica("web-1")).await;
    for name in ["web-2", "web-3"] {
        scene.engine.stop(&web).await;
        scene.engine.remove(&web).await;
        web = scene.ready(scene.replica(name)).await;
    }
    for _ in 0..4 {
        scene
            .engine
            .docker(&["restart", "--time", "1", &web.id])
            .await;
        scene.agent.answers(&scene.host, "web-3").await;
    }
    assert!(scene.agent.logged("ends again and again").is_empty());
}
