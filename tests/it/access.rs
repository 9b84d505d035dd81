//! What a proxy before Docker does not let through is known by name, and costs only what it is for.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt;
use serde_json::json;
use sh0_agent::discovery::{Docker, DockerOptions, DockerRequest, Engine, StopRule};
use sh0_agent::model::ContainerId;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::docker_server::{STREAM_HEAD, Server, Step, ok, reply, send};
use crate::fakes::caddy::FakeCaddy;
use crate::fakes::engine::FakeEngine;
use crate::readme::check_in;
use crate::scene::{FakeStore, Scene, site};

/// Longer than the longest limit that is run into.
const DEADLINE: Duration = Duration::from_secs(8);

/// Which of the agent's requests a path is, as in Docker's own documentation.
fn request(path: &str) -> Option<DockerRequest> {
    let path = path.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match segments[..] {
        ["version"] => Some(DockerRequest::Version),
        ["info"] => Some(DockerRequest::Info),
        ["events"] => Some(DockerRequest::Events),
        ["containers", "json"] => Some(DockerRequest::List),
        ["containers", _, "json"] => Some(DockerRequest::Inspect),
        ["networks", _] => Some(DockerRequest::Network),
        _ => None,
    }
}

/// An engine that answers everything that the agent asks.
fn engine(path: &str) -> Vec<Step> {
    match request(path) {
        Some(DockerRequest::Version) => ok(&json!({"ApiVersion": "1.41"})),
        Some(DockerRequest::List) => ok(&json!([{"Id": "beef", "State": "running",
            "Labels": {"sh0.host": "a.example"}, "HostConfig": {"NetworkMode": "host"}}])),
        Some(DockerRequest::Inspect) if path.contains("beef") => ok(&json!({"Config": {
            "StopSignal": "SIGQUIT", "ExposedPorts": {"9000/tcp": {}}}})),
        Some(DockerRequest::Inspect) => {
            let id = path.split('/').nth(2).unwrap();
            let body = json!({"message": format!("No such container: {id}")});
            reply("404 Not Found", &body.to_string())
        }
        Some(DockerRequest::Info) => ok(&json!({"LiveRestoreEnabled": true})),
        Some(DockerRequest::Network) => ok(&json!({"Name": "sh0-net"})),
        Some(DockerRequest::Events) => vec![
            send(STREAM_HEAD),
            send(
                "{\"Type\":\"container\",\"Action\":\"start\",\"Actor\":{\"ID\":\"beef\",\
                  \"Attributes\":{\"sh0.host\":\"a.example\"}}}\n",
            ),
            Step::Hang,
        ],
        None => panic!("the agent has no business with {path}"),
    }
}

/// An engine behind a proxy that blocks this request with this status and page.
fn behind(
    blocked: Option<DockerRequest>,
    status: &'static str,
    page: &'static str,
) -> (TempDir, Server, Docker) {
    let folder = tempfile::tempdir().unwrap();
    let socket: PathBuf = folder.path().join("docker.sock");
    let server = Server::on_unix(&socket, move |path| {
        if blocked.is_some() && request(path) == blocked {
            reply(status, page)
        } else {
            engine(path)
        }
    });
    let docker = Docker::new(DockerOptions {
        endpoint: Some(socket.to_str().unwrap().to_owned()),
        label_prefix: "sh0".to_owned(),
        ..DockerOptions::default()
    });
    (folder, server, docker.unwrap())
}

/// What the agent gets when it has asked for everything.
async fn got(docker: &Docker) -> Vec<DockerRequest> {
    let guest = ContainerId::new("beef").unwrap();
    let mut got = Vec::new();
    docker.check_access().await;
    let snapshot = docker.snapshot().await.ok();
    let ports = snapshot
        .as_ref()
        .and_then(|all| Some(all.get(&guest)?.ports.len()));
    let rule = docker.stop_rule(&guest).await.ok();
    let is_inspected = rule.is_some_and(|rule| rule != StopRule::default());
    got.extend(snapshot.map(|_| DockerRequest::List));
    got.extend(is_inspected.then_some(DockerRequest::Inspect));
    assert!(ports.is_none_or(|ports| ports == usize::from(is_inspected)));
    let event = timeout(DEADLINE, docker.notices().next()).await.unwrap();
    got.extend(event.and_then(Result::ok).map(|_| DockerRequest::Events));
    got.extend(
        docker
            .live_restore()
            .await
            .ok()
            .map(|_| DockerRequest::Info),
    );
    got.extend(
        docker
            .network_exists("sh0-net")
            .await
            .ok()
            .map(|_| DockerRequest::Network),
    );
    got.sort_unstable();
    got
}

