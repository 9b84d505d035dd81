//! `sh0-agent pause`, `resume` and `stop` with a real Caddy: what becomes of requests, and for how
//! long it holds.

use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use crate::harness::load::{Kind, Load, Plan, Sockets};
use crate::harness::{
    Agent, Answer, App, Container, Engine, Options, SLOTS, patience, signal, until,
};

/// An answer that nobody waited for takes a few milliseconds.
const AT_ONCE: Duration = Duration::from_millis(800);
const SOCKETS: usize = 3;

struct Scene {
    engine: Engine,
    agent: Agent,
    host: String,
    web: Container,
    /// The app's name, as people see it.
    app: String,
}

impl Scene {
    async fn start() -> Self {
        Self::with(|app| app).await
    }

    /// One site, `web`, with more labels.
    async fn with(more: impl Fn(App) -> App) -> Self {
        let engine = Engine::start().await;
        let host = engine.host("web");
        let app = more(labelled(&engine, &host));
        let web = engine.run(app).await;
        let agent = Agent::start_with(&engine, Options::default().flags(SLOTS)).await;
        agent.routed(&web).await;
        let app = format!("{}/web", engine.run_id());
        Self {
            engine,
            agent,
            host,
            web,
            app,
        }
    }

    async fn says(&self, words: &[&str]) -> Output {
        let mut command = self.agent.command(words[0]);
        command.args(&words[1..]);
        tokio::process::Command::from(command)
            .output()
            .await
            .expect("it is ours")
    }

