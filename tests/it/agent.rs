//! The loop's promises, each with its story, under a paused clock.

use std::time::Duration;

use sh0_agent::caddy::admin::AdminError;
use tokio::time::sleep;

use crate::fakes::caddy::FakeCaddy;
use crate::fakes::engine::{Delivery, FakeEngine, Listing};
use crate::scene::{FakeStore, Scene, id, site, sites_of, unavailable};

const NONE: [&str; 0] = [];

#[tokio::test(start_paused = true)]
async fn caddy_starts_with_the_routes_of_all_running_containers() {
    let scene = Scene::with_sites(&[("a", "a.example"), ("b", "b.example")]).await;
    assert_eq!(
        scene.served(),
        ["a.example 10.0.0.1:80", "b.example 10.0.0.2:80"]
    );
    assert_eq!(scene.load_times(), [0; 0], "the start needs no load");
    assert_eq!(scene.status().applied, Some(1));
}

#[tokio::test(start_paused = true)]
async fn the_first_change_is_sent_at_once_and_a_burst_is_one_more_load() {
    let scene = Scene::empty();
    scene.settle().await;
    for n in 1..=20 {
        scene
            .engine
            .put("start", site(&format!("c{n}"), n, &format!("h{n}.example")));
        sleep(Duration::from_millis(5)).await;
    }
    scene.settle().await;
    assert_eq!(scene.served().len(), 20);
    assert_eq!(scene.load_times(), [1_000, 1_145]);
}

