//! An agent that is a plain user, and users that Caddy cannot be.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};

use super::{CADDY, prepare, status_of};
use crate::harness::{Agent, App, Engine, Options, command};

/// The agent's `run` by a user that has the Docker socket's group, and these capabilities.
fn run_as_plain_user(agent: &Agent, capabilities: &str) -> Command {
    let docker = std::fs::metadata("/var/run/docker.sock")
        .expect("Docker runs")
        .gid();
    let own = agent.command("run");
    let mut run = command("setpriv");
    run.args(["--reuid=23456", "--regid=23457"]);
    run.arg(format!("--groups={docker}"));
    run.arg(format!("--inh-caps=-all{capabilities}"));
    run.arg(format!("--ambient-caps=-all{capabilities}"));
    run.arg("--").arg(own.get_program()).args(own.get_args());
    for (name, value) in own.get_envs() {
        match value {
            Some(value) => run.env(name, value),
            None => run.env_remove(name),
        };
    }
    std::os::unix::fs::chown(agent.home(), Some(23_456), Some(23_457)).expect("we are root");
    run.stdout(agent.log_file()).stderr(agent.log_file());
    run
}

#[tokio::test]
async fn a_plain_user_with_the_sockets_group_and_one_capability_serves_a_low_port() {
    let engine = Engine::start().await;
    let mut agent = prepare(&engine, Options::default());
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    agent.spawn_as(run_as_plain_user(&agent, ",+net_bind_service"));
    agent.until_up().await;
    agent.answers(&host, "web").await;
    let caddy = agent.caddy_pid().await;
    for pid in [agent.pid(), caddy] {
        assert_eq!(
            status_of(pid, &["Uid", "Gid", "CapEff"]),
            [
                "Uid 23456 23456 23456 23456",
                "Gid 23457 23457 23457 23457",
                "CapEff 0000000000000400"
            ]
        );
    }
    agent.kill().await;
    agent.spawn_as(run_as_plain_user(&agent, ",+net_bind_service"));
    agent.until_up().await;
    assert_eq!(agent.caddy_pid().await, caddy, "it is taken over");
    assert!(agent.stop().await.success());
}

#[tokio::test]
async fn a_plain_user_that_may_not_listen_is_told_what_to_do() {
    let engine = Engine::start().await;
    let mut agent = prepare(&engine, Options::default());
    agent.spawn_as(run_as_plain_user(&agent, ""));
    let said = agent.logs("Caddy ended; starting it again.").await;
    assert!(said.contains("bind: permission denied"), "{said}");
    for help in ["CAP_NET_BIND_SERVICE", "`--http-port`"] {
        assert!(said.contains(help), "{said}");
    }
}

/// Users that Caddy cannot be: exit code and what is said.
const WRONG: [(&str, i32, &str); 4] = [
    (
        "no one",
        64,
        "expected a user such as `caddy`, `998`, `caddy:web` or `998:998`",
    ),
    (
        "sh0-nobody-there",
        78,
        "error: Caddy cannot run as `sh0-nobody-there`: there is no user `sh0-nobody-there` in \
         `/etc/passwd`\n  help: make it (`sudo useradd",
    ),
    ("23456", 78, "help: write both: `--caddy-user 23456:23456`"),
    (
        "0:0",
        78,
        "help: leave `--caddy-user` out to run Caddy as the agent's own user",
    ),
];

/// Asserts that a start as this user, with this `PATH`, ends so.
fn ends(agent: &Agent, user: &str, path: Option<&str>, code: i32, expected: &str) {
    let mut run = agent.command("run");
    run.env("SH0_CADDY_USER", user);
    if let Some(path) = path {
        run.env("PATH", path);
    }
    let output = run.stdin(Stdio::null()).output().expect("it was built");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(expected), "{user}: {said}");
    assert_eq!(output.status.code(), Some(code), "{user}: {said}");
}

#[tokio::test]
async fn a_caddy_user_that_cannot_be_is_an_error_with_what_to_type() {
    let engine = Engine::without_network().await;
    let agent = prepare(&engine, Options::default());
    for (user, code, expected) in WRONG {
        ends(&agent, user, None, code, expected);
    }
    let socket = std::fs::metadata("/var/run/docker.sock").expect("Docker runs");
    let expected =
        "may use the Docker socket `/var/run/docker.sock`, and with it the whole machine";
    ends(
        &agent,
        &format!("23456:{}", socket.gid()),
        None,
        78,
        expected,
    );
}

#[tokio::test]
async fn a_setpriv_that_is_missing_or_too_simple_is_said() {
    let engine = Engine::without_network().await;
    let agent = prepare(&engine, Options::default());
    let fake = agent.home().join("setpriv");
    let script = "#!/bin/sh\necho 'setpriv: unrecognized option: reuid' >&2\nexit 1\n";
    std::fs::write(&fake, script).expect("ours");
    std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o755)).expect("ours");
    let expected = "there is no program `setpriv`, which starts Caddy as another user\n  help: \
                    install util-linux";
    ends(&agent, CADDY, Some("/nonexistent"), 78, expected);
    let home = agent.home().to_str().expect("text").to_owned();
    let expected = "`setpriv` cannot start Caddy as user 23456:23457: unrecognized option: reuid\n  \
                    help: use setpriv of util-linux 2.33 or newer";
    ends(&agent, CADDY, Some(&home), 78, expected);
}

#[tokio::test]
async fn only_root_can_start_caddy_as_another_user() {
    let engine = Engine::without_network().await;
    let agent = prepare(&engine, Options::default());
    let mut run = run_as_plain_user(&agent, "");
    run.env("SH0_CADDY_USER", CADDY).stderr(Stdio::piped());
    let output = run.stdin(Stdio::null()).output().expect("it was built");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("only root can start Caddy as another user, and the agent is user 23456")
    );
    assert_eq!(output.status.code(), Some(78));
}
