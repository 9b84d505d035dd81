//! The fake Docker daemon of the benchmarks, asked by the real adapter and by hand.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::Value;
use sh0_agent::discovery::{Docker, DockerOptions, Engine, EngineError, Notice};
use sh0_agent::model::{ContainerId, ContainerState};
use tokio::time::{Instant, timeout};

use crate::bench::daemon::{Container, Count, Daemon, NETWORK, State, Weather};

/// Bounds every wait for something that takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(8);

/// A daemon with a labelled container and one without labels, which has ended.
fn daemon() -> (Daemon, Docker, [Container; 2]) {
    let web = Container::of_project(1, &[("sh0.host", "a.example")]);
    let mut job = Container::of_project(2, &[]);
    job.state = State::Exited;
    let daemon = Daemon::start([web.clone(), job.clone()]);
    let options = DockerOptions {
        endpoint: Some(daemon.endpoint()),
        label_prefix: "sh0".to_owned(),
        ..DockerOptions::default()
    };
    (daemon, Docker::new(options).unwrap(), [web, job])
}

fn id(container: &Container) -> ContainerId {
    ContainerId::new(container.id.clone()).unwrap()
}

/// `GET <path>`: the status, and the names of the containers or the message.
async fn get(daemon: &Daemon, path: &str, filters: &str) -> String {
    let socket = daemon.endpoint().replace("unix://", "");
    let client = reqwest::Client::builder().unix_socket(socket).build();
    let mut url = format!("http://docker{path}filters=");
    for byte in filters.bytes() {
        write!(url, "%{byte:02X}").unwrap();
    }
    let answer = client.unwrap().get(url).send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    if let Some(list) = body.as_array() {
        let names = list.iter().map(|entry| entry["Names"][0].as_str().unwrap());
        let names: BTreeSet<_> = names.collect();
        format!(
            "{status} {}",
            names.into_iter().collect::<Vec<_>>().join(" ")
        )
    } else {
        format!("{status} {}", body["message"].as_str().unwrap_or("ok"))
    }
}

type Notices = BoxStream<'static, Result<Notice, EngineError>>;

/// The next notice, or `None` at the end of the stream.
async fn next(notices: &mut Notices) -> Option<Notice> {
    let next = timeout(DEADLINE, notices.next()).await.expect("in time");
    next.map(|notice| notice.unwrap())
}

async fn told(notices: &mut Notices) -> Notice {
    next(notices).await.expect("the stream goes on")
}

fn look(action: &str, container: &Container) -> Notice {
    Notice::LookAgain {
        action: action.to_owned(),
        container: Some(id(container)),
    }
}

#[tokio::test]
async fn containers_are_listed_whole_and_the_calls_counted() {
    let (daemon, docker, [web, job]) = daemon();
    let snapshot = docker.snapshot().await.unwrap();
    let found = snapshot.get(&id(&web)).unwrap();
    assert_eq!(&*found.name, "site-1-web-1");
    let read: Vec<&str> = found.labels.keys().map(|key| &**key).collect();
    let own = [
        "com.docker.compose.oneoff",
        "com.docker.compose.project",
        "com.docker.compose.service",
        "sh0.host",
    ];
    assert_eq!((read.as_slice(), web.labels.len()), (&own[..], 13));
    assert_eq!(found.state, ContainerState::Running);
    assert_eq!(found.networks[NETWORK].ipv4, Some(Ipv4Addr::LOCALHOST));
    assert_eq!(found.ports, [8080].into());
    let ended = snapshot.get(&id(&job)).unwrap();
    assert_eq!(
        (ended.state, ended.ports.len()),
        (ContainerState::Exited, 0)
    );
    assert_eq!(ended.networks[NETWORK].preferred(), None);

    assert!(docker.network_exists(NETWORK).await.unwrap());
    assert!(!docker.network_exists("sh0").await.unwrap());
    assert!(!docker.live_restore().await.unwrap());
    docker.stop_rule(&id(&web)).await.unwrap();
    let nobody = ContainerId::new("beef").unwrap();
    let missing = docker.stop_rule(&nobody).await;
    assert!(
        matches!(missing, Err(EngineError::Missing { .. })),
        "{missing:?}"
    );
    let counts = daemon.counts();
    let calls: Vec<_> = { counts.iter() }
        .map(|(path, count)| (*path, count.calls))
        .collect();
    let expected = [
        ("/containers/json", 1),
        ("/containers/{id}/json", 2),
        ("/info", 1),
        ("/networks/{name}", 2),
        ("/version", 1),
    ];
    assert_eq!(calls, expected);
    assert!(counts.values().all(|Count { bytes, .. }| 0 < *bytes));
}

