//! Removals wait for company where addresses are in slots, and nowhere else.

use std::path::Path;
use std::time::Duration;

use sh0_agent::model::Container;
use tokio::time::sleep;

use crate::fakes::caddy::FakeCaddy;
use crate::fakes::engine::FakeEngine;
use crate::scene::{FakeStore, Scene, id, site};

/// A container with two routes.
fn both() -> Container {
    let mut container = site("web", 1, "a.example");
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    container.labels.extend([
        label("sh0.routes.api.host", "b.example"),
        label("sh0.routes.api.port", "80"),
    ]);
    container
}

/// The same without the second.
fn one() -> Container {
    site("web", 1, "a.example")
}

fn engine() -> FakeEngine {
    let engine = FakeEngine::new();
    engine.put("start", both());
    engine
}

/// The hosts of what Caddy serves.
fn hosts(scene: &Scene) -> Vec<String> {
    let served = scene.served().into_iter();
    served
        .map(|route| route.split(' ').next().unwrap_or_default().to_owned())
        .collect()
}

/// How many slots name a container.
fn named(folder: &Path) -> usize {
    let files = std::fs::read_dir(folder.join("slots")).unwrap();
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    texts.filter(|text| text.contains("10.0.0.1:80")).count()
}

#[tokio::test(start_paused = true)]
async fn a_removed_route_goes_after_a_minute_and_nobody_is_behind_it_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::with_slots(engine(), folder.path());
    scene.settle().await;
    assert_eq!(hosts(&scene), ["a.example", "b.example"]);
    assert_eq!(named(folder.path()), 2);
    scene.engine.put("start", one());
    sleep(Duration::from_millis(59_900)).await;
    assert_eq!(hosts(&scene), ["a.example", "b.example"]);
    assert_eq!(named(folder.path()), 1);
    assert_eq!(scene.load_times(), [0; 0]);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(hosts(&scene), ["a.example"]);
    assert_eq!(scene.load_times(), [61_000]);
}

#[tokio::test(start_paused = true)]
async fn a_removed_route_goes_with_the_next_load() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::with_slots(engine(), folder.path());
    scene.settle().await;
    scene.engine.put("start", one());
    sleep(Duration::from_secs(9)).await;
    scene.engine.put("start", site("new", 2, "c.example"));
    scene.settle().await;
    assert_eq!(hosts(&scene), ["a.example", "c.example"]);
    sleep(Duration::from_mins(5)).await;
    assert_eq!(scene.load_times().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_route_that_returns_meanwhile_costs_no_load() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::with_slots(engine(), folder.path());
    scene.settle().await;
    scene.engine.put("start", one());
    sleep(Duration::from_secs(9)).await;
    scene.engine.put("start", both());
    sleep(Duration::from_mins(5)).await;
    assert_eq!(scene.load_times(), [0; 0]);
    assert_eq!(named(folder.path()), 2);
}

#[tokio::test(start_paused = true)]
async fn a_removal_beside_another_change_does_not_wait() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::with_slots(engine(), folder.path());
    scene.settle().await;
    let mut moved = one();
    moved.labels.insert("sh0.path".to_owned(), "/x".to_owned());
    scene.engine.put("start", moved);
    scene.settle().await;
    assert_eq!(scene.load_times(), [1_000], "a route changed, too");
}

/// As when an owner no longer shares its host: the path is the owner's at once.
#[tokio::test(start_paused = true)]
async fn a_removed_path_of_a_host_that_is_served_does_not_wait() {
    let folder = tempfile::tempdir().unwrap();
    let mut with_path = both();
    let host = "sh0.routes.api.host".to_owned();
    with_path.labels.insert(host, "a.example".to_owned());
    let path = ("sh0.routes.api.path".to_owned(), "/api".to_owned());
    with_path.labels.extend([path]);
    let engine = FakeEngine::new();
    engine.put("start", with_path);
    let scene = Scene::with_slots(engine, folder.path());
    scene.settle().await;
    assert_eq!(hosts(&scene), ["a.example", "a.example"], "with the path");
    scene.engine.put("start", one());
    scene.settle().await;
    assert_eq!(hosts(&scene), ["a.example"]);
    assert_eq!(scene.load_times(), [1_000]);
}

#[tokio::test(start_paused = true)]
async fn without_slots_a_removal_is_prompt() {
    let scene = Scene::start(engine(), FakeCaddy::new(), FakeStore::default());
    scene.settle().await;
    scene.engine.remove(&id(&both()));
    scene.settle().await;
    assert_eq!(scene.served(), [""; 0]);
    assert_eq!(scene.load_times(), [1_000]);
}

/// What a config under way removes must not be taken for served: a route that comes back meanwhile
/// is no removal, whatever else is removed with it.
#[tokio::test(start_paused = true)]
async fn a_route_that_returns_while_a_load_removes_it_does_not_wait() {
    let label = |key: &str, value: &str| (format!("sh0.routes.{key}"), value.to_owned());
    let mut three = both();
    let docs = [label("docs.host", "d.example"), label("docs.port", "80")];
    three.labels.extend(docs);
    let engine = FakeEngine::new();
    engine.put("start", three.clone());
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::with_slots(engine, folder.path());
    scene.settle().await;
    assert_eq!(hosts(&scene), ["a.example", "b.example", "d.example"]);
    scene.caddy.set_pace(Duration::from_secs(1));
    three.labels.extend([label("api.host", "c.example")]);
    scene.engine.put("start", three);
    sleep(Duration::from_millis(500)).await;
    scene.engine.put("start", both());
    sleep(Duration::from_secs(1)).await;
    let under_way = ["a.example", "c.example", "d.example"];
    assert_eq!(hosts(&scene), under_way, "the load was under way");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(hosts(&scene), ["a.example", "b.example"]);
}
