//! Seeded secrets are searched in everything that the agent says.

use std::process::Stdio;

use reqwest::Method;

use crate::harness::{Agent, App, Container, Engine, Options, patience, request, until};
use crate::hosts::Authority;

/// The hash of `secret`.
const HASH: &str = "$argon2id$v=19$m=1024,t=1,p=1$vEcE2hBQLy+rtLFGFbyBkg$XaHv8kqU/tpdkBZlBL6RGgJvrcfy7XSCuQS2TALqCIY";
/// What must not be said; each is seeded below.
const SECRETS: [&str; 10] = [
    "vEcE2hBQLy+rtLFGFbyBkg",
    "seeded-hmac",
    "seeded-upstream-credential",
    "seeded-response-credential",
    "seeded-plain-password",
    "seeded-raw-credential",
    "c2VlZGVkLWNsaWVudDpwYXNz",
    "seeded-client-cookie",
    "seeded-client-key",
    "seeded-proxy-password",
];

fn searched(what: &str, text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} is in {what}: {text}");
    }
}

#[tokio::test]
async fn no_seeded_secret_is_in_a_log_a_report_the_status_or_a_config_that_is_shown() {
    for format in ["human", "json"] {
        let engine = Engine::start().await;
        let options = Options::default()
            .env("SH0_LOG_LEVEL", "trace")
            .env("SH0_ALLOW_RAW_CADDY", "true")
            .env("SH0_ACME_EAB_KEY_ID", "kid")
            .env("SH0_LOG_FORMAT", format)
            .env("SH0_ACME_EAB_HMAC", "seeded-hmac")
            .env("HTTP_PROXY", "http://ada:seeded-proxy-password@127.0.0.1:9")
            .env(
                "https_proxy",
                "http://ada:seeded-proxy-password@127.0.0.1:9",
            );
        let mut agent = Agent::prepare(&engine, options);
        let own = own_pairs(&agent, &engine.host("own"));
        let mut run = agent.command("run");
        run.env("SH0_CERTIFICATES", agent.home().join("own"));
        run.stdout(agent.log_file()).stderr(agent.log_file());
        agent.spawn_as(run);
        agent.until_up().await;
        let [host, wrong, inside] = ["web", "wrong", "inside"].map(|name| engine.host(name));
        let web = { App::named("web").host(&host).without_hold() }
            .label(
                "sh0.headers.request.Authorization",
                "Bearer seeded-upstream-credential",
            )
            .label("sh0.headers.response.X-Token", "seeded-response-credential");
        let web = engine.run(web).await;
        let guarded = App::named("guarded").host(&engine.host("guarded"));
        engine
            .run(guarded.label("sh0.auth.basic", &format!("ada:{HASH}")))
            .await;
        let mistaken = { App::named("wrong").host(&wrong) }
            .label("sh0.auth.basic", "ada:seeded-plain-password")
            .label("sh0.auth.basik", "ada:seeded-plain-password")
            .label("sh0.header.request.X-Token", "seeded-raw-credential")
            .label(
                "sh0.headers.request.Authorization",
                "Basic seeded-raw-credential\n",
            )
            .label(
                "sh0.caddy.handlers",
                "[{\"handler\": \"seeded-raw-credential\"}]",
            );
        engine.run(mistaken).await;
        run_with_certificates(&engine, &inside).await;
        agent.answers(&host, "web").await;
        agent.refuses(&wrong, 503).await;

        let keys = [own, keys_of_caddy(&agent, &inside).await].concat();
        let searched = |what: &str, text: &str| {
            searched(what, text);
            for key in &keys {
                assert!(!text.contains(key), "a key is in {what}: {text}");
            }
        };
        agent.logs("A certificate is not used").await;
        break_a_request(&engine, &agent, &host, &web).await;
        searched("the log", &agent.log());
        searched("the status", &agent.status().await.to_string());
        for words in [&["routes"][..], &["routes", "--json"], &["render"]] {
            let mut shown = agent.command(words[0]);
            let shown = shown.args(&words[1..]).stdin(Stdio::null());
            let output = shown.output().expect("it was built");
            let both = [output.stdout, output.stderr].concat();
            searched(&words.join(" "), &String::from_utf8_lossy(&both));
        }
    }
}

