//! How TLS connections are accepted, and which requests may come over which of them.

use std::collections::{BTreeMap, BTreeSet};

use super::{RenderOptions, text};
use crate::caddy::config::{
    ClientAuthentication, ClientAuthorities, Matcher, Pattern, SniMatch, TlsConnectionPolicy,
};
use crate::model::{FileName, Hostname, TlsVersion};
use crate::routes::{HostPolicy, RouteTable};

/// What a connection must show: the same for all names of one policy.
type Terms = (TlsVersion, Option<FileName>);

fn terms(policy: &HostPolicy) -> Terms {
    (policy.min, policy.client_ca.clone())
}

/// The policies by which handshakes are accepted; the first that has the name counts, and the last
/// has every name. Exact names come before the wildcards that cover them, so one below a wildcard
/// with terms is named even when it has none of its own.
pub(super) fn policies(table: &RouteTable, options: &RenderOptions) -> Vec<TlsConnectionPolicy> {
    let usual = Terms::default();
    let of_kind = |openness: u8| {
        let hosts = table.hosts.iter();
        hosts.filter(move |(host, policy)| {
            policy.has_tls() && host.openness() == openness && host.has_server_name()
        })
    };
    let wildcards: BTreeSet<&Hostname> = of_kind(1)
        .filter(|(_, policy)| terms(policy) != usual)
        .map(|(host, _)| host)
        .collect();
    let mut exact: BTreeMap<Terms, Vec<String>> = BTreeMap::new();
    for (host, policy) in of_kind(0) {
        let is_covered = { host.covering_wildcard() }.is_some_and(|w| wildcards.contains(&w));
        if terms(policy) != usual || is_covered {
            let sni = exact.entry(terms(policy)).or_default();
            sni.push(host.to_string());
        }
    }
    let mut open: BTreeMap<Terms, Vec<String>> = BTreeMap::new();
    for (host, policy) in of_kind(1).filter(|(host, _)| wildcards.contains(host)) {
        open.entry(terms(policy))
            .or_default()
            .push(host.to_string());
    }
    let all = exact.into_iter().chain(open);
    let all = all.map(|(terms, sni)| connection_policy(&terms, sni, options));
    all.chain([TlsConnectionPolicy::default()]).collect()
}

fn connection_policy(
    (min, client_ca): &Terms,
    sni: Vec<String>,
    options: &RenderOptions,
) -> TlsConnectionPolicy {
    let file = client_ca.as_ref().map(|name| options.authorities.get(name));
    let authentication = |file| ClientAuthentication {
        ca: ClientAuthorities::File {
            pem_files: vec![text(file)],
        },
        mode: "require_and_verify",
    };
    TlsConnectionPolicy {
        matcher: Some(SniMatch { sni }),
        protocol_min: match min {
            TlsVersion::V12 => None,
            TlsVersion::V13 => Some("tls1.3"),
        },
        // Without the file nobody can show that they may come in.
        drop: file == Some(None),
        client_authentication: file.flatten().map(|file| authentication(file)),
    }
}

/// The requests that came over another connection than their host asks for: a client may name one
/// host in the handshake and another in the request, as browsers do when one certificate covers
/// both. Caddy's own check (`strict_sni_host`) would also refuse every IP address and every host
/// with a trailing dot, whose requests never say what the handshake said.
pub(super) fn misdirected(table: &RouteTable) -> Vec<Matcher> {
    let guarded = |openness: u8| {
        let hosts = table.hosts.iter();
        hosts.filter_map(move |(host, policy)| {
            let client_ca = policy.client_ca.as_ref()?;
            (host.openness() == openness).then_some((client_ca, host))
        })
    };
    let mut exact: BTreeMap<&FileName, Vec<&Hostname>> = BTreeMap::new();
    for (client_ca, host) in guarded(0) {
        exact.entry(client_ca).or_default().push(host);
    }
    let exact = exact.into_values().map(|hosts| Matcher {
        host: hosts.iter().map(ToString::to_string).collect(),
        not: vec![named_in_handshake(&hosts)],
        ..Matcher::default()
    });
    let wildcards = guarded(1).map(|(_, wildcard)| {
        let below: Vec<&Hostname> = { table.hosts.keys() }
            .filter(|host| host.covering_wildcard().as_ref() == Some(wildcard))
            .collect();
        let mut named = named_in_handshake(&[wildcard]);
        let mut own = Vec::new();
        if !below.is_empty() {
            named.not = vec![named_in_handshake(&below)];
            own.push(Matcher {
                host: below.iter().map(ToString::to_string).collect(),
                ..Matcher::default()
            });
        }
        Matcher {
            host: vec![wildcard.to_string()],
            not: own.into_iter().chain([named]).collect(),
            ..Matcher::default()
        }
    });
    exact.chain(wildcards).collect()
}

/// Requests whose handshake named one of these hosts.
fn named_in_handshake(hosts: &[&Hostname]) -> Matcher {
    let name = |host: &&Hostname| host.as_str().replace('.', r"\.").replacen('*', "[^.]+", 1);
    let names: Vec<String> = hosts.iter().map(name).collect();
    let pattern = format!("(?i)^(?:{})$", names.join("|"));
    Matcher {
        vars_regexp: BTreeMap::from([("{http.request.tls.server_name}", Pattern { pattern })]),
        ..Matcher::default()
    }
}
