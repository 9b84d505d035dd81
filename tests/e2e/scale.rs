//! The end-to-end benchmark in small: it runs, and what it counts is right.

use std::time::Duration;

use serde_json::Value;

use crate::bench::backend::Backend;
use crate::bench::daemon::{Container, Daemon};
use crate::bench::measure::{Plan, measure};
use crate::bench::proxy::Proxy;
use crate::bench::world::World;
use crate::harness::{App, Engine, patience};

#[tokio::test]
async fn ten_sites_on_the_fake_daemon_are_routed_and_cost_few_calls() {
    let backend = Backend::start().await;
    let agent = Proxy::agent();
    let mut world = World::new(10, backend.port, std::slice::from_ref(&agent));
    world.quiet = Duration::from_millis(300);
    let plan = Plan {
        rounds: 1,
        events: 16,
        load: Duration::ZERO,
        patience: patience(),
    };
    let figures = measure(&world, &backend, &agent, plan).await.unwrap();
    let value = |what: &str| {
        let figure = figures.iter().find(|figure| figure.what == what);
        figure
            .unwrap_or_else(|| panic!("no {what}: {figures:?}"))
            .value
    };
    assert!(value("container returns → routed, ms") < 1e3);
    assert!(value("new host → routed, ms") < 2e3);
    assert!(value("unrelated events: API calls") < 1.0, "{figures:?}");
    assert!(1.0 < value("memory of its Caddy, MiB"));
    assert!(0.0 < value("load of the whole config, ms"));
}

/// What the fake daemon says must be what Docker says: each field of its answers is there in the
/// engine's, with a value of the same type.
#[tokio::test]
async fn the_fake_daemon_answers_in_the_engines_own_form() {
    let engine = Engine::start().await;
    let real = engine
        .run(App::named("web").host(&engine.host("web")))
        .await;
    let fake = Container::of_project(1, &[("sh0.host", "a.example")]);
    let daemon = Daemon::start([fake.clone()]);
    let own = engine.endpoint().unwrap_or("unix:///var/run/docker.sock");
    for path in [
        "/version",
        "/info",
        "/networks/{network}",
        "/containers/json?filters={\"id\":[\"{id}\"]}",
        "/containers/{id}/json",
    ] {
        let fill = |id: &str, network: &str| path.replace("{id}", id).replace("{network}", network);
        let told = ask(own, &fill(&real.id, &engine.network())).await;
        let claimed = ask(&daemon.endpoint(), &fill(&fake.id, "sh0-net")).await;
        assert_eq!(strange(&claimed, &told), "", "{path}");
    }
}

async fn ask(endpoint: &str, path: &str) -> Value {
    let socket = endpoint.trim_start_matches("unix://").to_owned();
    let client = reqwest::Client::builder()
        .unix_socket(socket)
        .build()
        .unwrap();
    let answer = client
        .get(format!("http://docker{path}"))
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success(), "{path}: {answer:?}");
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

/// Where the fake's answer has another form than the engine's. Keys that are names (of labels,
/// networks, ports) are each one's own: their values are compared with the first of the other's.
fn strange(fake: &Value, real: &Value) -> String {
    match (fake, real) {
        (Value::Object(fake), Value::Object(real)) => {
            let wrong = fake.iter().map(|(key, value)| {
                let is_name = !key.starts_with(|first: char| first.is_ascii_uppercase());
                let other = real
                    .get(key)
                    .or_else(|| real.values().next().filter(|_| is_name));
                match other.map(|other| strange(value, other)) {
                    Some(wrong) if wrong.is_empty() => String::new(),
                    Some(wrong) => format!("{key}.{wrong}"),
                    None => format!("{key}: not in the engine's\n"),
                }
            });
            wrong.collect()
        }
        (Value::Array(fake), Value::Array(real)) => match (fake.first(), real.first()) {
            (Some(fake), Some(real)) => strange(fake, real),
            (Some(_), None) | (None, _) => String::new(),
        },
        // A field that may be empty says nothing of its type.
        (Value::Null, _) | (_, Value::Null) => String::new(),
        (fake, real) if std::mem::discriminant(fake) == std::mem::discriminant(real) => {
            String::new()
        }
        (fake, real) => format!(": {fake} instead of {real}\n"),
    }
}
