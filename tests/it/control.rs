//! The control socket: who may use it, what it takes, and what the command says of its answers.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use expect_test::{Expect, expect};
use sh0_agent::model::{Halt, HaltKind};
use sh0_agent::status::client::order;
use sh0_agent::status::control::{Command, Done, Refusal, RefusalKind, Verb};
use sh0_agent::status::serve_control;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The socket with a loop behind it that knows one app, `web`.
struct Control {
    folder: tempfile::TempDir,
    stop: CancellationToken,
}

impl Control {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (commands, mut ordered) = mpsc::channel::<Command>(1);
        tokio::spawn(async move {
            while let Some(command) = ordered.recv().await {
                let done = answer(&command);
                command.answer.send(done).unwrap();
            }
        });
        let stop = CancellationToken::new();
        let (path, token) = (folder.path().join("control.sock"), stop.clone());
        let served = path.clone();
        tokio::spawn(async move { serve_control(&served, commands, token).await });
        while !is_private(&path) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Self { folder, stop }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("control.sock")
    }

    async fn order(&self, verb: &str, body: &str) -> (bool, String) {
        let (is_done, answer) = order(&self.socket(), verb, body.as_bytes()).await.unwrap();
        (is_done, String::from_utf8(answer).unwrap())
    }

    /// Exit code, standard output and standard error of the command.
    async fn says(&self, words: &[&str]) -> (Option<i32>, String, String) {
        said(self.folder.path(), words).await
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn is_private(path: &Path) -> bool {
    let about = std::fs::metadata(path);
    about.is_ok_and(|about| about.permissions().mode() & 0o777 == 0o600)
}

async fn said(folder: &Path, words: &[&str]) -> (Option<i32>, String, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sh0-agent"));
    command.args(words).env("SH0_RUNTIME_DIR", folder);
    let output: Output = command.env_remove("COLUMNS").output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let folder = folder.to_str().unwrap();
    let stderr = text(output.stderr).replace(folder, "RUN");
    (output.status.code(), text(output.stdout), stderr)
}

fn answer(command: &Command) -> Result<Done, Refusal> {
    if command.app != "web" {
        let error = format!("there is no app `{}`", command.app);
        let help = "did you mean `web`? `sh0-agent routes` shows all apps";
        return Err(Refusal::new(RefusalKind::Unknown, error, help));
    }
    let halt = |kind: &HaltKind| Halt {
        kind: kind.clone(),
        since: 1_764_158_769,
        by: "root".to_owned(),
    };
    let halt = match &command.verb {
        Verb::Halt(kind) => Some(halt(kind)),
        Verb::Resume => None,
    };
    let before = halt.is_none().then(|| Halt {
        kind: HaltKind::Stopped { message: None },
        since: 1_764_158_769,
        by: "root".to_owned(),
    });
    Ok(Done {
        app: "web".to_owned(),
        routes: vec!["a.example".to_owned()],
        halt,
        before,
        waiting: 2,
        warning: None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn it_takes_posts_with_a_small_body_from_its_owner() {
    let control = Control::start().await;
    assert!(is_private(&control.socket()));
    let long = format!(r#"{{"app":"web","message":"{}"}}"#, "x".repeat(20_000));
    for (verb, body, expected) in [
        ("pause", r#"{"app":"web"}"#, r#""max_millis":30000"#),
        (
            "pause",
            r#"{"app":"web","max_millis":1000}"#,
            r#""max_millis":1000"#,
        ),
        ("stop", r#"{"app":"web"}"#, r#""state":"stopped""#),
        (
            "stop",
            r#"{"app":"web","message":" soon "}"#,
            r#""message":"soon""#,
        ),
        ("resume", r#"{"app":"web"}"#, r#""halt":null"#),
    ] {
        let (is_done, answer) = control.order(verb, body).await;
        assert!(
            is_done && answer.contains(expected),
            "{verb} {body}: {answer}"
        );
    }
    for (verb, body, expected) in [
        ("pause", r#"{"app":"wbe"}"#, "there is no app `wbe`"),
        ("pause", "", "the order cannot be read"),
        (
            "pause",
            r#"{"app":"web","max_millis":1}"#,
            "expected a wait from 1s to 3600s",
        ),
        ("pause", r#"{"app":"web","message":"x"}"#, "belongs to"),
        ("stop", r#"{"app":"web","max_millis":1000}"#, "belongs to"),
        ("stop", r#"{"app":"web","message":" "}"#, "expected a text"),
        ("resume", r#"{"app":"web","message":"x"}"#, "belongs to"),
        ("resume", r#"{"app":"web","else":1}"#, "unknown field"),
        ("remove", r#"{"app":"web"}"#, "there is no verb `remove`"),
        ("stop", &long, "length limit exceeded"),
    ] {
        let (is_done, answer) = control.order(verb, body).await;
        assert!(
            !is_done && answer.contains(expected),
            "{verb} {body}: {answer}"
        );
        serde_json::from_str::<Refusal>(&answer).unwrap();
    }
    for request in ["GET /pause", "DELETE /pause", "GET /status", "POST /"] {
        let mut stream = UnixStream::connect(control.socket()).await.unwrap();
        let request = format!("{request} HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.0 40"), "{request}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_is_removed_comes_back_as_private() {
    let control = Control::start().await;
    std::fs::remove_file(control.socket()).unwrap();
    while !is_private(&control.socket()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (is_done, _) = control.order("resume", r#"{"app":"web"}"#).await;
    assert!(is_done);
}

#[track_caller]
fn check((code, stdout, stderr): &(Option<i32>, String, String), expected: &Expect) {
    expected.assert_eq(&format!("{code:?}\n{stdout}{stderr}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_what_was_done_or_why_not() {
    let control = Control::start().await;
    check(
        &control.says(&["pause", "web", "--max", "2m"]).await,
        &expect![[r#"
            Some(0)
            Paused web: requests wait up to 120s, then get 503.
              a.example
            `sh0-agent resume web` lets its requests through.
        "#]],
    );
    check(
        &control
            .says(&["stop", "web", "--message", "Back at five."])
            .await,
        &expect![[r#"
            Some(0)
            Stopped web: requests get 503 and "Back at five.".
              a.example
            `sh0-agent resume web` lets its requests through.
        "#]],
    );
    check(
        &control.says(&["resume", "web"]).await,
        &expect![[r#"
        Some(0)
        Resumed web: 2 requests that waited go on.
          a.example
    "#]],
    );
    check(
        &control.says(&["pause", "wbe"]).await,
        &expect![[r#"
        Some(1)
        error: there is no app `wbe`
          help: did you mean `web`? `sh0-agent routes` shows all apps
    "#]],
    );
    check(
        &control.says(&["pause", "web", "--max", "2h"]).await,
        &expect![[r#"
            Some(64)
            error: invalid value '2h' for '--max <TIME>': expected a time from `1s` to `1h`

            For more information, try '--help'.
        "#]],
    );
    check(
        &control.says(&["stop", "web", "--message", ""]).await,
        &expect![[r#"
            Some(64)
            error: invalid value '' for '--message <TEXT>': expected a text, found nothing

            For more information, try '--help'.
        "#]],
    );
    let nobody = tempfile::tempdir().unwrap();
    check(
        &said(nobody.path(), &["resume", "web"]).await,
        &expect![[r#"
        Some(69)
        error: no agent answers at `RUN/control.sock`: No such file or directory (os error 2)
          help: start it with `sh0-agent run`, or name its `--runtime-dir`
    "#]],
    );
    let (code, json, _) = control.says(&["stop", "web", "--json"]).await;
    let done: Done = serde_json::from_str(&json).unwrap();
    assert_eq!((code, done.app.as_str()), (Some(0), "web"));
}
