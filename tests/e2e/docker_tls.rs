//! An engine behind TLS with client certificates: a `dockerd --tlsverify` of the test's own.

use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::docker_trouble::{RECONNECT_MAX, is_routed_soon, until_unreachable};
use crate::harness::{Agent, App, Options, signal};
use crate::hosts::Authority;
use crate::private_engine::PrivateEngine;
use crate::wrong_input::end_of;

/// A directory as `DOCKER_CERT_PATH` names it, with a client of this authority.
fn client_of(authority: &Authority, folder: &Path, name: &str) -> PathBuf {
    let directory = folder.join(name);
    std::fs::create_dir(&directory).expect("the folder is ours");
    std::fs::write(directory.join("ca.pem"), authority.pem()).expect("ours");
    // Certificate and key are in one file, of which each reader takes its own.
    let both = authority.client(&directory, "agent");
    for file in ["cert.pem", "key.pem"] {
        std::fs::copy(&both, directory.join(file)).expect("ours");
    }
    directory
}

fn text(path: &Path) -> &str {
    path.to_str().expect("our paths are text")
}

#[tokio::test]
async fn an_engine_behind_tls_is_followed_through_cuts_and_wrong_certificates() {
    let (ours, others) = (Authority::new("ours"), Authority::new("others"));
    let folder = tempfile::tempdir().expect("a folder");
    let directory = client_of(&ours, folder.path(), "ours");
    let foreign = client_of(&others, folder.path(), "others");
    let mut private = PrivateEngine::with_tls(&ours).await;
    let engine = private.handle().await;
    let host = engine.host("web");
    engine
        .run(App::named("web").host(&host).without_hold())
        .await;
    let endpoint = private.tls_endpoint();
    let options = Options::default()
        .env("DOCKER_HOST", &endpoint)
        .env("DOCKER_TLS_VERIFY", "1")
        .env("DOCKER_CERT_PATH", text(&directory));
    let agent = Agent::start_with(&engine, options).await;
    agent.answers(&host, "web").await;
    let said = agent.logged("Not safe: the key");
    assert_eq!(said.len(), 1, "it may be read by others: {said:?}");
    assert!(
        said[0].contains("has mode 644") && said[0].contains("chmod 600"),
        "{said:?}"
    );
    // Without events it would take a minute.
    is_routed_soon(&engine, &agent, "late", RECONNECT_MAX).await;

    private.kill();
    until_unreachable(&agent, "no Docker engine answers at `https://127.0.0.1:").await;
    agent.answers(&host, "web").await;
    private.restart().await;
    agent.logs("Docker answers again").await;
    is_routed_soon(&engine, &agent, "later", RECONNECT_MAX).await;

    // The files are read anew for each connection.
    for (file, words) in [
        ("cert.pem", "it does not accept the client certificate"),
        ("ca.pem", "its certificate is signed by no authority in"),
    ] {
        let right = std::fs::read(directory.join(file)).expect("ours");
        let foreign = |file: &str| std::fs::copy(foreign.join(file), directory.join(file));
        foreign(file).expect("ours");
        if file == "cert.pem" {
            foreign("key.pem").expect("ours");
        }
        assert!(signal(agent.pid(), Signal::HUP), "it runs");
        until_unreachable(&agent, words).await;
        agent.answers(&host, "web").await;
        std::fs::write(directory.join(file), &right).expect("ours");
        if file == "cert.pem" {
            std::fs::write(directory.join("key.pem"), &right).expect("ours");
        }
        agent
            .status_when("Docker answers", |s| s["docker"]["reachable"] == true)
            .await;
    }
}

/// What `render` says with these certificates, and its exit code.
async fn render(agent: &Agent, endpoint: &str, directory: &Path) -> (Option<i32>, String) {
    let mut render = agent.command("render");
    render.env("DOCKER_HOST", endpoint);
    render.args(["--docker-cert-path", text(directory)]);
    end_of(render).await
}

#[tokio::test]
async fn what_is_wrong_with_tls_is_said_with_the_file_and_the_fix() {
    let (ours, others) = (Authority::new("ours"), Authority::new("others"));
    let folder = tempfile::tempdir().expect("a folder");
    let client = |authority, name| client_of(authority, folder.path(), name);
    let right = client(&ours, "right");
    let (mistrusting, foreign) = (client(&others, "mistrusting"), client(&others, "foreign"));
    let (empty, anonymous) = (folder.path().join("empty"), client(&ours, "anonymous"));
    std::fs::write(foreign.join("ca.pem"), ours.pem()).expect("ours");
    for file in ["cert.pem", "key.pem"] {
        std::fs::remove_file(anonymous.join(file)).expect("it is there");
    }
    let private = PrivateEngine::with_tls(&ours).await;
    let engine = private.handle().await;
    let agent = Agent::prepare(&engine, Options::default());
    let endpoint = private.tls_endpoint();
    let (code, said) = render(&agent, &endpoint, &right).await;
    assert_eq!(code, Some(0), "{said}");

    let address = endpoint.replace("tcp", "https");
    let no_connection = format!("no protected connection to the Docker engine at `{address}`");
    for (directory, expected) in [
        (
            &mistrusting,
            "NO: its certificate is signed by no authority in `DIR/ca.pem`\n  help: put the \
             certificate of the authority that signed the engine's into `DIR/ca.pem`",
        ),
        (
            &foreign,
            "NO: it does not accept the client certificate `DIR/cert.pem` (BadCertificate)\n  \
             help: have `DIR/cert.pem` signed by the authority that the engine's `tlscacert` names",
        ),
        (
            &anonymous,
            "NO: it wants a client certificate, and there is no `DIR/cert.pem`\n  help: put a \
             certificate and its key there as `DIR/cert.pem` and `key.pem`",
        ),
        (
            &empty,
            "the file `DIR/ca.pem` for TLS to Docker is not usable: cannot be read: No such file \
             or directory (os error 2)\n  help: `--docker-cert-path` or DOCKER_CERT_PATH names \
             the directory with `ca.pem`, `cert.pem` and `key.pem`",
        ),
    ] {
        let expected = { expected.replace("NO", &no_connection) }.replace("DIR", text(directory));
        let found = render(&agent, &endpoint, directory).await;
        assert_eq!(found, (Some(69), format!("error: {expected}\n")));
    }
    // Nobody is asked without TLS where it was asked for, and who comes without is told so.
    let (code, said) = render(&agent, &endpoint.replace("tcp", "http"), &right).await;
    assert_eq!(code, Some(69), "{said}");
    assert!(
        said.contains("an address without TLS, where DOCKER_TLS"),
        "{said}"
    );
    let mut without = agent.command("render");
    without.env("DOCKER_HOST", &endpoint);
    let (code, said) = end_of(without).await;
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains("set DOCKER_TLS_VERIFY and"), "{said}");
}
