//! The agent ends and another comes, and nobody notices: the next one takes over the Caddy that
//! runs.

use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use crate::harness::load::{Kind, Load, Plan, Sockets};
use crate::harness::{Agent, App, Engine, Options, is_alive, patience, signal, until};

/// Clients of each kind.
const CLIENTS: usize = 8;
const SOCKETS: usize = 10;
/// The two ways in which a config says where a container is.
const MODES: [&str; 2] = ["slots", "direct"];

struct Scene {
    engine: Engine,
    agent: Agent,
    host: String,
    caddy: u32,
}

impl Scene {
    async fn start(mode: &str) -> Self {
        Self::start_with(Options::default().flags(["--upstreams", mode])).await
    }

    /// One site, `web`. The labels have a prefix of the test's own, so that loads are counted that
    /// come of nobody else's containers.
    async fn start_with(options: Options) -> Self {
        let engine = Engine::start().await;
        let host = engine.host("web");
        let options = options.flags(["--label-prefix", engine.run_id()]);
        engine.run(labelled(&engine, "web", &host)).await;
        let agent = Agent::start_with(&engine, options).await;
        agent.answers(&host, "web").await;
        let caddy = agent.caddy_pid().await;
        Self {
            engine,
            agent,
            host,
            caddy,
        }
    }

    /// A container of the site.
    fn web(&self) -> App {
        labelled(&self.engine, "web", &self.host)
    }

    /// Clients of all kinds that need no certificate, and websockets.
    fn load(&self) -> Load {
        let mut plan = Plan::new(self.agent.http_port, &self.host, "web");
        plan.kinds = Kind::ALL.to_vec();
        plan.kinds.retain(|kind| *kind != Kind::Http2);
        plan.clients = CLIENTS;
        plan.sockets = Sockets {
            count: SOCKETS,
            host: self.host.clone(),
        };
        Load::start(plan)
    }

    /// Asserts that the agent took over the very same Caddy, and needed so many loads for it.
    async fn is_adopted(&self, loads: u64) {
        assert_eq!(self.agent.caddy_pid().await, self.caddy);
        assert_eq!(self.agent.loads().await, loads, "{}", self.agent.log());
    }
}

fn labelled(engine: &Engine, name: &str, host: &str) -> App {
    App::named(name).label(&format!("{}.host", engine.run_id()), host)
}

/// Lets the load go on for so many more requests.
async fn go_on(load: &Load, requests: u64) {
    let before = load.report().answers();
    until("some more answers", patience(), async || {
        let report = load.report();
        let more = report.answers() - before;
        let is_enough = more >= requests && report.websockets.opened >= SOCKETS as u64;
        is_enough.then_some(()).ok_or(format!("{more} more"))
    })
    .await;
}

#[tokio::test]
async fn a_killed_agent_is_followed_by_one_that_takes_its_caddy_over_and_nothing_is_lost() {
    for mode in MODES {
        for ends_by in [Signal::KILL, Signal::USR2] {
            let mut scene = Scene::start(mode).await;
            let load = scene.load();
            go_on(&load, 600).await;
            assert!(signal(scene.agent.pid(), ends_by), "it runs");
            let status = scene.agent.until_exit().await;
            if ends_by == Signal::USR2 {
                assert_eq!(status.code(), Some(0), "{}", scene.agent.log());
            }
            // Nobody is there for a while.
            go_on(&load, 600).await;
            let again = Instant::now();
            scene.agent.start_again().await;
            println!(
                "{mode}, {ends_by:?}: taken over after {:?}",
                again.elapsed()
            );
            go_on(&load, 800).await;
            scene.is_adopted(0).await;
            let report = load.stop().await;
            let shown = serde_json::json!(&report);
            println!("{mode}, {ends_by:?}: {shown}");
            assert_eq!(report.failed(), 0, "{mode}, {ends_by:?}: {shown}");
            assert_eq!(report.websockets.closed, 0, "{mode}, {ends_by:?}: {shown}");
            assert!(scene.agent.stop().await.success());
            assert!(
                !is_alive(scene.caddy),
                "its stop is the next agent's matter"
            );
        }
    }
}

