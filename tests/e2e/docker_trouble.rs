//! Docker in trouble: frozen, killed, absent, cut off in the middle of an answer. Sites go on.

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;

use crate::engine_proxy::{EngineProxy, Fault};
use crate::harness::load::{Kind, Load};
use crate::harness::{Agent, App, Engine, Options, signal, until};
use crate::private_engine::PrivateEngine;

/// A new container is routed so soon once Docker answers: 20 to 100 ms on an idle machine.
const ROUTED_SOON: Duration = Duration::from_secs(2);
/// The longest wait between two tries to reach Docker, and some time for the try.
pub(crate) const RECONNECT_MAX: Duration = Duration::from_secs(8);

/// The socket of the machine's engine.
pub(crate) fn machine_socket() -> String {
    let endpoint = std::env::var("DOCKER_HOST").unwrap_or_default();
    match endpoint.strip_prefix("unix://") {
        Some(path) => path.to_owned(),
        None => "/var/run/docker.sock".to_owned(),
    }
}

fn behind(proxy: &EngineProxy) -> Options {
    Options::default().env("DOCKER_HOST", &proxy.endpoint())
}

/// Waits until the agent's last look failed, in these words.
pub(crate) async fn until_unreachable(agent: &Agent, words: &str) {
    let failed = |status: &serde_json::Value| {
        let error = status["docker"]["error"].as_str().unwrap_or_default();
        status["docker"]["reachable"] == false && error.contains(words)
    };
    agent.status_when("Docker does not answer", failed).await;
}

/// Starts a container and asserts that its site is live soon after.
pub(crate) async fn is_routed_soon(engine: &Engine, agent: &Agent, name: &str, limit: Duration) {
    let host = engine.host(name);
    engine.run(App::named(name).host(&host)).await;
    let runs = Instant::now();
    agent.answers(&host, name).await;
    let took = runs.elapsed();
    println!("{name}: routed {took:?} after `docker run` returned");
    assert!(took < limit, "routed only after {took:?}");
}

/// Two clients that ask for this host without a pause.
fn load(agent: &Agent, host: &str) -> Load {
    agent.load(host, "web", Kind::Fresh, 2)
}

/// How many routes of this test were removed so far.
fn removed(agent: &Agent, engine: &Engine) -> usize {
    let lines = agent.logged("Route removed.");
    let ours = lines.iter().filter(|line| line.contains(engine.run_id()));
    ours.count()
}

/// Ends the clients. A load of another config costs some clients their connection, so there must
/// have been none.
async fn nothing_lost(load: Load) {
    let counts = load.stop().await;
    assert_eq!(counts.failed(), 0, "{counts:?}");
}

#[tokio::test]
async fn a_frozen_docker_stops_no_site_and_is_followed_again_once_it_thaws() {
    let private = PrivateEngine::with_live_restore().await;
    let engine = private.handle().await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    let agent = Agent::start(&engine).await;
    agent.answers(&host, "web").await;

    let load = load(&agent, &host);
    private.freeze();
    assert!(signal(agent.pid(), Signal::HUP), "it runs");
    // The longest limit of a call to Docker is 10 s.
    let said = "Docker did not answer `GET /containers/json` within 10s";
    until_unreachable(&agent, said).await;
    agent.answers(&host, "web").await;
    nothing_lost(load).await;
    private.thaw();
    is_routed_soon(&engine, &agent, "late", ROUTED_SOON).await;
    agent
        .status_when("Docker answers", |s| s["docker"]["reachable"] == true)
        .await;
    assert_eq!(removed(&agent, &engine), 0, "{}", agent.log());
    let lines = agent.logged("Cannot list the containers");
    assert_eq!(lines.len(), 1, "once, not at every try: {lines:?}");
    assert!(
        lines[0].contains("`docker ps` should answer"),
        "the help is there: {lines:?}"
    );
}

