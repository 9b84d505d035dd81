//! Certificates at the first handshake: Caddy asks the agent, the agent answers by its routes.

use serde_json::Value;
use sh0_agent::caddy::admin::AdminClient;

use crate::harness::{Agent, App, Engine, Options, patience, until};

/// Waits until this host is served over HTTPS.
async fn secure(agent: &Agent, host: &str) {
    until("it is served over HTTPS", patience(), async || {
        let answer = agent.get_tls(host, "/").await;
        if answer.is_from("any") {
            Ok(())
        } else {
            Err(answer.summary())
        }
    })
    .await;
}

/// The endpoint that Caddy asks, as its config has it.
async fn endpoint(agent: &Agent) -> Option<String> {
    let admin = AdminClient::new(agent.runtime_dir().join("caddy/admin.sock"));
    let config = admin.served().await.expect("Caddy has a config");
    let config: Value = serde_json::from_slice(&config).expect("it is JSON");
    let endpoint = config.pointer("/apps/tls/automation/on_demand/permission/endpoint")?;
    endpoint.as_str().map(str::to_owned)
}

/// The status that the endpoint answers with for this name; 0 where nobody listens.
async fn asked(endpoint: &str, name: &str) -> u16 {
    let url = format!("{endpoint}?domain={name}");
    let client = reqwest::Client::builder().no_proxy().build();
    let sent = client.expect("a plain client").get(url).send().await;
    sent.map_or(0, |response| response.status().as_u16())
}

#[tokio::test]
async fn names_below_a_wildcard_are_certified_at_their_first_handshake() {
    let engine = Engine::start().await;
    let options = Options::default().flags(["--on-demand-names-max", "2"]);
    let mut agent = Agent::start_with(&engine, options).await;
    assert_eq!(endpoint(&agent).await, None, "nobody needs it");
    let below = |name: &str| format!("{name}.{}.internal", engine.run_id());
    let app = App::named("any").host(&below("*"));
    let app = app.label("sh0.tls", "on_demand");
    let off = App::named("off")
        .host(&below("off"))
        .label("sh0.tls", "off");
    engine.run(off).await;
    let any = engine.run(app).await;
    agent.routed(&any).await;
    agent.settled().await;

    secure(&agent, &below("one")).await;
    let unknown = [below("off"), below("x.y"), "stranger.internal".to_owned()];
    for name in &unknown {
        assert_eq!(agent.get_tls(name, "/").await.status, 0, "{name}");
    }
    let first = endpoint(&agent).await.expect("a host needs it");
    assert_eq!(asked(&first, &below("one")).await, 200);
    assert_eq!(asked(&first, &unknown[2]).await, 403);
    assert_eq!(asked(&first, "%00").await, 403);
    let elsewhere = first.rsplit_once('/').expect("it has a path").0;
    assert_eq!(asked(elsewhere, &below("one")).await, 404);

    // Of new names there are two an hour; one that has its certificate is none.
    secure(&agent, &below("two")).await;
    assert_eq!(agent.get_tls(&below("three"), "/").await.status, 0);
    let said = agent.logs("too many new ones").await;
    assert!(said.contains(&below("three")), "{said}");
    secure(&agent, &below("one")).await;

    // The next agent takes the same Caddy over, at another port.
    agent.kill().await;
    assert_eq!(asked(&first, &below("one")).await, 0);
    secure(&agent, &below("one")).await;
    agent.start_again().await;
    let second = endpoint(&agent).await.expect("a host needs it");
    assert_ne!(first, second);
    secure(&agent, &below("three")).await;

    // Nobody needs it any more.
    engine.remove(&any).await;
    let app = App::named("any").host(&below("one"));
    engine.run(app.label("sh0.tls", "internal")).await;
    until("nobody listens", patience(), async || {
        match asked(&second, &below("one")).await {
            0 => Ok(()),
            status => Err(status.to_string()),
        }
    })
    .await;
    agent.settled().await;
    assert_eq!(endpoint(&agent).await, None);
}

#[tokio::test]
async fn the_internal_root_is_printed_and_exported() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let trust = async |arguments: &[&str]| {
        let mut trust = agent.command("trust");
        trust
            .env("SH0_STATE_DIR", agent.state_dir())
            .args(arguments);
        let output = tokio::process::Command::from(trust).output().await;
        output.expect("it was built")
    };
    let host = format!("any.{}.internal", engine.run_id());
    let before = trust(&[]).await;
    if !agent.root().exists() {
        let said = String::from_utf8_lossy(&before.stderr).into_owned();
        assert_eq!(before.status.code(), Some(1));
        assert!(said.contains("no internal authority yet"), "{said}");
    }
    let app = App::named("any").host(&host).label("sh0.tls", "internal");
    engine.run(app).await;
    secure(&agent, &host).await;
    let root = std::fs::read(agent.root()).expect("Caddy made it");
    assert_eq!(trust(&[]).await.stdout, root);
    let file = agent.home().join("exported.pem");
    let exported = trust(&["--export", file.to_str().expect("a text")]).await;
    assert!(exported.status.success(), "{exported:?}");
    assert_eq!(std::fs::read(&file).expect("it was written"), root);
}
