//! A restart of the engine under a running agent: where addresses may move, requests wait for its
//! word; where they cannot, nothing happens.

use std::sync::Arc;
use std::time::Duration;

use sh0_agent::discovery::EngineProcess;
use tokio::time::sleep;

use crate::fakes::caddy::FakeCaddy;
use crate::fakes::engine::{FakeEngine, Listing};
use crate::scene::{FakeStore, Scene, site};

const SERVED: [&str; 1] = ["a.example 10.0.0.1:80"];
const WAITS: [&str; 1] = ["a.example"];

async fn scene(live_restore: bool) -> Scene {
    let engine = FakeEngine::new();
    engine.set_live_restore(live_restore);
    engine.put("start", site("a", 1, "a.example"));
    let scene = Scene::start(engine, FakeCaddy::new(), FakeStore::default());
    scene.settle().await;
    assert_eq!(scene.served(), SERVED);
    scene
}

/// Ends the engine; this process takes questions then, and does not answer them.
fn restart(scene: &Scene, process: EngineProcess) {
    scene.engine.set_listing(Listing::Hangs);
    scene.engine.set_process(process);
    scene.engine.cut_streams();
}

fn another() -> EngineProcess {
    EngineProcess::Known("engine 2".to_owned())
}

#[tokio::test(start_paused = true)]
async fn addresses_count_no_more_from_a_restart_to_the_first_list() {
    for process in [another(), EngineProcess::Unknown] {
        let scene = scene(false).await;
        restart(&scene, process);
        sleep(Duration::from_millis(400)).await;
        assert_eq!(scene.served(), WAITS);
        let table = Arc::clone(&scene.status().table);
        let route = table.routes.values().next().unwrap();
        assert!(route.pool.is_starting, "requests wait where they can");
        let remembered = scene.store.recalled().unwrap().remembered;
        assert_eq!(remembered.engine.as_deref(), Some("engine 1"));
        scene.engine.put("start", site("a", 1, "a.example"));
        scene.engine.set_listing(Listing::Works);
        // The list under way ends with its time limit.
        sleep(Duration::from_secs(11)).await;
        assert_eq!(scene.served(), SERVED);
    }
}

#[tokio::test(start_paused = true)]
async fn containers_that_outlive_docker_are_served_throughout() {
    let scene = scene(true).await;
    restart(&scene, another());
    sleep(Duration::from_mins(1)).await;
    assert_eq!(scene.served(), SERVED);
    assert_eq!(scene.load_times(), [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_frozen_docker_is_no_restart() {
    let scene = scene(false).await;
    // Its stream stays; and if somebody between us cuts it, it is still the same process.
    scene.engine.set_listing(Listing::Hangs);
    scene.resync.send(()).await.unwrap();
    sleep(Duration::from_mins(1)).await;
    assert_eq!(scene.served(), SERVED);
    restart(&scene, EngineProcess::Known("engine 1".to_owned()));
    sleep(Duration::from_mins(1)).await;
    assert_eq!(scene.served(), SERVED);
    assert_eq!(scene.load_times(), [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn while_nobody_listens_the_addresses_count() {
    let scene = scene(false).await;
    scene.engine.set_listing(Listing::Fails);
    scene.engine.set_process(EngineProcess::Absent);
    scene.engine.refuse_streams(true);
    scene.engine.cut_streams();
    sleep(Duration::from_mins(1)).await;
    assert_eq!(scene.served(), SERVED);
    // The next one listens, and is not ready to answer for two seconds.
    scene.engine.set_process(another());
    scene
        .engine
        .set_listing(Listing::Takes(Duration::from_secs(2)));
    sleep(Duration::from_millis(500)).await;
    assert_eq!(scene.served(), WAITS);
    scene.engine.refuse_streams(false);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(scene.served(), SERVED);
}

#[tokio::test(start_paused = true)]
async fn a_cut_of_the_stream_alone_is_no_restart() {
    let scene = scene(false).await;
    scene.engine.set_process(EngineProcess::Unknown);
    scene
        .engine
        .set_listing(Listing::Takes(Duration::from_millis(150)));
    for _ in 0..10 {
        scene.engine.cut_streams();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(scene.load_times(), [0; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_while_there_is_no_stream_is_noticed_too() {
    let scene = scene(false).await;
    // From one try to open a stream to the next there are five seconds by now.
    scene.engine.refuse_streams(true);
    scene.engine.cut_streams();
    sleep(Duration::from_secs(30)).await;
    scene.resync.send(()).await.unwrap();
    sleep(Duration::from_millis(10)).await;
    scene.engine.set_listing(Listing::Hangs);
    scene.engine.set_process(another());
    scene.engine.refuse_streams(false);
    sleep(Duration::from_secs(6)).await;
    assert_eq!(scene.served(), WAITS);
}