#[tokio::test]
async fn lists_are_filtered_and_what_is_not_understood_is_refused() {
    let (daemon, _, [web, _]) = daemon();
    let check = async |path: &str, filters: &str, expected: &str| {
        assert_eq!(get(&daemon, path, filters).await, expected, "{filters}");
    };
    let (all, both) = (
        "/v1.41/containers/json?all=true&",
        "200 /site-1-web-1 /site-2-web-1",
    );
    let one = "200 /site-1-web-1";
    check("/containers/json?", "{}", one).await;
    check(all, "{}", both).await;
    check(all, &format!(r#"{{"id":["{}"]}}"#, web.id), one).await;
    check(all, r#"{"id":["beef"]}"#, "200 ").await;
    check(all, r#"{"label":["sh0.host"]}"#, one).await;
    check(all, r#"{"label":{"sh0.host=a.example":true}}"#, one).await;
    check(all, r#"{"label":["sh0.host","x"]}"#, "200 ").await;
    check(all, r#"{"network":["sh0-net"]}"#, both).await;
    check(all, r#"{"network":["other"]}"#, "200 ").await;
    check(
        "/containers/json?",
        r#"{"status":["exited"]}"#,
        "200 /site-2-web-1",
    )
    .await;
    check(all, r#"{"colour":["red"]}"#, "400 Invalid filter 'colour'").await;
    check(
        "/images/json?",
        "{}",
        "404 the fake daemon does not know /images/json",
    )
    .await;
}

#[tokio::test]
async fn events_are_told_filtered_and_repeated_to_a_new_stream() {
    let (daemon, docker, [web, job]) = daemon();
    docker.snapshot().await.unwrap();
    daemon.tell(&web, &["start", "exec_die"]).await;
    let mut notices = docker.notices();
    assert_eq!(told(&mut notices).await, look("start", &web));
    daemon.tell(&job, &["die", "disconnect"]).await;
    daemon
        .tell(&web, &["exec_start: sh", "health_status: healthy"])
        .await;
    assert_eq!(
        told(&mut notices).await,
        look("health_status: healthy", &web)
    );
    daemon.put(web.clone(), &["connect", "kill"]).await;
    assert_eq!(told(&mut notices).await, look("connect", &web));
    let (container, signal) = (id(&web), 15);
    assert_eq!(told(&mut notices).await, Notice::Kill { container, signal });
    daemon.remove(&web).await;
    // The adapter tells of `connect` once more, sooner or later.
    let again = look("after connect", &web);
    let mut notice = told(&mut notices).await;
    while notice == again {
        notice = told(&mut notices).await;
    }
    assert_eq!(notice, look("destroy", &web));
    assert!(docker.snapshot().await.unwrap().get(&id(&web)).is_none());
    assert_eq!(daemon.streams(), 1);
    daemon.cut();
    while let Some(notice) = next(&mut notices).await {
        assert_eq!(notice, again);
    }
}

#[tokio::test]
async fn it_freezes_slows_down_and_goes_away() {
    let (daemon, docker, [web, _]) = daemon();
    docker.snapshot().await.unwrap();
    let mut notices = docker.notices();
    daemon.tell(&web, &["start"]).await;
    assert_eq!(told(&mut notices).await, look("start", &web));

    daemon.turn(Weather::Frozen);
    daemon.tell(&web, &["pause"]).await;
    let frozen = timeout(Duration::from_millis(100), docker.snapshot()).await;
    assert!(frozen.is_err(), "{frozen:?}");
    let silent = timeout(Duration::from_millis(100), notices.next()).await;
    assert!(silent.is_err(), "{silent:?}");

    let delay = Duration::from_millis(200);
    daemon.turn(Weather::Slow(delay));
    assert_eq!(told(&mut notices).await, look("pause", &web));
    let began = Instant::now();
    docker.snapshot().await.unwrap();
    assert!(delay <= began.elapsed());

    daemon.turn(Weather::Gone);
    assert!(docker.snapshot().await.is_err());
    while next(&mut notices).await.is_some() {}
    daemon.turn(Weather::Fair);
    assert_eq!(docker.snapshot().await.unwrap().len(), 2);
}
