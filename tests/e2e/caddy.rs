//! The configs we render, in a real Caddy: accepted, and doing what they are for. The backends
//! are a second Caddy that answers with what it was asked.

pub(crate) mod client;
mod groups;
mod grpc;
mod handling;
mod matching;
mod patterns;
mod serving;
mod timeouts;
mod verified;

use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use sh0_agent::caddy::Fingerprint;
use sh0_agent::caddy::admin::{Admin, AdminError, Disposition};
use sh0_agent::caddy::config::{
    Handler, HeaderOps, Headers, Pattern, Replacement, Route, ServerName,
};
use sh0_agent::caddy::render::{Rendered, render, render_unavailable};
use tokio::time::{Instant, sleep};

use crate::admin_contract::admin_contract;
use crate::child::{CaddyChild, place};
use crate::tables::{samples, site, table};

const NOBODY: &str = "127.0.0.1:1";

#[tokio::test]
async fn caddy_keeps_the_contract() {
    let (dir, options) = place();
    let first = render_unavailable(&options);
    let caddy = CaddyChild::start(dir.path(), &first.json).await;
    let one = render(&table([site("a.example.com", NOBODY)]), &options);
    let other = render(&table([site("b.example.com", NOBODY)]), &options);
    admin_contract(&caddy.admin, one.json, other.json).await;
}

#[tokio::test]
async fn every_golden_config_is_accepted() {
    let (dir, options) = place();
    let unavailable = render_unavailable(&options);
    let caddy = CaddyChild::start(dir.path(), &unavailable.json).await;
    // The internal authority's root serves as the operator's certificate.
    let authority = options.storage_dir.join("pki/authorities/local");
    for (from, to) in [("root.crt", "site.crt"), ("root.key", "site.key")] {
        std::fs::copy(authority.join(from), dir.path().join(to)).expect("Caddy made it");
    }
    for (name, (table, mut options)) in samples(&options) {
        options.listen.retain(has_address);
        let rendered = render(&table, &options);
        if let Err(error) = caddy.load(rendered.json).await {
            panic!("{name}: {error}");
        }
    }
    let (back, log) = (caddy.load(unavailable.json).await, caddy.logged("panic"));
    back.expect("the last resort is accepted, too");
    assert_eq!(log, 0, "no load panics");
}

fn has_address(ip: &IpAddr) -> bool {
    TcpListener::bind((*ip, 0)).is_ok()
}

#[tokio::test]
async fn the_same_bytes_are_no_load() {
    let (dir, options) = place();
    let rendered = render(&table([site("a.example.com", NOBODY)]), &options);
    let caddy = CaddyChild::start(dir.path(), &rendered.json).await;
    (caddy.admin.load(rendered.json).await).expect("it is what already runs");
    assert_eq!(caddy.logged("config is unchanged"), 1);
    assert_eq!(caddy.logged("servers shutting down"), 0);
}

/// Our types allow nothing that Caddy refuses, so the fault is put in afterwards.
#[tokio::test]
async fn a_refusal_names_the_route_to_blame() {
    let (dir, options) = place();
    let sites = ["a.example.com", "b.example.com/api", "c.example.com"];
    let rendered = render(&table(sites.map(|place| site(place, NOBODY))), &options);
    let caddy = CaddyChild::start(dir.path(), &rendered.json).await;

    let bad_handler = damaged(&rendered, 5, |route| {
        let wrong = Replacement::Regexp {
            search_regexp: "(no such file or directory",
            replace: "",
        };
        let mut request = HeaderOps::default();
        request.replace.insert("X-Wrong", vec![wrong]);
        route.handle.insert(
            0,
            Handler::Headers(Headers {
                request,
                ..Headers::default()
            }),
        );
    });
    let bad_matcher = damaged(&rendered, 6, |route| {
        let wrong = Pattern {
            pattern: "(permission denied".to_owned(),
        };
        route.matchers[0]
            .header_regexp
            .insert("X-Wrong".to_owned(), wrong);
    });
    for (json, key) in [
        (bad_handler, "b.example.com/api"),
        (bad_matcher, "c.example.com"),
    ] {
        let error = (caddy.admin.load(json).await).expect_err("it is damaged");
        assert_eq!(error.disposition(), Disposition::WaitForChange);
        let AdminError::Rejected { message } = error else {
            panic!("{error:?}");
        };
        let blamed = rendered.blame(&message).map(ToString::to_string);
        assert_eq!(blamed.as_deref(), Some(key), "{message}");
    }
}

fn damaged(rendered: &Rendered, index: usize, damage: impl FnOnce(&mut Route)) -> Arc<[u8]> {
    let mut config = rendered.config.clone();
    let servers = &mut config.apps.http.servers;
    let server = servers.get_mut(&ServerName::Http).expect("always there");
    damage(server.routes.get_mut(index).expect("it is that long"));
    let json = serde_json::to_vec(&config).expect("it was rendered");
    assert_ne!(Fingerprint::of(&json), rendered.fingerprint);
    json.into()
}

#[tokio::test]
async fn a_taken_port_and_a_missing_file_are_the_machines_trouble() {
    let (dir, options) = place();
    let caddy = CaddyChild::start(dir.path(), &render_unavailable(&options).json).await;
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut elsewhere = options.clone();
    elsewhere.http_port = taken.local_addr().expect("it is bound").port();
    let mut no_file = samples(&options).remove("certificates").expect("a sample");
    no_file.1.certificates[0].key = dir.path().join("missing.key");

    let taken_port = render(&table([]), &elsewhere);
    let no_file = render(&no_file.0, &no_file.1);
    for rendered in [taken_port, no_file] {
        let error = (caddy.admin.load(rendered.json).await).expect_err("it cannot work");
        assert_eq!(error.disposition(), Disposition::Retry);
        assert!(matches!(error, AdminError::Environment { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_ping_does_not_wait_for_a_load() {
    let (dir, options) = place();
    let caddy = CaddyChild::start(dir.path(), &render_unavailable(&options).json).await;
    let sites = (0..5_000).map(|n| site(&format!("host{n}.example.com"), NOBODY));
    let rendered = render(&table(sites), &options);
    let load = caddy.admin.load(rendered.json);
    let mut load = std::pin::pin!(load);
    let (start, mut pings, mut slowest) = (Instant::now(), 0, Duration::ZERO);
    loop {
        let sent = Instant::now();
        tokio::select! {
            biased;
            loaded = &mut load => break loaded.expect("it is only long"),
            ping = caddy.admin.ping() => if let Err(error) = ping {
                // At the end of a load Caddy replaces its admin endpoint, under a ping's feet.
                println!("the last ping: {error}");
                break load.as_mut().await.expect("it is only long");
            },
        }
        pings += 1;
        slowest = slowest.max(sent.elapsed());
    }
    let took = start.elapsed();
    println!("a load of 5,000 hosts: {took:?}; {pings} pings meanwhile, slowest {slowest:?}");
    assert!(pings >= 3, "{pings} pings in {took:?}");
}

/// Caddy would serve `app.example.com` with the wildcard's certificate, from the wildcard's issuer.
#[tokio::test]
async fn a_public_host_below_an_internal_wildcard_asks_its_own_authority() {
    let (dir, options) = place();
    let sites = [
        site("*.example.com", NOBODY).internal(),
        site("app.example.com", NOBODY).public(),
    ];
    let rendered = render(&table(sites), &options);
    let caddy = CaddyChild::start(dir.path(), &rendered.json).await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while caddy.logged("127.0.0.1:1/directory") == 0 {
        assert!(Instant::now() < deadline, "the authority is never asked");
        sleep(Duration::from_millis(20)).await;
    }
}
