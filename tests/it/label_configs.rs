//! What each key makes of Caddy's config: its example as labels, and the whole config, pinned. With
//! `UPDATE_EXPECT=1` the files are written anew; a real Caddy is given each of them, too.

use std::path::Path;

use expect_test::expect_file;
use sh0_agent::caddy::render::{RenderOptions, render};
use sh0_agent::labels::{KeyInfo, Permits, Scope, keys};
use sh0_agent::model::{Container, FileName, Labels, Snapshot};

use crate::docs::container;
use crate::fixture::Agent;
use crate::render::options;

/// An agent that lets labels do everything, and has the files that the examples name.
fn agent() -> Agent {
    let mut agent = Agent::default();
    agent.permits = Permits {
        catch_all: true,
        raw_caddy: true,
        auth_urls: true,
        ..Permits::default()
    };
    let files = ["corp.pem", "partners.pem"].map(|name| FileName::parse(name).expect("a name"));
    let copy = options().admin_socket.with_file_name("site.crt");
    agent.authorities = files.map(|name| (name, copy.clone())).into();
    agent
}

/// The container of the example, and one that it may ask. Without TLS where the key is not about
/// it: then all there is to see is in one server.
fn containers(info: &KeyInfo) -> Vec<Container> {
    let own = { info.example_labels().into_iter() }
        .map(|(name, value)| (format!("sh0.{name}"), value.to_owned()));
    let mut labels: Labels = own.collect();
    if info.scope != Scope::Host {
        labels.insert("sh0.tls".to_owned(), "off".to_owned());
    }
    let mut all = vec![container("shop-web-1", "web", labels)];
    if info.name.starts_with("auth.forward") {
        let labels = [("sh0.host", "auth.example.com"), ("sh0.tls", "off")];
        let port = ("sh0.port", "9091");
        let labels = { labels.into_iter().chain([port]) }
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        all.push(container("shop-auth-1", "auth", labels.collect()));
    }
    all
}

#[test]
fn every_key_makes_the_config_of_its_golden_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/caddy/labels");
    for info in keys() {
        let agent = agent();
        let built = agent.build(&Snapshot::new(containers(info)));
        assert_eq!(*built.diagnostics, [], "{}", info.name);
        let options = RenderOptions {
            authorities: agent.authorities.clone(),
            ..options()
        };
        let rendered = render(&built.table, &options);
        let shown = serde_json::to_string_pretty(&rendered.config).expect("it was rendered");
        let name = info.name.replace(['<', '>'], "");
        expect_file![folder.join(format!("{name}.json"))].assert_eq(&format!("{shown}\n"));
    }
    let files = std::fs::read_dir(&folder).expect("the golden files");
    assert_eq!(files.count(), keys().count(), "a file without a key");
}
