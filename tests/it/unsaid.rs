//! What a panic may show, which is the `Debug` of some value, tells no secret.

use serde_json::json;
use sh0_agent::caddy::render::{
    AcmeOptions, DnsProvider, ExternalAccountKey, RenderOptions, render,
};
use sh0_agent::labels::parse;
use sh0_agent::model::{Labels, Snapshot};

use crate::fixture::Agent;
use crate::render::options;
use crate::scene::site;

/// The hash of `secret`.
const HASH: &str = "$argon2id$v=19$m=1024,t=1,p=1$vEcE2hBQLy+rtLFGFbyBkg$XaHv8kqU/tpdkBZlBL6RGgJvrcfy7XSCuQS2TALqCIY";
/// All that must not be said has one of these in it.
const SECRETS: [&str; 2] = ["seeded", "vEcE2hBQLy"];

fn labels() -> Labels {
    let handlers = json!([{"handler": "static_response", "body": "seeded-raw"}]).to_string();
    Labels::from([
        ("sh0.host".to_owned(), "a.example".to_owned()),
        ("sh0.auth.basic".to_owned(), format!("ada:{HASH}")),
        (
            "sh0.headers.request.Authorization".to_owned(),
            "Bearer seeded-request".to_owned(),
        ),
        (
            "sh0.headers.response.X-Token".to_owned(),
            "seeded-response".to_owned(),
        ),
        ("sh0.caddy.handlers".to_owned(), handlers),
    ])
}

fn with_secrets() -> RenderOptions {
    let provider = json!({"name": "some", "api_token": "seeded-token"}).to_string();
    RenderOptions {
        acme: AcmeOptions {
            external_account: Some(ExternalAccountKey {
                key_id: "kid".to_owned(),
                hmac: "seeded-hmac".to_owned(),
            }),
            dns_provider: Some(DnsProvider::parse(&provider).expect("it is an object")),
            ..AcmeOptions::default()
        },
        ..options()
    }
}

#[test]
fn the_debug_of_no_value_tells_a_secret() {
    let mut container = site("a", 1, "a.example");
    container.labels = labels();
    let mut mistaken = site("b", 2, "b.example");
    let wrong = ("sh0.auth.basik".to_owned(), "seeded-mistake".to_owned());
    mistaken.labels.extend([wrong]);
    let snapshot = Snapshot::new([container.clone(), mistaken]);
    let mut agent = Agent::default();
    agent.permits.raw_caddy = true;
    let built = agent.look(&snapshot);
    let options = with_secrets();
    let rendered = render(&built.table, &options);
    let sent = String::from_utf8_lossy(&rendered.json);
    for secret in [
        "seeded-raw",
        "seeded-request",
        "seeded-response",
        "seeded-hmac",
    ] {
        assert!(sent.contains(secret), "{secret} is told to Caddy");
    }
    for (what, text) in [
        ("containers", format!("{snapshot:#?}")),
        (
            "what labels ask for",
            format!("{:#?}", parse(&container, "sh0")),
        ),
        ("the table", format!("{built:#?}")),
        ("what is remembered", format!("{:#?}", agent.last_good)),
        ("the settings", format!("{options:#?}")),
        ("the config", format!("{:#?}", rendered.config)),
        ("what is sent", format!("{rendered:?}")),
    ] {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret} is in {what}: {text}");
        }
        // Bytes are shown as numbers.
        let bytes = SECRETS[0].as_bytes();
        assert!(
            !text.contains(&format!("{bytes:?}")[1..20]),
            "bytes in {what}"
        );
    }
}