#[tokio::test(start_paused = true)]
async fn a_storm_does_not_starve_a_change() {
    let scene = Scene::empty();
    scene.settle().await;
    for n in 1..=100 {
        scene
            .engine
            .put("start", site(&format!("c{n}"), n, &format!("h{n}.example")));
        sleep(Duration::from_millis(20)).await;
    }
    let times = scene.load_times();
    let gaps: Vec<u128> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap <= 280), "{times:?}");
    assert!(times.len() <= 10, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn an_event_without_effect_is_no_load() {
    let scene = Scene::with_sites(&[("a", "a.example")]).await;
    let container = site("a", 1, "a.example");
    for action in ["rename", "update", "exec_die"] {
        scene.engine.put(action, container.clone());
        scene.settle().await;
    }
    assert_eq!(scene.load_times(), [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_event_is_repaired_by_the_resync_and_counted() {
    let scene = Scene::with_sites(&[("a", "a.example")]).await;
    scene.engine.set_delivery(Delivery::Lost);
    scene.engine.put("start", site("b", 2, "b.example"));
    sleep(Duration::from_secs(58)).await;
    assert_eq!(scene.served(), ["a.example 10.0.0.1:80"]);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(scene.load_times(), [60_000]);
    assert_eq!(scene.status().docker.missed_notices, 1);
}

#[tokio::test(start_paused = true)]
async fn a_resync_can_be_asked_for() {
    let scene = Scene::empty();
    scene.settle().await;
    scene.engine.set_delivery(Delivery::Lost);
    scene.engine.put("start", site("a", 1, "a.example"));
    scene.resync.send(()).await.unwrap();
    scene.settle().await;
    assert_eq!(scene.served(), ["a.example 10.0.0.1:80"]);
    assert_eq!(scene.status().docker.missed_notices, 0);
}

#[tokio::test(start_paused = true)]
async fn no_failure_of_docker_removes_a_route() {
    for listing in [Listing::Fails, Listing::Hangs] {
        let scene = Scene::with_sites(&[("a", "a.example")]).await;
        scene.engine.set_listing(listing);
        scene.engine.remove(&id(&site("a", 1, "a.example")));
        scene.engine.cut_streams();
        scene.engine.refuse_streams(true);
        sleep(Duration::from_mins(5)).await;
        assert_eq!(scene.served(), ["a.example 10.0.0.1:80"], "{listing:?}");
        assert_eq!(scene.load_times(), [0; 0], "{listing:?}");
        assert!(!scene.status().docker.reachable);
        scene.engine.set_listing(Listing::Works);
        scene.engine.refuse_streams(false);
        sleep(Duration::from_secs(16)).await;
        assert_eq!(scene.served(), NONE, "{listing:?}");
        assert!(scene.status().docker.reachable);
    }
}

#[tokio::test(start_paused = true)]
async fn what_happens_while_the_stream_is_down_is_seen_when_it_is_back() {
    let scene = Scene::with_sites(&[("a", "a.example")]).await;
    scene.engine.cut_streams();
    scene.engine.put("start", site("b", 2, "b.example"));
    scene.settle().await;
    assert_eq!(
        scene.served(),
        ["a.example 10.0.0.1:80", "b.example 10.0.0.2:80"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_happens_during_a_look_is_looked_at_again() {
    let scene = Scene::empty();
    scene.settle().await;
    scene
        .engine
        .set_listing(Listing::Takes(Duration::from_millis(300)));
    scene.engine.put("start", site("a", 1, "a.example"));
    sleep(Duration::from_millis(100)).await;
    scene.engine.put("start", site("b", 2, "b.example"));
    scene.settle().await;
    assert_eq!(
        scene.served(),
        ["a.example 10.0.0.1:80", "b.example 10.0.0.2:80"]
    );
}

#[tokio::test(start_paused = true)]
async fn without_docker_caddy_answers_503_after_a_second_and_gets_its_routes_later() {
    let engine = FakeEngine::new();
    engine.put("start", site("a", 1, "a.example"));
    engine.set_listing(Listing::Fails);
    let scene = Scene::start(engine, FakeCaddy::new(), FakeStore::default());
    sleep(Duration::from_millis(900)).await;
    assert_eq!(scene.caddy.config(), None, "it waits for the first look");
    sleep(Duration::from_secs(10)).await;
    assert_eq!(scene.caddy.config(), Some(unavailable()));
    scene.engine.set_listing(Listing::Works);
    sleep(Duration::from_secs(6)).await;
    assert_eq!(scene.served(), ["a.example 10.0.0.1:80"]);
}

#[tokio::test(start_paused = true)]
async fn a_restarted_caddy_has_its_routes_and_gets_what_changed_meanwhile() {
    let scene = Scene::with_sites(&[("a", "a.example")]).await;
    scene.crash_caddy();
    scene.engine.put("start", site("b", 2, "b.example"));
    sleep(Duration::from_millis(125)).await;
    assert_eq!(scene.status().caddy.epoch, 3);
    scene.settle().await;
    assert_eq!(
        scene.served(),
        ["a.example 10.0.0.1:80", "b.example 10.0.0.2:80"]
    );
    scene.crash_caddy();
    scene.settle().await;
    assert_eq!(
        scene.served(),
        ["a.example 10.0.0.1:80", "b.example 10.0.0.2:80"]
    );
    assert_eq!(
        scene.load_times().len(),
        1,
        "the second restart needs no load"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_load_is_retried_with_the_newest_config_until_it_works() {
    let scene = Scene::with_sites(&[("a", "a.example")]).await;
    scene.caddy.judge(|_| {
        let message = "listen tcp :80: bind: address already in use".to_owned();
        Some(AdminError::Environment { message })
    });
    scene.engine.put("start", site("b", 2, "b.example"));
    sleep(Duration::from_millis(3_600)).await;
    assert!(scene.status().caddy.load_error.is_some());
    scene.engine.put("start", site("c", 3, "c.example"));
    sleep(Duration::from_mins(1)).await;
    scene.caddy.judge(|_| None);
    sleep(Duration::from_secs(5)).await;
    let all = [
        "a.example 10.0.0.1:80",
        "b.example 10.0.0.2:80",
        "c.example 10.0.0.3:80",
    ];
    assert_eq!(scene.served(), all);
    assert_eq!(scene.status().caddy.load_error, None);
}

#[tokio::test(start_paused = true)]
async fn claims_and_good_forms_survive_a_restart_of_the_agent() {
    let scene = Scene::with_sites(&[("a", "a.example")]).await;
    let (engine, _, store) = scene.stop().await;
    assert_eq!(store.kept().claims.len(), 1);
    assert_eq!(store.kept().last_good.len(), 1);
    engine.remove(&id(&site("a", 1, "a.example")));
    let mut older = site("thief", 2, "a.example");
    older.created = 1;
    engine.put("start", older);
    let scene = Scene::start(engine, FakeCaddy::new(), store);
    scene.settle().await;
    assert_eq!(scene.served(), NONE);
    assert_eq!(scene.status().diagnostics[0].code.id(), "E004");
}

#[tokio::test(start_paused = true)]
async fn a_load_under_way_is_finished_when_the_loop_stops() {
    let scene = Scene::with_sites(&[("a", "a.example")]).await;
    scene.engine.put("start", site("b", 2, "b.example"));
    while scene.status().generation < 2 {
        tokio::task::yield_now().await;
    }
    let (_, caddy, store) = scene.stop().await;
    let served = caddy.config().map(|json| sites_of(&json)).unwrap();
    assert_eq!(served.len() == 2, store.kept().last_good.len() == 2);
}

/// While none is open, changes are not heard of.
#[tokio::test(start_paused = true)]
async fn a_stream_that_lived_for_some_seconds_is_followed_by_another_at_once() {
    let scene = Scene::with_sites(&[("a", "a.example")]).await;
    for cuts in 1..=8 {
        sleep(Duration::from_secs(6)).await;
        scene.engine.cut_streams();
        sleep(Duration::from_millis(200)).await;
        let docker = scene.status().docker.clone();
        assert!(docker.subscribed, "after {cuts} cuts");
        assert_eq!(docker.subscriptions, cuts + 1);
    }
}
