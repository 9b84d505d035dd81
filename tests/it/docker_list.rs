//! The container list, which is read while it comes: it is whole, however it comes, or it is none.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::json;
use sh0_agent::discovery::{Docker, DockerOptions, DockerRequest, Engine, EngineError};
use sh0_agent::model::{ContainerId, Snapshot};
use tokio::time::timeout;

use crate::docker_server::{STREAM_HEAD, Server, Step, ok, reply, send};

/// Longer than the limit of a look at some containers, which is 3 s.
const DEADLINE: Duration = Duration::from_secs(8);
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A look at one container, where the list is answered like this.
async fn look(
    answer: impl Fn() -> Vec<Step> + Send + Sync + 'static,
) -> Result<Snapshot, EngineError> {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let _server = Server::on_unix(&socket, move |path| match path {
        "/version" => ok(&json!({"ApiVersion": "1.41"})),
        _ => answer(),
    });
    let options = DockerOptions {
        endpoint: Some(format!("unix://{}", socket.display())),
        label_prefix: "sh0".to_owned(),
        ..DockerOptions::default()
    };
    let docker = Docker::new(options).unwrap();
    let asked = BTreeSet::from([ContainerId::new("beef").unwrap()]);
    let looked = timeout(DEADLINE, docker.look_at(&asked)).await;
    looked.expect("bounded")
}

/// A list of many containers, of which one is looked at; larger than what is read at once.
fn long_list() -> String {
    let mut list = String::from("[");
    for n in 0..400 {
        write!(
            list,
            r#"{{"Id":"{n:064x}","Names":["/web-{n}"],"Labels":{{"other":"\"}}]{}"}}}},"#,
            "x".repeat(n % 700)
        )
        .unwrap();
    }
    list + r#"{"Id":"beef","Names":["/web"],"State":"running","Labels":{"sh0.host":"a.example"}}]"#
}

#[tokio::test]
async fn a_long_list_is_read_whole_in_whatever_pieces_it_comes() {
    let list = long_list();
    for size in [997, 16_384, list.len()] {
        let body = list.clone();
        let seen = look(move || {
            let chunk = |piece: &[u8]| {
                let piece = std::str::from_utf8(piece).unwrap();
                send(format!("{:x}\r\n{piece}\r\n", piece.len()))
            };
            let chunks = body.as_bytes().chunks(size).map(chunk);
            [send(CHUNKED)]
                .into_iter()
                .chain(chunks)
                .chain([send("0\r\n\r\n")])
                .collect()
        });
        let seen = seen.await.unwrap();
        let names: Vec<&str> = seen.containers().map(|one| &*one.name).collect();
        assert_eq!(names, ["web"], "in pieces of {size}");
    }
}

#[tokio::test]
async fn a_list_that_stops_in_the_middle_is_a_timeout() {
    let error = look(|| {
        vec![
            send(CHUNKED),
            send("10\r\n[{\"Id\":\"beef\"},{\r\n"),
            Step::Hang,
        ]
    });
    let error = error.await.unwrap_err();
    assert!(
        matches!(
            error,
            EngineError::Timeout {
                operation: DockerRequest::List,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_list_that_is_cut_anywhere_is_no_look() {
    let list = long_list();
    for length in [0, 1, list.len() / 2, list.len() - 1] {
        let begun = list[..length].to_owned();
        // Neither end says how long the answer should have been.
        let error = look(move || vec![send(STREAM_HEAD), send(begun.clone())]);
        let error = error.await.unwrap_err();
        assert!(
            matches!(error, EngineError::Broken { .. }),
            "{length}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_refusal_of_any_length_is_told_in_one_bounded_line() {
    let check = async |answer: fn() -> Vec<Step>, expected: &str| {
        let EngineError::Refused { message, .. } = look(answer).await.unwrap_err() else {
            panic!("expected a refusal: {expected}");
        };
        assert!(
            message.starts_with(expected) && message.chars().count() <= 301,
            "{message}"
        );
    };
    check(
        || {
            reply(
                "500 Internal Server Error",
                r#"{"message":"out of memory"}"#,
            )
        },
        "out of memory",
    )
    .await;
    check(|| reply("403 Forbidden", ""), "").await;
    check(
        || reply("403 Forbidden", r#"{"message":"#),
        r#"{"message":"#,
    )
    .await;
    check(
        || {
            let page = send("no ".repeat(100_000));
            vec![send("HTTP/1.1 403 Forbidden\r\n\r\n"), page, Step::Hang]
        },
        "no no",
    )
    .await;
}
