//! The two servers and the order of their routes.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::paths::ranges;
use super::{Places, RenderOptions, connections, handlers};
use crate::caddy::config::{
    AccessLog, AutomaticHttps, Errors, Handler, Matcher, Route, Server, ServerName, TrustedProxies,
};
use crate::model::Hostname;
use crate::routes::{HostPolicy, RouteTable};

mod claims;
mod errors;
mod groups;
mod hosts;
mod list;
mod notices;

use list::{Ordered, RouteList};

/// The servers for this table, and the places of its keys in them. The `https` server is there
/// only if a host has TLS.
pub(super) fn servers(
    table: &RouteTable,
    options: &RenderOptions,
) -> (BTreeMap<ServerName, Server>, Places) {
    let mut places = Places::new();
    let mut servers = BTreeMap::new();
    let ordered = table.in_order();
    let errors = errors::errors(&ordered, options);
    let routes = http_routes(table, &ordered, options).finish(&mut places);
    servers.insert(ServerName::Http, http(options, routes, errors.clone()));
    if table.hosts.values().any(HostPolicy::has_tls) {
        let (list, without_tls) = https_routes(table, &ordered, options);
        let routes = list.finish(&mut places);
        let server = https(table, options, routes, errors, without_tls);
        servers.insert(ServerName::Https, server);
    }
    (servers, places)
}

/// The server of a config that has no routes.
pub(super) fn unavailable(options: &RenderOptions) -> Server {
    let answer = Route {
        id: None,
        matchers: Vec::new(),
        handle: vec![handlers::unavailable()],
        terminal: false,
    };
    http(options, vec![answer], errors::errors(&[], options))
}

fn http(options: &RenderOptions, routes: Vec<Route>, errors: Option<Errors>) -> Server {
    Server {
        listen: listen(options, options.http_port),
        limits: options.clients.of_server(),
        // The others need TLS, and Caddy would say so in two warnings at every load.
        protocols: Some(["h1"]),
        tls_connection_policies: None,
        strict_sni_host: None,
        automatic_https: AutomaticHttps {
            disable: true,
            disable_redirects: true,
            skip: Vec::new(),
        },
        trusted_proxies: trusted_proxies(options),
        trusted_proxies_strict: (!options.trusted_proxies.is_empty()).then_some(1),
        logs: access_log(&routes),
        routes,
        errors,
    }
}

fn https(
    table: &RouteTable,
    options: &RenderOptions,
    routes: Vec<Route>,
    errors: Option<Errors>,
    without_tls: Vec<String>,
) -> Server {
    let asks_clients = { table.hosts.values() }.any(|policy| policy.client_ca.is_some());
    Server {
        listen: listen(options, options.https_port),
        limits: options.clients.of_server(),
        protocols: None,
        tls_connection_policies: Some(connections::policies(table, options)),
        // Our own check stands before all routes.
        strict_sni_host: asks_clients.then_some(false),
        automatic_https: AutomaticHttps {
            disable: false,
            disable_redirects: true,
            skip: without_tls,
        },
        trusted_proxies: trusted_proxies(options),
        trusted_proxies_strict: (!options.trusted_proxies.is_empty()).then_some(1),
        logs: access_log(&routes),
        routes,
        errors,
    }
}

fn trusted_proxies(options: &RenderOptions) -> Option<TrustedProxies> {
    ranges(options.trusted_proxies.iter()).map(TrustedProxies::Static)
}

/// The access log, where any of the routes is logged.
fn access_log(routes: &[Route]) -> Option<AccessLog> {
    is_any_logged(routes).then_some(AccessLog {})
}

fn is_any_logged(routes: &[Route]) -> bool {
    let logged = Handler::Vars {
        log_skip: Some(false),
    };
    let is_logged = |handler: &Handler| {
        let within = matches!(handler, Handler::Subroute(w) if is_any_logged(&w.routes));
        within || *handler == logged
    };
    { routes.iter() }.any(|route| route.handle.iter().any(is_logged))
}

