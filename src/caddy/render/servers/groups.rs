//! Many exact hosts as few routes. Caddy asks one route after another, so that in a flat list each
//! host costs the ones behind it time, and each route memory and time at every load.
//!
//! Exact hosts do not match each other's requests, so their order among themselves means nothing.
//! Those that are answered in the same way, with all their paths and options, and differ in what is
//! dialled, in passwords and in the answer's header fields only, form a *class*: one route for up to
//! a thousand of them, in which a `map` says which upstream is whose. All others, and small classes,
//! stand in a tree: a route for up to a thousand of them, within it one for each few dozen, and within
//! those the routes that a flat list would have. A route of the tree does not end the list, so what
//! matches none of a host's own routes goes on behind it as in a flat list.
//!
//! Every host stands in the matcher of a top-level route: automatic HTTPS reads no others
//! (`modules/caddyhttp/autohttps.go`).

use super::list::Leaf;
use super::matching_hosts;
use crate::caddy::config::{Handler, Map, Mapping, Route as ConfigRoute, Subroute};
use crate::caddy::render::Grouping;
use crate::model::Hostname;
use crate::routes::{Route, RouteKey};

mod classes;
mod own_parts;

use classes::{Class, Classes};

/// So many hosts are in a route of a class or of redirects: `map` compares one by one. Of Caddy's time
/// for a request to the middle one of 10,000 hosts, profiles show for finding it 13 % with 128, 10 %
/// with 256 and 512, 9 % with 1,024, 8 % with 1,536 and 9 % with 2,048.
pub(super) const HOSTS_PER_ROUTE: usize = 1_024;
/// Of how many hosts a class is at least that stands beside the tree instead of in it. A request
/// passes all those before its own, so there must not be many.
const CLASS_AT_TOP_MIN: usize = 256;
/// So many hosts and small classes are in a top-level route of the tree.
const MEMBERS_AT_TOP: usize = 1_024;
/// So many are in a route of the tree within those: Caddy puts the routes of a subroute together
/// anew for each request.
const MEMBERS_PER_BRANCH: usize = 32;
/// Up to so many a flat list is as fast, and easier to read.
const FLAT_MAX: usize = 64;

/// One host and what answers its requests, in the order in which it is asked.
type Host<'a> = (&'a Hostname, &'a [(&'a RouteKey, &'a Route)]);

/// A route, and where within it keys stand.
pub(super) struct Grouped {
    pub(super) route: ConfigRoute,
    pub(super) keys: Vec<(Vec<usize>, RouteKey)>,
}

/// Whether so many exact hosts share routes.
pub(super) fn is_grouped(hosts: usize, grouping: Grouping) -> bool {
    match grouping {
        Grouping::Auto => hosts > FLAT_MAX,
        Grouping::Always => true,
        Grouping::Never => false,
    }
}

/// Whether a host may stand in a map: the placeholder has an IPv6 address without its brackets.
pub(super) fn may_be_mapped(host: &Hostname) -> bool {
    !host.as_str().contains(':')
}

/// The handler that says what these placeholders stand for, by the request's host.
pub(super) fn map<'h>(
    placeholders: Vec<String>,
    values: impl Iterator<Item = (&'h Hostname, Vec<String>)>,
) -> Handler {
    let mappings = values.map(|(host, outputs)| Mapping {
        input: host.as_str().to_owned(),
        outputs,
    });
    Handler::Map(Map {
        source: "{http.request.host}",
        destinations: placeholders,
        mappings: mappings.collect(),
    })
}

/// Each of these routes as one.
pub(super) fn flat(routes: &[(&RouteKey, &Route)], leaf: &Leaf<'_>) -> Vec<Grouped> {
    let routes = routes.iter();
    let flat = routes.map(|(key, route)| Grouped {
        route: leaf.route(key, route),
        keys: vec![(Vec::new(), (*key).clone())],
    });
    flat.collect()
}

