//! `sh0-agent doctor`: with and without an agent, on a machine that lacks one thing at a time.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::acme::{Pebble, Setup, authority};
use crate::engine_proxy::{EngineProxy, Fault};
use crate::harness::{Agent, App, Engine, Options, patience, until};
use crate::wrong_input::as_nobody;

/// The exit code and the findings, without those that need more than this machine.
async fn of(mut command: std::process::Command, flags: &[&str]) -> (Option<i32>, Vec<Value>) {
    command.arg("--offline");
    online(command, flags).await
}

/// The exit code and all findings.
async fn online(mut command: std::process::Command, flags: &[&str]) -> (Option<i32>, Vec<Value>) {
    command.arg("--json").args(flags);
    let output = tokio::process::Command::from(command).output();
    let output = output.await.expect("it was built");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let found = found.as_array().cloned();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (
        output.status.code(),
        found.unwrap_or_else(|| panic!("{said}")),
    )
}

async fn doctor(agent: &Agent, flags: &[&str]) -> (Option<i32>, Vec<Value>) {
    of(agent.command("doctor"), flags).await
}

/// The findings of this topic, each with its state, its text and what to type.
fn about<'a>(found: &'a [Value], topic: &str) -> Vec<(&'a str, &'a str, &'a str)> {
    let text = |value: &'a Value| value.as_str().unwrap_or_default();
    let own = found.iter().filter(|finding| finding["topic"] == topic);
    own.map(|finding| {
        (
            text(&finding["state"]),
            text(&finding["text"]),
            text(&finding["help"]),
        )
    })
    .collect()
}

/// The one finding of this topic that is not as it should be.
fn wrong<'a>(found: &'a [Value], topic: &str) -> (&'a str, &'a str, &'a str) {
    let wrong = wrong_or_none(found, topic);
    wrong.unwrap_or_else(|| panic!("{topic}: {found:?}"))
}

/// The same where there may be none.
fn wrong_or_none<'a>(found: &'a [Value], topic: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let mut wrong = about(found, topic);
    wrong.retain(|(state, _, _)| *state != "ok");
    assert!(wrong.len() <= 1, "{topic}: {found:?}");
    wrong.pop()
}

#[tokio::test]
async fn all_is_well_with_an_agent_and_without() {
    let engine = Engine::start().await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    let mut agent = Agent::prepare(&engine, Options::default());
    let (code, found) = doctor(&agent, &[]).await;
    assert_eq!(code, Some(0), "{found:?}");
    assert_eq!(wrong(&found, "agent").0, "warning");
    let topics = ["docker", "network", "clock", "caddy", "folders", "ports"];
    for topic in topics {
        let all = about(&found, topic);
        assert!(!all.is_empty(), "{topic}");
        assert!(all.iter().all(|(state, _, _)| *state == "ok"), "{all:?}");
    }
    agent.start_again().await;
    agent.answers(&host, "web").await;
    let (code, found) = doctor(&agent, &[]).await;
    assert_eq!(code, Some(0), "{found:?}");
    for (state, text, _) in about(&found, "ports") {
        assert_eq!(state, "ok");
        assert!(
            text.ends_with("is our Caddy's") || text.ends_with("is free"),
            "{text}"
        );
    }
    let ours = about(&found, "ports").into_iter();
    assert!(
        ours.map(|(_, text, _)| text)
            .any(|text| text.ends_with("our Caddy's"))
    );
    let (state, text, _) = about(&found, "agent")[0];
    assert_eq!(
        (state, text.starts_with("it runs, and serves")),
        ("ok", true),
        "{text}"
    );
    for topic in ["dns", "acme"] {
        assert_eq!(wrong(&found, topic).0, "skipped");
    }
}

