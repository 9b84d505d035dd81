//! Containers that end again and again: they are kept out for longer and longer, and whoever is
//! restarted by a person is not.

use std::time::Duration;

use sh0_agent::model::{Container, ContainerState};
use tokio::time::sleep;

use crate::scene::{Scene, id, site};

const TERM: i32 = 15;
const ROUTED: &str = "a.example 10.0.0.1:80";

fn web() -> Container {
    site("web", 1, "a.example")
}

fn die(scene: &Scene) {
    let exited = |c: &mut Container| c.state = ContainerState::Restarting;
    scene.engine.change("die", &id(&web()), exited);
}

/// Starts the container, lets it run for this time and end by itself; what was served just before.
async fn run(scene: &Scene, time: Duration) -> Vec<String> {
    scene.engine.put("start", web());
    sleep(time).await;
    let served = scene.served();
    die(scene);
    sleep(Duration::from_millis(500)).await;
    served
}

fn reason(scene: &Scene) -> Option<String> {
    scene
        .status()
        .rows
        .iter()
        .next()
        .and_then(|row| row.reason.clone())
}

#[tokio::test(start_paused = true)]
async fn a_container_that_crashes_costs_a_few_loads_and_no_more() {
    let scene = Scene::empty();
    scene.settle().await;
    for _ in 0..20 {
        run(&scene, Duration::from_millis(700)).await;
    }
    let loads = scene.load_times().len();
    assert!(loads <= 6, "three runs that counted, {loads} loads");
    assert_eq!(scene.served(), ["a.example"]);
}

#[tokio::test(start_paused = true)]
async fn it_must_run_for_longer_and_longer_and_counts_again_when_it_does() {
    let scene = Scene::empty();
    scene.settle().await;
    let short = Duration::from_millis(900);
    for served in [[ROUTED], [ROUTED], [ROUTED], ["a.example"]] {
        assert_eq!(run(&scene, short).await, served);
    }
    scene.engine.put("start", web());
    sleep(Duration::from_millis(1_900)).await;
    assert_eq!(scene.served(), ["a.example"]);
    assert_eq!(
        reason(&scene).as_deref(),
        Some("it has ended 4 times in a row soon after its start, and must run for 2s first")
    );
    sleep(Duration::from_millis(200)).await;
    assert_eq!(scene.served(), [ROUTED]);
    assert_eq!(reason(&scene), None);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_restarted_by_hand_again_and_again_is_not_kept_out() {
    let scene = Scene::empty();
    scene.settle().await;
    for _ in 0..6 {
        scene.engine.put("start", web());
        scene.settle().await;
        assert_eq!(scene.served(), [ROUTED]);
        scene.engine.kill(&id(&web()), TERM);
        sleep(Duration::from_millis(100)).await;
        die(&scene);
        scene.settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_recreated_again_and_again_is_not_kept_out() {
    let scene = Scene::empty();
    scene.settle().await;
    for n in 1..=6 {
        let web = site("web", n, "a.example");
        scene.engine.put("start", web.clone());
        scene.settle().await;
        assert_eq!(scene.served(), [format!("a.example 10.0.0.{n}:80")]);
        scene.engine.kill(&id(&web), TERM);
        scene
            .engine
            .change("die", &id(&web), |c| c.state = ContainerState::Exited);
        scene.engine.remove(&id(&web));
        scene.settle().await;
    }
}
