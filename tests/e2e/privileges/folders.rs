//! Modes of folders and files, and folders that others prepared.

use std::os::unix::fs::MetadataExt;
use std::process::Stdio;

use super::{CADDY, prepare};
use crate::harness::{Agent, App, Engine, Options, SLOTS, command, patience, until};

#[tokio::test]
async fn folders_and_files_are_closed_whatever_the_umask() {
    let engine = Engine::start().await;
    let (host, gone) = (engine.host("web"), engine.host("gone"));
    engine.run(App::named("web").host(&host)).await;
    let waits = engine.run(App::named("gone").host(&gone)).await;
    for (user, expected) in [("", &MODES[0]), (CADDY, &MODES[1])] {
        for umask in ["0000", "0077"] {
            let mut agent = prepare(&engine, Options::default().flags(SLOTS));
            let own = agent.command("run");
            let mut run = command("sh");
            run.args(["-c", "umask \"$0\"; exec \"$@\"", umask]);
            run.arg(own.get_program()).args(own.get_args());
            for (name, value) in own.get_envs() {
                match value {
                    Some(value) => run.env(name, value),
                    None => run.env_remove(name),
                };
            }
            run.env("SH0_CADDY_USER", user);
            run.stdout(agent.log_file()).stderr(agent.log_file());
            agent.spawn_as(run);
            agent.until_up().await;
            agent.answers(&gone, "gone").await;
            engine.act("stop", &waits).await;
            until("a socket waits", patience(), async || {
                let waits =
                    std::fs::read_dir(agent.runtime_dir().join("hold")).map(Iterator::count);
                (waits.unwrap_or_default() > 0)
                    .then_some(())
                    .ok_or_else(String::new)
            })
            .await;
            assert_eq!(modes(&agent), **expected, "{user} {umask}");
            engine.act("start", &waits).await;
            agent.answers(&gone, "gone").await;
            assert!(agent.stop().await.success());
        }
    }
}

/// Whose (`us` or `caddy`), whose group, and mode.
const MODES: [&[&str]; 2] = [
    &[
        "run us us 0700",
        "run/agent.lock us us 0600",
        "run/caddy us us 0700",
        "run/caddy.json us us 0600",
        "run/caddy.taken us us 0600",
        "run/caddy/admin.sock us us 0200",
        "run/caddy/caddy.log us us 0600",
        "run/control.sock us us 0600",
        "run/hold us us 0700",
        "run/hold/* us us 0660",
        "run/notices us us 0700",
        "run/slots us us 0700",
        "run/slots/* us us 0640",
        "run/status.sock us us 0600",
        "state us us 0700",
        "state/caddy us us 0700",
        "state/certificates us us 0700",
        "state/containers.json us us 0600",
        "state/state.json us us 0600",
    ],
    &[
        "run us caddy 0750",
        "run/agent.lock us us 0600",
        "run/caddy caddy caddy 0700",
        "run/caddy.json us us 0600",
        "run/caddy.taken us us 0600",
        "run/caddy/admin.sock caddy caddy 0200",
        "run/caddy/caddy.log caddy caddy 0600",
        "run/control.sock us us 0600",
        "run/hold us caddy 2750",
        "run/hold/* us caddy 0660",
        "run/notices us caddy 2750",
        "run/slots us caddy 2750",
        "run/slots/* us caddy 0640",
        "run/status.sock us us 0600",
        "state us caddy 0750",
        "state/caddy caddy caddy 0700",
        "state/certificates us caddy 2750",
        "state/containers.json us us 0600",
        "state/state.json us us 0600",
    ],
];

/// Everything but what Caddy keeps in its storage.
fn modes(agent: &Agent) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![agent.runtime_dir(), agent.state_dir()];
    while let Some(path) = folders.pop() {
        let about = std::fs::symlink_metadata(&path).expect("it is there");
        let name = path.strip_prefix(agent.home()).expect("it is in it");
        let name = name.to_str().expect("text").to_owned();
        let shown = match name.rsplit_once('/') {
            Some((folder @ ("run/slots" | "run/hold"), _)) => format!("{folder}/*"),
            _ => name.clone(),
        };
        let whose = |id| if id == 0 { "us" } else { "caddy" };
        let (uid, gid) = (whose(about.uid()), whose(about.gid()));
        found.push(format!("{shown} {uid} {gid} {:04o}", about.mode() & 0o7777));
        if about.is_dir() && name != "state/caddy" {
            let entries = std::fs::read_dir(&path).expect("it is ours");
            folders.extend(entries.map(|entry| entry.expect("it is there").path()));
        }
    }
    found.sort();
    found.dedup();
    found
}

#[tokio::test]
async fn links_that_somebody_else_prepared_end_the_start_and_lead_us_nowhere() {
    let engine = Engine::without_network().await;
    for (place, target) in [
        ("run", "elsewhere"),
        ("state", "elsewhere"),
        ("run/agent.lock", "elsewhere/file"),
        ("run/status.sock", "elsewhere/file"),
        ("run/slots", "elsewhere"),
        ("run/caddy", "elsewhere"),
        ("state/state.json", "elsewhere/file"),
        ("state/caddy", "elsewhere"),
    ] {
        let agent = prepare(&engine, Options::default());
        let home = agent.home();
        std::fs::create_dir(home.join("elsewhere")).expect("ours");
        let (path, target) = (home.join(place), home.join(target));
        std::fs::create_dir_all(path.parent().expect("it is in one")).expect("ours");
        std::os::unix::fs::symlink(&target, &path).expect("ours");
        let output = agent
            .command("run")
            .stdin(Stdio::null())
            .output()
            .expect("it was built");
        let said = String::from_utf8_lossy(&output.stderr);
        let what = place.split('/').next().expect("a word");
        let what = if what == "run" { "runtime" } else { what };
        let (path, target) = (path.display(), target.display());
        let expected = format!(
            "error: the {what} directory is not safe: `{path}` is a symbolic link to `{target}`\n  \
             help: remove it (`rm {path}`) and name a real directory with `--state-dir` or \
             `--runtime-dir`\n"
        );
        assert_eq!(
            (output.status.code(), said.as_ref()),
            (Some(78), expected.as_str())
        );
        let entries = std::fs::read_dir(home.join("elsewhere")).expect("ours");
        assert_eq!(entries.count(), 0, "{place}");
    }
}
