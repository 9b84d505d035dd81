//! Many exact hosts as few routes. Caddy asks one route after another, so that in a flat list each
//! host costs the ones behind it time, and each route memory and time at every load.
//!
//! Exact hosts do not match each other's requests, so their order among themselves means nothing.
//! Those that are served in the same way and differ in one upstream only form a *class*: one route
//! for up to a thousand of them, in which a `map` says which upstream is whose. All others have routes
//! of their own, in a tree: a route for up to a thousand hosts, within it one for each few dozen, and
//! within those the routes that a flat list would have. A route of the tree does not end the list,
//! so what matches none of a host's own routes goes on behind it as in a flat list.
//!
//! Every host stands in the matcher of a top-level route: automatic HTTPS reads no others
//! (`modules/caddyhttp/autohttps.go`).

use std::collections::BTreeMap;

use super::matching_hosts;
use crate::caddy::config::{Handler, Map, Mapping, Route as ConfigRoute, Subroute};
use crate::caddy::render::chain::{self, Last};
use crate::caddy::render::{Grouping, RenderOptions, handlers};
use crate::model::{Hostname, LbPolicy, PathMatch};
use crate::routes::{Route, RouteKey};

/// So many hosts are in a top-level route: of `map`, which compares one by one, and of the matcher
/// of a route of the tree, which a request passes on its way to a later one. Of Caddy's time for a
/// request to the middle one of 10,000 hosts, profiles show for finding it 13 % with 128, 10 % with
/// 256 and 512, 9 % with 1,024, 8 % with 1,536 and 9 % with 2,048.
const HOSTS_PER_ROUTE: usize = 1_024;
/// So many hosts are in a route of the tree within those: Caddy puts the routes of a subroute
/// together anew for each request.
const HOSTS_PER_BRANCH: usize = 32;
/// Up to so many hosts a flat list is as fast, and easier to read.
const FLAT_MAX: usize = 64;
/// Of how many hosts a class is at least.
const CLASS_MIN: usize = 2;
/// What a class dials: the upstream of the request's host.
const UPSTREAM: &str = "{sh0.upstream}";

/// One host and what answers its requests, in the order in which it is asked.
type Host<'a> = (&'a Hostname, Vec<(&'a RouteKey, &'a Route)>);

/// A route, and where within it keys stand.
pub(super) struct Grouped {
    pub(super) route: ConfigRoute,
    pub(super) keys: Vec<(Vec<usize>, RouteKey)>,
}

/// Hosts that differ in their upstream only.
struct Class<'a> {
    first: (&'a RouteKey, &'a Route),
    hosts: Vec<(&'a Hostname, String)>,
}

/// Whether these routes of exact hosts, which are in order, are grouped.
pub(super) fn is_grouped(routes: &[(&RouteKey, &Route)], grouping: Grouping) -> bool {
    let hosts = || routes.chunk_by(|(a, _), (b, _)| a.host == b.host).count();
    match grouping {
        Grouping::Auto => hosts() > FLAT_MAX,
        Grouping::Always => true,
        Grouping::Never => false,
    }
}

/// Each of these routes as one.
pub(super) fn flat(
    routes: &[(&RouteKey, &Route)],
    leaf: impl Fn(&RouteKey, &Route) -> ConfigRoute,
) -> Vec<Grouped> {
    let routes = routes.iter();
    let flat = routes.map(|(key, route)| Grouped {
        route: leaf(key, route),
        keys: vec![(Vec::new(), (*key).clone())],
    });
    flat.collect()
}

/// These routes of exact hosts, which are in order, in as few routes as does for them. `leaf` makes
/// the route of one key.
pub(super) fn grouped<'a>(
    routes: &[(&'a RouteKey, &'a Route)],
    options: &RenderOptions,
    leaf: impl Fn(&RouteKey, &Route) -> ConfigRoute,
) -> Vec<Grouped> {
    let by_host = routes.chunk_by(|(a, _), (b, _)| a.host == b.host);
    let mut classes: Vec<Class<'a>> = Vec::new();
    let mut own: Vec<Host<'a>> = Vec::new();
    let mut known = Known::default();
    for of_host in by_host {
        let [first, ..] = of_host else { continue };
        let host = &first.0.host;
        match of_host {
            [(key, route)] if let Some(dial) = only_upstream(key, route, options) => {
                match known.class_of(&classes, key, route, options) {
                    Some(class) => class_at(&mut classes, class).hosts.push((host, dial)),
                    None => classes.push(Class {
                        first: (key, route),
                        hosts: vec![(host, dial)],
                    }),
                }
            }
            _ => own.push((host, of_host.to_vec())),
        }
    }
    let (classes, small): (Vec<_>, Vec<_>) =
        { classes.into_iter() }.partition(|class| class.hosts.len() >= CLASS_MIN);
    own.extend({ small.iter() }.map(|class| (&class.first.0.host, vec![class.first])));
    own.sort_unstable_by_key(|(host, _)| *host);
    let classes = classes
        .iter()
        .flat_map(|class| class_routes(class, options));
    classes.chain(tree(&own, &leaf)).collect()
}

fn class_at<'a, 'b>(classes: &'b mut [Class<'a>], index: usize) -> &'b mut Class<'a> {
    classes.get_mut(index).expect("classes are never removed")
}

/// Which class is known by what.
#[derive(Default)]
struct Known {
    /// The class of the host before: most often also the next one's.
    last: usize,
    /// By their handlers, as JSON.
    by_chain: BTreeMap<Vec<u8>, usize>,
}

