//! Things that happen to a running container.

use std::time::Duration;

use tokio::time::sleep;

use super::scene::{Scene, repeat};
use crate::harness::{answer, request};
use reqwest::Method;

/// How long a container is away.
const AWAY: Duration = Duration::from_secs(2);
/// A request that was lost was sent so long before or after the command at most: Docker does what
/// it is told after a while, and longest on a busy machine.
const TOLD_MS: u64 = 1_500;

#[tokio::test]
async fn a_signal_that_does_not_stop_a_container_is_unnoticed() {
    repeat(async || {
        let scene = Scene::start().await;
        let web = scene.ready(scene.replica("web-1")).await;
        let watch = scene.watch().await;
        let hup = ["kill", "--signal", "HUP", &web.id];
        scene.engine.docker(&hup).await;
        watch.end().await.is_unnoticed();
    })
    .await;
}

#[tokio::test]
async fn requests_wait_while_a_container_is_paused() {
    repeat(async || {
        let scene = Scene::start().await;
        let web = scene.ready(scene.replica("web-1")).await;
        let watch = scene.watch().await;
        scene.engine.act("pause", &web).await;
        sleep(AWAY).await;
        scene.engine.act("unpause", &web).await;
        watch.end().await.is_unnoticed();
    })
    .await;
}

/// What is in flight in that moment meets no answer at all. After three seconds the kernel says that
/// there is no such neighbour, and what may be sent again is.
#[tokio::test]
async fn requests_wait_while_a_container_is_off_the_network() {
    repeat(async || {
        let scene = Scene::start().await;
        let web = scene.ready(scene.replica("web-1")).await;
        let watch = scene.watch().await;
        let network = scene.engine.network();
        let leave = ["network", "disconnect", &network, &web.id];
        let left_ms = watch.now_ms();
        scene.engine.docker(&leave).await;
        sleep(AWAY).await;
        let join = ["network", "connect", &network, &web.id];
        scene.engine.docker(&join).await;
        let in_flight_ms = left_ms.saturating_sub(TOLD_MS)..left_ms + TOLD_MS;
        watch.end().await.loses_bodies_of(in_flight_ms);
    })
    .await;
}

/// What is in flight on it with a body is lost, for nobody knows whether the app has seen it.
/// Everything else waits for the next container.
#[tokio::test]
async fn a_killed_container_loses_what_is_in_flight_and_nothing_after_it() {
    repeat(async || {
        let scene = Scene::start().await;
        let web = scene.ready(scene.replica("web-1")).await;
        let watch = scene.watch().await;
        let port = scene.agent.http_port;
        let slow = |method| answer(request(port, &scene.host, "/slow?ms=8000", method));
        let replaced = async {
            sleep(Duration::from_millis(500)).await;
            let killed_ms = watch.now_ms();
            scene.engine.remove(&web).await;
            scene.ready(scene.replica("web-2")).await;
            killed_ms
        };
        let (asked, sent, killed_ms) =
            tokio::join!(slow(Method::GET), slow(Method::POST), replaced);
        assert!(asked.is_from("web-2"), "a GET is sent again: {asked:?}");
        assert_eq!(sent.status, 502, "{sent:?}");
        let outcome = watch.end().await;
        outcome.loses_bodies_of(killed_ms.saturating_sub(TOLD_MS)..killed_ms + TOLD_MS);
    })
    .await;
}
