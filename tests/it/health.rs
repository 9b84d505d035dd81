//! Who leaves because it is not well, who returns, and who stays because nobody else is ready.

use std::time::Duration;

use sh0_agent::model::{Container, Health};
use tokio::time::sleep;

use crate::fakes::caddy::FakeCaddy;
use crate::fakes::engine::FakeEngine;
use crate::scene::{FakeStore, Scene, id};

const BOTH: &str = "a.example 10.0.0.1:80 10.0.0.2:80";
const FIRST: &str = "a.example 10.0.0.1:80";
const SECOND: &str = "a.example 10.0.0.2:80";
/// Two questions at least: an interval, a first failure that is checked again.
const SOON: Duration = Duration::from_secs(12);

/// A replica of the app `web`.
fn replica(n: u8, labels: &[(&str, &str)]) -> Container {
    let common = [
        ("sh0.host", "a.example"),
        ("sh0.port", "80"),
        ("sh0.app", "web"),
    ];
    FakeEngine::container(&format!("web{n}"), n, &[&common, labels].concat())
}

/// A replica that is asked for `/health` every 10 s.
fn watched(n: u8) -> Container {
    replica(n, &[("sh0.health.path", "/health")])
}

/// A replica with a HEALTHCHECK.
fn checked(n: u8, health: Health) -> Container {
    let mut container = replica(n, &[]);
    container.health = health;
    container
}

async fn with(replicas: &[Container]) -> Scene {
    let engine = FakeEngine::new();
    for replica in replicas {
        engine.put("start", replica.clone());
    }
    let scene = Scene::start(engine, FakeCaddy::new(), FakeStore::default());
    scene.settle().await;
    scene
}

/// What the status says of each container: `web1 routed: …`.
fn rows(scene: &Scene) -> Vec<String> {
    let status = scene.status();
    let rows = status.rows.iter().map(|row| {
        let reason = row.reason.as_ref().map(|reason| format!(": {reason}"));
        let reason = reason.unwrap_or_default();
        format!("{} {}{reason}", row.container.name, row.state.as_str())
    });
    rows.collect()
}

