//! Routes that a real Caddy refuses, or falls over, are left out while everything else is served.
//!
//! Our own labels are checked more strictly than Caddy checks its config, so the faults come in by
//! raw handlers, which may hold whatever Caddy knows, and what it does not.

use rustix::process::Signal;

use crate::harness::load::Kind;
use crate::harness::{Agent, App, Engine, Options, patience, signal, until};

/// A module that stock Caddy does not have; Caddy names the route.
const UNKNOWN: &str = r#"[{"handler": "nope"}]"#;
/// Caddy 2.11 reads on from this upstream without a look, and panics.
const PANICS: &str = r#"[{"handler": "reverse_proxy", "upstreams": [null]}]"#;
const RIGHT: &str = r#"[{"handler": "headers"}]"#;

fn raw_allowed() -> Options {
    Options::default().flags(["--allow-raw-caddy"])
}

/// An app with so many routes, `<name><n>`, of which these have these handlers.
fn many(
    engine: &Engine,
    name: &str,
    count: usize,
    handlers: &[(usize, &str)],
) -> (App, Vec<String>) {
    let hosts: Vec<String> = (0..count)
        .map(|n| engine.host(&format!("{name}{n}")))
        .collect();
    let mut app = App::named(name);
    for (n, host) in hosts.iter().enumerate() {
        app = app.label(&format!("sh0.routes.r{n}.host"), host);
    }
    for (n, handlers) in handlers {
        app = app.label(&format!("sh0.routes.r{n}.caddy.handlers"), handlers);
    }
    (app, hosts)
}

/// All hosts answer, but these, which say 503.
async fn serves_all_but(agent: &Agent, name: &str, hosts: &[String], bad: &[usize]) {
    for (n, host) in hosts.iter().enumerate() {
        if bad.contains(&n) {
            agent.refuses(host, 503).await;
        } else {
            agent.answers(host, name).await;
        }
    }
}

/// The routes that are said to be refused, each with the label that is to blame.
async fn refused(agent: &Agent) -> Vec<String> {
    let status = agent.status().await;
    let found = status["diagnostics"].as_array().expect("a list");
    let refused = found.iter().filter(|d| d["code"] == "E010");
    let label = |d: &serde_json::Value| d["label"]["key"].as_str().unwrap_or("-").to_owned();
    refused.map(label).collect()
}

fn label_of(n: usize) -> String {
    format!("sh0.routes.r{n}.caddy.handlers")
}

#[tokio::test]
async fn five_bad_routes_among_forty_are_left_out_under_load() {
    let engine = Engine::start().await;
    let web = engine.host("web");
    engine.run(App::named("web").host(&web)).await;
    let agent = Agent::start_with(&engine, raw_allowed()).await;
    agent.answers(&web, "web").await;
    let load = agent.load(&web, "web", Kind::Retry, 2);
    let loads = agent.loads().await;
    let bad = [3, 17, 18, 30, 39];
    let handlers = [
        (3, UNKNOWN),
        (17, PANICS),
        (18, PANICS),
        (30, UNKNOWN),
        (39, PANICS),
    ];
    let (app, hosts) = many(&engine, "many", 40, &handlers);
    let many = engine.run(app).await;
    serves_all_but(&agent, "many", &hosts, &bad).await;
    let mut expected = bad.map(label_of);
    expected.sort();
    assert_eq!(refused(&agent).await, expected);
    let said = agent.logged("Caddy refused a route");
    assert_eq!(said.len(), 5, "{said:?}");
    assert!(
        said.iter()
            .any(|line| line.contains("unknown module: http.handlers.nope"))
    );
    let loads = agent.loads().await - loads;
    assert!(loads <= 15, "{loads} loads were accepted");
    let report = agent.routes().await;
    assert!(
        report.contains(&many.name) && report.contains("E010"),
        "{report}"
    );

    // A Caddy that is killed starts with what was accepted.
    let counts = load.stop().await;
    assert_eq!(
        counts.failed(),
        0,
        "{:?}",
        counts.losses().collect::<Vec<_>>()
    );
    assert!(signal(agent.caddy_pid().await, Signal::KILL), "it runs");
    agent
        .status_when("another Caddy serves", |s| s["caddy"]["epoch"] == 2)
        .await;
    serves_all_but(&agent, "many", &hosts, &bad).await;
    assert_eq!(
        agent.logged("Caddy refused a route").len(),
        5,
        "nothing is tried again"
    );
    println!(
        "{loads} loads were accepted; {} answers meanwhile",
        counts.ok()
    );
}

#[tokio::test]
async fn bad_routes_of_a_cold_start_cost_no_other_site() {
    let engine = Engine::start().await;
    let bad = [2, 5];
    let (app, hosts) = many(&engine, "many", 9, &[(2, PANICS), (5, UNKNOWN)]);
    engine.run(app).await;
    let mut agent = Agent::start_with(&engine, raw_allowed()).await;
    serves_all_but(&agent, "many", &hosts, &bad).await;
    assert_eq!(refused(&agent).await, bad.map(label_of));
    let epoch = agent.status().await["caddy"]["epoch"].as_u64();
    assert!(
        epoch <= Some(4),
        "at the latest after three tries: {epoch:?}"
    );
    // The next agent takes Caddy over, finds the same again, and nobody notices.
    let load = agent.load(&hosts[0], "many", Kind::Retry, 2);
    agent.kill().await;
    agent.start_again().await;
    serves_all_but(&agent, "many", &hosts, &bad).await;
    until("both are found again", patience(), async || {
        let refused = refused(&agent).await;
        (refused.len() == 2)
            .then_some(())
            .ok_or_else(|| refused.join(", "))
    })
    .await;
    let counts = load.stop().await;
    assert_eq!(
        counts.failed(),
        0,
        "{:?}",
        counts.losses().collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_refused_route_comes_back_with_other_labels() {
    let engine = Engine::start().await;
    let agent = Agent::start_with(&engine, raw_allowed()).await;
    for wrong in [UNKNOWN, PANICS] {
        let (app, hosts) = many(&engine, "app", 2, &[(0, wrong)]);
        let app = engine.run(app).await;
        serves_all_but(&agent, "app", &hosts, &[0]).await;
        engine.remove(&app).await;
        let (app, hosts) = many(&engine, "app", 2, &[(0, RIGHT)]);
        let app = engine.run(app).await;
        serves_all_but(&agent, "app", &hosts, &[]).await;
        assert_eq!(refused(&agent).await, [""; 0]);
        engine.remove(&app).await;
    }
}