/// These routes of exact hosts, which are in order, in as few routes as does for them.
pub(super) fn grouped<'a>(
    routes: &'a [(&'a RouteKey, &'a Route)],
    leaf: &Leaf<'_>,
) -> Vec<Grouped> {
    let by_host = routes.chunk_by(|(a, _), (b, _)| a.host == b.host);
    let hosts = by_host.filter_map(|of_host| Some((&of_host.first()?.0.host, of_host)));
    let mut classes = Classes::default();
    let own = hosts.filter_map(|host| classes.take(host, leaf.options));
    let mut own: Vec<Member<'a>> = own.map(Member::Host).collect();
    let (large, small): (Vec<_>, Vec<_>) =
        { classes.finish() }.partition(|member| member.hosts().count() >= CLASS_AT_TOP_MIN);
    own.extend(small);
    own.sort_unstable_by_key(|member| member.hosts().next());
    leaves(&large, leaf)
        .into_iter()
        .chain(tree(&own, leaf))
        .collect()
}

/// What stands for itself.
enum Member<'a> {
    Host(Host<'a>),
    Class(Class<'a>),
}

impl<'a> Member<'a> {
    fn hosts(&self) -> Box<dyn Iterator<Item = &'a Hostname> + '_> {
        match self {
            Self::Host((host, _)) => Box::new([*host].into_iter()),
            Self::Class(class) => Box::new(class.hosts()),
        }
    }
}

/// The routes of these, which are found in a few steps.
fn tree(own: &[Member<'_>], leaf: &Leaf<'_>) -> Vec<Grouped> {
    if own.len() <= FLAT_MAX {
        return leaves(own, leaf);
    }
    let branches = |part: &[Member<'_>]| branch(part, |part| twigs(part, leaf));
    evenly(own, MEMBERS_AT_TOP).map(branches).collect()
}

/// The routes within a top-level route: one for each few dozen.
fn twigs(part: &[Member<'_>], leaf: &Leaf<'_>) -> Vec<Grouped> {
    evenly(part, MEMBERS_PER_BRANCH)
        .map(|part| branch(part, |part| leaves(part, leaf)))
        .collect()
}

/// The routes of these: a host's as a flat list has them.
fn leaves(part: &[Member<'_>], leaf: &Leaf<'_>) -> Vec<Grouped> {
    let routes = part.iter().flat_map(|member| match member {
        Member::Host((_, routes)) => flat(routes, leaf),
        Member::Class(class) => class.routes(leaf.options),
    });
    routes.collect()
}

/// One route for these hosts, and within it others, behind which the list goes on.
fn branch<'h>(part: &[Member<'h>], within: impl Fn(&[Member<'h>]) -> Vec<Grouped>) -> Grouped {
    let hosts: Vec<&Hostname> = part.iter().flat_map(Member::hosts).collect();
    let (mut routes, mut keys) = (Vec::new(), Vec::new());
    for (index, inner) in within(part).into_iter().enumerate() {
        routes.push(inner.route);
        keys.extend({ inner.keys.into_iter() }.map(|(place, key)| {
            let place = [index].into_iter().chain(place).collect();
            (place, key)
        }));
    }
    Grouped {
        route: of_hosts(&hosts, vec![subroute(routes)], false),
        keys,
    }
}

/// What handles the requests of these hosts; whether nothing goes on behind it.
pub(super) fn of_hosts(hosts: &[&Hostname], handle: Vec<Handler>, terminal: bool) -> ConfigRoute {
    ConfigRoute {
        id: None,
        matchers: vec![matching_hosts(hosts)],
        handle,
        terminal,
    }
}

fn subroute(routes: Vec<ConfigRoute>) -> Handler {
    let errors = None;
    Handler::Subroute(Subroute { routes, errors })
}

/// The list in as few parts of at most `max` as can be, all but the last of the same length.
pub(super) fn evenly<T>(list: &[T], max: usize) -> impl Iterator<Item = &[T]> {
    let parts = list.len().div_ceil(max).max(1);
    let length = list.len().div_ceil(parts).max(1);
    list.chunks(length)
}