impl Known {
    /// The class of this route; `None` makes it the first of a new one, behind the others.
    fn class_of(
        &mut self,
        classes: &[Class<'_>],
        key: &RouteKey,
        route: &Route,
        options: &RenderOptions,
    ) -> Option<usize> {
        let last = classes.get(self.last);
        if last.is_some_and(|class| is_served_alike(class.first.1, route)) {
            return Some(self.last);
        }
        let chain = serde_json::to_vec(&shared_chain(key, route, options));
        let chain = chain.expect("handlers have text keys only");
        let found = self.by_chain.get(&chain).copied();
        if found.is_none() {
            self.by_chain.insert(chain, classes.len());
        }
        self.last = found.unwrap_or(classes.len());
        found
    }
}

/// Whether two routes are surely served in the same way, but for their upstreams. It only saves
/// the longer look.
fn is_served_alike(a: &Route, b: &Route) -> bool {
    let of_route = a.log == b.log && a.strip == b.strip && a.rewrite == b.rewrite;
    let (of_a, of_b) = (&a.pool, &b.pool);
    of_route
        && of_a.scheme == of_b.scheme
        && of_a.tls == of_b.tls
        && of_a.authority == of_b.authority
        && of_a.timeouts == of_b.timeouts
        && of_a.retry == of_b.retry
        && of_a.policy == of_b.policy
        && a.serving == b.serving
}

/// What a route dials, if it is one upstream and all of its host's requests go there. Not where
/// requests are shared in a way that counts by upstream, as all of a class are one to Caddy; nor
/// where an operator wrote handlers, which Caddy may refuse for one host only.
fn only_upstream(key: &RouteKey, route: &Route, options: &RenderOptions) -> Option<String> {
    // The placeholder has an IPv6 address without its brackets.
    let is_plain =
        key.path == PathMatch::Every && key.matching.is_empty() && !key.host.as_str().contains(':');
    let is_counted = route.pool.policy != LbPolicy::default();
    if !is_plain || is_counted || chain::has_raw(route) {
        return None;
    }
    let mut dials = handlers::dials(&route.pool, options);
    let dial = dials.pop()?;
    dials.is_empty().then_some(dial)
}

/// What all hosts of a class have in common.
fn shared_chain(key: &RouteKey, route: &Route, options: &RenderOptions) -> Vec<Handler> {
    let proxy = handlers::proxy_to(vec![UPSTREAM.to_owned()], &route.pool, options);
    chain::chain(key, route, options, Last::Proxy(Box::new(proxy)))
}

fn class_routes<'a>(
    class: &'a Class<'_>,
    options: &'a RenderOptions,
) -> impl Iterator<Item = Grouped> + 'a {
    let (key, route) = class.first;
    let shared = shared_chain(key, route, options);
    evenly(&class.hosts, HOSTS_PER_ROUTE).map(move |part| {
        let mappings = part.iter().map(|(host, dial)| Mapping {
            input: host.as_str().to_owned(),
            outputs: [dial.clone()],
        });
        let map = Handler::Map(Map {
            source: "{http.request.host}",
            destinations: [UPSTREAM],
            mappings: mappings.collect(),
        });
        let hosts: Vec<&Hostname> = part.iter().map(|(host, _)| *host).collect();
        Grouped {
            route: ConfigRoute {
                id: None,
                matchers: vec![matching_hosts(&hosts)],
                handle: [map].into_iter().chain(shared.clone()).collect(),
                terminal: true,
            },
            keys: Vec::new(),
        }
    })
}

/// The routes of hosts that are served each in its own way.
fn tree(own: &[Host<'_>], leaf: &impl Fn(&RouteKey, &Route) -> ConfigRoute) -> Vec<Grouped> {
    if own.len() <= FLAT_MAX {
        return leaves(own, leaf);
    }
    let branches = |part: &[Host<'_>]| branch(part, |part| twigs(part, leaf));
    evenly(own, HOSTS_PER_ROUTE).map(branches).collect()
}

/// The routes within a top-level route: one for each few dozen hosts.
fn twigs(part: &[Host<'_>], leaf: &impl Fn(&RouteKey, &Route) -> ConfigRoute) -> Vec<Grouped> {
    evenly(part, HOSTS_PER_BRANCH)
        .map(|part| branch(part, |part| leaves(part, leaf)))
        .collect()
}

/// The routes of these hosts, as a flat list has them.
fn leaves(part: &[Host<'_>], leaf: &impl Fn(&RouteKey, &Route) -> ConfigRoute) -> Vec<Grouped> {
    let routes = part.iter().flat_map(|(_, routes)| routes);
    let routes: Vec<_> = routes.copied().collect();
    flat(&routes, leaf)
}

/// One route for these hosts, and within it others, behind which the list goes on.
fn branch<'h>(part: &[Host<'h>], within: impl Fn(&[Host<'h>]) -> Vec<Grouped>) -> Grouped {
    let hosts: Vec<&Hostname> = part.iter().map(|(host, _)| *host).collect();
    let (mut routes, mut keys) = (Vec::new(), Vec::new());
    for (index, inner) in within(part).into_iter().enumerate() {
        routes.push(inner.route);
        keys.extend({ inner.keys.into_iter() }.map(|(place, key)| {
            let place = [index].into_iter().chain(place).collect();
            (place, key)
        }));
    }
    Grouped {
        route: ConfigRoute {
            id: None,
            matchers: vec![matching_hosts(&hosts)],
            handle: vec![Handler::Subroute(Subroute {
                routes,
                errors: None,
            })],
            terminal: false,
        },
        keys,
    }
}

/// The list in as few parts of at most `max` as can be, all but the last of the same length.
fn evenly<T>(list: &[T], max: usize) -> impl Iterator<Item = &[T]> {
    let parts = list.len().div_ceil(max).max(1);
    let length = list.len().div_ceil(parts).max(1);
    list.chunks(length)
}
