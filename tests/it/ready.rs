//! Who takes requests, and from when to when: trials of new containers, and drains.

use std::time::Duration;

use sh0_agent::discovery::StopRule;
use sh0_agent::model::{Container, ContainerState};
use tokio::time::sleep;

use crate::fakes::caddy::FakeCaddy;
use crate::fakes::engine::{Delivery, FakeEngine};
use crate::scene::{FakeProber, FakeStore, Scene, id, site};

const TERM: i32 = 15;
const HUP: i32 = 1;
const KILL: i32 = 9;

/// A replica of the app `web`.
fn replica(name: &str, n: u8) -> Container {
    let labels = [
        ("sh0.host", "a.example"),
        ("sh0.port", "80"),
        ("sh0.app", "web"),
    ];
    FakeEngine::container(name, n, &labels)
}

async fn with_replicas(replicas: &[Container]) -> Scene {
    let engine = FakeEngine::new();
    for replica in replicas {
        engine.put("start", replica.clone());
    }
    let scene = Scene::start(engine, FakeCaddy::new(), FakeStore::default());
    scene.settle().await;
    scene
}

#[tokio::test(start_paused = true)]
async fn a_new_container_takes_requests_when_it_answers_at_its_port() {
    let scene = Scene::empty();
    scene.settle().await;
    scene.prober.silence("10.0.0.1:80");
    scene.engine.put("start", site("a", 1, "a.example"));
    scene.settle().await;
    assert_eq!(scene.served(), ["a.example"], "known, and 503");
    scene.prober.unsilence();
    sleep(Duration::from_millis(300)).await;
    assert_eq!(scene.served(), ["a.example 10.0.0.1:80"]);
    assert_eq!(scene.load_times().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_answers_at_once_costs_one_load() {
    let scene = Scene::empty();
    scene.settle().await;
    scene.engine.put("start", site("a", 1, "a.example"));
    scene.settle().await;
    assert_eq!(scene.served(), ["a.example 10.0.0.1:80"]);
    assert_eq!(scene.load_times(), [1_000]);
}

#[tokio::test(start_paused = true)]
async fn the_old_replica_serves_until_the_new_one_is_ready() {
    let scene = with_replicas(&[replica("old", 1)]).await;
    scene.prober.silence("10.0.0.2:80");
    let mut new = replica("new", 2);
    new.labels.insert("sh0.path".to_owned(), "/new".to_owned());
    scene.engine.put("start", new);
    scene.settle().await;
    assert_eq!(
        scene.served(),
        ["a.example 10.0.0.1:80"],
        "and by the old one's labels"
    );
    assert_eq!(scene.load_times(), [0; 0]);
    scene.prober.unsilence();
    scene.settle().await;
    assert_eq!(scene.status().table.routes.len(), 1);
    assert!(
        scene
            .status()
            .table
            .routes
            .keys()
            .all(|key| key.path.plain().is_some())
    );
}

#[tokio::test(start_paused = true)]
async fn who_runs_when_the_agent_starts_is_taken_as_ready() {
    let engine = FakeEngine::new();
    engine.put("start", site("a", 1, "a.example"));
    let prober = FakeProber::default();
    prober.silence("10.0.0.1:80");
    let scene = Scene::start_with(engine, FakeCaddy::new(), FakeStore::default(), prober);
    scene.settle().await;
    assert_eq!(scene.served(), ["a.example 10.0.0.1:80"]);
    assert_eq!(scene.load_times(), [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_restarts_must_show_itself_anew() {
    let scene = with_replicas(&[replica("a", 1), replica("b", 2)]).await;
    scene.prober.silence("10.0.0.1:80");
    let dead = |container: &mut Container| container.state = ContainerState::Exited;
    scene.engine.change("die", &id(&replica("a", 1)), dead);
    scene.engine.put("start", replica("a", 1));
    scene.settle().await;
    assert_eq!(scene.served(), ["a.example 10.0.0.2:80"]);
    scene.prober.unsilence();
    scene.settle().await;
    assert_eq!(scene.served(), ["a.example 10.0.0.1:80 10.0.0.2:80"]);
}

#[tokio::test(start_paused = true)]
async fn no_check_is_made_where_the_labels_want_none() {
    let scene = Scene::empty();
    scene.settle().await;
    scene.prober.silence("10.0.0.1:80");
    let mut container = site("a", 1, "a.example");
    container
        .labels
        .insert("sh0.ready".to_owned(), "none".to_owned());
    scene.engine.put("start", container);
    scene.settle().await;
    assert_eq!(scene.served(), ["a.example 10.0.0.1:80"]);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_told_to_stop_leaves_at_once() {
    for signal in [TERM, KILL] {
        let scene = with_replicas(&[replica("a", 1), replica("b", 2)]).await;
        let killed = scene.began.elapsed().as_millis();
        scene.engine.kill(&id(&replica("a", 1)), signal);
        scene.settle().await;
        assert_eq!(scene.served(), ["a.example 10.0.0.2:80"], "{signal}");
        assert_eq!(scene.load_times(), [killed], "{signal}");
        scene.engine.change("die", &id(&replica("a", 1)), |c| {
            c.state = ContainerState::Exited;
        });
        scene.settle().await;
        assert_eq!(
            scene.load_times().len(),
            1,
            "its death changes nothing more"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_signal_that_stops_nothing_changes_nothing() {
    let scene = with_replicas(&[replica("a", 1), replica("b", 2)]).await;
    let quits = StopRule {
        signal: 3,
        timeout: Duration::from_secs(10),
    };
    scene.engine.kill(&id(&replica("a", 1)), HUP);
    let nginx = replica("nginx", 3);
    scene.engine.set_stop_rule(&id(&nginx), quits);
    scene.engine.put("start", nginx.clone());
    scene.settle().await;
    let all = ["a.example 10.0.0.1:80 10.0.0.2:80 10.0.0.3:80"];
    scene.engine.kill(&id(&nginx), TERM);
    scene.settle().await;
    assert_eq!(scene.served(), all);
    scene.engine.kill(&id(&nginx), quits.signal);
    scene.settle().await;
    assert_eq!(scene.served(), ["a.example 10.0.0.1:80 10.0.0.2:80"]);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_survives_its_stop_comes_back_when_it_is_ready() {
    let scene = with_replicas(&[replica("a", 1), replica("b", 2)]).await;
    scene.engine.kill(&id(&replica("a", 1)), TERM);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(scene.served(), ["a.example 10.0.0.2:80"]);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(scene.served(), ["a.example 10.0.0.1:80 10.0.0.2:80"]);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_stopped_and_started_again_comes_back() {
    let scene = with_replicas(&[replica("a", 1)]).await;
    let web = id(&replica("a", 1));
    scene.engine.kill(&web, TERM);
    sleep(Duration::from_millis(100)).await;
    assert_eq!(scene.served(), ["a.example"]);
    scene
        .engine
        .change("die", &web, |c| c.state = ContainerState::Exited);
    scene
        .engine
        .change("start", &web, |c| c.state = ContainerState::Running);
    scene.settle().await;
    assert_eq!(scene.served(), ["a.example 10.0.0.1:80"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_kill_is_made_up_for_by_the_death() {
    let scene = with_replicas(&[replica("a", 1), replica("b", 2)]).await;
    scene.engine.set_delivery(Delivery::Lost);
    scene.engine.kill(&id(&replica("a", 1)), TERM);
    scene.engine.set_delivery(Delivery::AtOnce);
    scene.engine.change("die", &id(&replica("a", 1)), |c| {
        c.state = ContainerState::Exited;
    });
    scene.settle().await;
    assert_eq!(scene.served(), ["a.example 10.0.0.2:80"]);
}

#[tokio::test(start_paused = true)]
async fn the_stop_signals_of_many_containers_are_learned_by_one_look() {
    let quits = StopRule {
        signal: 3,
        timeout: Duration::from_secs(10),
    };
    let replicas: Vec<Container> = (1..=10).map(|n| replica(&format!("web{n}"), n)).collect();
    let engine = FakeEngine::new();
    for replica in &replicas {
        engine.set_stop_rule(&id(replica), quits);
        engine.put("start", replica.clone());
    }
    let scene = Scene::start(engine, FakeCaddy::new(), FakeStore::default());
    scene.settle().await;
    for replica in &replicas {
        scene.engine.kill(&id(replica), TERM);
    }
    scene.settle().await;
    assert_eq!(scene.load_times(), [0; 0], "SIGTERM stops none of them");
}
