//! What the agent asks of the engine for each event: about the container that it happened to, and
//! about no other.

use std::collections::BTreeSet;
use std::time::Duration;

use expect_test::{Expect, expect};
use serde_json::json;
use sh0_agent::discovery::{Docker, DockerOptions, Engine};
use sh0_agent::model::{Container, ContainerId, ContainerState};
use tokio::time::sleep;

use crate::docker_server::{Server, ok};
use crate::fakes::caddy::FakeCaddy;
use crate::fakes::engine::{Delivery, FakeEngine, Listing};
use crate::scene::{FakeStore, Scene, id, site};

/// More than one list asks for.
const MANY: u8 = 60;

/// So many sites, of which `site-1` and the next are looked at by tests.
async fn scene(sites: u8) -> Scene {
    let engine = FakeEngine::new();
    for n in 1..=sites {
        engine.put(
            "start",
            site(&format!("site-{n}"), n, &format!("{n}.example")),
        );
    }
    let scene = Scene::start(engine, FakeCaddy::new(), FakeStore::default());
    // The beginning of the stream tells of all starts once more.
    sleep(Duration::from_secs(10)).await;
    scene.engine.take_calls();
    scene
}

/// What has been asked, once nothing more happens.
async fn check(scene: &Scene, expected: Expect) {
    scene.settle().await;
    expected.assert_eq(&scene.engine.take_calls().join("\n"));
}

#[tokio::test(start_paused = true)]
async fn an_event_is_one_question_about_its_container_however_many_there_are() {
    for sites in [3, MANY] {
        let scene = scene(sites).await;
        let first = id(&site("site-1", 1, "1.example"));
        let end = |c: &mut sh0_agent::model::Container| c.state = ContainerState::Exited;
        scene.engine.change("die", &first, end);
        check(&scene, expect!["list site-1"]).await;
        assert_eq!(scene.status().table.routes.len(), usize::from(sites));
        let begin = |c: &mut sh0_agent::model::Container| c.state = ContainerState::Running;
        scene.engine.change("start", &first, begin);
        check(&scene, expect!["list site-1"]).await;
        scene.engine.remove(&first);
        check(&scene, expect!["list (site-1-id-00)"]).await;
        assert_eq!(scene.served().len(), usize::from(sites) - 1);
    }
}

#[tokio::test(start_paused = true)]
async fn new_containers_are_one_question_about_all_that_were_created() {
    for sites in [3, MANY] {
        let scene = scene(sites).await;
        let created = |name: &str, number, host: &str| Container {
            state: ContainerState::Created,
            ..site(name, number, host)
        };
        scene
            .engine
            .put("create", created("new-1", 200, "new.example"));
        scene
            .engine
            .put("create", created("new-2", 201, "new.example"));
        scene
            .engine
            .put("connect", created("new-1", 200, "new.example"));
        check(&scene, expect![[""]]).await;
        let begin = |c: &mut Container| c.state = ContainerState::Running;
        let first = id(&created("new-1", 200, "new.example"));
        scene.engine.change("start", &first, begin);
        check(
            &scene,
            expect![[r"
                list new-1 new-2
                inspect new-1"]],
        )
        .await;
        // Of this one nobody has told, and others may have been created with it.
        scene
            .engine
            .put("start", site("sudden", 202, "sudden.example"));
        check(
            &scene,
            expect![[r"
                list all
                inspect sudden"]],
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn containers_without_our_labels_are_not_asked_for() {
    let scene = scene(3).await;
    for n in 0..200 {
        let mut other = site(&format!("other-{n}"), 200, "x.example");
        other.labels.clear();
        scene.engine.put("start", other.clone());
        scene.engine.put("die", other);
    }
    check(&scene, expect![""]).await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_few_questions_and_a_large_one_is_shared_out() {
    let scene = scene(70).await;
    let slow = Listing::Takes(Duration::from_millis(20));
    scene.engine.set_listing(slow);
    let update = |n: u8| {
        let site = site(&format!("site-{n}"), n, &format!("{n}.example"));
        scene
            .engine
            .change("update", &id(&site), |c| c.created += 0);
    };
    let lists = |calls: Vec<String>| {
        let lists = calls.into_iter().filter(|call| call.starts_with("list"));
        let asked = lists.map(|list| list.split(' ').count() - 1);
        asked.collect::<Vec<_>>()
    };
    (1..=5).for_each(update);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(lists(scene.engine.take_calls()), [5]);
    (1..=61).for_each(update);
    sleep(Duration::from_millis(500)).await;
    assert_eq!(lists(scene.engine.take_calls()), [50, 11]);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_changes_nothing_and_is_followed_by_one_at_all() {
    let scene = scene(2).await;
    scene.engine.set_listing(Listing::Fails);
    scene.engine.remove(&id(&site("site-1", 1, "1.example")));
    sleep(Duration::from_millis(10)).await;
    scene.engine.set_listing(Listing::Works);
    assert_eq!(scene.served().len(), 2);
    check(
        &scene,
        expect![[r"
        list (site-1-id-00)
        list all"]],
    )
    .await;
    assert_eq!(scene.served(), ["2.example 10.0.0.2:80"]);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_missing_without_a_word_is_looked_for_among_all() {
    let scene = scene(2).await;
    let first = id(&site("site-1", 1, "1.example"));
    scene
        .engine
        .set_delivery(Delivery::After(Duration::from_millis(10)));
    scene.engine.change("rename", &first, |c| c.created += 0);
    scene.engine.set_delivery(Delivery::Lost);
    scene.engine.remove(&first);
    check(
        &scene,
        expect![[r"
        list (site-1-id-00)
        list all"]],
    )
    .await;
    assert_eq!(scene.served(), ["2.example 10.0.0.2:80"]);
}

#[tokio::test]
async fn some_containers_are_asked_for_by_their_ids_alone() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let options = DockerOptions {
        endpoint: Some(format!("unix://{}", socket.display())),
        label_prefix: "sh0".to_owned(),
        ..DockerOptions::default()
    };
    let docker = Docker::new(options).unwrap();
    // This engine finds containers by parts of their ids, too.
    let server = Server::on_unix(&socket, |path| match path {
        "/version" => ok(&json!({"ApiVersion": "1.41"})),
        _ => ok(&json!([{"Id": "beef", "State": "running"}, {"Id": "beef2"}])),
    });
    let asked = ["beef", "dead"].map(|id| ContainerId::new(id).unwrap());
    let seen = docker.look_at(&BTreeSet::from(asked)).await.unwrap();
    let seen: Vec<&str> = seen.containers().map(|c| c.id.as_str()).collect();
    assert_eq!(seen, ["beef"]);
    let expected = [
        "GET /version HTTP/1.1",
        "GET /v1.41/containers/json?all=true&size=false\
         &filters=%7B%22id%22%3A%5B%22beef%22%2C%22dead%22%5D%7D HTTP/1.1",
    ];
    assert_eq!(server.requests(), expected);
}
