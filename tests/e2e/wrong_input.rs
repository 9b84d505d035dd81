//! What is wrong before anything runs, and what a person reads then: whole messages.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;

use crate::engine_proxy::EngineProxy;
use crate::harness::{Agent, App, Engine, Options, SLOTS, command, patience, signal};

/// The user `nobody` of all Linux systems.
const NOBODY: u32 = 65_534;

/// Runs a command to its end: exit code and what it wrote on standard error.
pub(crate) async fn end_of(command: std::process::Command) -> (Option<i32>, String) {
    let mut command = tokio::process::Command::from(command);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(patience(), output).await;
    let output = output.expect("it ends").expect("it was built");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

/// `run` with these flags, and these variables.
async fn run_with(agent: &Agent, flags: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = agent.command("run");
    command.args(flags).envs(env.iter().copied());
    end_of(command).await
}

fn file(path: &Path, text: &str, mode: u32) -> String {
    std::fs::write(path, text).expect("the folder is ours");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
    path.to_str().expect("our paths are text").to_owned()
}

#[tokio::test]
async fn an_unusable_caddy_ends_the_start_with_the_fix() {
    let engine = Engine::without_network().await;
    let agent = Agent::prepare(&engine, Options::default());
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name);
    let missing = place("none").to_str().expect("text").to_owned();
    let plain = file(&place("plain"), "", 0o644);
    let other = file(&place("other"), "#!/bin/sh\necho hello\n", 0o755);
    let old = file(&place("old"), "#!/bin/sh\necho v2.6.2 h1:x\n", 0o755);
    for (caddy, error, help) in [
        (
            &missing,
            format!("there is no Caddy binary `{missing}`"),
            "install Caddy 2.11.7 or newer and name it with `--caddy` or `SH0_CADDY`".to_owned(),
        ),
        (
            &plain,
            format!("the Caddy binary `{plain}` is not executable"),
            format!("make it executable: `chmod +x {plain}`"),
        ),
        (
            &other,
            format!(
                "`{other}` is not a Caddy: expected `version` to print a version like `v2.11.7`, \
                 found exit status: 0 and `hello`"
            ),
            "name the `caddy` binary itself with `--caddy` or `SH0_CADDY`".to_owned(),
        ),
        (
            &old,
            format!("Caddy 2.6.2 at `{old}` is too old: expected 2.11.7 or newer"),
            "install Caddy 2.11.7 or newer (Debian's own package is older), or name another \
             binary with `--caddy` or `SH0_CADDY`"
                .to_owned(),
        ),
    ] {
        let (code, said) = run_with(&agent, &["--caddy", caddy], &[]).await;
        let expected = format!("error: there is no usable Caddy: {error}\n  help: {help}\n");
        assert_eq!((code, said), (Some(78), expected));
    }
    let provider = ["--dns-provider", r#"{"name": "nobody"}"#];
    let (code, said) = run_with(&agent, &provider, &[]).await;
    assert_eq!(code, Some(78), "{said}");
    assert!(
        said.contains("was built without the module `dns.providers.nobody`"),
        "{said}"
    );
}

#[tokio::test]
async fn a_wrong_flag_or_variable_ends_the_start_with_what_is_expected() {
    let engine = Engine::without_network().await;
    let agent = Agent::prepare(&engine, Options::default());
    for (flags, error) in [
        (
            ["--https-port", "70000"],
            "invalid value '70000' for '--https-port <HTTPS_PORT>': expected a number from 1 to \
             65535",
        ),
        (
            ["--grace-period", "5"],
            "invalid value '5' for '--grace-period <TIME>': expected a time such as `500ms`, \
             `5s`, `2m` or `1h`",
        ),
        (
            ["--grace-period", "99999999h"],
            "invalid value '99999999h' for '--grace-period <TIME>': expected at most `8760h`, a \
             year",
        ),
        (
            ["--network", "my net"],
            "invalid value 'my net' for '--network <NETWORK>': expected a name of letters, digits \
             and `-_.`, found the character ` `",
        ),
        (
            ["--acme-ca", "http://ca.test"],
            "invalid value 'http://ca.test' for '--acme-ca <URL>': expected a URL with `https://`",
        ),
    ] {
        let (code, said) = run_with(&agent, &flags, &[]).await;
        let expected = format!("error: {error}\n\nFor more information, try '--help'.\n");
        assert_eq!((code, said), (Some(64), expected));
    }
    for (variable, value, error) in [
        (
            "SH0_HTTP_PORT",
            "http",
            "invalid value 'http' for '--http-port <HTTP_PORT>': expected a number from 1 to 65535",
        ),
        (
            "SH0_ALLOW_CATCH_ALL",
            "maybe",
            "invalid value 'maybe' for '--allow-catch-all'\n  [possible values: true, false]",
        ),
    ] {
        let (code, said) = run_with(&agent, &[], &[(variable, value)]).await;
        let expected = format!(
            "error: {error}\n\nFor more information, try '--help'.\n  tip: the value is that of \
             the variable {variable}\n"
        );
        assert_eq!((code, said), (Some(64), expected));
    }
}

#[tokio::test]
async fn settings_that_do_not_fit_together_end_the_start_with_the_fix() {
    let engine = Engine::without_network().await;
    // Their sockets have the longest paths.
    let agent = Agent::prepare(&engine, Options::default().flags(SLOTS));
    let port = agent.http_port.to_string();
    let long = agent.home().join("x".repeat(100));
    let long = long.to_str().expect("our paths are text");
    let over = long.len() + "/hold/0123456789abcdef.4294967295.sock".len() - 107;
    let no_root = file(&agent.home().join("root.pem"), "no certificate\n", 0o644);
    let forms = "`unix:///path/to/docker.sock`, `/path/to/docker.sock`, `tcp://host:port`, \
                 `http://host:port` or `https://host:port`";
    for (flags, code, error, help) in [
        (
            ["--https-port", &port],
            64,
            format!("port {port} is given for HTTP and for HTTPS"),
            "give them different ports with `--http-port` and `--https-port`".to_owned(),
        ),
        (
            ["--docker", "docker.sock"],
            64,
            format!(
                "the Docker endpoint `docker.sock` cannot be used: expected {forms}, found no \
                 scheme and no path"
            ),
            format!("give `--docker` or DOCKER_HOST as {forms}"),
        ),
        (
            ["--runtime-dir", long],
            64,
            format!("the path of the runtime directory `{long}` is too long by {over} characters"),
            "sockets need short paths: choose another directory with `--runtime-dir`".to_owned(),
        ),
        (
            ["--acme-ca-root", &no_root],
            78,
            format!("the root certificate `{no_root}` holds no certificate (`BEGIN CERTIFICATE`)"),
            "name a PEM file with the authority's root with `--acme-ca-root`, or leave it out \
             when the authority's own HTTPS is publicly trusted"
                .to_owned(),
        ),
    ] {
        let (found, said) = run_with(&agent, &flags, &[]).await;
        let expected = format!("error: {error}\n  help: {help}\n");
        assert_eq!((found, said), (Some(code), expected));
    }
}

#[tokio::test]
async fn an_address_that_is_given_twice_counts_once() {
    let engine = Engine::start().await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    let options = Options::default().env("SH0_LISTEN", "127.0.0.1,127.0.0.1");
    let agent = Agent::start_with(&engine, options).await;
    agent.answers(&host, "web").await;
}

/// A subcommand as another user, with copies of the programs that it may read.
pub(crate) fn as_nobody(agent: &Agent, subcommand: &str) -> std::process::Command {
    let run = agent.command(subcommand);
    let programs = agent.home().join("programs");
    std::fs::create_dir_all(&programs).expect("the folder is ours");
    let copy = |from: &Path, name: &str| {
        let to = programs.join(name);
        if !to.exists() {
            std::fs::copy(from, &to).expect("it is there");
        }
        to
    };
    let program = copy(Path::new(run.get_program()), "sh0-agent");
    let caddy = std::env::var_os("SH0_CADDY").expect("the tests' Caddy is named by a path");
    let caddy = copy(Path::new(&caddy), "caddy");
    for path in [agent.home(), &programs] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("ours");
    }
    let (user, group) = (format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"));
    let mut nobody = command("setpriv");
    nobody.args([&user, &group, "--clear-groups"]).arg(program);
    nobody.args(run.get_args());
    for (key, value) in run.get_envs() {
        match value {
            Some(value) => nobody.env(key, value),
            None => nobody.env_remove(key),
        };
    }
    nobody.env("SH0_CADDY", caddy);
    nobody
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_ends_the_start_with_the_fix() {
    let engine = Engine::without_network().await;
    let agent = Agent::prepare(&engine, Options::default());
    let (state, runtime) = (agent.state_dir(), agent.runtime_dir());
    let expected = |what: &str, path: &Path, reason: &str| {
        let path = path.display();
        format!(
            "error: the {what} directory `{path}` cannot be used: {reason}\n  help: make it writable for this user (`sudo install -d -o $USER {path}`), or \
             choose another with `--{what}-dir`\n"
        )
    };
    std::fs::create_dir(&runtime).expect("the folder is ours");
    assert_eq!(
        end_of(as_nobody(&agent, "run")).await,
        (
            Some(78),
            expected("runtime", &runtime, "Operation not permitted (os error 1)")
        )
    );
    chown(&runtime, Some(NOBODY), Some(NOBODY)).expect("we are root");
    assert_eq!(
        end_of(as_nobody(&agent, "run")).await,
        (
            Some(78),
            expected("state", &state, "Permission denied (os error 13)")
        )
    );
}

#[tokio::test]
async fn a_socket_without_permission_is_said_with_the_fix_and_used_once_it_is_granted() {
    let engine = Engine::start().await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    let proxy = EngineProxy::start("/var/run/docker.sock");
    let socket = proxy.socket();
    let permit = |path: &Path, mode: u32| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path, permissions).expect("it is ours");
    };
    permit(&socket, 0o600);
    permit(socket.parent().expect("it is in a folder"), 0o755);
    let options = Options::default().env("DOCKER_HOST", &proxy.endpoint());
    let mut agent = Agent::prepare(&engine, options);
    for folder in [agent.state_dir(), agent.runtime_dir()] {
        std::fs::create_dir(&folder).expect("the home is ours");
        chown(&folder, Some(NOBODY), Some(NOBODY)).expect("we are root");
    }
    let mut nobody = as_nobody(&agent, "run");
    nobody.stdout(agent.log_file()).stderr(agent.log_file());
    agent.spawn_as(nobody);
    let said = agent.logs("Cannot list the containers").await;
    let path = socket.display();
    let expected = format!(
        "WARN Cannot list the containers; the routes stay as they are. error=no permission to use \
         the Docker socket `{path}`: Permission denied (os error 13) help=run the agent as root, \
         or let its user use `{path}`: `sudo usermod -aG docker <user>`, then log in again"
    );
    assert!(said.ends_with(&expected), "{said}");
    agent.refuses(&host, 503).await;
    permit(&socket, 0o666);
    agent.answers(&host, "web").await;
    assert!(agent.stop().await.success());
}