#[tokio::test]
async fn each_request_blocked_alone_is_known_by_name_and_the_others_are_answered() {
    let pages = [
        ("401 Unauthorized", ""),
        (
            "403 Forbidden",
            "<html><body><h1>403 Forbidden</h1></body></html>",
        ),
        ("404 Not Found", "404 page not found\n"),
        (
            "404 Not Found",
            "<p>/v1.41/networks/sh0-net and /v1.41/containers/beef/json</p>",
        ),
        ("405 Method Not Allowed", "{\"message\":\"no\"}"),
        ("501 Not Implemented", "Unsupported method"),
    ];
    for blocked in DockerRequest::ALL {
        for (status, page) in pages {
            let (_folder, _server, docker) = behind(Some(blocked), status, page);
            let mut expected = DockerRequest::ALL.to_vec();
            expected.sort_unstable();
            expected.retain(|request| ![blocked, DockerRequest::Version].contains(request));
            assert_eq!(got(&docker).await, expected, "{blocked}: {status} {page}");
            let code = status.split(' ').next().unwrap().parse().unwrap();
            let known = BTreeMap::from([(blocked, code)]);
            assert_eq!(docker.blocked(), known, "{blocked}: {status} {page}");
        }
    }
}

#[tokio::test]
async fn an_engines_own_answers_block_nothing_and_only_the_list_is_asked_for() {
    let (_folder, server, docker) = behind(None, "", "");
    got(&docker).await;
    assert_eq!(docker.blocked(), BTreeMap::new());
    for line in server.requests() {
        let path = line
            .strip_prefix("GET ")
            .unwrap_or_else(|| panic!("{line}"));
        let is_versioned = path.starts_with("/v1.41/") || path.starts_with("/version ");
        assert!(is_versioned, "{line}");
    }
    let (_folder, _server, docker) =
        behind(Some(DockerRequest::Info), "500 Internal Server Error", "");
    got(&docker).await;
    assert_eq!(docker.blocked(), BTreeMap::new(), "a fault is no refusal");
}

#[tokio::test]
async fn where_the_version_is_blocked_requests_go_out_without_one() {
    let (_folder, server, docker) = behind(Some(DockerRequest::Version), "403 Forbidden", "");
    docker.snapshot().await.unwrap();
    docker.snapshot().await.unwrap();
    let asked = server.requests();
    let of = |part: &str| asked.iter().filter(|line| line.starts_with(part)).count();
    assert_eq!(of("GET /containers/json?"), 2, "{asked:?}");
    assert_eq!(of("GET /version"), 1, "not at every look: {asked:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_blocked_is_in_the_status_until_it_is_let_through_and_routes_go_on() {
    let engine = FakeEngine::new();
    engine.put("start", site("a", 1, "a.example"));
    engine.set_blocked([(DockerRequest::Network, 403), (DockerRequest::Info, 405)]);
    let scene = Scene::start(engine, FakeCaddy::new(), FakeStore::default());
    scene.settle().await;
    assert_eq!(scene.served(), ["a.example 10.0.0.1:80"]);
    let shown = |scene: &Scene| {
        let blocked = scene.status().docker.blocked.clone();
        let lines = blocked
            .iter()
            .map(|b| format!("{} {}: {}; {}", b.request, b.status, b.without_it, b.help));
        lines.collect::<Vec<_>>().join("\n")
    };
    expect_test::expect![[r#"
        GET /info 405: requests wait whenever Docker restarts, also with `live-restore`; let it through; with docker-socket-proxy `INFO=1`, and POST stays 0
        GET /networks/{name} 403: it is not said when the routing network does not exist; let it through; with docker-socket-proxy `NETWORKS=1`, and POST stays 0"#]].assert_eq(&shown(&scene));
    scene.engine.set_blocked([(DockerRequest::Info, 405)]);
    sleep(Duration::from_mins(1)).await;
    scene.settle().await;
    expect_test::expect!["GET /info 405: requests wait whenever Docker restarts, also with `live-restore`; let it through; with docker-socket-proxy `INFO=1`, and POST stays 0"].assert_eq(&shown(&scene));
    scene.engine.set_blocked([]);
    sleep(Duration::from_mins(1)).await;
    scene.settle().await;
    assert_eq!(shown(&scene), "");
}

#[test]
fn the_documented_requests_are_those_that_are_made() {
    let mut table = "| request | what it tells | without it | docker-socket-proxy |\n\
                     |---|---|---|---|\n"
        .to_owned();
    let mut commands = sh0_agent::cli::command();
    let run = commands.find_subcommand_mut("run").unwrap();
    let help = run.render_help().to_string();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for request in DockerRequest::ALL {
        let (purpose, without) = (request.purpose(), request.without());
        let variable = request.proxy_variable();
        writeln!(
            table,
            "| `{request}` | {purpose} | {without} | `{variable}` |"
        )
        .unwrap();
        assert!(
            help.contains(request.path()),
            "{request} is not in --help: {help}"
        );
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/docker-access.md");
    check_in(&page, "requests", &table);
    let text = std::fs::read_to_string(page).unwrap();
    assert!(text.contains(&DockerRequest::proxy_variables()), "{text}");
}