#[tokio::test]
async fn with_leave_caddy_sigterm_leaves_caddy_too() {
    let mut scene = Scene::start_with(Options::default().flags(["--leave-caddy"])).await;
    assert!(scene.agent.stop().await.success());
    assert!(is_alive(scene.caddy));
    scene.agent.answers(&scene.host, "web").await;
    scene.agent.start_again().await;
    scene.is_adopted(0).await;
}

#[tokio::test]
async fn a_caddy_that_was_taken_over_and_is_killed_is_noticed_at_once_and_replaced() {
    for mode in MODES {
        let mut scene = Scene::start(mode).await;
        scene.agent.kill().await;
        scene.agent.start_again().await;
        scene.is_adopted(0).await;
        let killed = Instant::now();
        assert!(signal(scene.caddy, Signal::KILL), "it runs");
        until("another Caddy answers", patience(), async || {
            let answer = scene.agent.get(&scene.host, "/").await;
            let is_back = answer.is_from("web");
            is_back.then_some(()).ok_or_else(|| answer.summary())
        })
        .await;
        println!("{mode}: another Caddy answers after {:?}", killed.elapsed());
        assert!(killed.elapsed() < Duration::from_secs(3), "a ping is 5 s");
        assert_ne!(scene.agent.caddy_pid().await, scene.caddy);
        let said = scene.agent.logs("Caddy ended; starting it again.").await;
        assert!(said.contains("unknown, for an earlier agent"), "{said}");
    }
}

#[tokio::test]
async fn what_changed_while_no_agent_ran_is_routed_right_after_it_came() {
    for (mode, loads) in MODES.into_iter().zip([0, 1]) {
        let mut scene = Scene::start(mode).await;
        scene.agent.kill().await;
        // The same app elsewhere: with slots that is a file, in the config a load.
        let old = scene.engine.name_of("web");
        scene.engine.docker(&["rm", "-f", &old]).await;
        let blocker = scene.engine.run(App::named("blocker")).await;
        scene
            .engine
            .run(scene.web().env("WHOAMI_NAME", "web-2"))
            .await;
        scene.agent.start_again().await;
        scene.agent.answers(&scene.host, "web-2").await;
        scene.is_adopted(loads).await;
        scene.engine.remove(&blocker).await;

        // Another host is another config: one load.
        scene.agent.kill().await;
        let late = scene.engine.host("late");
        scene
            .engine
            .run(labelled(&scene.engine, "late", &late))
            .await;
        scene.agent.start_again().await;
        scene.agent.answers(&late, "late").await;
        scene.is_adopted(1).await;
    }
}

/// A copy of Caddy, so that it can be replaced.
fn copied_caddy(folder: &std::path::Path) -> PathBuf {
    let caddy = std::env::var_os("SH0_CADDY").expect("`SH0_CADDY` is set for these tests");
    let copy = folder.join("caddy");
    std::fs::copy(caddy, &copy).expect("copied");
    copy
}

#[tokio::test]
async fn a_caddy_whose_binary_was_replaced_is_started_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let caddy = copied_caddy(folder.path());
    let path = caddy.to_str().expect("UTF-8");
    let mut scene = Scene::start_with(Options::default().flags(["--caddy", path])).await;
    scene.agent.kill().await;
    let newer = folder.path().join("newer");
    std::fs::copy(&caddy, &newer).expect("copied");
    std::fs::rename(&newer, &caddy).expect("renamed");
    scene.agent.start_again().await;
    scene.agent.answers(&scene.host, "web").await;
    assert_ne!(scene.agent.caddy_pid().await, scene.caddy);
    assert!(!is_alive(scene.caddy));
    let said = scene.agent.logs("is not taken over").await;
    assert!(said.contains("the Caddy binary is another now"), "{said}");
    assert!(scene.agent.stop().await.success());
}