    /// What a verb did.
    async fn does(&self, words: &[&str]) -> Value {
        let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
        let output = self.says(&words).await;
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Waits until so many requests wait in the paused app.
    async fn wait(&self, requests: u64) {
        until("requests wait", patience(), async || {
            let waiting = self.does(&["pause", &self.app]).await["waiting"].as_u64();
            let is_so = waiting.is_some_and(|waiting| waiting >= requests);
            is_so.then_some(()).ok_or(format!("{waiting:?}"))
        })
        .await;
    }

    async fn timed(&self) -> (Answer, Duration) {
        let began = Instant::now();
        (self.agent.get(&self.host, "/").await, began.elapsed())
    }

    /// As a browser asks.
    async fn browsed(&self, path: &str, method: reqwest::Method) -> Answer {
        let port = self.agent.http_port;
        let request = crate::harness::request(port, &self.host, path, method);
        let request = request.header("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        // What it has of the app is no reason to get less of the page.
        let request = request.header("Range", "bytes=0-3");
        crate::harness::answer(request.header("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"))
            .await
    }

    /// Clients of all kinds that need no certificate, and websockets.
    fn load(&self) -> Load {
        let mut plan = Plan::new(self.agent.http_port, &self.host, "web");
        plan.kinds = Kind::ALL.to_vec();
        plan.kinds.retain(|kind| *kind != Kind::Http2);
        plan.clients = 4;
        plan.sockets = Sockets {
            count: SOCKETS,
            host: self.host.clone(),
        };
        Load::start(plan)
    }
}

fn labelled(engine: &Engine, host: &str) -> App {
    App::named("web")
        .of_project(engine.run_id(), "web")
        .host(host)
}

async fn answered(load: &Load, more: u64) {
    let before = load.report().ok();
    until("clients go on", patience(), async || {
        let report = load.report();
        let is_enough = report.ok() >= before + more && report.websockets.opened >= SOCKETS as u64;
        is_enough
            .then_some(())
            .ok_or(format!("{} more", report.ok() - before))
    })
    .await;
}

#[tokio::test]
async fn a_pause_under_load_loses_nothing_and_cuts_no_websocket_and_costs_no_load() {
    let scene = Scene::start().await;
    let load = scene.load();
    answered(&load, 500).await;
    let loads = scene.agent.loads().await;
    for _ in 0..3 {
        scene.does(&["pause", &scene.app, "--max", "20s"]).await;
        scene.wait(10).await;
        let resumed = scene.does(&["resume", &scene.app]).await;
        assert!(resumed["waiting"].as_u64() >= Some(10), "{resumed}");
        answered(&load, 500).await;
    }
    assert_eq!(scene.agent.loads().await, loads);
    let report = load.stop().await;
    let shown = serde_json::json!(&report);
    assert_eq!(report.failed(), 0, "{shown}");
    assert_eq!(report.websockets.closed, 0, "{shown}");
}

#[tokio::test]
async fn a_pause_has_an_end_for_each_request_and_a_stop_answers_at_once() {
    let scene = Scene::start().await;
    scene.does(&["pause", &scene.app, "--max", "1s"]).await;
    let (answer, took) = scene.timed().await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(
        took >= Duration::from_secs(1) && took < Duration::from_secs(4),
        "{took:?}"
    );
    assert!(answer.header("retry-after").parse::<u32>().is_ok());
    assert!(
        answer.body.starts_with("This site is paused."),
        "{answer:?}"
    );

    let message = "<script>alert(1)</script> & {http.request.host}\nback at five";
    scene
        .does(&["stop", &scene.app, "--message", message])
        .await;
    let (answer, took) = scene.timed().await;
    assert!(took < AT_ONCE, "{took:?}");
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(
        answer.header("content-type").starts_with("text/plain"),
        "{answer:?}"
    );
    assert!(answer.body.contains(message), "{answer:?}");
    for (path, method) in [
        ("/", reqwest::Method::GET),
        ("/a/b.html?q=1", reqwest::Method::GET),
        ("/form", reqwest::Method::POST),
    ] {
        let answer = scene.browsed(path, method).await;
        assert_eq!(answer.status, 503, "{answer:?}");
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("retry-after", "30"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("etag", ""),
            ("last-modified", ""),
        ] {
            assert_eq!(answer.header(name), value, "{name}: {answer:?}");
        }
        let escaped =
            "&lt;script&gt;alert(1)&lt;/script&gt; &amp; {http.request.host}\nback at five";
        assert!(answer.body.contains(escaped), "{answer:?}");
        assert!(answer.body.ends_with("</html>\n"), "{answer:?}");
        assert!(!answer.body.contains("<script"), "{answer:?}");
    }
    // One that waits when the app is stopped is told so at once.
    scene.does(&["pause", &scene.app]).await;
    let stopped = async {
        scene.wait(1).await;
        scene.does(&["stop", &scene.app]).await;
    };
    let (answer, ()) = tokio::join!(scene.agent.get(&scene.host, "/"), stopped);
    assert!(answer.body.contains("It comes back soon."), "{answer:?}");
    scene.does(&["resume", &scene.app]).await;
    assert!(scene.agent.get(&scene.host, "/").await.is_from("web"));
}

#[tokio::test]
async fn a_halt_outlives_the_agent_its_caddy_and_the_containers() {
    let mut scene = Scene::start().await;
    scene
        .does(&["stop", &scene.app, "--message", "Back at five."])
        .await;
    let told = |answer: &Answer| answer.status == 503 && answer.body.contains("Back at five.");
    scene.agent.kill().await;
    // Nobody is there, and Caddy tells it all the same, after it tried for a while.
    let answer = scene.agent.get(&scene.host, "/").await;
    assert!(told(&answer), "{answer:?}");
    scene.agent.start_again().await;
    let answer = scene.agent.get(&scene.host, "/").await;
    assert!(told(&answer), "{answer:?}");
    scene.agent.logs("still stopped by `sh0-agent stop`").await;

    let caddy = scene.agent.caddy_pid().await;
    assert!(scene.agent.stop().await.success());
    scene.agent.start_again().await;
    assert_ne!(scene.agent.caddy_pid().await, caddy);
    let answer = scene.agent.get(&scene.host, "/").await;
    assert!(told(&answer), "after a stop: {answer:?}");

    let caddy = scene.agent.caddy_pid().await;
    assert!(signal(caddy, Signal::KILL), "it runs");
    until("another Caddy tells it", patience(), async || {
        let answer = scene.agent.get(&scene.host, "/").await;
        told(&answer).then_some(()).ok_or_else(|| answer.summary())
    })
    .await;

    scene.engine.remove(&scene.web).await;
    let web = scene.engine.run(labelled(&scene.engine, &scene.host)).await;
    scene.agent.routed(&web).await;
    let answer = scene.agent.get(&scene.host, "/").await;
    assert!(told(&answer), "after a recreate: {answer:?}");
    scene.does(&["resume", &scene.app]).await;
    assert!(scene.agent.get(&scene.host, "/").await.is_from("web"));
}

#[tokio::test]
async fn requests_of_a_paused_app_wait_over_a_recreate_and_go_to_the_new_container() {
    let scene = Scene::start().await;
    scene.does(&["pause", &scene.app]).await;
    let recreated = async {
        scene.wait(1).await;
        scene.engine.remove(&scene.web).await;
        let web = scene.engine.run(labelled(&scene.engine, &scene.host)).await;
        scene.agent.routed(&web).await;
        scene.wait(1).await;
        scene.does(&["resume", &scene.app]).await;
    };
    let (answer, ()) = tokio::join!(scene.agent.get(&scene.host, "/"), recreated);
    assert!(answer.is_from("web"), "{answer:?}");
}

/// What protects a route stands before the halt, as it stands before the app.
#[tokio::test]
async fn a_halted_route_stays_as_protected_as_it_was() {
    let hash = bcrypt::hash("open sesame", 4).expect("a hash");
    let scene = Scene::with(|app| app.label("sh0.auth.basic", &format!("me:{hash}"))).await;
    let asked = async |password: Option<&str>| {
        let method = reqwest::Method::GET;
        let request = crate::harness::request(scene.agent.http_port, &scene.host, "/", method);
        let request = match password {
            Some(password) => request.basic_auth("me", Some(password)),
            None => request,
        };
        crate::harness::answer(request).await.status
    };
    for verb in ["stop", "pause"] {
        scene.does(&[verb, &scene.app]).await;
        assert_eq!(asked(None).await, 401, "{verb}");
        assert_eq!(asked(Some("wrong")).await, 401, "{verb}");
    }
    let waits = timeout(AT_ONCE, asked(Some("open sesame"))).await;
    assert!(waits.is_err(), "{waits:?}");
    scene.does(&["stop", &scene.app]).await;
    assert_eq!(asked(Some("open sesame")).await, 503);
    scene.does(&["resume", &scene.app]).await;
    assert_eq!(asked(None).await, 401);
    assert_eq!(asked(Some("open sesame")).await, 200);
}

#[tokio::test]
async fn it_is_shown_everywhere_and_only_the_owner_says_it() {
    let scene = Scene::start().await;
    let socket = scene.agent.runtime_dir().join("control.sock");
    let about = std::fs::metadata(&socket).expect("it is there");
    assert_eq!(about.permissions().mode() & 0o777, 0o600);
    let output = scene.says(&["stop", "wbe"]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.starts_with("error: there is no app `wbe`\n  help: "),
        "{said}"
    );

    let output = scene.says(&["stop", &scene.host]).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.starts_with(&format!("Stopped {}: requests get 503.", scene.app)),
        "{said}"
    );
    let routes = scene.agent.routes().await;
    assert!(routes.contains("stopped since "), "{routes}");
    for asked in [&scene.web.name, &scene.host] {
        let output = scene.says(&["explain", asked]).await;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("stopped by `sh0-agent stop` since"), "{said}");
        let help = format!("`sh0-agent resume {}`", scene.app);
        assert!(
            said.contains(&help) && said.contains("gets 503, from Caddy"),
            "{said}"
        );
    }
    let status = scene.agent.status().await;
    assert_eq!(status["halts"][0]["state"], "stopped");
    scene
        .agent
        .logs("The app is stopped by `sh0-agent stop`")
        .await;
    scene.does(&["resume", &scene.web.name]).await;
    scene.agent.logs("The app takes requests again.").await;
    assert!(scene.agent.get(&scene.host, "/").await.is_from("web"));
}

