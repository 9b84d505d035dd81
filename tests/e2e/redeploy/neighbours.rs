//! What others do on the same host.

use std::time::Duration;

use super::outcome::Cost;
use super::scene::{Scene, repeat};
use crate::harness::App;
use tokio::time::{Instant, sleep};

/// Other apps that are deployed.
const OTHERS: usize = 10;
/// How long the neighbour crashes again and again.
const CRASHES: Duration = Duration::from_secs(20);

#[tokio::test]
async fn ten_other_apps_are_redeployed_without_a_load() {
    repeat(async || {
        let scene = Scene::start().await;
        let host = |n: usize| scene.engine.host(&format!("other{n}"));
        let other = |n: usize, version: &str| {
            let app = App::named(&format!("other{n}-{version}"));
            app.host(&host(n)).label("sh0.app", &format!("other{n}"))
        };
        let mut old = Vec::new();
        for n in 0..OTHERS {
            old.push(scene.engine.run(other(n, "old")).await);
        }
        scene.ready(scene.replica("web-1")).await;
        let watch = scene.watch().await;
        for (n, container) in old.iter().enumerate() {
            scene.retire(container).await;
            scene.engine.run(other(n, "new")).await;
        }
        for n in 0..OTHERS {
            let name = format!("other{n}-new");
            scene.agent.answers(&host(n), &name).await;
        }
        watch.end().await.is_unnoticed();
    })
    .await;
}

/// Docker starts the container again while the one load goes on, on the same cores, and so more
/// clients than as a rule have a request in flight in that instant (up to all of a kind). Held here
/// are the number of loads and the hard bound; the rule is held where a load is all there is.
#[tokio::test]
async fn a_neighbour_that_crashes_again_and_again_costs_one_load() {
    let cost = Cost { loads: 1, stops: 0 };
    repeat(async || {
        let scene = Scene::start().await;
        scene.ready(scene.replica("web-1")).await;
        let watch = scene.watch().await;
        let began = Instant::now();
        let crash = App::named("crash").host(&scene.engine.host("crash"));
        let crash = crash.env("WHOAMI_EXIT_AFTER_MS", "300");
        let crash = crash.argument("--restart", "always");
        let crash = scene.engine.run(crash).await;
        sleep(CRASHES.saturating_sub(began.elapsed())).await;
        let restarts = scene.engine.inspect(&crash, "{{.RestartCount}}").await;
        watch.end().await.is_within(cost);
        assert!(restarts.parse::<u32>().unwrap() >= 4, "{restarts}");
        let said = scene.agent.logged("ends again and again");
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains(&crash.name), "{said:?}");
        assert!(said[0].contains("exits=3"), "{said:?}");
    })
    .await;
}