#[tokio::test]
async fn a_port_that_a_stranger_has_is_an_error_that_names_him() {
    let engine = Engine::start().await;
    let agent = Agent::prepare(&engine, Options::default());
    let stranger = TcpListener::bind(("127.0.0.1", agent.http_port)).expect("it is free");
    let (code, found) = doctor(&agent, &[]).await;
    let (state, text, help) = wrong(&found, "ports");
    assert_eq!((code, state), (Some(1), "error"));
    let pid = std::process::id();
    assert!(
        text.contains(&format!("(pid {pid}) listens at 127.0.0.1:")),
        "{text}"
    );
    assert!(
        help.contains(&format!("sudo kill {pid}")) && help.contains("--http-port"),
        "{help}"
    );
    drop(stranger);
    assert_eq!(doctor(&agent, &[]).await.0, Some(0));
}

#[tokio::test]
async fn a_network_that_does_not_exist_is_made_as_it_says() {
    let engine = Engine::without_network().await;
    let agent = Agent::prepare(&engine, Options::default());
    let (code, found) = doctor(&agent, &[]).await;
    let (state, _, help) = wrong(&found, "network");
    assert_eq!((code, state), (Some(1), "error"));
    assert_eq!(
        help,
        format!("`docker network create {}`", engine.network())
    );
    engine.create_network().await;
    assert_eq!(doctor(&agent, &[]).await.0, Some(0));
}

#[tokio::test]
async fn what_a_proxy_blocks_is_named_one_by_one() {
    let engine = Engine::start().await;
    let proxy = EngineProxy::start("/var/run/docker.sock");
    let options = Options::default().env("DOCKER_HOST", &proxy.endpoint());
    let agent = Agent::prepare(&engine, options);
    for path in ["/info", "/events", "/networks/"] {
        proxy.strike(path, Fault::Refuse);
    }
    let (code, found) = doctor(&agent, &[]).await;
    assert_eq!(code, Some(0), "{found:?}");
    let mut blocked = about(&found, "docker");
    blocked.retain(|(state, _, _)| *state == "warning");
    let named: Vec<&str> = { blocked.iter() }
        .map(|(_, text, _)| text.split('`').nth(1).unwrap_or_default())
        .collect();
    assert_eq!(named, ["GET /events", "GET /info", "GET /networks/{name}"]);
    assert!(blocked[0].2.contains("EVENTS=1"), "{blocked:?}");
    proxy.relent();
    let (_, found) = doctor(&agent, &[]).await;
    let all = about(&found, "docker");
    assert!(
        all.iter()
            .any(|(_, text, _)| text.starts_with("all 6 requests")),
        "{all:?}"
    );
}

#[tokio::test]
async fn what_is_missing_is_an_error_with_its_fix() {
    let engine = Engine::start().await;
    let agent = Agent::prepare(&engine, Options::default());
    for (flags, topic, part, fix) in [
        (
            ["--docker", "unix:///nowhere.sock"],
            "docker",
            "no Docker engine answers at `/nowhere.sock`",
            "`docker version`",
        ),
        (
            ["--caddy", "/nowhere/caddy"],
            "caddy",
            "there is no Caddy binary `/nowhere/caddy`",
            "install Caddy",
        ),
        (
            ["--https-port", &agent.http_port.to_string()],
            "settings",
            "is given for HTTP and for HTTPS",
            "--https-port",
        ),
    ] {
        let (code, found) = doctor(&agent, &flags).await;
        let (state, text, help) = wrong(&found, topic);
        assert_eq!((code, state), (Some(1), "error"), "{topic}");
        assert!(text.contains(part) && help.contains(fix), "{text}; {help}");
    }
}

#[tokio::test]
async fn folders_that_this_user_may_not_write_are_errors() {
    let engine = Engine::start().await;
    let agent = Agent::prepare(&engine, Options::default());
    std::fs::create_dir(agent.state_dir()).expect("the home is ours");
    let mode = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(agent.state_dir(), mode).expect("it is ours");
    let (code, found) = of(as_nobody(&agent, "doctor"), &[]).await;
    assert_eq!(code, Some(1));
    let folders = about(&found, "folders");
    assert_eq!(folders.len(), 2, "{folders:?}");
    for ((state, text, help), what) in folders.into_iter().zip(["state", "runtime"]) {
        assert_eq!(state, "error", "{text}");
        assert!(text.contains(what) && !help.is_empty(), "{text}; {help}");
    }
}