async fn set_health(scene: &Scene, n: u8, health: Health) {
    let container = id(&checked(n, health));
    scene
        .engine
        .change("health_status", &container, |c| c.health = health);
    scene.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_fails_its_checks_leaves_and_returns() {
    let scene = with(&[watched(1), watched(2)]).await;
    scene.prober.fail("10.0.0.1:80", 503);
    sleep(SOON).await;
    assert_eq!(scene.served(), [SECOND]);
    assert_eq!(
        rows(&scene),
        [
            "web1 waiting: its health check fails: it answers with status 503",
            "web2 routed"
        ]
    );
    scene.prober.unsilence();
    sleep(SOON).await;
    assert_eq!(scene.served(), [BOTH]);
    assert_eq!(rows(&scene), ["web1 routed", "web2 routed"]);
}

#[tokio::test(start_paused = true)]
async fn one_failure_alone_changes_nothing() {
    let scene = with(&[watched(1), watched(2)]).await;
    for _ in 0..20 {
        let asked = scene.prober.asked("10.0.0.1:80");
        scene.prober.fail("10.0.0.1:80", 503);
        while scene.prober.asked("10.0.0.1:80") == asked {
            sleep(Duration::from_millis(100)).await;
        }
        scene.prober.unsilence();
        sleep(Duration::from_secs(2)).await;
    }
    assert_eq!(scene.served(), [BOTH]);
    assert_eq!(scene.load_times(), [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_last_one_that_was_ready_stays_and_it_is_said() {
    let scene = with(&[watched(1), watched(2)]).await;
    scene.prober.fail("10.0.0.1:80", 503);
    sleep(SOON).await;
    scene.prober.fail("10.0.0.2:80", 500);
    sleep(SOON).await;
    assert_eq!(scene.served(), [SECOND]);
    assert_eq!(
        rows(&scene),
        [
            "web1 waiting: its health check fails: it answers with status 503",
            "web2 routed: its health check fails: it answers with status 500; it goes on, because \
             no other replica is ready",
        ]
    );
    scene.prober.pass("10.0.0.1:80");
    sleep(SOON).await;
    assert_eq!(scene.served(), [FIRST], "who is well takes its place");
}

#[tokio::test(start_paused = true)]
async fn a_healthcheck_that_fails_takes_out_all_but_the_last() {
    let scene = with(&[checked(1, Health::Healthy), checked(2, Health::Healthy)]).await;
    assert_eq!(scene.served(), [BOTH]);
    set_health(&scene, 1, Health::Unhealthy).await;
    assert_eq!(scene.served(), [SECOND]);
    set_health(&scene, 2, Health::Unhealthy).await;
    assert_eq!(scene.served(), [SECOND]);
    assert_eq!(
        rows(&scene),
        [
            "web1 waiting: its HEALTHCHECK fails",
            "web2 routed: its HEALTHCHECK fails; it goes on, because no other replica is ready",
        ]
    );
    set_health(&scene, 1, Health::Healthy).await;
    assert_eq!(scene.served(), [FIRST]);
    set_health(&scene, 2, Health::Healthy).await;
    assert_eq!(scene.served(), [BOTH]);
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_in_one_look_those_that_were_ready_stay() {
    let scene = with(&[checked(1, Health::Healthy), checked(2, Health::Healthy)]).await;
    scene.engine.put("start", checked(3, Health::Starting));
    scene.settle().await;
    for n in [1, 2, 3] {
        let container = id(&checked(n, Health::Unhealthy));
        let unhealthy = |c: &mut Container| c.health = Health::Unhealthy;
        scene.engine.change("health_status", &container, unhealthy);
    }
    scene.settle().await;
    assert_eq!(scene.served(), [BOTH], "the third was never ready");
}

#[tokio::test(start_paused = true)]
async fn who_was_never_healthy_is_not_in() {
    let scene = with(&[]).await;
    scene.engine.put("start", checked(1, Health::Starting));
    scene.settle().await;
    set_health(&scene, 1, Health::Unhealthy).await;
    assert_eq!(scene.served(), ["a.example"]);
    assert_eq!(rows(&scene), ["web1 waiting: its HEALTHCHECK fails"]);
}

#[tokio::test(start_paused = true)]
async fn who_is_unhealthy_when_the_agent_starts_is_taken_as_the_last_that_was_ready() {
    let scene = with(&[checked(1, Health::Unhealthy)]).await;
    assert_eq!(scene.served(), [FIRST]);
    set_health(&scene, 1, Health::Unhealthy).await;
    assert_eq!(scene.served(), [FIRST]);
}

#[tokio::test(start_paused = true)]
async fn a_new_container_with_a_health_path_is_ready_when_it_answers_it() {
    let scene = with(&[]).await;
    scene.prober.fail("10.0.0.1:80", 503);
    scene.engine.put("start", watched(1));
    sleep(Duration::from_secs(30)).await;
    assert_eq!(scene.served(), ["a.example"]);
    scene.prober.unsilence();
    scene.settle().await;
    assert_eq!(scene.served(), [FIRST]);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_restarted_begins_anew() {
    let scene = with(&[watched(1), watched(2)]).await;
    scene.prober.fail("10.0.0.1:80", 503);
    sleep(SOON).await;
    assert_eq!(scene.served(), [SECOND]);
    let web1 = id(&watched(1));
    let exited = |c: &mut Container| c.state = sh0_agent::model::ContainerState::Exited;
    scene.engine.change("die", &web1, exited);
    scene.prober.unsilence();
    scene.engine.put("start", watched(1));
    scene.settle().await;
    assert_eq!(scene.served(), [BOTH], "before the next check");
}

#[tokio::test(start_paused = true)]
async fn many_containers_are_not_asked_in_the_same_moment() {
    let replicas: Vec<Container> = (1..=100).map(watched).collect();
    let scene = with(&replicas).await;
    let mut most = 0;
    let mut before = scene.prober.all_asked();
    for _ in 0..100 {
        sleep(Duration::from_millis(100)).await;
        let asked = scene.prober.all_asked();
        most = most.max(asked - before);
        before = asked;
    }
    assert!((1..=10).contains(&most), "{most} in a tenth of a second");
    assert!((90..=120).contains(&before), "{before} in an interval");
}
