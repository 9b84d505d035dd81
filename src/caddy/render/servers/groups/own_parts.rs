//! Parts of a chain that hosts of a class have each for itself: within their common route, routes by
//! host.
//!
//! Such a part may be what asks for a password. It stands for exactly the hosts that the route
//! around it matches, so there is none that passes it by.

use std::collections::BTreeMap;

use super::classes::InClass;
use super::{MEMBERS_PER_BRANCH, evenly, of_hosts, subroute};
use crate::caddy::Fingerprint;
use crate::caddy::config::{Handler, Route as ConfigRoute};
use crate::caddy::render::chain::Part;
use crate::model::Hostname;
use crate::routes::Route;

/// The hosts that have the same part, and it.
type Own<'a> = (Vec<&'a Hostname>, Handler);

/// What stands for this part of whatever hosts, where the route has it.
pub(super) fn any(part: Part, route: &Route) -> Option<Handler> {
    let any = || ConfigRoute {
        id: Some(format!("{part:?}")),
        matchers: Vec::new(),
        handle: Vec::new(),
        terminal: false,
    };
    part.is_of(route).then(|| subroute(vec![any()]))
}

/// Whether the routes with this number, of each of these hosts, differ in a part.
pub(super) fn differ(hosts: &[InClass<'_>], index: usize) -> bool {
    let mut routes = hosts.iter().filter_map(|member| member.host.1.get(index));
    let first = routes.next();
    first.is_some_and(|(_, first)| routes.any(|(_, route)| !Part::are_same(first, route)))
}

/// This part of the routes with this number, of each of these hosts.
///
/// # Panics
/// Where some hosts have it and others have not: they are of one class.
pub(super) fn of_each(hosts: &[InClass<'_>], index: usize, part: Part) -> Option<Handler> {
    let routes = { hosts.iter() }.map(|member| {
        let (_, route) = member.host.1.get(index).expect("all have the same routes");
        (member.host.0, *route)
    });
    let (_, first) = routes.clone().next()?;
    let has = part.is_of(first);
    let mut own: Vec<Own<'_>> = Vec::new();
    let mut places: BTreeMap<Fingerprint, usize> = BTreeMap::new();
    for (host, route) in routes {
        assert_eq!(part.is_of(route), has, "all have the same parts");
        if !has {
            continue;
        }
        if let Some((hosts, _)) = own.first_mut()
            && part.is_same(first, route)
        {
            hosts.push(host);
            continue;
        }
        let handler = part.of(route).expect("it has it");
        let text = serde_json::to_vec(&handler).expect("handlers have text keys only");
        let place = *places.entry(Fingerprint::of(&text)).or_insert(own.len());
        match own.get_mut(place) {
            Some((hosts, _)) => hosts.push(host),
            None => own.push((vec![host], handler)),
        }
    }
    (!own.is_empty()).then(|| by_host(own))
}

/// These parts, each for its hosts.
fn by_host(mut own: Vec<Own<'_>>) -> Handler {
    if own.len() == 1
        && let Some((_, all)) = own.pop()
    {
        return all;
    }
    if own.len() <= MEMBERS_PER_BRANCH {
        return subroute(own.iter().map(leaf).collect());
    }
    let branches = evenly(&own, MEMBERS_PER_BRANCH).map(|part| {
        let hosts: Vec<&Hostname> = part.iter().flat_map(|(hosts, _)| hosts).copied().collect();
        let routes = part.iter().map(leaf).collect();
        of_hosts(&hosts, vec![subroute(routes)], false)
    });
    subroute(branches.collect())
}

fn leaf((hosts, handler): &Own<'_>) -> ConfigRoute {
    of_hosts(hosts, vec![handler.clone()], false)
}
