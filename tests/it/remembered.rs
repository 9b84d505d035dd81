//! A silent engine: what is remembered is served at a start and decides nothing; an engine that was
//! away is found again.

use std::time::Duration;

use sh0_agent::discovery::EngineProcess;
use sh0_agent::model::ContainerState;
use sh0_agent::state::Recalled;
use sh0_agent::status::Status;
use tokio::time::sleep;

use crate::fakes::caddy::FakeCaddy;
use crate::fakes::engine::{FakeEngine, Listing};
use crate::scene::{FakeStore, NOW, Scene, id, site, unavailable};

const SITES: [(&str, &str); 2] = [("a", "a.example"), ("b", "b.example")];
const SERVED: [&str; 2] = ["a.example 10.0.0.1:80", "b.example 10.0.0.2:80"];

/// What an agent with these two sites leaves behind.
async fn left_behind() -> (FakeEngine, FakeStore) {
    let scene = Scene::with_sites(&SITES).await;
    assert_eq!(scene.served(), SERVED);
    let (engine, _, store) = scene.stop().await;
    (engine, store)
}

/// A new agent, whose first look does this; a moment after it has given up waiting for it.
async fn started(engine: FakeEngine, store: FakeStore, listing: Listing) -> Scene {
    engine.set_listing(listing);
    let scene = Scene::start(engine, FakeCaddy::new(), store);
    sleep(Duration::from_millis(990)).await;
    assert_eq!(scene.caddy.config(), None, "it waits for the first look");
    sleep(Duration::from_millis(110)).await;
    scene
}

