//! Seeded secrets are searched in everything that the agent says.

use std::process::Stdio;

use reqwest::Method;

use crate::harness::{Agent, App, Container, Engine, Options, request};

/// The hash of `secret`.
const HASH: &str = "$argon2id$v=19$m=1024,t=1,p=1$vEcE2hBQLy+rtLFGFbyBkg$XaHv8kqU/tpdkBZlBL6RGgJvrcfy7XSCuQS2TALqCIY";
/// What must not be said; each is seeded below.
const SECRETS: [&str; 9] = [
    "vEcE2hBQLy+rtLFGFbyBkg",
    "seeded-hmac",
    "seeded-upstream-credential",
    "seeded-response-credential",
    "seeded-plain-password",
    "seeded-raw-credential",
    "c2VlZGVkLWNsaWVudDpwYXNz",
    "seeded-client-cookie",
    "seeded-client-key",
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
            .env("SH0_ACME_EAB_HMAC", "seeded-hmac");
        let agent = Agent::start_with(&engine, options).await;
        let (host, wrong) = (engine.host("web"), engine.host("wrong"));
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
        agent.answers(&host, "web").await;
        agent.refuses(&wrong, 503).await;

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
