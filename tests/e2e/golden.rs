//! Every config that a golden file pins, in a real Caddy: it accepts each.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sh0_agent::caddy::render::{RenderOptions, render_unavailable};

use crate::child::{CaddyChild, place};

/// What a Caddy says to a config with a DNS provider that it was not built with: the stock one has
/// none.
const NOT_IN_STOCK: &str = "unknown module: dns.providers.";

/// The golden files of configs.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/caddy");
    let entries = |folder: &Path| fs::read_dir(folder).expect("the golden files");
    let entries = entries(&folder).chain(entries(&folder.join("labels")));
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    files.sort();
    files
}

/// The config with the folders and ports of this test, and with an authority that is nowhere.
fn moved(mut config: Value, dir: &Path, options: &RenderOptions) -> Value {
    let has_v6 = TcpListener::bind("[::1]:0").is_ok();
    walk(&mut config, &mut |value| match value {
        Value::String(text) => *text = moved_text(text, dir, options),
        Value::Object(object) => {
            if object.get("module").and_then(Value::as_str) == Some("acme") {
                object.insert("ca".to_owned(), "https://127.0.0.1:1/directory".into());
            }
            if let Some(Value::Array(addresses)) = object.get_mut("listen") {
                addresses.retain(|address| has_v6 || !address.to_string().contains('['));
            }
        }
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    });
    config
}

fn moved_text(text: &str, dir: &Path, options: &RenderOptions) -> String {
    let dir = dir.to_str().expect("our paths are text");
    let ports = [
        (":80", options.http_port),
        (":443", options.https_port),
        (":8443", options.https_port),
    ];
    let is_listen = |text: &str| {
        let host = text
            .strip_suffix(|c: char| c.is_ascii_digit())
            .map(|_| text.rsplit_once(':'));
        host.flatten()
            .is_some_and(|(host, _)| ["", "127.0.0.1", "[::1]"].contains(&host))
    };
    for (pinned, own) in ports {
        if is_listen(text) && text.ends_with(pinned) {
            return text.replace(pinned, &format!(":{own}"));
        }
    }
    let folders = [
        ("/run/sh0-agent/", "/"),
        ("/run/sh0/", "/"),
        ("/var/lib/sh0/", "/"),
    ];
    let replace =
        |text: String, (pinned, own): (&str, &str)| text.replace(pinned, &format!("{dir}{own}"));
    folders.into_iter().fold(text.to_owned(), replace)
}

fn walk(value: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    change(value);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, change)),
        Value::Object(object) => object.values_mut().for_each(|item| walk(item, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn every_golden_file_is_a_config_that_caddy_accepts() {
    let (dir, options) = place();
    let unavailable = render_unavailable(&options);
    let caddy = CaddyChild::start(dir.path(), &unavailable.json).await;
    // The internal authority's root serves as every certificate that a golden file names.
    let authority = options.storage_dir.join("pki/authorities/local");
    for (from, to) in [("root.crt", "site.crt"), ("root.key", "site.key")] {
        fs::copy(authority.join(from), dir.path().join(to)).expect("Caddy made it");
    }
    let files = files();
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        let text = fs::read(&file).expect("a file");
        let config = serde_json::from_slice(&text).expect("it is JSON");
        let json = moved(config, dir.path(), &options).to_string();
        if let Err(error) = caddy.load(json.into_bytes().into()).await {
            if sh0_agent::telemetry::chain(&error).contains(NOT_IN_STOCK) {
                continue;
            }
            panic!(
                "{}: {}",
                file.display(),
                sh0_agent::telemetry::chain(&error)
            );
        }
    }
    assert_eq!(caddy.logged("panic"), 0, "no load panics");
}
