//! `sh0-agent plan`: what starting a project would change, against a served status and a state
//! directory as a running agent has them.

use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use expect_test::{expect, expect_file};
use serde_json::Value;
use sh0_agent::model::{AppKey, Halt, HaltKind, Owner, Snapshot};
use sh0_agent::state::{State, StateFile, Store};
use sh0_agent::status::{Halted, Monitored, Status, serve};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::compose_text::containers;
use crate::fixture;

/// What runs on the host.
const RUNNING: &str = r#"# shop/compose.yml
services:
  web:
    labels:
      sh0.host: app.example.com
      sh0.strip: "true"
      sh0.path: /
  kept:
    labels:
      sh0.host: kept.example.com
  mover:
    labels:
      sh0.host: mover.example.com
  quiet:
    labels:
      sh0.host: quiet.example.com
  wrong:
    labels:
      sh0.host: wrong.example.com
  debug:
    labels:
      sh0.host: debug.example.com
# blog/compose.yml
services:
  web:
    labels:
      sh0.host: blog.example.com
  shared:
    labels:
      sh0.host: shared.example.com
      sh0.share: shop
"#;

/// A host with an agent, as far as `plan` looks at it.
struct Host {
    folder: TempDir,
    stop: CancellationToken,
}

impl Host {
    async fn with(running: &Snapshot) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut agent = fixture::Agent::default();
        let built = agent.look(running);
        let state = State {
            claims: agent.claims,
            last_good: agent.last_good,
            absent: agent.absent,
            ..State::default()
        };
        StateFile::in_directory(folder.path())
            .save(&state)
            .await
            .unwrap();
        let halt = Halt {
            kind: HaltKind::Paused { max_millis: 30_000 },
            since: 1_764_158_769,
            by: "root".to_owned(),
        };
        let halts = ["web", "not-of-the-project"].map(|name| Halted {
            app: AppKey {
                owner: Owner::Project("shop".into()),
                name: name.into(),
            },
            halt: halt.clone(),
        });
        let status = Status {
            halts: Arc::new(halts.into()),
            rows: built.rows,
            ..Status::default()
        };
        let (_sender, latest) = watch::channel(Arc::new(status));
        let stop = CancellationToken::new();
        let (socket, token) = (folder.path().join("status.sock"), stop.clone());
        let served = socket.clone();
        tokio::spawn(async move { serve(&served, latest, Monitored::default(), token).await });
        while !socket.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Self { folder, stop }
    }

    async fn plan(&self, words: &[&str], environment: &[(&str, &str)]) -> Output {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sh0-agent"));
        for name in ["NO_COLOR", "CLICOLOR_FORCE", "COLUMNS", "COMPOSE_PROFILES"] {
            command.env_remove(name);
        }
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/plan");
        command.current_dir(here).arg("plan").args(words);
        command.arg("--runtime-dir").arg(self.folder.path());
        command.arg("--state-dir").arg(self.folder.path());
        command
            .envs(environment.iter().copied())
            .output()
            .await
            .unwrap()
    }

    /// Exit code and standard output; there is nothing on standard error.
    async fn says(&self, words: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
        let output = self.plan(words, environment).await;
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_pinned_at_two_widths_with_and_without_colour() {
    let host = Host::with(&containers(RUNNING)).await;
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/plan");
    for columns in ["80", "120"] {
        for (name, colour) in [
            ("plain", ("NO_COLOR", "1")),
            ("colour", ("CLICOLOR_FORCE", "1")),
        ] {
            let (code, shown) = host.says(&[], &[("COLUMNS", columns), colour]).await;
            assert_eq!(code, Some(1));
            expect_file![golden.join(format!("{columns}-{name}.txt"))].assert_eq(&shown);
        }
    }
}

/// The sign or word of each route, by host and path.
fn signs(shown: &str) -> Vec<(String, String)> {
    let plan: Value = serde_json::from_str(shown).unwrap();
    let text = |route: &Value, key: &str| route[key].as_str().unwrap().to_owned();
    let routes = plan["routes"].as_array().unwrap().iter();
    let sign = |route| {
        (
            text(route, "host") + &text(route, "path"),
            text(route, "change"),
        )
    };
    routes.map(sign).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_get_every_route_and_profiles_count_where_they_are_named() {
    let host = Host::with(&containers(RUNNING)).await;
    let (_, shown) = host.says(&["--json"], &[]).await;
    let plain = signs(&shown);
    let lines: Vec<String> = plain
        .iter()
        .map(|(place, sign)| format!("{sign} {place}\n"))
        .collect();
    expect![[r#"
        changed app.example.com
        added app.example.com/api
        added app.example.com/docs
        refused blog.example.com
        kept kept.example.com
        refused lost.example.com
        changed mover.example.com
        removed quiet.example.com
        added shared.example.com/shop
        refused wrong.example.com
    "#]]
    .assert_eq(&lines.concat());
    assert!(!shown.contains("$2y"), "{shown}");
    let debug = ("debug.example.com".to_owned(), "kept".to_owned());
    assert!(!plain.contains(&debug));
    for (words, environment) in [
        (&["--json", "--profile", "debug"][..], &[][..]),
        (&["--json"][..], &[("COMPOSE_PROFILES", "debug,x")][..]),
    ] {
        let (_, shown) = host.says(words, environment).await;
        assert!(signs(&shown).contains(&debug), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_without_trouble_ends_with_0_and_without_an_agent_with_69() {
    let nothing = Host::with(&Snapshot::default()).await;
    let file = "../../../compose/paths.yml";
    let (code, shown) = nothing.says(&["-p", "paths", file], &[]).await;
    expect![[r#"
        + docs.localhost -> paths/docs
        + paths.localhost -> paths/web
        + paths.localhost/api -> paths/api
        + paths.localhost/docs -> paths/docs
        + paths.localhost/manual -> paths/docs

        Project paths, 5 routes: 5 added.
    "#]]
    .assert_eq(&shown);
    assert_eq!(code, Some(0));
    nothing.stop.cancel();
    while nothing.folder.path().join("status.sock").exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let output = nothing.plan(&[file], &[]).await;
    assert_eq!(output.status.code(), Some(69));
    let folder = nothing.folder.path().display().to_string();
    let error = String::from_utf8(output.stderr)
        .unwrap()
        .replace(&folder, "/run/sh0-agent");
    expect![[r#"
        error: no agent answers at `/run/sh0-agent/status.sock`: No such file or directory (os error 2)
          help: start it with `sh0-agent run`, or name its `--runtime-dir`
    "#]].assert_eq(&error);
    let output = nothing.plan(&["nowhere.yml"], &[]).await;
    assert_eq!(output.status.code(), Some(64));
}
