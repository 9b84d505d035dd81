//! A Caddy that an earlier agent left, and that was taken over: what it serves is known from its own
//! words alone.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use crate::fakes::caddy::FakeCaddy;
use crate::fakes::engine::{FakeEngine, Listing};
use crate::scene::{FakeStore, Scene, site, unavailable};

/// An engine with one site.
fn engine(host: &str) -> FakeEngine {
    let engine = FakeEngine::new();
    engine.put("start", site("web", 1, host));
    engine
}

/// What a Caddy serves whose agent knew this site, in Caddy's own order and with its blanks.
async fn served(host: &str) -> Vec<u8> {
    let scene = Scene::with_sites(&[("web", host)]).await;
    let config = scene.caddy.config().expect("it was started");
    let config: Value = serde_json::from_slice(&config).expect("JSON");
    serde_json::to_vec_pretty(&config).expect("plain values")
}

#[tokio::test(start_paused = true)]
async fn a_caddy_that_serves_the_desired_config_gets_no_load() {
    let caddy = FakeCaddy::left(&served("a.example").await);
    let scene = Scene::start(engine("a.example"), caddy.clone(), FakeStore::default());
    scene.settle().await;
    assert_eq!(caddy.loads(), []);
    let status = scene.status.borrow().clone();
    assert_eq!(
        (status.generation, status.applied, status.caddy.loads),
        (1, Some(1), 0)
    );
    // From here on it is like any other.
    scene.engine.put("start", site("late", 2, "b.example"));
    scene.settle().await;
    assert_eq!(caddy.loads().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_caddy_that_serves_another_config_gets_one_load() {
    let caddy = FakeCaddy::left(&served("old.example").await);
    let scene = Scene::start(engine("a.example"), caddy.clone(), FakeStore::default());
    scene.settle().await;
    assert_eq!(caddy.loads().len(), 1);
    assert_eq!(scene.status.borrow().applied, Some(1));
}

#[tokio::test(start_paused = true)]
async fn while_docker_is_away_it_goes_on_as_it_was() {
    let left = served("a.example").await;
    let caddy = FakeCaddy::left(&left);
    let engine = engine("a.example");
    engine.set_listing(Listing::Fails);
    let scene = Scene::start(engine, caddy.clone(), FakeStore::default());
    sleep(Duration::from_secs(20)).await;
    assert_eq!(caddy.config().as_deref(), Some(&*left));
    assert_ne!(caddy.config(), Some(unavailable()));
    scene.engine.set_listing(Listing::Works);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(caddy.loads(), []);
    assert_eq!(scene.status.borrow().applied, Some(1));
}
