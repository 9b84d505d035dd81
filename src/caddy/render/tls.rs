//! Where the certificates of the table's hosts come from.

use super::{RenderOptions, acme, text};
use crate::caddy::config::{
    Automation, AutomationPolicy, CertificateCache, CertificateFile, Certificates, Issuer,
    OnDemand, Permission, Tls,
};
use crate::model::Hostname;
use crate::routes::{RouteTable, TlsMode};

/// How many certificates Caddy keeps in memory by itself (`Cache` in modules/caddytls/tls.go).
const CACHED_BY_DEFAULT: usize = 10_000;

/// An endpoint that nobody can listen on: what is asked there is refused.
const NOBODY: &str = "http://127.0.0.1:0/";

/// What Caddy has to know beyond its defaults; it finds the hosts themselves in the routes.
pub(super) fn tls(table: &RouteTable, options: &RenderOptions) -> Option<Tls> {
    let load_files: Vec<CertificateFile> = (options.certificates.iter())
        .map(|pair| CertificateFile {
            certificate: text(&pair.certificate),
            key: text(&pair.key),
        })
        .collect();
    let hosts = Hosts(table);
    let automate = hosts.texts(|host, mode| {
        matches!(mode, TlsMode::Public | TlsMode::Internal) && hosts.is_shadowed(host, mode)
    });
    let policies = policies(&hosts, options);
    let on_demand = { table.hosts.values() }
        .any(|policy| policy.mode == TlsMode::OnDemand)
        .then(|| OnDemand {
            permission: Permission::Http {
                endpoint: options.ask.clone().unwrap_or(NOBODY.to_owned()),
            },
        });
    let certificates = (!load_files.is_empty() || !automate.is_empty()).then_some(Certificates {
        load_files,
        automate,
    });
    let is_plain = policies.is_empty() && on_demand.is_none();
    let automation = (!is_plain).then_some(Automation {
        policies,
        on_demand,
    });
    let cache = cache(table, options);
    let is_needed = certificates.is_some() || automation.is_some() || cache.is_some();
    is_needed.then_some(Tls {
        certificates,
        automation,
        cache,
    })
}

/// Twice as many certificates as there are, where that is more than Caddy keeps by itself: a host
/// has two for a moment when one is renewed, and names of wildcards may have certificates too.
fn cache(table: &RouteTable, options: &RenderOptions) -> Option<CertificateCache> {
    let hosts = { table.hosts.values() }.filter(|policy| policy.has_tls());
    let capacity = 2 * (hosts.count() + options.certificates.len());
    (capacity > CACHED_BY_DEFAULT).then_some(CertificateCache { capacity })
}

/// The hosts that can have certificates.
struct Hosts<'a>(&'a RouteTable);

impl Hosts<'_> {
    fn texts(&self, so: impl Fn(&Hostname, TlsMode) -> bool) -> Vec<String> {
        let hosts = self.0.hosts.iter();
        let hosts = hosts.filter(|(host, policy)| !host.is_catch_all() && so(host, policy.mode));
        hosts.map(|(host, _)| host.to_string()).collect()
    }

    fn has(&self, mode: TlsMode) -> bool {
        let mut hosts = self.0.hosts.iter();
        hosts.any(|(host, policy)| policy.mode == mode && !host.is_catch_all())
    }

    /// Whether the policy of internal hosts is for all that no other names: Caddy compares each name
    /// with every one of a policy's, so the fewer are named. Not where a name can cover a host of
    /// another mode.
    fn are_mostly_internal(&self) -> bool {
        let (mut internal, mut public) = (0_usize, 0_usize);
        for (host, policy) in { &self.0.hosts }
            .into_iter()
            .filter(|(host, _)| !host.is_catch_all())
        {
            match policy.mode {
                TlsMode::Internal => internal += 1,
                TlsMode::Public if host.is_wildcard() => return false,
                TlsMode::Public => public += 1,
                TlsMode::OnDemand => return false,
                TlsMode::Off => {}
            }
        }
        internal > public
    }

    /// Whether a wildcard covers this exact host whose certificate comes from elsewhere. Caddy
    /// would then serve it with the wildcard's certificate, and ask the wildcard's issuer for one
    /// (`managingWildcardFor` and `getAutomationPolicyForName` in modules/caddytls/tls.go).
    fn is_shadowed(&self, host: &Hostname, mode: TlsMode) -> bool {
        let wildcard = host.covering_wildcard();
        let wildcard = wildcard.and_then(|wildcard| self.0.hosts.get(&wildcard));
        match wildcard.map(|policy| policy.mode) {
            Some(TlsMode::Internal) => mode == TlsMode::Public,
            Some(TlsMode::OnDemand) => mode != TlsMode::OnDemand,
            Some(TlsMode::Public | TlsMode::Off) | None => false,
        }
    }
}

/// In this order, because the first policy that covers a name counts: exact names before the
/// wildcards that cover them.
fn policies(hosts: &Hosts<'_>, options: &RenderOptions) -> Vec<AutomationPolicy> {
    let public = acme::public(&options.acme);
    let internal = || vec![Issuer::Internal];
    let plain = |subjects, issuers| AutomationPolicy {
        subjects,
        issuers,
        on_demand: false,
    };
    let on_demand = |openness: u8, is_internal: bool| AutomationPolicy {
        subjects: hosts.texts(|host, mode| {
            mode == TlsMode::OnDemand
                && host.openness() == openness
                && host.is_internal() == is_internal
        }),
        issuers: if is_internal {
            internal()
        } else {
            public.clone()
        },
        on_demand: true,
    };
    let is_wildcard = |host: &Hostname, mode| mode == TlsMode::Public && host.is_wildcard();
    let ordered = acme::wildcard(&options.acme);
    let is_internal = |_: &Hostname, mode| mode == TlsMode::Internal;
    if hosts.are_mostly_internal() {
        let named = plain(hosts.texts(|_, mode| mode == TlsMode::Public), public);
        let named = Some(named).filter(|policy| !policy.subjects.is_empty());
        let rest = plain(Vec::new(), internal());
        return named.into_iter().chain([rest]).collect();
    }
    let named = [
        plain(
            hosts.texts(|host, mode| mode == TlsMode::Public && hosts.is_shadowed(host, mode)),
            public.clone(),
        ),
        on_demand(0, true),
        on_demand(0, false),
        plain(hosts.texts(is_internal), internal()),
        on_demand(1, true),
        on_demand(1, false),
        plain(
            hosts.texts(|host, mode| ordered.is_some() && is_wildcard(host, mode)),
            ordered.clone().unwrap_or_default(),
        ),
    ];
    let named = named
        .into_iter()
        .filter(|policy| !policy.subjects.is_empty());
    let rest = (!public.is_empty() && hosts.has(TlsMode::Public))
        .then(|| plain(Vec::new(), public.clone()));
    named.chain(rest).collect()
}
