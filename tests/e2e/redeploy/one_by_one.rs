//! Several replicas of one app.

use super::outcome::Cost;
use super::scene::{Scene, costs};
use crate::harness::load::Kind;
use crate::harness::{patience, until};

#[tokio::test]
async fn three_replicas_are_replaced_one_by_one() {
    costs(Cost::stops(3), async || {
        let scene = Scene::start().await;
        let mut old = Vec::new();
        for name in ["web-1", "web-2", "web-3"] {
            old.push(scene.ready(scene.replica(name)).await);
        }
        let watch = scene.watch().await;
        for (container, name) in old.iter().zip(["web-4", "web-5", "web-6"]) {
            scene.retire(container).await;
            scene.ready(scene.replica(name)).await;
        }
        let outcome = watch.end().await;
        for name in ["web-1", "web-2", "web-3", "web-4", "web-5", "web-6"] {
            let names = &outcome.report.clients[&Kind::Kept].names;
            assert!(
                names.contains_key(name),
                "{name} has never answered: {names:?}"
            );
        }
        outcome
    })
    .await;
}

/// After ten seconds a load gives each replica a slot of its own.
#[tokio::test]
async fn an_app_is_scaled_up_and_down() {
    let cost = Cost { loads: 1, stops: 2 };
    costs(cost, async || {
        let scene = Scene::start().await;
        scene.ready(scene.replica("web-1")).await;
        let watch = scene.watch().await;
        let second = scene.ready(scene.replica("web-2")).await;
        let third = scene.ready(scene.replica("web-3")).await;
        let names = std::cell::RefCell::new(std::collections::BTreeSet::new());
        until("all three answer", patience() * 2, async || {
            let answer = scene.agent.get(&scene.host, "/").await;
            let mut names = names.borrow_mut();
            names.extend(answer.said("name").map(str::to_owned));
            (names.len() == 3).then_some(()).ok_or(format!("{names:?}"))
        })
        .await;
        scene.retire(&third).await;
        scene.retire(&second).await;
        watch.end().await
    })
    .await;
}

/// Before that it is not worth a load.
#[tokio::test]
async fn an_app_that_is_scaled_up_for_a_moment_needs_no_load() {
    costs(Cost::stops(1), async || {
        let scene = Scene::start().await;
        scene.ready(scene.replica("web-1")).await;
        let watch = scene.watch().await;
        let second = scene.ready(scene.replica("web-2")).await;
        scene.retire(&second).await;
        watch.end().await
    })
    .await;
}
