//! Where the certificates of the table's hosts come from.

use super::{AcmeOptions, RenderOptions, text};
use crate::caddy::config::{
    Acme, Automation, AutomationPolicy, CertificateFile, Certificates, Issuer, Tls,
};
use crate::model::Hostname;
use crate::routes::{RouteTable, TlsMode};

/// The second authority that Caddy asks by default when it knows an e-mail address
/// (`DefaultIssuers` in modules/caddytls/automation.go).
const ZERO_SSL: &str = "https://acme.zerossl.com/v2/DV90";

/// What Caddy has to know beyond its defaults; it finds the hosts themselves in the routes.
pub(super) fn tls(table: &RouteTable, options: &RenderOptions) -> Option<Tls> {
    let hosts = |mode: TlsMode| {
        (table.tls.iter())
            .filter(move |&(host, &m)| m == mode && !host.is_catch_all())
            .map(|(host, _)| host)
    };
    let internal: Vec<String> = hosts(TlsMode::Internal).map(Hostname::to_string).collect();
    let shadowed: Vec<String> = hosts(TlsMode::Public)
        .filter(|host| is_shadowed(table, host))
        .map(Hostname::to_string)
        .collect();
    let issuers = match hosts(TlsMode::Public).next() {
        Some(_) => public_issuers(&options.acme),
        None => Vec::new(),
    };
    let load_files: Vec<CertificateFile> = (options.certificates.iter())
        .map(|pair| CertificateFile {
            certificate: text(&pair.certificate),
            key: text(&pair.key),
        })
        .collect();
    let policies = policies(&shadowed, internal, issuers);
    let certificates = (!load_files.is_empty() || !shadowed.is_empty()).then_some(Certificates {
        load_files,
        automate: shadowed,
    });
    let automation = (!policies.is_empty()).then_some(Automation { policies });
    (certificates.is_some() || automation.is_some()).then_some(Tls {
        certificates,
        automation,
    })
}

/// Whether a wildcard with an internal certificate covers this public host. Caddy would then
/// serve it with the wildcard's certificate, and ask the wildcard's issuer for one
/// (`managingWildcardFor` and `getAutomationPolicyForName` in modules/caddytls/tls.go).
fn is_shadowed(table: &RouteTable, host: &Hostname) -> bool {
    let wildcard = host.covering_wildcard().and_then(|w| table.tls.get(&w));
    wildcard == Some(&TlsMode::Internal)
}

/// In this order, because the first policy that covers a name counts.
fn policies(
    shadowed: &[String],
    internal: Vec<String>,
    issuers: Vec<Issuer>,
) -> Vec<AutomationPolicy> {
    let mut policies = Vec::new();
    if !shadowed.is_empty() {
        policies.push(AutomationPolicy {
            subjects: shadowed.to_vec(),
            issuers: issuers.clone(),
        });
    }
    if !internal.is_empty() {
        policies.push(AutomationPolicy {
            subjects: internal,
            issuers: vec![Issuer::Internal],
        });
    }
    if !issuers.is_empty() {
        policies.push(AutomationPolicy {
            subjects: Vec::new(),
            issuers,
        });
    }
    policies
}

/// Empty means Caddy's default.
fn public_issuers(acme: &AcmeOptions) -> Vec<Issuer> {
    if *acme == AcmeOptions::default() {
        return Vec::new();
    }
    let first = Acme {
        ca: acme.ca.clone(),
        email: acme.email.clone(),
        trusted_roots_pem_files: acme.ca_root.iter().map(|root| text(root)).collect(),
    };
    let default_ca = acme.ca.is_none() && acme.email.is_some();
    let second = default_ca.then(|| Acme {
        ca: Some(ZERO_SSL.to_owned()),
        email: acme.email.clone(),
        trusted_roots_pem_files: Vec::new(),
    });
    [first]
        .into_iter()
        .chain(second)
        .map(Issuer::Acme)
        .collect()
}
