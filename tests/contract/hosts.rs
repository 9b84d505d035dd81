//! Tables with hosts that have policies of their own.

use std::collections::BTreeMap;

use sh0_agent::caddy::render::{AcmeOptions, ExternalAccountKey, RenderOptions};
use sh0_agent::model::{FileName, Hostname, TlsVersion};
use sh0_agent::routes::{HostPolicy, RouteTable, TlsMode};

use super::{A, B, Site, site, table};

impl Site {
    /// With another policy for its host.
    pub(crate) fn policy_of(mut self, change: impl Fn(&mut HostPolicy)) -> Self {
        change(&mut self.policy);
        self
    }

    pub(crate) fn on_demand(mut self) -> Self {
        self.policy = HostPolicy::new(TlsMode::OnDemand);
        self
    }
}

/// By name, as `super::samples`.
pub(super) fn samples(base: &RenderOptions) -> BTreeMap<&'static str, (RouteTable, RenderOptions)> {
    let beside = |name: &str| base.admin_socket.with_file_name(name);
    let authority = FileName::parse("site.pem").expect("a file's name");
    let clients = RenderOptions {
        authorities: [(authority, beside("site.crt"))].into(),
        ..base.clone()
    };
    let asked = RenderOptions {
        ask: Some("http://127.0.0.1:1/secret".to_owned()),
        ..base.clone()
    };
    let account = RenderOptions {
        acme: AcmeOptions {
            external_account: Some(ExternalAccountKey {
                key_id: "kid-1".to_owned(),
                hmac: "c2VjcmV0".to_owned(),
            }),
            ..base.acme.clone()
        },
        ..base.clone()
    };
    BTreeMap::from([
        ("client_certificates", (table(guarded()), clients)),
        ("tls_versions", (table(versions()), base.clone())),
        ("hsts", (table(hsts()), base.clone())),
        ("redirects_from", (redirects(), base.clone())),
        (
            "http_and_https",
            (
                table([site("app.example.com", A)
                    .internal()
                    .policy_of(|policy| policy.redirects_http = false)]),
                base.clone(),
            ),
        ),
        ("on_demand", (table(late()), asked)),
        (
            "acme_account",
            (table([site("app.example.com", A).public()]), account),
        ),
    ])
}

fn guarded() -> Vec<Site> {
    let guard = |policy: &mut HostPolicy| {
        policy.client_ca = FileName::parse("site.pem").ok();
    };
    let lost = |policy: &mut HostPolicy| {
        policy.client_ca = FileName::parse("lost.pem").ok();
    };
    vec![
        site("app.example.com", A).internal().policy_of(guard),
        site("lost.example.com", A).internal().policy_of(lost),
        site("open.example.com", B).internal(),
        site("*.example.net", A).internal().policy_of(guard),
        site("open.example.net", B).internal(),
        site("10.0.0.9", B).internal(),
    ]
}

fn versions() -> Vec<Site> {
    let newest = |policy: &mut HostPolicy| policy.min = TlsVersion::V13;
    vec![
        site("new.example.com", A).internal().policy_of(newest),
        site("old.example.com", A).internal(),
    ]
}

fn hsts() -> Vec<Site> {
    let told =
        |age: u32| move |policy: &mut HostPolicy| policy.hsts = Some(format!("max-age={age}"));
    vec![
        site("app.example.com", A).internal().policy_of(told(60)),
        site("*.example.com", A).internal().policy_of(told(30)),
        site("none.example.com", A).internal(),
        site("*", A).policy_of(told(10)),
    ]
}

fn redirects() -> RouteTable {
    let mut table = table([site("app.example.com", A).internal(), site("::1", A)]);
    let hosts = [
        ("www.example.com", "app.example.com", TlsMode::Internal),
        ("plain.example.com", "::1", TlsMode::Off),
    ];
    for (from, to, mode) in hosts {
        let [from, to] = [from, to].map(|host| Hostname::parse(host).expect("a host"));
        let policies = &mut table.hosts;
        policies.insert(from.clone(), HostPolicy::new(mode));
        table.redirects.insert(from, to);
    }
    table
}

/// Exact hosts and wildcards of every kind below each other.
fn late() -> Vec<Site> {
    vec![
        site("*.example.com", A).on_demand(),
        site("public.example.com", A).public(),
        site("internal.example.com", A).internal(),
        site("off.example.com", A),
        site("one.example.net", A).on_demand(),
        site("*.example.net", A).internal(),
        site("*.site.internal", A).on_demand(),
    ]
}
