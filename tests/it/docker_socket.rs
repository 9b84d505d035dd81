//! The Docker adapter against a small server that misbehaves as real engines and proxies do: every
//! scenario gives the right error in bounded time, and never a part of a list.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::{join, join3};
use serde_json::{Value, json};
use sh0_agent::discovery::{Docker, DockerOptions, DockerRequest, Engine, EngineError, Notice};
use sh0_agent::model::ContainerId;
use tempfile::TempDir;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::docker_server::{STREAM_HEAD, Script, Server, Step, ok, reply, send, serve};

/// Longer than the longest limit that a scenario runs into, which is 3 s.
const DEADLINE: Duration = Duration::from_secs(8);

fn version() -> Vec<Step> {
    ok(&json!({"ApiVersion": "1.41"}))
}

fn event(action: &str) -> Step {
    let event = json!({"Type": "container", "Action": action,
        "Actor": {"ID": "beef", "Attributes": {"sh0.host": "a.example"}}, "time": 1});
    send(format!("{event}\n"))
}

fn two_containers() -> Value {
    json!([
        {"Id": "beef", "Names": ["/web"], "State": "running", "Labels": {"sh0.host": "a.example"}},
        {"Id": "cafe", "Names": ["/db"], "State": "running", "Labels": {}}
    ])
}

/// A folder with a socket path for the server, and a client of it.
fn client() -> (TempDir, PathBuf, Docker) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let docker = docker_at(&format!("unix://{}", socket.display()));
    (folder, socket, docker)
}

fn docker_at(endpoint: &str) -> Docker {
    let options = DockerOptions {
        endpoint: Some(endpoint.to_owned()),
        label_prefix: "sh0".to_owned(),
        ..DockerOptions::default()
    };
    Docker::new(options).unwrap()
}

/// The outcome of a listing when the list is answered like this.
async fn listing(answer: fn() -> Vec<Step>) -> Result<usize, EngineError> {
    let (_folder, socket, docker) = client();
    let _server = Server::on_unix(&socket, move |path| match path {
        "/version" => version(),
        _ => answer(),
    });
    let snapshot = timeout(DEADLINE, docker.snapshot()).await.expect("bounded");
    snapshot.map(|snapshot| snapshot.len())
}

fn action(item: Option<Result<Notice, EngineError>>) -> String {
    match item {
        Some(Ok(Notice::LookAgain { action, .. })) => action,
        other => panic!("expected a notice, found {other:?}"),
    }
}

#[tokio::test]
async fn nobody_at_the_socket_is_unreachable() {
    let (_folder, socket, docker) = client();
    let missing = docker.snapshot().await;
    assert!(
        matches!(missing, Err(EngineError::Unreachable { .. })),
        "{missing:?}"
    );
    drop(UnixListener::bind(&socket).unwrap());
    let stale = docker.snapshot().await;
    assert!(
        matches!(stale, Err(EngineError::Unreachable { .. })),
        "{stale:?}"
    );
    let noticed = docker.notices().next().await;
    assert!(matches!(
        noticed,
        Some(Err(EngineError::Unreachable { .. }))
    ));
    let help = stale.unwrap_err().help();
    assert!(
        help.contains("DOCKER_HOST") && help.contains("docker.sock"),
        "{help}"
    );
}

#[tokio::test]
async fn a_whole_list_is_a_snapshot() {
    let count = listing(|| ok(&two_containers())).await;
    assert_eq!(count.unwrap(), 2);
}

