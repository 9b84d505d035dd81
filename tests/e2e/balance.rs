//! How requests are shared among replicas, and how clients stay with one.

use std::collections::BTreeMap;

use crate::harness::{Agent, App, Container, Engine, Options, SLOTS, answer, client};

/// Requests of one measurement. With a fair coin, one run in a hundred thousand is off by five
/// points.
const REQUESTS: usize = 2_000;
/// How far a share may be off, in points.
const POINTS: usize = 5;

struct Scene {
    engine: Engine,
    agent: Agent,
    host: String,
}

impl Scene {
    async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    async fn start_with(options: Options) -> Self {
        let engine = Engine::start().await;
        let agent = Agent::start_with(&engine, options).await;
        let host = engine.host("web");
        Self {
            engine,
            agent,
            host,
        }
    }

    fn replica(&self, name: &str) -> App {
        App::named(name).host(&self.host).label("sh0.app", "web")
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.agent.http_port)
    }

    /// Starts a replica and waits until it takes requests.
    async fn ready(&self, app: App) -> Container {
        let container = self.engine.run(app).await;
        self.agent.routed(&container).await;
        container
    }

    /// A load for another site's sake, with which the number of slots follows the replicas.
    async fn load(&self, other: &str) {
        let host = self.engine.host(other);
        self.engine.run(App::named(other).host(&host)).await;
        self.agent.answers(&host, other).await;
    }

    /// Which share of sequential requests each replica gets, in percent.
    async fn shares(&self) -> BTreeMap<String, usize> {
        let client = client(1);
        let url = self.url();
        let mut counts = BTreeMap::<String, usize>::new();
        for _ in 0..REQUESTS {
            let answer = answer(client.get(&url).header("Host", &self.host)).await;
            let name = answer.said("name").unwrap_or("nobody").to_owned();
            *counts.entry(name).or_default() += 1;
        }
        let percent = |count: &mut usize| *count = (*count * 100 + REQUESTS / 2) / REQUESTS;
        counts.values_mut().for_each(percent);
        counts
    }

    async fn check(&self, expected: &[(&str, usize)]) {
        let shares = self.shares().await;
        let names: Vec<&str> = shares.keys().map(String::as_str).collect();
        let wanted: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, wanted, "{shares:?}");
        for (name, share) in expected {
            let found = shares.get(*name).copied().unwrap_or_default();
            assert!(found.abs_diff(*share) <= POINTS, "{shares:?}");
        }
    }
}

#[tokio::test]
async fn two_and_three_replicas_share_requests_evenly() {
    let scene = Scene::start().await;
    scene.ready(scene.replica("web-1")).await;
    scene.ready(scene.replica("web-2")).await;
    scene.load("first").await;
    scene.check(&[("web-1", 50), ("web-2", 50)]).await;
    scene.ready(scene.replica("web-3")).await;
    scene.load("second").await;
    scene
        .check(&[("web-1", 33), ("web-2", 33), ("web-3", 33)])
        .await;
}

#[tokio::test]
async fn a_canary_gets_its_share_and_another_weight_needs_no_load() {
    let scene = Scene::start_with(Options::default().flags(SLOTS)).await;
    let weight = |name: &str, weight: &str| scene.replica(name).label("sh0.lb.weight", weight);
    scene.ready(weight("stable", "90")).await;
    let canary = scene.ready(weight("canary", "10")).await;
    scene.check(&[("canary", 10), ("stable", 90)]).await;
    let loads = scene.agent.loads().await;
    scene.engine.stop(&canary).await;
    scene.engine.remove(&canary).await;
    scene.ready(weight("canary", "90")).await;
    scene.check(&[("canary", 50), ("stable", 50)]).await;
    assert_eq!(scene.agent.loads().await, loads);
}

#[tokio::test]
async fn a_cookie_keeps_its_replica_while_another_one_is_redeployed() {
    let scene = Scene::start().await;
    let replica = |name: &str| {
        let app = scene.replica(name).label("sh0.lb.policy", "cookie");
        app.label("sh0.lb.cookie", "session_at")
    };
    let mut containers = BTreeMap::new();
    for name in ["web-1", "web-2", "web-3"] {
        containers.insert(name.to_owned(), scene.ready(replica(name)).await);
    }
    scene.load("other").await;
    let mut cookies = BTreeMap::<String, String>::new();
    while cookies.len() < 3 {
        let answer = scene.agent.get(&scene.host, "/").await;
        let name = answer.said("name").expect("a replica answers").to_owned();
        let cookie = answer.header("set-cookie").split(';').next();
        let cookie = cookie.expect("it is set").to_owned();
        assert!(cookie.starts_with("session_at="), "{cookie}");
        cookies.insert(name, cookie);
    }
    let client = client(1);
    let ask = async |cookie: &str| {
        let request = client.get(scene.url()).header("Host", &scene.host);
        answer(request.header("Cookie", cookie)).await
    };
    let old = containers.get("web-2").expect("it was started");
    scene.engine.stop(old).await;
    for (name, cookie) in &cookies {
        let is_away = name == "web-2";
        let answer = ask(cookie).await;
        assert!(is_away || answer.is_from(name), "{name}: {answer:?}");
    }
    scene.engine.remove(old).await;
    scene.ready(replica("web-4")).await;
    for (name, cookie) in &cookies {
        let heir = if name == "web-2" { "web-4" } else { name };
        for _ in 0..20 {
            let answer = ask(cookie).await;
            assert!(answer.is_from(heir), "{name}: {answer:?}");
        }
    }
}
