//! Starts and ends of the agent, and what it is told meanwhile.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::Signal;

use crate::harness::{Agent, App, Engine, Options, is_alive, patience, signal, until};

#[tokio::test]
async fn the_first_answer_ever_given_is_already_the_containers() {
    let engine = Engine::start().await;
    let hosts = ["a", "b", "c"].map(|name| (name, engine.host(name)));
    for (name, host) in &hosts {
        engine.run(App::named(name).host(host)).await;
    }
    let mut agent = Agent::prepare(&engine, Options::default());
    for _ in 0..3 {
        agent.spawn();
        let (name, host) = hosts.last().expect("three");
        until("an answer", patience(), async || {
            let answer = agent.get(host, "/").await;
            match answer.status {
                0 => Err(answer.summary()),
                _ if answer.is_from(name) => Ok(()),
                _ => panic!("the first answer was {}", answer.summary()),
            }
        })
        .await;
        for (name, host) in &hosts {
            assert!(agent.get(host, "/").await.is_from(name), "{name}");
        }
        agent.until_up().await;
        assert_eq!(agent.loads().await, 0, "Caddy starts with the routes");
        assert!(agent.stop().await.success());
    }
}

#[tokio::test]
async fn sighup_makes_it_look_again() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let looks = |status: &serde_json::Value| status["docker"]["looks"].as_u64();
    let before = looks(&agent.status().await);
    assert!(signal(agent.pid(), Signal::HUP));
    agent.logs("as SIGHUP asks").await;
    agent
        .status_when("it has looked", |status| looks(status) > before)
        .await;
    assert_eq!(agent.loads().await, 0, "nothing changed");
}

#[tokio::test]
async fn sigterm_and_sigint_end_agent_and_caddy_with_success() {
    let engine = Engine::start().await;
    let mut agent = Agent::start(&engine).await;
    for stop in [Signal::TERM, Signal::INT] {
        let caddy = agent.caddy_pid().await;
        assert!(signal(agent.pid(), stop));
        assert!(agent.until_exit().await.success(), "{stop:?}");
        assert!(!is_alive(caddy));
        agent.start_again().await;
    }
}

#[tokio::test]
async fn a_second_signal_does_not_wait_for_requests() {
    let engine = Engine::start().await;
    let options = Options::default().flags(["--stop-timeout", "30s"]);
    let mut agent = Agent::start_with(&engine, options).await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    agent.answers(&host, "web").await;
    let caddy = agent.caddy_pid().await;
    let port = agent.http_port;
    let mut slow = tokio::task::JoinSet::new();
    slow.spawn(async move { crate::harness::get(port, &host, "/slow?ms=20000").await });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(signal(agent.pid(), Signal::TERM));
    agent.logs("Stopping.").await;
    assert!(signal(agent.pid(), Signal::TERM));
    assert!(agent.until_exit().await.success());
    assert!(!is_alive(caddy));
}

/// Runs `sh0-agent run` with these flags to its end: exit code and log.
async fn fails(engine: &Engine, flags: &[&str]) -> (Option<i32>, String) {
    let mut agent = Agent::prepare(engine, Options::default().flags(flags.iter().copied()));
    agent.spawn();
    let status = agent.until_exit().await;
    (status.code(), agent.log())
}

#[tokio::test]
async fn a_wrong_setting_is_refused_with_the_fix() {
    let engine = Engine::start().await;
    for (flags, expected) in [
        (
            ["--http-port", "70000"],
            "expected a number from 1 to 65535",
        ),
        (["--debounce-quiet", "5"], "expected a time such as `500ms`"),
        (
            ["--default-tls", "maybe"],
            "expected `auto`, `internal`, `on_demand` or `off`",
        ),
        (["--netwrok", "x"], "--network"),
        (["--docker", "ssh://host"], "forward the socket instead"),
        (
            ["--log-level", "x=y=z"],
            "write for example `--log-level info`",
        ),
    ] {
        let (code, log) = fails(&engine, &flags).await;
        assert_eq!(code, Some(64), "{flags:?}: {log}");
        assert!(log.contains(expected), "{flags:?}: {log}");
    }
}

fn script(path: &Path, text: &str) {
    std::fs::write(path, text).expect("the folder is ours");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, executable).expect("the file is ours");
}

#[tokio::test]
async fn a_machine_that_lacks_something_is_told_what() {
    let engine = Engine::start().await;
    let dir = tempfile::tempdir().expect("a folder");
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let (old, file) = (path("old"), path("file"));
    script(Path::new(&old), "#!/bin/sh\necho v2.6.2 h1:abc=\n");
    std::fs::write(&file, "").expect("the folder is ours");
    let below_file = format!("{file}/state");
    for (flags, expected) in [
        (["--caddy", path("missing").as_str()], "install"),
        (["--caddy", &old], "2.6.2"),
        (["--caddy", &file], "file"),
        (["--state-dir", &below_file], "Not a directory"),
        (["--runtime-dir", &below_file], "Not a directory"),
    ] {
        let (code, log) = fails(&engine, &flags).await;
        assert_eq!(code, Some(78), "{flags:?}: {log}");
        assert!(
            log.contains(expected) && log.contains("help: "),
            "{flags:?}: {log}"
        );
    }
}

#[tokio::test]
async fn two_agents_do_not_share_a_runtime_folder() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let runtime_dir = agent.runtime_dir();
    let runtime_dir = runtime_dir.to_str().expect("a text");
    let (code, log) = fails(&engine, &["--runtime-dir", runtime_dir]).await;
    assert_eq!(code, Some(78), "{log}");
    assert!(log.contains("another sh0-agent uses"), "{log}");
    assert_eq!(agent.status().await["caddy"]["phase"], "up");
}

#[tokio::test]
async fn asking_for_routes_without_an_agent_says_so() {
    let engine = Engine::without_network().await;
    let agent = Agent::prepare(&engine, Options::default());
    let output = agent.command("routes").output().expect("it was built");
    assert_eq!(output.status.code(), Some(69));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no agent answers at") && said.contains("help: start it with"));
}

#[tokio::test]
async fn a_taken_port_is_named_with_its_holder_and_heals() {
    let engine = Engine::start().await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    let mut agent = Agent::prepare(&engine, Options::default());
    let holder = TcpListener::bind(("127.0.0.1", agent.http_port)).expect("it was free");
    agent.spawn();
    let said = agent.logs(&format!("127.0.0.1:{}", agent.http_port)).await;
    for part in [&format!("{}", std::process::id()), "e2e"] {
        assert!(said.contains(part), "{said}");
    }
    agent
        .status_when("it is shown", |s| s["caddy"]["phase"] == "port taken")
        .await;
    assert!(
        agent
            .routes()
            .await
            .contains("! Caddy is not serving: port taken")
    );
    drop(holder);
    agent.answers(&host, "web").await;
}