fn listen(options: &RenderOptions, port: u16) -> Vec<String> {
    match options.listen.as_slice() {
        [] => vec![format!(":{port}")],
        addresses => (addresses.iter())
            .map(|&ip| SocketAddr::new(ip, port).to_string())
            .collect(),
    }
}

/// Plain HTTP: hosts without TLS are served, the others are sent to HTTPS, `*` is served. A less
/// open redirect or route always stands before a more open one, so neither hides the other.
/// ACME's HTTP challenges are answered before any route (`HandleHTTPChallenge` in
/// modules/caddyhttp/server.go).
fn http_routes<'a>(
    table: &RouteTable,
    ordered: &'a Ordered<'a>,
    options: &RenderOptions,
) -> RouteList<'a> {
    let mut list = RouteList::new(ServerName::Http, ordered, options);
    list.redirects_from(table, options, |_| true);
    for openness in [0, 1] {
        let redirected = hosts(table, openness, |host, policy| {
            policy.redirects_http && !table.redirects.contains_key(host)
        });
        list.not_certified(table, options, &redirected);
        list.redirects(&redirected, options);
        list.serve(table, options, openness, |policy| !policy.redirects_http);
        list.fence(table, openness + 1, |_| true);
    }
    list.serve(table, options, 2, |_| true);
    list
}

/// HTTPS: hosts with TLS, and `*`. A host without TLS that a wildcard or `*` would catch is 404
/// here rather than another app's; such hosts are returned too, so that they get no certificate.
fn https_routes<'a>(
    table: &RouteTable,
    ordered: &'a Ordered<'a>,
    options: &RenderOptions,
) -> (RouteList<'a>, Vec<String>) {
    let mut list = RouteList::new(ServerName::Https, ordered, options);
    for matcher in connections::misdirected(table) {
        list.push(matcher, handlers::misdirected());
    }
    list.hsts(table);
    list.redirects_from(table, options, HostPolicy::has_tls);
    let mut without_tls = Vec::new();
    let catch_all = table.hosts.keys().any(Hostname::is_catch_all);
    let caught = |host: &Hostname| {
        let wildcard = host.covering_wildcard().and_then(|w| table.hosts.get(&w));
        catch_all || wildcard.is_some_and(HostPolicy::has_tls)
    };
    for openness in [0, 1] {
        list.serve(table, options, openness, HostPolicy::has_tls);
        let mut off = hosts(table, openness, |_, policy| !policy.has_tls());
        off.retain(|host| caught(host));
        if !off.is_empty() {
            list.push(matching_hosts(&off), handlers::not_found());
            without_tls.extend(texts(&off));
        }
        // A host without a policy has no route, and gets no certificate for its 404 either.
        let has_no_route = |host: &Hostname| !table.hosts.contains_key(host);
        let has_tls = |host: &Hostname| table.hosts.get(host).is_some_and(HostPolicy::has_tls);
        let fenced = list.fence(table, openness + 1, |host| {
            has_no_route(host) || has_tls(host)
        });
        without_tls.extend(
            fenced
                .into_iter()
                .filter(|host| has_no_route(host))
                .map(ToString::to_string),
        );
    }
    list.serve(table, options, 2, |_| true);
    (list, without_tls)
}

fn hosts(
    table: &RouteTable,
    openness: u8,
    so: impl Fn(&Hostname, &HostPolicy) -> bool,
) -> Vec<&Hostname> {
    (table.hosts.iter())
        .filter(|(host, policy)| host.openness() == openness && so(host, policy))
        .map(|(host, _)| host)
        .collect()
}

fn texts(hosts: &[&Hostname]) -> Vec<String> {
    hosts.iter().map(|host| host.as_str().to_owned()).collect()
}

fn matching_hosts(hosts: &[&Hostname]) -> Matcher {
    Matcher {
        host: texts(hosts),
        ..Matcher::default()
    }
}