#[tokio::test(start_paused = true)]
async fn sites_are_served_as_remembered_when_docker_is_silent_at_start() {
    for listing in [Listing::Hangs, Listing::Fails] {
        let (engine, store) = left_behind().await;
        let scene = started(engine, store, listing).await;
        assert_eq!(scene.served(), SERVED, "{listing:?}");
        let status = scene.status();
        let remembered = status.docker.remembered.expect("it is shown");
        assert_eq!((remembered.since, remembered.at), (NOW, NOW));
        assert!(!remembered.is_outdated);
        assert_eq!(status.rows.len(), 2);
        // No failed look takes a route away, however long that goes on.
        sleep(Duration::from_mins(10)).await;
        assert_eq!(scene.served(), SERVED, "{listing:?}");
        assert_eq!(scene.load_times(), [0; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_list_takes_the_place_of_what_was_remembered() {
    let (engine, store) = left_behind().await;
    let scene = started(engine, store, Listing::Fails).await;
    let a = site("a", 1, "a.example");
    scene.engine.remove(&id(&a));
    let mut b = site("b", 2, "b.example");
    b.networks = site("b", 7, "b.example").networks;
    scene.engine.put("start", b);
    scene.engine.put("start", site("c", 3, "c.example"));
    // Containers that run when Docker first answers are taken as ready, as at any start.
    scene.prober.silence("10.0.0.3:80");
    scene.engine.set_listing(Listing::Works);
    scene.settle().await;
    assert_eq!(
        scene.served(),
        ["b.example 10.0.0.7:80", "c.example 10.0.0.3:80"]
    );
    assert_eq!(scene.load_times().len(), 1);
    assert_eq!(scene.status().docker.remembered, None);
    assert_eq!(scene.status().docker.missed_notices, 0);
}

#[tokio::test(start_paused = true)]
async fn the_same_containers_are_no_load_and_their_forms_are_known_to_be_good() {
    let (engine, store) = left_behind().await;
    // Somebody removed `state.json`.
    let forgetful = FakeStore::default();
    forgetful.set_recalled(store.recalled().unwrap());
    let scene = started(engine, forgetful, Listing::Fails).await;
    assert_eq!(scene.store.kept().claims.len(), 0, "memory claims nothing");
    assert_eq!(scene.store.kept().last_good.len(), 0);
    scene.engine.set_listing(Listing::Works);
    scene.settle().await;
    assert_eq!(scene.served(), SERVED);
    assert_eq!(scene.load_times(), [0; 0]);
    assert_eq!(scene.store.kept().claims.len(), 2);
    assert_eq!(scene.store.kept().last_good.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn addresses_of_another_boot_or_of_long_ago_are_not_used() {
    let change: [fn(&mut Recalled); 3] = [
        |recalled| recalled.is_same_boot = false,
        |recalled| recalled.at = NOW - 901,
        |recalled| recalled.at = NOW + 901,
    ];
    for change in change {
        let (engine, store) = left_behind().await;
        let mut recalled = store.recalled().unwrap();
        change(&mut recalled);
        store.set_recalled(recalled.clone());
        let scene = started(engine, store, Listing::Fails).await;
        assert_eq!(scene.served(), ["a.example", "b.example"]);
        let status = scene.status();
        assert!(status.docker.remembered.unwrap().is_outdated);
        let mut routes = status.table.routes.values();
        assert!(
            routes.all(|route| route.pool.is_starting),
            "requests wait where they can"
        );
        let reason = status.rows.iter().next().unwrap().reason.clone();
        assert_eq!(
            reason.as_deref(),
            Some("Docker has not said yet whether and where it runs")
        );
        assert_eq!(scene.store.recalled(), Some(recalled), "no new boot for it");
        scene.engine.set_listing(Listing::Works);
        scene.settle().await;
        assert_eq!(scene.served(), SERVED);
    }
}

#[tokio::test(start_paused = true)]
async fn remembered_addresses_count_while_docker_cannot_have_given_them_to_others() {
    let known = |name: &str| EngineProcess::Known(name.to_owned());
    for (process, live_restore, is_served) in [
        (known("engine 1"), false, true),
        (known("engine 2"), false, false),
        (known("engine 2"), true, true),
        (EngineProcess::Unknown, false, false),
        (EngineProcess::Unknown, true, true),
        (EngineProcess::Absent, false, true),
    ] {
        let engine = FakeEngine::new();
        engine.set_live_restore(live_restore);
        engine.put("start", site("a", 1, "a.example"));
        let scene = Scene::start(engine, FakeCaddy::new(), FakeStore::default());
        scene.settle().await;
        let (engine, _, store) = scene.stop().await;
        engine.set_process(process.clone());
        let scene = started(engine, store, Listing::Fails).await;
        let expected = ["a.example", "a.example 10.0.0.1:80"][usize::from(is_served)];
        assert_eq!(scene.served(), [expected], "{process:?} {live_restore}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_absence_of_a_quarter_of_an_hour_is_not_long() {
    let (engine, store) = left_behind().await;
    let mut recalled = store.recalled().unwrap();
    recalled.at = NOW - 900;
    store.set_recalled(recalled);
    let scene = started(engine, store, Listing::Fails).await;
    assert_eq!(scene.served(), SERVED);
}

#[tokio::test(start_paused = true)]
async fn whoever_was_not_ready_or_was_stopping_takes_no_requests_and_is_not_asked() {
    let (engine, store) = left_behind().await;
    let mut recalled = store.recalled().unwrap();
    let b = id(&site("b", 2, "b.example"));
    recalled.remembered.proven.retain(|(id, _)| *id != b);
    store.set_recalled(recalled.clone());
    let scene = started(engine, store, Listing::Fails).await;
    // It would answer.
    sleep(Duration::from_secs(5)).await;
    assert_eq!(scene.served(), ["a.example 10.0.0.1:80", "b.example"]);
    let (engine, _, store) = scene.stop().await;

    let a = id(&site("a", 1, "a.example"));
    recalled.remembered.draining.insert(a);
    store.set_recalled(recalled);
    let scene = started(engine, store, Listing::Fails).await;
    assert_eq!(scene.served(), ["a.example", "b.example"]);
    scene.engine.set_listing(Listing::Works);
    scene.settle().await;
    assert_eq!(scene.served(), SERVED);
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_is_heard_of_meanwhile_counts() {
    let (engine, store) = left_behind().await;
    let scene = started(engine, store, Listing::Hangs).await;
    scene.engine.kill(&id(&site("a", 1, "a.example")), 15);
    scene.settle().await;
    assert_eq!(scene.served(), ["a.example", "b.example 10.0.0.2:80"]);
}

#[tokio::test(start_paused = true)]
async fn a_docker_that_answers_in_time_makes_memory_superfluous() {
    let (engine, store) = left_behind().await;
    engine.remove(&id(&site("a", 1, "a.example")));
    engine.set_listing(Listing::Takes(Duration::from_millis(900)));
    let scene = Scene::start(engine, FakeCaddy::new(), store);
    sleep(Duration::from_secs(3)).await;
    assert_eq!(scene.served(), ["b.example 10.0.0.2:80"]);
    assert_eq!(scene.load_times(), [0; 0], "Caddy was started with it");
}

#[tokio::test(start_paused = true)]
async fn without_any_remembered_container_caddy_starts_with_503s() {
    let scene = Scene::empty();
    scene.settle().await;
    let (engine, _, store) = scene.stop().await;
    assert!(store.recalled().is_some());
    let scene = started(engine, store, Listing::Fails).await;
    assert_eq!(scene.caddy.config(), Some(unavailable()));
}

#[tokio::test(start_paused = true)]
async fn what_changes_is_written_at_most_every_second_and_what_does_not_every_five_minutes() {
    let scene = Scene::with_sites(&[("a", "a.example")]).await;
    assert_eq!(scene.store.remembered(), 1);
    for n in 2..=52 {
        let name = format!("n{n}");
        let host = format!("{name}.example");
        scene.engine.put("start", site(&name, n, &host));
        sleep(Duration::from_millis(100)).await;
    }
    let writes = scene.store.remembered();
    assert!((4..=7).contains(&writes), "{writes} writes in 5 s");
    sleep(Duration::from_secs(2)).await;
    let writes = scene.store.remembered();
    let recalled = scene.store.recalled().unwrap();
    assert_eq!(recalled.remembered.containers.len(), 52);
    sleep(Duration::from_mins(4)).await;
    assert_eq!(scene.store.remembered(), writes);
    sleep(Duration::from_mins(2)).await;
    assert_eq!(scene.store.remembered(), writes + 1);
}

#[tokio::test(start_paused = true)]
async fn only_our_containers_and_those_that_lend_them_a_network_are_remembered() {
    let engine = FakeEngine::new();
    let lender = FakeEngine::container("vpn", 9, &[]);
    let mut guest = site("guest", 8, "guest.example");
    guest.network_mode = sh0_agent::model::NetworkMode::Container(id(&lender));
    guest.networks.clear();
    for container in [FakeEngine::container("other", 1, &[]), lender, guest] {
        engine.put("start", container);
    }
    let scene = Scene::start(engine, FakeCaddy::new(), FakeStore::default());
    scene.settle().await;
    let recalled = scene.store.recalled().unwrap();
    let containers = recalled.remembered.containers.iter();
    let names: Vec<_> = containers.map(|c| &*c.name).collect();
    assert_eq!(names, ["guest", "vpn"]);
    let (engine, _, store) = scene.stop().await;
    let scene = started(engine, store, Listing::Fails).await;
    assert_eq!(scene.served(), ["guest.example 10.0.0.9:80"]);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_agent_leaves_its_last_state_behind() {
    let scene = Scene::with_sites(&[("a", "a.example")]).await;
    let a = id(&site("a", 1, "a.example"));
    scene
        .engine
        .change("die", &a, |c| c.state = ContainerState::Exited);
    let is_served = |status: &Status| status.rows.iter().any(|row| row.address.is_some());
    while is_served(&scene.status()) {
        tokio::task::yield_now().await;
    }
    let (_, _, store) = scene.stop().await;
    let recalled = store.recalled().unwrap();
    assert_eq!(
        recalled.remembered.containers[0].state,
        ContainerState::Exited
    );
    assert_eq!(recalled.remembered.proven.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn after_a_long_outage_docker_is_found_again_within_half_a_second() {
    let scene = Scene::with_sites(&SITES).await;
    scene.engine.set_listing(Listing::Fails);
    scene.engine.refuse_streams(true);
    scene.engine.cut_streams();
    sleep(Duration::from_mins(3)).await;
    assert_eq!(scene.served(), SERVED);
    scene.engine.put("start", site("c", 3, "c.example"));
    scene.engine.set_listing(Listing::Works);
    scene.engine.refuse_streams(false);
    sleep(Duration::from_millis(600)).await;
    assert_eq!(scene.served().len(), 3);
    assert!(scene.status().docker.error.is_none());
}
