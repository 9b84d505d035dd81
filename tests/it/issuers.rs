//! Who issues the certificates of which hosts: the first policy that covers a name counts, as in
//! Caddy (`getAutomationPolicyForName` in modules/caddytls/tls.go).

use std::iter::repeat_n;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use sh0_agent::caddy::config::{AutomationPolicy, Issuer};
use sh0_agent::caddy::render::{RenderOptions, render};
use sh0_agent::model::Hostname;
use sh0_agent::routes::{HostPolicy, RouteTable, TlsMode};

use crate::render::options;
use crate::tables::{Site, site, table};

/// How often each mode is there, in the order off, on demand, public, internal.
const MIXES: [[usize; 4]; 4] = [[1, 0, 9, 1], [1, 0, 1, 9], [1, 0, 3, 3], [1, 3, 3, 3]];

const MODES: [TlsMode; 4] = [
    TlsMode::Off,
    TlsMode::OnDemand,
    TlsMode::Public,
    TlsMode::Internal,
];

/// Hosts with and without a wildcard that covers them, in one of the mixes.
fn sites() -> impl Strategy<Value = Vec<Site>> {
    let host = select(vec![
        "*.b.example",
        "a.b.example",
        "b.b.example",
        "*.c.example",
        "a.c.example",
        "a.example",
        "b.example",
        "c.example",
        "d.example",
        "e.example",
        "f.example",
        "g.example",
        "h.test",
    ]);
    let sites = vec((host, any::<Index>()), 0..16);
    (sites, select(MIXES.to_vec())).prop_map(|(sites, mix)| {
        let modes = MODES.into_iter().zip(mix);
        let modes: Vec<TlsMode> = modes
            .flat_map(|(mode, times)| repeat_n(mode, times))
            .collect();
        let one = |(host, index): (&str, Index)| {
            let mut one = site(host, "10.0.0.1:80");
            one.policy = HostPolicy::new(*index.get(&modes));
            one
        };
        sites.into_iter().map(one).collect()
    })
}

fn policies(table: &RouteTable, options: &RenderOptions) -> Vec<AutomationPolicy> {
    let tls = render(table, options).config.apps.tls;
    let automation = tls.and_then(|tls| tls.automation);
    automation
        .map(|automation| automation.policies)
        .unwrap_or_default()
}

fn covers(policy: &AutomationPolicy, host: &Hostname) -> bool {
    let wildcard = host.covering_wildcard();
    let names = [Some(host), wildcard.as_ref()];
    let is_named = |subject: &String| {
        names
            .into_iter()
            .flatten()
            .any(|name| name.as_str() == subject)
    };
    policy.subjects.is_empty() || policy.subjects.iter().any(is_named)
}

/// Whether a host of this mode gets its certificate as it should by the policy that covers it.
fn is_right(mode: TlsMode, policy: Option<&AutomationPolicy>) -> bool {
    let is_late = policy.is_some_and(|policy| policy.on_demand);
    let is_internal = policy.is_some_and(|policy| policy.issuers == [Issuer::Internal]);
    match mode {
        TlsMode::Off => true,
        TlsMode::OnDemand => is_late,
        TlsMode::Public => !is_late && !is_internal,
        TlsMode::Internal => !is_late && is_internal,
    }
}

proptest! {
    #[test]
    fn every_host_gets_its_certificate_as_its_mode_says(sites in sites()) {
        let table = table(sites);
        let policies = policies(&table, &options());
        for (host, policy) in &table.hosts {
            let first = policies.iter().find(|policy| covers(policy, host));
            prop_assert!(is_right(policy.mode, first), "{host} {:?}: {policies:#?}", policy.mode);
        }
    }
}

/// Caddy compares each name with every one of a policy's, so that thousands of names take it
/// seconds at each load.
#[test]
fn of_public_and_internal_hosts_the_fewer_are_named() {
    let internal =
        (0..300).map(|n| site(&format!("{n}.internal.example"), "10.0.0.1:80").internal());
    let public = (0..200).map(|n| site(&format!("{n}.public.example"), "10.0.0.1:80").public());
    let named = |sites: Vec<Site>| {
        let policies = policies(&table(sites), &options());
        policies
            .iter()
            .map(|policy| policy.subjects.len())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        named(internal.clone().chain(public.clone()).collect()),
        [200, 0]
    );
    assert_eq!(
        named(internal.clone().take(100).chain(public).collect()),
        [100]
    );
    assert_eq!(named(internal.collect()), [0]);
}
