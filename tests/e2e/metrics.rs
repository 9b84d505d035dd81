//! Metrics of a real agent: they agree with what was done, and Prometheus' own tool reads them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures::future::join_all;
use rustix::process::Signal;
use tokio::time::sleep;

use crate::harness::{
    Agent, App, Container, Engine, Options, SLOTS, command, patience, signal, until,
};
use crate::samples::{sample, total};

/// A module that stock Caddy does not have, so that it refuses the config.
const UNKNOWN: &str = r#"[{"handler": "nope"}]"#;
/// Requests that wait in each redeploy.
const HELD: usize = 6;

/// `GET` on the status socket: status and body.
async fn get(agent: &Agent, path: &str) -> (u16, String) {
    let socket = agent.runtime_dir().join("status.sock");
    let client = reqwest::Client::builder().unix_socket(socket).build();
    let client = client.expect("a client without TLS");
    let answer = client.get(format!("http://sh0{path}")).send().await;
    let Ok(answer) = answer else {
        return (0, String::new());
    };
    let status = answer.status().as_u16();
    (status, answer.text().await.unwrap_or_default())
}

async fn metrics(agent: &Agent) -> String {
    let (status, text) = get(agent, "/metrics").await;
    assert_eq!(status, 200, "{text}");
    text
}

/// Waits until these series have exactly these values.
async fn counts(agent: &Agent, expected: &[(&str, u64)]) {
    for (series, value) in expected {
        until(&format!("{series} is {value}"), patience(), async || {
            let text = metrics(agent).await;
            let found = sample(&text, series);
            let is_so = found == Some(*value);
            is_so.then_some(()).ok_or(format!("{found:?}"))
        })
        .await;
    }
}

/// Debian's, of `scripts/setup promtool`.
fn promtool() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/bin/promtool");
    if own.exists() { own } else { "promtool".into() }
}

/// What `promtool` says of an input; it must have nothing against it.
fn promtool_accepts(words: &[&str], input: &str) {
    let mut tool = command(promtool());
    tool.args(words).stdin(Stdio::piped());
    tool.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut tool = tool.spawn().expect("type `scripts/setup promtool`");
    let mut stdin = tool.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = tool.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{words:?}: {said}");
}

/// Stops the app, lets requests wait, and starts it again.
async fn redeploy(engine: &Engine, agent: &Agent, app: &Container, host: &str) {
    engine.stop(app).await;
    let asked = async {
        let answers = join_all((0..HELD).map(|_| agent.get(host, "/"))).await;
        for answer in answers {
            assert!(answer.is_from("web"), "{}", answer.summary());
        }
    };
    let started = async {
        sleep(Duration::from_millis(300)).await;
        let (_, text) = get(agent, "/metrics").await;
        assert_eq!(sample(&text, "sh0_held_requests"), Some(HELD as u64));
        engine.act("start", app).await;
    };
    tokio::join!(asked, started);
}

#[tokio::test]
async fn the_counters_agree_with_what_was_done() {
    let (engine, prefix) = Engine::start().await.with_prefix();
    let flags = [
        "--label-prefix",
        &prefix,
        "--allow-raw-caddy",
        "--caddy-metrics",
    ];
    let options = Options::default().flags(SLOTS).flags(flags);
    let agent = Agent::start_with(&engine, options).await;
    // Three sites start.
    let host = engine.host("web");
    let web = engine.run(App::named("web").host(&host)).await;
    for name in ["one", "two"] {
        engine.run(App::named(name).host(&engine.host(name))).await;
        agent.answers(&engine.host(name), name).await;
    }
    agent.answers(&host, "web").await;
    let text = metrics(&agent).await;
    assert_eq!(total(&text, "sh0_pickup_duration_seconds_count"), 3);
    counts(
        &agent,
        &[("sh0_containers{state=\"routed\"}", 3), ("sh0_routes", 3)],
    )
    .await;
    assert_eq!(sample(&text, "sh0_ready_wait_seconds_count"), Some(3));
    // Two redeploys, in which requests wait.
    let loads = agent.loads().await;
    redeploy(&engine, &agent, &web, &host).await;
    redeploy(&engine, &agent, &web, &host).await;
    assert_eq!(agent.loads().await, loads, "a redeploy is no load");
    // Requests may have waited for the first starts as well.
    let passed = "sh0_held_requests_total{result=\"passed\"}";
    let held = sample(&text, passed).expect("it is exported") + 2 * HELD as u64;
    let waited = sample(&text, "sh0_held_wait_seconds_count").expect("it is exported");
    let waited = waited + 2 * HELD as u64;
    counts(
        &agent,
        &[
            ("sh0_drains_total", 2),
            (passed, held),
            ("sh0_held_requests_total{result=\"gave_up\"}", 0),
            ("sh0_held_wait_seconds_count", waited),
            ("sh0_held_requests", 0),
        ],
    )
    .await;
    let text = metrics(&agent).await;
    assert_eq!(total(&text, "sh0_pickup_duration_seconds_count"), 3 + 2);
    says_how_it_went(&agent, &web).await;
    goes_wrong(&engine, &agent).await;
    agent.answers(&host, "web").await;
    let text = metrics(&agent).await;
    promtool_accepts(&["check", "metrics"], &text);
    shows_the_last_load_and_caddys_own(&agent, &host).await;
}