#[tokio::test]
async fn sites_answer_while_docker_is_killed_and_started_again() {
    let mut private = PrivateEngine::with_live_restore().await;
    let engine = private.handle().await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    let agent = Agent::start(&engine).await;
    agent.answers(&host, "web").await;

    let load = load(&agent, &host);
    private.kill();
    until_unreachable(&agent, "").await;
    agent.answers(&host, "web").await;
    private.restart().await;
    agent.logs("Docker answers again").await;
    nothing_lost(load).await;
    is_routed_soon(&engine, &agent, "late", RECONNECT_MAX).await;
    // The stream is up again: this one does not wait for a try to reach Docker.
    is_routed_soon(&engine, &agent, "later", ROUTED_SOON).await;
    assert_eq!(removed(&agent, &engine), 0, "{}", agent.log());
    assert_eq!(agent.logged("Docker answers again").len(), 1);
}

#[tokio::test]
async fn containers_that_docker_starts_anew_are_routed_to_their_new_addresses() {
    let mut private = PrivateEngine::without_live_restore().await;
    let engine = private.handle().await;
    let (host, gone) = (engine.host("web"), engine.host("gone"));
    let web = App::named("web").host(&host);
    engine.run(web.argument("--restart", "always")).await;
    engine
        .run(App::named("gone").host(&gone).without_hold())
        .await;
    let agent = Agent::start(&engine).await;
    agent.answers(&host, "web").await;
    agent.answers(&gone, "gone").await;

    private.kill();
    private.restart().await;
    agent.answers(&host, "web").await;
    // It is stopped and not removed.
    let answer = agent.refuses(&gone, 503).await;
    assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
}

#[tokio::test]
async fn a_change_during_a_cut_of_the_event_stream_is_found_on_return() {
    let engine = Engine::start().await;
    let proxy = EngineProxy::start(machine_socket());
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    let options = behind(&proxy).flags(["--upstreams", "direct"]);
    let agent = Agent::start_with(&engine, options).await;
    for round in 0..3 {
        let name = format!("missed{round}");
        let host = engine.host(&name);
        proxy.strike("/", Fault::Refuse);
        proxy.cut();
        let missed = engine.run(App::named(&name).host(&host)).await;
        assert_eq!(agent.get(&host, "/").await.status, 404);
        proxy.relent();
        agent.answers(&host, &name).await;
        engine.remove(&missed).await;
        agent.refuses(&host, 404).await;
    }
    let load = load(&agent, &host);
    for _ in 0..10 {
        proxy.cut();
        agent.answers(&host, "web").await;
    }
    nothing_lost(load).await;
    assert_eq!(removed(&agent, &engine), 3, "{}", agent.log());
}

#[tokio::test]
async fn without_events_a_resync_finds_changes_and_says_that_they_were_missed() {
    let engine = Engine::start().await;
    let proxy = EngineProxy::start(machine_socket());
    // Some proxies send nothing before the first event, and this one nothing at all.
    proxy.strike("/events", Fault::HoldAnswer);
    let options = behind(&proxy).flags(["--resync-interval", "1s"]);
    let agent = Agent::start_with(&engine, options).await;
    is_routed_soon(&engine, &agent, "web", Duration::from_secs(4)).await;
    let status = agent.status().await;
    assert_eq!(status["docker"]["missed_notices"], 1, "{status}");
    agent
        .logs("A resync found a change that no event had announced.")
        .await;
}

#[tokio::test]
async fn a_proxy_that_refuses_events_or_lists_is_named_with_what_it_must_let_through() {
    let engine = Engine::start().await;
    let proxy = EngineProxy::start(machine_socket());
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    proxy.strike("/events", Fault::Refuse);
    let agent = Agent::start_with(&engine, behind(&proxy)).await;
    agent.answers(&host, "web").await;
    let said = agent.logs("request=GET /events status=403").await;
    assert!(said.contains("EVENTS=1"), "{said}");
    // The agent looks at each try to subscribe.
    is_routed_soon(&engine, &agent, "slow", RECONNECT_MAX).await;

    proxy.strike("/containers/json", Fault::Refuse);
    assert!(signal(agent.pid(), Signal::HUP), "it runs");
    let said = agent.logs("request=GET /containers/json status=403").await;
    assert!(said.contains("CONTAINERS=1"), "{said}");
    agent.answers(&host, "web").await;
    let report = agent.routes().await;
    assert!(
        report.contains("! the containers cannot be listed, routes stay as they are: Docker answered `GET /containers/json` with status 403: "),
        "{report}"
    );
    proxy.relent();
    agent.logs("Docker answers again").await;
    let refusals = agent.logged("request=GET /events status=403").len();
    assert_eq!(refusals, 1, "once, not at every try");
}