/// Caddy counts what a waiting socket closes as a failure, and leaves a slot out after the first.
#[tokio::test]
async fn replicas_with_passive_checks_are_stopped_with_a_page_and_resumed() {
    let passive = |app: App| app.label("sh0.health.fail_for", "30s");
    let scene = Scene::with(passive).await;
    let other = App::named("web-two").of_project(scene.engine.run_id(), "web");
    let other = scene.engine.run(passive(other.host(&scene.host))).await;
    scene.agent.routed(&other).await;
    let slots = || std::fs::read_dir(scene.agent.runtime_dir().join("slots"));
    until("both have a slot", patience(), async || {
        let count = slots().map_or(0, Iterator::count);
        (count == 2).then_some(()).ok_or(count.to_string())
    })
    .await;
    scene.agent.settled().await;
    scene
        .does(&["stop", &scene.app, "--message", "Back at five."])
        .await;
    for number in 0..4 {
        let answer = scene.agent.get(&scene.host, "/").await;
        assert_eq!(answer.status, 503, "{number}: {answer:?}");
        assert_eq!(answer.header("retry-after"), "30", "{number}: {answer:?}");
        assert!(
            answer.body.contains("Back at five."),
            "{number}: {answer:?}"
        );
    }
    scene.does(&["resume", &scene.app]).await;
    for _ in 0..4 {
        let answer = scene.agent.get(&scene.host, "/").await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}
