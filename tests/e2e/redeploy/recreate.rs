//! The only container of an app goes, and another one comes.

use super::outcome::{Cost, Outcome};
use super::scene::{Scene, costs, repeat};
use crate::harness::App;

/// How long an app takes to listen after its start.
const BOOT_MS: &str = "1000";

/// Runs the app, then stops, removes and runs it again, so many times.
async fn recreate(scene: &Scene, app: impl Fn(&str) -> App, times: u64) -> Outcome {
    let mut old = scene.ready(app("web-0")).await;
    let watch = scene.watch().await;
    for time in 1..=times {
        scene.retire(&old).await;
        let new = app(&format!("web-{time}")).env("WHOAMI_BOOT_MS", BOOT_MS);
        old = scene.ready(new).await;
        watch.go_on().await;
    }
    watch.end().await
}

#[tokio::test]
async fn requests_wait_while_a_container_is_recreated() {
    costs(Cost::stops(1), async || {
        let scene = Scene::start().await;
        recreate(&scene, |name| scene.replica(name), 1).await
    })
    .await;
}

#[tokio::test]
async fn requests_wait_again_when_it_is_recreated_again() {
    costs(Cost::stops(2), async || {
        let scene = Scene::start().await;
        recreate(&scene, |name| scene.replica(name), 2).await
    })
    .await;
}

#[tokio::test]
async fn requests_wait_for_an_https_container() {
    costs(Cost::stops(1), async || {
        let scene = Scene::start().await;
        let app = |name: &str| {
            scene
                .replica(name)
                .env("WHOAMI_TLS", "1")
                .label("sh0.scheme", "https")
                .label("sh0.upstream.tls.skip_verify", "true")
                .label("sh0.routes.secure.scheme", "https")
                .label("sh0.routes.secure.upstream.tls.skip_verify", "true")
        };
        recreate(&scene, app, 1).await
    })
    .await;
}

#[tokio::test]
async fn requests_wait_for_an_h2c_container() {
    costs(Cost::stops(1), async || {
        let scene = Scene::start().await;
        let app = |name: &str| {
            scene
                .replica(name)
                .label("sh0.scheme", "h2c")
                .label("sh0.routes.secure.scheme", "h2c")
        };
        recreate(&scene, app, 1).await
    })
    .await;
}

/// A server that takes requests for a moment longer and asks its clients to close their
/// connections loses nothing at all, bodies included.
#[tokio::test]
async fn a_container_that_lingers_after_its_stop_signal_loses_no_body_either() {
    repeat(async || {
        let scene = Scene::start().await;
        let app = |name: &str| scene.replica(name).env("WHOAMI_LINGER_MS", "300");
        let old = scene.ready(app("web-0")).await;
        let watch = scene.watch().await;
        scene.retire(&old).await;
        scene.ready(app("web-1")).await;
        watch.end().await.is_unnoticed();
    })
    .await;
}

#[tokio::test]
async fn a_recreated_container_with_other_labels_costs_a_load() {
    let cost = Cost { loads: 1, stops: 1 };
    costs(cost, async || {
        let scene = Scene::start().await;
        let old = scene.ready(scene.replica("web-1")).await;
        let watch = scene.watch().await;
        scene.retire(&old).await;
        let new = scene.replica("web-2").env("WHOAMI_BOOT_MS", BOOT_MS);
        scene.ready(new.label("sh0.lb.policy", "round_robin")).await;
        watch.end().await
    })
    .await;
}

/// Caddy counts failures by slot, so those of the old containers must not tell against the new.
#[tokio::test]
async fn requests_wait_while_replicas_with_passive_checks_are_recreated() {
    costs(Cost::stops(2), async || {
        let scene = Scene::start().await;
        let app = |name: &str| {
            let app = scene.replica(name).label("sh0.health.fail_for", "10s");
            app.label("sh0.routes.secure.health.fail_for", "10s")
        };
        let first = scene.engine.create(app("web-1")).await;
        let second = scene.engine.create(app("web-2")).await;
        for old in [&first, &second] {
            scene.engine.act("start", old).await;
            scene.agent.routed(old).await;
        }
        let watch = scene.watch().await;
        for old in [&first, &second] {
            scene.retire(old).await;
        }
        for name in ["web-3", "web-4"] {
            scene.ready(app(name).env("WHOAMI_BOOT_MS", BOOT_MS)).await;
        }
        watch.end().await
    })
    .await;
}

/// The same clients notice it when nobody keeps their requests waiting.
#[tokio::test]
async fn without_hold_requests_are_refused_while_a_container_is_recreated() {
    repeat(async || {
        let scene = Scene::start().await;
        let app = |name: &str| {
            let app = scene.replica(name).without_hold();
            app.label("sh0.routes.secure.hold", "0s")
        };
        let old = scene.ready(app("web-0")).await;
        let watch = scene.watch().await;
        scene.retire(&old).await;
        scene
            .ready(app("web-1").env("WHOAMI_BOOT_MS", BOOT_MS))
            .await;
        let outcome = watch.end().await;
        assert_eq!(outcome.loads, 0);
        outcome.keeps_sockets();
        for (kind, counts) in &outcome.report.clients {
            let mut refused = counts.failures.iter();
            let is_refused = refused.any(|loss| loss.reason.contains("503"));
            assert!(counts.failed > 8 && is_refused, "{kind:?}: {counts:?}");
        }
    })
    .await;
}