/// Both redeploys have a line in the log.
async fn says_how_it_went(agent: &Agent, web: &Container) {
    until("both redeploys are in the log", patience(), async || {
        let lines = agent.logged("Requests waited for the container.");
        let own = lines.iter().filter(|line| line.contains(&web.name));
        let all = format!("held={HELD} ");
        let own = own.filter(|line| line.contains(&all) && line.contains("lost=0"));
        let is_so = own.count() == 2;
        is_so.then_some(()).ok_or(lines.join("\n"))
    })
    .await;
}

/// One wrong label, one config that Caddy refuses, one killed Caddy.
async fn goes_wrong(engine: &Engine, agent: &Agent) {
    engine.run(App::named("bad").host("not a host")).await;
    let raw = App::named("raw").host(&engine.host("raw"));
    engine.run(raw.label("sh0.caddy.handlers", UNKNOWN)).await;
    counts(
        agent,
        &[
            ("sh0_diagnostics{code=\"E001\",severity=\"error\"}", 1),
            ("sh0_diagnostics{code=\"E010\",severity=\"error\"}", 1),
            ("sh0_loads_total{reason=\"change\",result=\"refused\"}", 1),
            ("sh0_caddy_restarts_total", 0),
        ],
    )
    .await;
    assert!(signal(agent.caddy_pid().await, Signal::KILL));
    counts(
        agent,
        &[("sh0_caddy_restarts_total", 1), ("sh0_caddy_up", 1)],
    )
    .await;
}

async fn shows_the_last_load_and_caddys_own(agent: &Agent, host: &str) {
    let status = agent.status().await;
    let last = &status["caddy"]["last_load"];
    assert!(last["at"].is_u64() && last["millis"].is_u64(), "{last}");
    for _ in 0..10 {
        agent.answers(host, "web").await;
    }
    let (code, text) = get(agent, "/metrics/caddy").await;
    assert_eq!(code, 200, "{text}");
    assert!(total(&text, "caddy_http_requests_total") >= 10, "{text}");
    assert!(!text.contains(host), "no host is in a label");
}

#[tokio::test]
async fn an_agent_is_alive_without_docker_and_ready_with_it() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    assert_eq!(get(&agent, "/healthz").await, (200, "alive\n".to_owned()));
    assert_eq!(get(&agent, "/readyz").await, (200, "ready\n".to_owned()));
    assert_eq!(get(&agent, "/metrics/caddy").await.0, 404);
    drop(agent);
    let nobody = Options::default().flags(["--docker", "unix:///nonexistent/docker.sock"]);
    let mut agent = Agent::prepare(&engine, nobody);
    agent.spawn();
    let missing = until("it says what is missing", patience(), async || {
        let (code, text) = get(&agent, "/readyz").await;
        let is_settled = code == 503 && text.contains("a config of these containers");
        is_settled.then(|| text.clone()).ok_or(text)
    })
    .await;
    assert!(missing.starts_with("Docker does not answer: "), "{missing}");
    assert_eq!(get(&agent, "/healthz").await.0, 200);
}

#[test]
fn promtool_accepts_the_alerts() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("compose/prometheus");
    let file = |name: &str| rules.join(name).to_string_lossy().into_owned();
    promtool_accepts(&["check", "rules", &file("alerts.yml")], "");
    promtool_accepts(&["test", "rules", &file("alerts.test.yml")], "");
}