#[tokio::test]
async fn a_state_file_of_garbage_is_put_aside_and_every_site_served() {
    let engine = Engine::start().await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    let mut agent = Agent::prepare(&engine, Options::default());
    std::fs::create_dir(agent.state_dir()).expect("the home is ours");
    let state = agent.state_dir().join("state.json");
    for garbage in [
        "garbage",
        "",
        "{\"version\":1,\"claims\":[",
        "{\"version\":2}",
    ] {
        std::fs::write(&state, garbage).expect("the folder is ours");
        agent.start_again().await;
        agent.answers(&host, "web").await;
        assert!(agent.stop().await.success());
        let aside = agent.state_dir().join("state.json.unreadable");
        assert_eq!(std::fs::read_to_string(aside).expect("it is kept"), garbage);
    }
    let said = agent.logged("A file of the state directory is not usable; starting without it.");
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(
        said[3].contains("it has version 2, this agent reads 1"),
        "{said:?}"
    );
}

#[tokio::test]
async fn asking_without_anybody_to_answer_ends_with_the_fix() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let socket = agent.runtime_dir().join("status.sock");
    let socket = socket.display();
    assert!(signal(agent.pid(), Signal::STOP), "it runs");
    let asked = Instant::now();
    let hung = end_of(agent.command("routes")).await;
    assert!(asked.elapsed() < Duration::from_secs(10));
    assert!(signal(agent.pid(), Signal::CONT), "it runs");
    let help = "start it with `sh0-agent run`, or name its `--runtime-dir`";
    let expected = format!(
        "error: the agent at `{socket}` did not answer within 5s\n  help: it may be stuck: see \
         its log, and start it again\n"
    );
    assert_eq!(hung, (Some(69), expected));

    let mut none = agent.command("routes");
    none.args(["--runtime-dir", "/nonexistent"]);
    let expected = format!(
        "error: no agent answers at `/nonexistent/status.sock`: No such file or directory (os \
         error 2)\n  help: {help}\n"
    );
    assert_eq!(end_of(none).await, (Some(69), expected));

    let mut render = agent.command("render");
    render.env("DOCKER_HOST", "unix:///nonexistent.sock");
    let expected = "error: no Docker engine answers at `/nonexistent.sock`: No such file or \
                    directory (os error 2)\n  help: check that Docker runs (`docker version`) and \
                    listens at `/nonexistent.sock`, or name another endpoint with `--docker` or \
                    DOCKER_HOST\n";
    assert_eq!(end_of(render).await, (Some(69), expected.to_owned()));
}

#[tokio::test]
async fn a_log_that_nobody_reads_any_more_is_no_end() {
    let engine = Engine::start().await;
    let mut agent = Agent::prepare(&engine, Options::default());
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut command = agent.command("run");
    command.stderr(writer);
    agent.spawn_as(command);
    agent.until_up().await;
    drop(reader);
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    agent.answers(&host, "web").await;
    assert!(agent.exited().is_none(), "it runs on");
    assert!(agent.stop().await.success());
}
