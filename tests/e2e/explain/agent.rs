//! What is wrong with the machine rather than with one container.

use std::net::TcpListener;

use serde_json::Value;

use crate::acme::{Pebble, Setup, authority};
use crate::engine_proxy::{EngineProxy, Fault};
use crate::harness::{Agent, App, Engine, Options, patience, until};
use crate::wrong_input::end_of;

/// `sh0-agent explain --json` of a container.
async fn explain(agent: &Agent, asked: &str) -> Value {
    let mut command = agent.command("explain");
    command.args([asked, "--json"]);
    let output = tokio::process::Command::from(command).output();
    let output = output.await.expect("it was built");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// Waits until the headline has this text.
async fn headline(agent: &Agent, asked: &str, text: &str) -> Value {
    until(text, patience(), async || {
        let said = explain(agent, asked).await;
        let headline = said["headline"]["text"].as_str().unwrap_or_default();
        if headline.contains(text) {
            Ok(said["headline"].clone())
        } else {
            Err(format!("{said:#}"))
        }
    })
    .await
}

#[tokio::test]
async fn a_network_that_does_not_exist_is_made_as_explain_says() {
    let engine = Engine::without_network().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let elsewhere = engine.name_of("elsewhere");
    engine.create_network_named(&elsewhere).await;
    let web = engine
        .run(App::named("web").host(&host).network(&elsewhere))
        .await;
    let said = headline(&agent, &web.name, "the routing network").await;
    let help = said["help"].as_str().expect("what to type");
    for command in help.split('`').skip(1).step_by(2) {
        let mut words: Vec<&str> = command.split(' ').skip(1).collect();
        let label = format!("sh0.test={}", engine.run_id());
        if words.get(1) == Some(&"create") {
            words.splice(2..2, ["--label", &label]);
        }
        engine.docker(&words).await;
    }
    agent.answers(&host, "web").await;
    headline(&agent, &web.name, "is served").await;
}

#[tokio::test]
async fn a_docker_that_does_not_answer_is_named_first() {
    let engine = Engine::start().await;
    let proxy = EngineProxy::start("/var/run/docker.sock");
    let options = Options::default().env("DOCKER_HOST", &proxy.endpoint());
    let agent = Agent::start_with(&engine, options.flags(["--resync-interval", "1s"])).await;
    proxy.strike("/containers/json", Fault::Refuse);
    headline(&agent, "nobody-knows", "the containers cannot be listed").await;
    proxy.relent();
    let host = engine.host("web");
    let web = engine.run(App::named("web").host(&host)).await;
    agent.answers(&host, "web").await;
    headline(&agent, &web.name, "is served").await;
}

#[tokio::test]
async fn a_caddy_that_does_not_serve_is_named() {
    let engine = Engine::start().await;
    let host = engine.host("web");
    let web = engine.run(App::named("web").host(&host)).await;
    let mut agent = Agent::prepare(&engine, Options::default());
    let stranger = TcpListener::bind(("127.0.0.1", agent.http_port)).expect("it is free");
    agent.spawn();
    headline(&agent, &web.name, "Caddy is not serving: port taken").await;
    drop(stranger);
    agent.answers(&host, "web").await;
    headline(&agent, &web.name, "is served").await;
}

#[tokio::test]
async fn without_an_agent_it_says_how_to_start_one() {
    let engine = Engine::without_network().await;
    let agent = Agent::prepare(&engine, Options::default());
    let mut command = agent.command("explain");
    command.arg("web");
    let (code, said) = end_of(command).await;
    let socket = agent.runtime_dir().join("status.sock");
    let expected = format!(
        "error: no agent answers at `{}`: No such file or directory (os error 2)\n  help: start it \
         with `sh0-agent run`, or name its `--runtime-dir`\n",
        socket.display()
    );
    assert_eq!((code, said), (Some(69), expected));
}

#[tokio::test]
async fn a_name_that_nobody_has_is_answered_with_the_nearest() {
    let engine = Engine::start().await;
    let web = engine
        .run(App::named("checkout").host(&engine.host("checkout")))
        .await;
    let agent = Agent::start(&engine).await;
    let mut command = agent.command("explain");
    command.arg(web.name.replace("checkout", "chekcout"));
    let (code, said) = end_of(command).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(&format!("did you mean `{}`?", web.name)),
        "{said}"
    );
}

#[tokio::test]
async fn a_certificate_is_on_its_way_until_the_authority_has_issued_it() {
    let engine = Engine::start().await;
    let (dir, mut options, port) = authority();
    let (ca, root) = (options.acme.ca.take(), options.acme.ca_root.take());
    let (ca, root) = (ca.expect("it has one"), root.expect("it has one"));
    let flags = [
        "--acme-ca",
        &ca,
        "--acme-ca-root",
        root.to_str().expect("a text"),
    ];
    let tls = Options::default().env("SH0_DEFAULT_TLS", "auto");
    let agent = Agent::start_with(&engine, tls.flags(flags)).await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    // Nobody is at the authority's port yet.
    let failed = headline(&agent, &host, "; the last try failed: ").await;
    let text = failed["text"].as_str().unwrap_or_default();
    let help = failed["help"].to_string();
    assert!(help.contains("`sh0-agent doctor` looks at"), "{failed}");
    let on_its_way = "is not served yet: its certificate is being obtained since ";
    assert!(text.contains(on_its_way), "{text}");
    let table = tokio::process::Command::from(agent.command("routes")).output();
    let table = String::from_utf8(table.await.expect("it was built").stdout).expect("a text");
    let row = table.lines().find(|line| line.contains(&host));
    let row = row.unwrap_or_default();
    assert!(row.contains("its certificate is being obtained"), "{table}");
    // Caddy tries again by itself after a minute, and at once with the next load.
    (options.http_port, options.https_port) = (agent.http_port, agent.https_port);
    let _pebble = Pebble::start(dir.path(), port, Setup::of(&options)).await;
    engine
        .run(App::named("other").host(&engine.host("other")))
        .await;
    headline(&agent, &host, &format!("{host} is served")).await;
    let issued = agent.home().join("state/caddy/certificates");
    let folders = std::fs::read_dir(issued).expect("it is there");
    let mut folders = folders.map(|entry| entry.expect("it can be read").path());
    assert!(
        folders.any(|folder| folder.join(format!("{host}/{host}.crt")).exists()),
        "Caddy has it"
    );
}
