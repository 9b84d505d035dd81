//! The new container is there before the old one goes.

use super::outcome::{Cost, Outcome};
use super::scene::{Scene, costs};
use crate::harness::App;

const BOOT_MS: &str = "1000";

/// Starts a second replica, waits until it is ready and then stops the first one.
async fn deploy(change: impl Fn(App) -> App) -> Outcome {
    let scene = Scene::start().await;
    let old = scene.ready(change(scene.replica("web-1"))).await;
    let watch = scene.watch().await;
    let new = scene.replica("web-2").env("WHOAMI_BOOT_MS", BOOT_MS);
    scene.ready(change(new)).await;
    scene.retire(&old).await;
    let outcome = watch.end().await;
    for (kind, counts) in &outcome.report.clients {
        assert!(counts.names.contains_key("web-2"), "{kind:?}: {counts:?}");
    }
    outcome
}

#[tokio::test]
async fn a_graceful_container_is_replaced_unnoticed() {
    costs(Cost::stops(1), async || deploy(|app| app).await).await;
}

#[tokio::test]
async fn a_container_that_exits_at_once_is_replaced() {
    let exits = |app: App| app.env("WHOAMI_ON_TERM", "exit");
    costs(Cost::stops(1), async || deploy(exits).await).await;
}

/// Killed in the end, when nobody has asked it for long.
#[tokio::test]
async fn a_container_that_goes_on_serving_is_replaced_unnoticed() {
    let ignores = |app: App| app.env("WHOAMI_ON_TERM", "ignore");
    costs(Cost::default(), async || deploy(ignores).await).await;
}

#[tokio::test]
async fn a_container_that_gets_healthy_late_is_waited_for() {
    costs(Cost::stops(2), async || {
        let scene = Scene::start().await;
        let replica = |name: &str| {
            let app = scene.replica(name).with_health();
            app.env("WHOAMI_HEALTHY_AFTER_MS", "3000")
        };
        let first = scene.ready(replica("web-1")).await;
        let watch = scene.watch().await;
        let second = scene.ready(replica("web-2")).await;
        scene.retire(&first).await;
        watch.go_on().await;
        scene.retire(&second).await;
        scene.ready(replica("web-3")).await;
        watch.end().await
    })
    .await;
}
