//! Which hosts are fenced: they belong to somebody, and a more open host of somebody else covers
//! them.
//!
//! Nobody gets another's requests by a wildcard or by `*`: not those for paths that the owner does
//! not serve, nor those for a host whose route is refused, quarantined or gone while its claim holds.
//! They get what they would get if the more open host were not there.

use std::collections::{BTreeMap, BTreeSet};

use super::claims::Claims;
use super::table::{RouteKey, RouteTable};
use crate::model::{Hostname, Owner, PathMatch};

/// How open the first more open host of another owner is, for each host that has one and does not
/// answer every request itself.
pub(super) fn fences(table: &RouteTable, claims: &Claims) -> BTreeMap<Hostname, u8> {
    if !table.hosts.keys().any(|host| host.openness() > 0) {
        return BTreeMap::new();
    }
    let catch_all = table.hosts.keys().find(|host| host.is_catch_all());
    let is_anothers = |cover: &Hostname, owner: &Owner| {
        let claim = claims.get(cover);
        table.hosts.contains_key(cover) && claim.is_some_and(|claim| claim.owner != *owner)
    };
    let fence = |host: &Hostname, owner: &Owner| {
        let covers = host.covering_wildcard().into_iter();
        let mut covers = covers.chain(catch_all.cloned());
        let first = covers.find(|cover| is_anothers(cover, owner))?;
        Some((host.clone(), first.openness()))
    };
    let is_whole = |key: &&RouteKey| key.path == PathMatch::Every && key.matching.is_empty();
    let whole = table.routes.keys().filter(is_whole).map(|key| &key.host);
    let whole: BTreeSet<&Hostname> = whole.chain(table.redirects.keys()).collect();
    let claims = { claims.iter() }.filter(|(host, _)| !whole.contains(host));
    claims
        .filter(|(host, _)| !host.is_catch_all())
        .filter_map(|(host, claim)| fence(host, &claim.owner))
        .collect()
}