/// A site with a certificate of the internal authority, and one with the operator's own.
async fn run_with_certificates(engine: &Engine, inside: &str) {
    let inside = App::named("inside").host(inside);
    engine.run(inside.label("sh0.tls", "internal")).await;
    let own = App::named("own").host(&engine.host("own"));
    engine.run(own.label("sh0.tls", "auto")).await;
}

/// Pairs in the operator's folder, which are right, do not belong together, or are cut short; the
/// words of their keys.
fn own_pairs(agent: &Agent, host: &str) -> Vec<String> {
    let folder = agent.home().join("own");
    std::fs::create_dir(&folder).expect("ours");
    let [own, other] = ["own", "other"].map(|name| Authority::new(name).server_for(host));
    let cut = other.1.get(..other.1.len() / 2);
    let cut = cut.expect("PEM is ASCII");
    for (name, certificate, key) in [
        (host, &own.0, own.1.as_str()),
        ("mixed.example", &own.0, other.1.as_str()),
        ("cut.example", &other.0, cut),
        ("swapped.example", &other.1, other.0.as_str()),
    ] {
        std::fs::write(folder.join(format!("{name}.crt")), certificate).expect("ours");
        std::fs::write(folder.join(format!("{name}.key")), key).expect("ours");
    }
    [words(&own.1), words(&other.1)].concat()
}

/// The lines of a key that are its own.
fn words(key: &str) -> Vec<String> {
    let lines = key.lines().filter(|line| !line.starts_with("-----"));
    lines.map(|line| line.trim().to_owned()).collect()
}

/// The keys of the internal authority, and of the certificate that it issues for this host.
async fn keys_of_caddy(agent: &Agent, host: &str) -> Vec<String> {
    let storage = agent.state_dir().join("caddy");
    let issued = storage.join(format!("certificates/local/{host}/{host}.key"));
    let authority = storage.join("pki/authorities/local");
    let files = [
        issued,
        authority.join("root.key"),
        authority.join("intermediate.key"),
    ];
    let mut keys = Vec::new();
    for file in files {
        until("the key is there", patience(), async || {
            file.exists()
                .then_some(())
                .ok_or_else(|| file.display().to_string())
        })
        .await;
        keys.extend(words(&std::fs::read_to_string(&file).expect("a text")));
    }
    keys
}

/// The upstream goes away amid an answer to a request with credentials, which Caddy logs.
async fn break_a_request(engine: &Engine, agent: &Agent, host: &str, web: &Container) {
    let asked = request(agent.http_port, host, "/events", Method::GET);
    let asked = { asked.header("Authorization", "Basic c2VlZGVkLWNsaWVudDpwYXNz") }
        .header("Cookie", "session=seeded-client-cookie")
        .header("X-Api-Key", "seeded-client-key");
    let answer = asked.send().await.expect("Caddy answers");
    assert_eq!(answer.status(), 200);
    engine.docker(&["kill", &web.name]).await;
    drop(answer.bytes().await);
    let said = agent.logs("aborting with incomplete response").await;
    assert!(said.contains("/events"), "{said}");
}

#[tokio::test]
async fn a_wrong_secret_is_refused_without_being_repeated() {
    let engine = Engine::without_network().await;
    let agent = Agent::prepare(&engine, Options::default());
    for (env, value) in [
        ("SH0_ACME_EAB_HMAC", "seeded-hmac=="),
        (
            "SH0_DNS_PROVIDER",
            "{\"name\": \"x\", \"token\": \"seeded-hmac\"",
        ),
        ("SH0_DNS_PROVIDER", "{\"token\": \"seeded-hmac\"}"),
        ("DOCKER_HOST", "tcp://ada:seeded-plain-password@docker:2375"),
    ] {
        let mut run = agent.command("run");
        run.env(env, value);
        let output = run.stdin(Stdio::null()).output().expect("it was built");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        searched(env, &said);
        assert!(said.contains("(hidden)"), "{said}");
        assert_eq!(output.status.code(), Some(64), "{said}");
    }
}