#[tokio::test]
async fn docker_gone_in_the_middle_of_a_list_loses_nothing() {
    let engine = Engine::start().await;
    let proxy = EngineProxy::start(machine_socket());
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    let agent = Agent::start_with(&engine, behind(&proxy)).await;
    let load = load(&agent, &host);
    // The head of the answer has about 200 bytes, one container some 1,000.
    for fault in [Fault::CutAfter(500), Fault::HangAfter(500)] {
        let hangs = matches!(fault, Fault::HangAfter(_));
        let struck = proxy.struck();
        proxy.strike("/containers/json", fault);
        assert!(signal(agent.pid(), Signal::HUP), "it runs");
        let what = "a list is under way";
        until(what, ROUTED_SOON, async || {
            let is_struck = proxy.struck() > struck;
            is_struck.then_some(()).ok_or_else(String::new)
        })
        .await;
        if hangs {
            agent.answers(&host, "web").await;
            proxy.cut();
        }
        until_unreachable(&agent, "broke off").await;
        agent.answers(&host, "web").await;
        proxy.relent();
        agent
            .status_when("Docker answers", |s| s["docker"]["reachable"] == true)
            .await;
    }
    nothing_lost(load).await;
    is_routed_soon(&engine, &agent, "late", RECONNECT_MAX).await;
    assert_eq!(removed(&agent, &engine), 0, "{}", agent.log());
}

#[tokio::test]
async fn a_first_list_that_breaks_off_is_no_empty_table() {
    let engine = Engine::start().await;
    let proxy = EngineProxy::start(machine_socket());
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    proxy.strike("/containers/json", Fault::CutAfter(500));
    let mut agent = Agent::prepare(&engine, behind(&proxy));
    agent.spawn();
    // Not 404: nobody knows yet whether there is such a site.
    agent.refuses(&host, 503).await;
    proxy.relent();
    agent.answers(&host, "web").await;
}

#[tokio::test]
async fn an_agent_without_docker_answers_503_at_once_and_serves_when_docker_appears() {
    let engine = Engine::start().await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("docker.sock");
    let endpoint = format!("unix://{}", socket.display());
    let mut agent = Agent::prepare(&engine, Options::default().env("DOCKER_HOST", &endpoint));
    let started = Instant::now();
    agent.spawn();
    let answer = agent.refuses(&host, 503).await;
    let took = started.elapsed();
    println!("503 after {took:?}");
    assert!(took < Duration::from_secs(3), "503 only after {took:?}");
    assert_eq!(answer.header("retry-after"), "5");
    assert_eq!(
        answer.body,
        "This server is not ready to serve its sites. Please try again in a few seconds.\n"
    );
    let said = agent.logs("Cannot list the containers").await;
    let expected = format!(
        "WARN Cannot list the containers; the routes stay as they are. error=no Docker engine \
         answers at `{path}`: No such file or directory (os error 2) help=check that Docker runs \
         (`docker version`) and listens at `{path}`, or name another endpoint with `--docker` or \
         DOCKER_HOST",
        path = socket.display()
    );
    assert!(said.ends_with(&expected), "{said}");

    std::os::unix::fs::symlink(Path::new(&machine_socket()), &socket).expect("it is free");
    let appeared = Instant::now();
    agent.answers(&host, "web").await;
    let took = appeared.elapsed();
    println!("routed {took:?} after Docker appeared");
    assert!(took < RECONNECT_MAX, "routed only after {took:?}");
}