#[tokio::test]
async fn an_engine_that_never_answers_is_a_timeout() {
    let (_folder, socket, docker) = client();
    let _server = Server::on_unix(&socket, |_| vec![Step::Hang]);
    let mut notices = docker.notices();
    let asked = join3(
        docker.snapshot(),
        docker.network_exists("sh0-net"),
        notices.next(),
    );
    let (listed, found, streamed) = timeout(DEADLINE, asked).await.expect("bounded");
    let operation = DockerRequest::Version;
    for error in [listed.err(), found.err(), streamed.and_then(Result::err)] {
        let in_time =
            matches!(&error, Some(EngineError::Timeout { operation: o, .. }) if *o == operation);
        assert!(in_time, "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_that_stops_after_its_headers_is_a_timeout() {
    let (_folder, socket, docker) = client();
    let _server = Server::on_unix(&socket, |path| match path {
        "/version" => version(),
        _ => vec![
            send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
            Step::Hang,
        ],
    });
    let asked = docker.network_exists("sh0-net");
    let error = timeout(DEADLINE, asked)
        .await
        .expect("bounded")
        .unwrap_err();
    assert!(matches!(error, EngineError::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn a_list_that_breaks_off_is_never_a_snapshot() {
    let check = async |answer: fn() -> Vec<Step>| {
        let error = listing(answer).await.unwrap_err();
        assert!(matches!(error, EngineError::Broken { .. }), "{error:?}");
    };
    check(Vec::new).await;
    check(|| {
        vec![send(
            "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n[{\"Id\":\"beef\"},",
        )]
    })
    .await;
    check(|| vec![send("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n[]")]).await;
    check(|| vec![send(STREAM_HEAD), send("[{\"Id\":\"beef\"},{\"Id\"")]).await;
    check(|| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        vec![send(head), send("f\r\n[{\"Id\":\"beef\"}]\r\n")]
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_no_list_is_broken() {
    let check = async |answer: fn() -> Vec<Step>| {
        let error = listing(answer).await.unwrap_err();
        assert!(matches!(error, EngineError::Broken { .. }), "{error:?}");
    };
    check(|| reply("200 OK", "<html>it works</html>")).await;
    check(|| ok(&json!({"message": "not a list"}))).await;
    check(|| ok(&json!(null))).await;
    check(|| ok(&json!([{"Id": "beef"}, {"Names": ["/no-id"]}]))).await;
    check(|| vec![send("SSH-2.0-OpenSSH_9.2\r\n")]).await;
}

#[tokio::test]
async fn a_proxys_refusal_keeps_its_words_and_names_what_must_be_allowed() {
    let error = listing(|| {
        let page = "<html><body><h1>403 Forbidden</h1>\nRequest forbidden.</body></html>";
        reply("403 Forbidden", page)
    })
    .await
    .unwrap_err();
    let EngineError::Refused {
        operation,
        status,
        message,
    } = &error
    else {
        panic!("{error:?}");
    };
    assert_eq!((*operation, *status), (DockerRequest::List, 403));
    assert!(message.contains("Request forbidden."), "{message}");
    assert!(
        error.help().contains("/containers/json"),
        "{}",
        error.help()
    );

    let error = listing(|| {
        reply(
            "500 Internal Server Error",
            "{\"message\":\"out of memory\"}",
        )
    })
    .await
    .unwrap_err();
    assert!(error.to_string().ends_with("500: out of memory"), "{error}");
}

#[tokio::test]
async fn a_stream_that_ends_just_ends() {
    let (_folder, socket, docker) = client();
    let server = Server::on_unix(&socket, |path| match path {
        "/version" => version(),
        _ => vec![send(STREAM_HEAD), event("start"), event("die")],
    });
    for _ in 0..2 {
        let notices: Vec<_> = timeout(DEADLINE, docker.notices().collect()).await.unwrap();
        let actions: Vec<String> = notices.into_iter().map(|item| action(Some(item))).collect();
        assert_eq!(actions, ["start", "die"]);
    }
    let asked = server.requests();
    assert_eq!(asked.len(), 4, "each stream negotiates anew: {asked:?}");
    assert!(
        asked[1].starts_with("GET /v1.41/events?since="),
        "{asked:?}"
    );
    assert!(asked[1].contains("health_status") && asked[1].contains("disconnect"));
}

#[tokio::test]
async fn a_stream_that_breaks_gives_one_error_and_ends() {
    for garbage in ["no json\n", "{\"Type\":\"cont", "{\"Type\":7}\n"] {
        let (_folder, socket, docker) = client();
        let _server = Server::on_unix(&socket, move |path| match path {
            "/version" => version(),
            _ => vec![send(STREAM_HEAD), event("start"), send(garbage)],
        });
        let mut notices = docker.notices();
        assert_eq!(
            action(timeout(DEADLINE, notices.next()).await.unwrap()),
            "start"
        );
        let error = timeout(DEADLINE, notices.next()).await.unwrap();
        assert!(
            matches!(error, Some(Err(EngineError::Broken { .. }))),
            "{garbage}: {error:?}"
        );
        assert!(timeout(DEADLINE, notices.next()).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_proxy_that_holds_the_headers_of_the_stream_delays_no_list() {
    let (_folder, socket, docker) = client();
    let first_event = Arc::new(Notify::new());
    let signal = Arc::clone(&first_event);
    let _server = Server::on_unix(&socket, move |path| match path {
        "/version" => version(),
        "/containers/json?all=true&size=false" => ok(&two_containers()),
        _ => vec![
            Step::WaitFor(Arc::clone(&signal)),
            send(STREAM_HEAD),
            event("start"),
            Step::Hang,
        ],
    });
    let mut notices = docker.notices();
    let (snapshot, early) = join(
        docker.snapshot(),
        timeout(Duration::from_millis(200), notices.next()),
    )
    .await;
    assert_eq!(snapshot.unwrap().len(), 2);
    assert!(early.is_err(), "{early:?}");
    first_event.notify_one();
    assert_eq!(
        action(timeout(DEADLINE, notices.next()).await.unwrap()),
        "start"
    );
}

#[tokio::test]
async fn a_recreated_socket_is_found_and_its_version_asked_for() {
    let (_folder, socket, docker) = client();
    let engine = |api: &'static str| {
        move |path: &str| match path {
            "/version" => ok(&json!({"ApiVersion": api})),
            _ => ok(&two_containers()),
        }
    };
    let old = Server::on_unix(&socket, engine("1.41"));
    docker.snapshot().await.unwrap();
    docker.snapshot().await.unwrap();
    let list =
        |version: &str| format!("GET /{version}/containers/json?all=true&size=false HTTP/1.1");
    let version = "GET /version HTTP/1.1".to_owned();
    assert_eq!(
        old.requests(),
        [version.clone(), list("v1.41"), list("v1.41")]
    );
    drop(old);
    while tokio::net::UnixStream::connect(&socket).await.is_ok() {
        sleep(Duration::from_millis(5)).await;
    }
    assert!(docker.snapshot().await.is_err());
    std::fs::remove_file(&socket).unwrap();
    let new = Server::on_unix(&socket, engine("1.99"));
    docker.snapshot().await.unwrap();
    assert_eq!(new.requests(), [version, list("v1.53")]);
}

#[tokio::test]
async fn an_endpoint_may_be_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let docker = docker_at(&format!("tcp://{}", listener.local_addr().unwrap()));
    let script: Arc<Script> = Arc::new(|path: &str| match path {
        "/version" => version(),
        _ => ok(&two_containers()),
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            serve(connection, Arc::clone(&script), Arc::default()).await;
        }
    });
    assert_eq!(docker.snapshot().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_network_is_asked_for_by_name_and_only_its_own_name_counts() {
    let (_folder, socket, docker) = client();
    let server = Server::on_unix(&socket, |path| match path {
        "/version" => version(),
        "/networks/sh0-net" | "/networks/4e1d" => {
            ok(&json!({"Name": "sh0-net", "Id": "4e1d3f73493b"}))
        }
        _ => reply(
            "404 Not Found",
            "{\"message\":\"network ../version not found\"}",
        ),
    });
    assert!(docker.network_exists("sh0-net").await.unwrap());
    assert!(!docker.network_exists("4e1d").await.unwrap());
    assert!(!docker.network_exists("../version").await.unwrap());
    let last = server.requests().pop().unwrap();
    assert_eq!(last, "GET /v1.41/networks/..%2Fversion HTTP/1.1");
}

#[tokio::test]
async fn a_guest_in_anothers_network_is_inspected_once() {
    let (_folder, socket, docker) = client();
    let server = Server::on_unix(&socket, |path| match path {
        "/version" => version(),
        "/containers/beef/json" => ok(&json!({"Config": {"ExposedPorts": {"9000/tcp": {}}}})),
        path if path.contains("/containers/json") => ok(&json!([
            {"Id": "beef", "State": "running", "Labels": {"sh0.host": "a.example"},
             "HostConfig": {"NetworkMode": "container:cafe"}},
            {"Id": "cafe", "State": "running"}
        ])),
        _ => Vec::new(),
    });
    let guest = ContainerId::new("beef").unwrap();
    for _ in 0..3 {
        let snapshot = docker.snapshot().await.unwrap();
        assert_eq!(snapshot.get(&guest).unwrap().ports, BTreeSet::from([9000]));
    }
    let asked = server.requests();
    let inspects = asked
        .iter()
        .filter(|line| line.contains("/beef/json"))
        .count();
    assert_eq!((inspects, asked.len()), (1, 5), "{asked:?}");
}

#[tokio::test]
async fn an_inspect_that_hangs_does_not_spoil_the_look() {
    let (_folder, socket, docker) = client();
    let _server = Server::on_unix(&socket, |path| match path {
        "/version" => version(),
        path if path.contains("/containers/json") => ok(&json!([
            {"Id": "beef", "State": "running", "Labels": {"sh0.host": "a.example"},
             "HostConfig": {"NetworkMode": "host"}}
        ])),
        _ => vec![Step::Hang],
    });
    let snapshot = timeout(DEADLINE, docker.snapshot())
        .await
        .expect("bounded")
        .unwrap();
    assert_eq!(snapshot.len(), 1);
}
