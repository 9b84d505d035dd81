//! Routes of our own that stand before those of the table: redirects, and what a host's policy asks.

use std::collections::{BTreeMap, BTreeSet};

use super::{RouteList, groups, matching_hosts};
use crate::caddy::config::{FileMatch, Matcher, Route};
use crate::caddy::render::{RenderOptions, handlers, text};
use crate::model::Hostname;
use crate::routes::{HostPolicy, RouteTable, TlsMode};

/// The placeholder for where the request's host is redirected to.
const ORIGIN: &str = "{sh0.origin}";

impl RouteList<'_> {
    /// Adds redirects of these hosts to HTTPS: one route for all names. An IPv6 address needs one
    /// of its own, because `{http.request.host}` comes without its brackets.
    pub(super) fn redirects(&mut self, hosts: &[&Hostname], options: &RenderOptions) {
        let port = port(options.https_port, 443);
        let (ipv6, names): (Vec<_>, Vec<_>) =
            hosts.iter().partition(|host| host.as_str().contains(':'));
        if !names.is_empty() {
            let origin = format!("https://{{http.request.host}}{port}");
            self.push(matching_hosts(&names), handlers::redirect(&origin));
        }
        for host in ipv6 {
            let origin = format!("https://[{host}]{port}");
            self.push(matching_hosts(&[host]), handlers::redirect(&origin));
        }
    }

    /// Adds redirects of whole exact hosts to others: one route for each target, or, where there are
    /// many, for as many hosts as share one.
    pub(super) fn redirects_from(
        &mut self,
        table: &RouteTable,
        options: &RenderOptions,
        so: impl Fn(&HostPolicy) -> bool,
    ) {
        let mut sources: BTreeMap<&Hostname, Vec<&Hostname>> = BTreeMap::new();
        for (from, to) in &table.redirects {
            if table.hosts.get(from).is_some_and(&so) {
                sources.entry(to).or_default().push(from);
            }
        }
        let is_grouped = groups::is_grouped(sources.len(), options.grouping);
        let mut shared = Vec::new();
        for (to, from) in sources {
            let policy = table.hosts.get(to);
            let origin = if policy.is_some_and(HostPolicy::has_tls) {
                format!("https://{}{}", bracketed(to), port(options.https_port, 443))
            } else {
                format!("http://{}{}", bracketed(to), port(options.http_port, 80))
            };
            let may_share = |from: &&Hostname| is_grouped && groups::may_be_mapped(from);
            let (mapped, own): (Vec<_>, Vec<_>) = from.into_iter().partition(may_share);
            if !own.is_empty() {
                self.push(matching_hosts(&own), handlers::redirect(&origin));
            }
            shared.extend(mapped.into_iter().map(|from| (from, origin.clone())));
        }
        for part in groups::evenly(&shared, groups::HOSTS_PER_ROUTE) {
            let hosts: Vec<&Hostname> = part.iter().map(|(host, _)| *host).collect();
            let origins = { part.iter() }.map(|(host, origin)| (*host, vec![origin.clone()]));
            let origins = groups::map(vec![ORIGIN.to_owned()], origins);
            let handle = vec![origins, handlers::redirect(ORIGIN)];
            self.routes.push(groups::of_hosts(&hosts, handle, true));
        }
    }

    /// Adds the answer for public hosts that have no certificate yet: a redirect would lead to a
    /// handshake that fails. Whether the certificate is there is seen in the storage at each
    /// request, so that nothing needs to be loaded once it is.
    pub(super) fn not_certified(
        &mut self,
        table: &RouteTable,
        options: &RenderOptions,
        hosts: &[&Hostname],
    ) {
        let orders = |host: &&&Hostname| {
            let wildcard = host.covering_wildcard();
            let has = |name: &Hostname| options.certificate_names.contains(name);
            let mode = |name: &Hostname| table.hosts.get(name).map(|policy| policy.mode);
            let is_covered = wildcard
                .as_ref()
                .is_some_and(|w| has(w) || mode(w) == Some(TlsMode::Public));
            let is_public = mode(host) == Some(TlsMode::Public) && host.openness() == 0;
            is_public && !has(host) && !is_covered
        };
        let hosts: Vec<&Hostname> = hosts.iter().filter(orders).copied().collect();
        if hosts.is_empty() {
            return;
        }
        // `certmagic.StorageKeys`: certificates/<issuer>/<name>/<name>.crt
        let there = FileMatch {
            root: text(&options.storage_dir.join("certificates")),
            try_files: ["*/{http.request.host}/{http.request.host}.crt"],
        };
        let there = Matcher {
            file: Some(there),
            ..Matcher::default()
        };
        let matcher = Matcher {
            not: vec![there],
            ..matching_hosts(&hosts)
        };
        self.push(matcher, handlers::not_certified());
    }

    /// Adds what tells browsers to keep to HTTPS, one route for each text.
    pub(super) fn hsts(&mut self, table: &RouteTable) {
        let mut told: BTreeMap<(u8, Option<&String>), Vec<&Hostname>> = BTreeMap::new();
        let some = table.hosts.values().any(|policy| policy.hsts.is_some());
        for (host, policy) in table
            .hosts
            .iter()
            .filter(|(_, policy)| some && policy.has_tls())
        {
            let hosts = told
                .entry((host.openness(), policy.hsts.as_ref()))
                .or_default();
            hosts.push(host);
        }
        for ((openness, hsts), hosts) in told {
            let Some(text) = hsts else { continue };
            let more_exact = table.hosts.keys().filter(|host| {
                let wildcard = host.covering_wildcard();
                match openness {
                    0 => false,
                    1 => wildcard.is_some_and(|wildcard| hosts.contains(&&wildcard)),
                    _ => host.openness() < 2,
                }
            });
            let fenced = { table.fenced.iter() }.filter(|(host, against)| {
                let wildcard = host.covering_wildcard();
                **against <= openness
                    && (openness == 2 || wildcard.is_some_and(|w| hosts.contains(&&w)))
            });
            let fenced = fenced.map(|(host, _)| host);
            let more_exact: BTreeSet<&Hostname> = more_exact.chain(fenced).collect();
            let more_exact: Vec<&Hostname> = more_exact.into_iter().collect();
            let others = (!more_exact.is_empty()).then(|| matching_hosts(&more_exact));
            let hosts: Vec<&Hostname> = { hosts.into_iter() }
                .filter(|host| !host.is_catch_all())
                .collect();
            let matcher = Matcher {
                not: others.into_iter().collect(),
                ..matching_hosts(&hosts)
            };
            self.routes.push(Route {
                id: None,
                matchers: [matcher]
                    .into_iter()
                    .filter(|m| *m != Matcher::default())
                    .collect(),
                handle: vec![handlers::hsts(text)],
                terminal: false,
            });
        }
    }
}

fn port(port: u16, default: u16) -> String {
    if port == default {
        return String::new();
    }
    format!(":{port}")
}

fn bracketed(host: &Hostname) -> String {
    if host.as_str().contains(':') {
        return format!("[{host}]");
    }
    host.to_string()
}