#[tokio::test]
async fn an_authority_that_answers_is_well_and_one_that_does_not_is_named_with_what_to_do() {
    let engine = Engine::start().await;
    let agent = Agent::prepare(&engine, Options::default());
    let (dir, options, port) = authority();
    let ca = options.acme.ca.clone().expect("it has one");
    let flags = ["--default-tls", "auto", "--acme-ca", &ca];
    let pebble = Pebble::start(dir.path(), port, Setup::of(&options)).await;
    let (code, found) = online(agent.command("doctor"), &flags).await;
    let answers = format!("`{ca}` answers");
    assert_eq!(about(&found, "acme"), [("ok", answers.as_str(), "")]);
    assert_eq!(code, Some(0), "{found:?}");
    // Another path is no directory.
    let other = ca.replace("/dir", "/nowhere");
    let flags = ["--default-tls", "auto", "--acme-ca", &other];
    let (_, found) = online(agent.command("doctor"), &flags).await;
    let (state, text, help) = wrong(&found, "acme");
    assert!(
        state == "warning" && text.contains("not as a directory does"),
        "{text}"
    );
    assert!(help.contains("--acme-ca"), "{help}");
    drop(pebble);
    let flags = ["--default-tls", "auto", "--acme-ca", &ca];
    let refused = until("pebble has ended", patience(), async || {
        let (_, found) = online(agent.command("doctor"), &flags).await;
        let (state, text, help) =
            wrong_or_none(&found, "acme").ok_or_else(|| "it answers".to_owned())?;
        Ok((state.to_owned(), text.to_owned(), help.to_owned()))
    })
    .await;
    let (state, text, help) = refused;
    assert_eq!(state, "warning");
    assert!(
        text.starts_with(&format!("`{ca}` cannot be reached: ")),
        "{text}"
    );
    assert!(help.contains("no new certificate can be had"), "{help}");
}

#[tokio::test]
async fn names_are_looked_up_where_they_lead_and_not_at_all_offline() {
    let engine = Engine::start().await;
    let hosts = ["here.sh0.test", "away.sh0.test", "nowhere.sh0.test"];
    let run = engine.run_id();
    let own = hosts.map(|host| format!("{run}.{host}"));
    engine.run(App::named("web").host(&own.join(","))).await;
    let agent = Agent::start(&engine).await;
    agent.answers(&own[0], "web").await;
    // Names as this machine knows them, for the doctor alone: a mount that ends with it.
    let names = agent.home().join("hosts");
    let text = format!("127.0.0.1 localhost {}\n203.0.113.7 {}\n", own[0], own[1]);
    std::fs::write(&names, text).expect("the home is ours");
    let resolver = agent.home().join("resolv.conf");
    let nobody = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";
    std::fs::write(&resolver, nobody).expect("the home is ours");
    let made = agent.command("doctor");
    let mut private = crate::harness::command("unshare");
    private.envs({ made.get_envs() }.filter_map(|(key, value)| Some((key, value?))));
    let mounts = format!(
        "mount --bind {} /etc/hosts && mount --bind {} /etc/resolv.conf && exec \"$@\"",
        names.display(),
        resolver.display()
    );
    private.args(["--mount", "sh", "-c", &mounts, "sh"]);
    private.arg(made.get_program()).args(made.get_args());
    let (_, found) = online(private, &[]).await;
    let dns = about(&found, "dns");
    let has = |state: &str, part: &str| {
        dns.iter()
            .any(|(found, text, _)| *found == state && text.contains(part))
    };
    assert!(has("ok", "1 host leads to this machine"), "{dns:?}");
    assert!(
        has("warning", &format!("`{}` has no address", own[2])),
        "{dns:?}"
    );
    let leads_away =
        has("warning", "203.0.113.7") || has("skipped", "from here whether 1 host leads");
    assert!(leads_away, "{dns:?}");
    let (_, found) = doctor(&agent, &[]).await;
    assert_eq!(
        wrong(&found, "dns"),
        ("skipped", "not asked (--offline)", "")
    );
}