#[tokio::test]
async fn a_record_that_is_garbage_or_of_a_stranger_kills_nobody() {
    let mut stranger = crate::harness::command("sleep")
        .arg("60")
        .spawn()
        .expect("it is there");
    for record in [
        "garbage".to_owned(),
        format!(
            r#"{{"pid":{},"start_time":1,"exe":"/bin/sleep"}}"#,
            stranger.id()
        ),
        format!(
            r#"{{"pid":{},"start_time":1,"exe":"/"}}"#,
            std::process::id()
        ),
    ] {
        let mut scene = Scene::start("slots").await;
        scene.agent.kill().await;
        std::fs::write(scene.agent.runtime_dir().join("caddy.json"), record).expect("ours");
        scene.agent.start_again().await;
        scene.agent.answers(&scene.host, "web").await;
        // What cannot be proved to be ours is asked to stop through our own socket.
        assert!(!is_alive(scene.caddy));
        assert!(stranger.try_wait().expect("ours").is_none(), "it lives");
    }
    stranger.kill().expect("ours");
    stranger.wait().expect("ours");
}

#[tokio::test]
async fn caddys_errors_are_in_the_log_of_the_next_agent_also_those_of_the_time_between() {
    // With slots a server has routes for errors, and what they answer is no error to Caddy's log.
    let mut scene = Scene::start("direct").await;
    let dead = scene.engine.host("dead");
    let label = |key: &str| format!("{}.{key}", scene.engine.run_id());
    let container = labelled(&scene.engine, "dead", &dead)
        .label(&label("port"), "9")
        .label(&label("ready"), "none")
        .label(&label("retry"), "0s");
    scene.engine.run(container).await;
    scene.agent.refuses(&dead, 502).await;
    scene.agent.logs("connection refused").await;
    for round in 1..=2 {
        let [between, after] = ["between", "after"].map(|when| format!("/{when}-{round}"));
        scene.agent.kill().await;
        let before = scene.agent.logged("connection refused").len();
        assert_eq!(scene.agent.get(&dead, &between).await.status, 502);
        scene.agent.start_again().await;
        scene.is_adopted(0).await;
        scene.agent.logs(&between).await;
        assert_eq!(scene.agent.get(&dead, &after).await.status, 502);
        scene.agent.logs(&after).await;
        let lines = scene.agent.logged("connection refused").len();
        assert_eq!(lines, before + 2, "each once\n{}", scene.agent.log());
    }
}

#[tokio::test]
async fn who_asks_for_an_app_in_hold_is_answered_although_the_agent_is_killed() {
    let mut scene = Scene::start("slots").await;
    let name = scene.engine.name_of("web");
    scene.engine.docker(&["rm", "-f", &name]).await;
    until("the slot leads to the hold", patience(), async || {
        let folder = scene.agent.runtime_dir().join("slots");
        let slots = std::fs::read_dir(folder).expect("ours").flatten();
        let mut texts = slots.filter_map(|slot| std::fs::read_to_string(slot.path()).ok());
        let is_held = texts.any(|text| text.starts_with("unix/"));
        is_held.then_some(()).ok_or_else(String::new)
    })
    .await;
    scene.agent.kill().await;
    let (port, host) = (scene.agent.http_port, scene.host.clone());
    let asked = tokio::spawn(async move { crate::harness::get(port, &host, "/").await });
    sleep(Duration::from_millis(300)).await;
    scene.agent.start_again().await;
    sleep(Duration::from_millis(300)).await;
    assert!(!asked.is_finished(), "it waits with the next agent");
    scene.engine.run(scene.web()).await;
    let answer = asked.await.expect("no panic");
    assert!(answer.is_from("web"), "{}", answer.summary());
    scene.is_adopted(0).await;
}
