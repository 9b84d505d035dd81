//! The route table as Caddy JSON: whole configs pinned, one golden file per behaviour. With
//! `UPDATE_EXPECT=1` the files are written anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use expect_test::expect_file;
use proptest::prelude::*;
use sh0_agent::caddy::render::{
    AcmeOptions, ClientLimits, DnsProvider, Grouping, RenderOptions, Rendered, render,
    render_unavailable,
};
use sh0_agent::model::{Matching, Method, PassiveChecks};
use sh0_agent::routes::{HostPolicy, TlsMode};

use crate::tables::{Site, samples, site, table};

pub(crate) fn options() -> RenderOptions {
    RenderOptions {
        http_port: 80,
        https_port: 443,
        listen: Vec::new(),
        admin_socket: "/run/sh0/admin.sock".into(),
        log_file: "/run/sh0-agent/caddy.log".into(),
        storage_dir: "/var/lib/sh0/caddy".into(),
        grace_period: Duration::from_secs(30),
        stream_close_delay: Duration::from_mins(10),
        acme: AcmeOptions::default(),
        clients: ClientLimits::default(),
        trusted_proxies: Vec::new(),
        slots: None,
        grouping: Grouping::default(),
        metrics: false,
        certificates: Vec::new(),
        certificate_names: BTreeSet::new(),
        authorities: BTreeMap::new(),
        ask: None,
    }
}

fn check_golden(name: &str, rendered: &Rendered) {
    let shown = serde_json::to_string_pretty(&rendered.config).expect("it was rendered");
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/caddy/{name}.json"));
    expect_file![file].assert_eq(&format!("{shown}\n"));
}

#[test]
fn every_sample_renders_as_its_golden_file() {
    for (name, (table, options)) in samples(&options()) {
        check_golden(name, &render(&table, &options));
    }
    check_golden("unavailable", &render_unavailable(&options()));
}

#[test]
fn a_redirect_keeps_a_port_other_than_443() {
    let options = RenderOptions {
        https_port: 8443,
        ..options()
    };
    let sites = [
        site("a.example.com", "").public(),
        site("::1", "").internal(),
    ];
    check_golden("redirect_port", &render(&table(sites), &options));
}

#[test]
fn a_wildcard_is_ordered_by_the_dns_provider_alone() {
    let provider = DnsProvider::parse(r#"{"name":"acmedns","server_url":"https://a.example"}"#);
    let options = RenderOptions {
        acme: AcmeOptions {
            dns_provider: Some(provider.expect("a provider")),
            ..AcmeOptions::default()
        },
        ..options()
    };
    let sites = [
        site("*.example.com", "").public(),
        site("app.example.net", "").public(),
    ];
    check_golden("dns_provider", &render(&table(sites), &options));
}

/// A request that another route answers, and that failed there, must not come in here.
#[test]
fn a_last_resort_is_for_the_methods_of_its_route_only() {
    let mut posted = site("a.example.com", "10.0.0.1:80 10.0.0.2:80");
    posted.key.matching = Matching {
        methods: [Method::parse("POST").expect("a method")].into(),
        ..Matching::default()
    }
    .into();
    posted.route.pool.health.passive = Some(PassiveChecks {
        fail_for: Duration::from_secs(10),
        max_fails: 1,
    });
    let rendered = render(&table([posted]), &options());
    let servers = &rendered.config.apps.http.servers;
    let errors = servers.values().flat_map(|server| &server.errors);
    let matchers = errors
        .flat_map(|errors| &errors.routes)
        .flat_map(|route| &route.matchers);
    let methods: Vec<_> = matchers.map(|matcher| &matcher.method).collect();
    assert!(!methods.is_empty());
    assert!(
        methods.iter().all(|method| *method == &["POST"]),
        "{methods:?}"
    );
}

#[test]
fn blame_names_the_key_at_the_named_index() {
    let sites = ["a.example.com", "b.example.com/x", "b.example.com"];
    let rendered = render(
        &table(sites.map(|place| site(place, "10.0.0.1:80"))),
        &options(),
    );
    let blamed = |server: &str, index: usize| {
        let message = format!("x: server {server}: setting up route handlers: route {index}: y");
        rendered.blame(&message).map(ToString::to_string)
    };
    for own in 0..4 {
        assert_eq!(blamed("http", own), None, "the normalisation and its like");
    }
    assert_eq!(blamed("http", 4).as_deref(), Some("a.example.com"));
    assert_eq!(blamed("http", 5).as_deref(), Some("b.example.com/x"));
    assert_eq!(blamed("http", 6).as_deref(), Some("b.example.com"));
    assert_eq!(blamed("http", 7), None, "the 404");
    assert_eq!(blamed("https", 1), None, "no such server");
    assert_eq!(rendered.blame("some other trouble"), None);
}

fn any_site() -> impl Strategy<Value = Site> {
    let host = prop::sample::select(vec![
        "*",
        "*.b.example",
        "a.b.example",
        "c.b.example",
        "::1",
    ]);
    let path = prop::sample::select(vec!["", "/x", "/x/y", "/x-y"]);
    (host, path).prop_map(|(host, path)| {
        let mut site = site(&format!("{host}{path}"), "10.0.0.1:80");
        // One mode per host, as in every table.
        site.policy = HostPolicy::new(match host.len() % 4 {
            0 => TlsMode::Off,
            1 => TlsMode::Public,
            2 => TlsMode::OnDemand,
            _ => TlsMode::Internal,
        });
        site
    })
}

proptest! {
    #[test]
    fn neither_order_nor_repetition_changes_a_byte(
        (sites, shuffled) in prop::collection::vec(any_site(), 0..12)
            .prop_flat_map(|sites| (Just(sites.clone()), Just(sites).prop_shuffle()))
    ) {
        let (one, other) = (render(&table(sites), &options()), render(&table(shuffled), &options()));
        prop_assert_eq!(&one.json, &other.json);
        prop_assert_eq!(one.fingerprint, other.fingerprint);
    }

    #[test]
    fn every_key_is_served_and_every_id_is_unique(
        sites in prop::collection::vec(any_site(), 0..12)
    ) {
        let table = table(sites);
        let rendered = render(&table, &options());
        let ids: Vec<_> = (rendered.config.apps.http.servers.values())
            .flat_map(|server| &server.routes)
            .filter_map(|route| route.id.as_deref())
            .collect();
        prop_assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len());
        prop_assert_eq!(ids.len(), rendered.places.len());
        let served: BTreeSet<_> = rendered.places.values().collect();
        prop_assert_eq!(served, table.routes.keys().collect::<BTreeSet<_>>());
    }
}
