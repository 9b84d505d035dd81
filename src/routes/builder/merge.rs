//! Puts what was built anew in the place of what was there before.

use std::collections::BTreeSet;
use std::mem::take;
use std::net::SocketAddr;
use std::sync::Arc;

use super::islands::Island;
use super::region::Off;
use crate::diagnostic::Diagnostic;
use crate::model::{AppKey, ContainerId, Hostname, Labels, RouteId, SharedMap};
use crate::routes::build::{Built, of_app};
use crate::routes::claims::Claim;
use crate::routes::fences::fences;
use crate::routes::part::Part;
use crate::routes::report::Row;
use crate::routes::table::{HostPolicy, Route, RouteKey};

/// What was built anew, and what it takes the place of.
#[derive(Debug, Default)]
pub(super) struct Change {
    keys: Vec<RouteKey>,
    hosts: Vec<Hostname>,
    apps: BTreeSet<AppKey>,
    containers: BTreeSet<ContainerId>,
    rows: Vec<Arc<Row>>,
    new: New,
}

/// Parts side by side, not in order: maps are made of them once all are there.
#[derive(Debug, Default)]
pub(super) struct New {
    routes: Vec<(RouteKey, Arc<Route>)>,
    hosts: Vec<(Hostname, HostPolicy)>,
    redirects: Vec<(Hostname, Hostname)>,
    claims: Vec<(Hostname, Claim)>,
    good: Vec<(RouteId, Labels)>,
    ready_last: Vec<(ContainerId, Vec<(RouteId, SocketAddr)>)>,
    rows: Vec<Arc<Row>>,
    /// What there is little of, in a part as it comes.
    rest: Part,
}

impl New {
    pub(super) fn add(&mut self, part: Part) {
        self.routes.extend(part.table.routes);
        self.hosts.extend(part.table.hosts);
        self.redirects.extend(part.table.redirects);
        self.claims.extend(part.claims);
        self.good.extend(part.good);
        self.ready_last.extend(part.ready_last);
        self.rows.extend(part.rows);
        let rest = &mut self.rest;
        rest.absent.extend(part.absent);
        rest.unproven.extend(part.unproven);
        rest.diagnostics.extend(part.diagnostics);
        rest.addressless.extend(part.addressless);
        rest.trials.extend(part.trials);
        rest.watches.extend(part.watches);
        let ends = [rest.linger_ends, part.linger_ends];
        rest.linger_ends = ends.into_iter().flatten().min();
    }

    /// Sorts what there is much of, so that it need only be merged with what others have sorted.
    pub(super) fn sort(&mut self) {
        sort(&mut self.routes);
        sort(&mut self.hosts);
        sort(&mut self.claims);
        sort(&mut self.good);
        sort(&mut self.ready_last);
        self.rows.sort();
    }

    fn append(&mut self, mut other: Self) {
        self.routes.append(&mut other.routes);
        self.hosts.append(&mut other.hosts);
        self.redirects.append(&mut other.redirects);
        self.claims.append(&mut other.claims);
        self.good.append(&mut other.good);
        self.ready_last.append(&mut other.ready_last);
        self.rows.append(&mut other.rows);
        self.add(other.rest);
    }
}

fn sort<K: Ord, V>(entries: &mut [(K, V)]) {
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
}

/// The entries of a map that change: the new value, or none where there is none any more.
type Entries<K, V> = Vec<(K, Option<V>)>;

impl Change {
    /// Nothing of these islands any more; these containers instead.
    pub(super) fn without(dissolved: Vec<Island>, off: Vec<Off>) -> Self {
        let mut change = Self::default();
        for island in dissolved {
            change.keys.extend(island.keys);
            change.hosts.extend(island.hosts);
            change.apps.extend(island.apps);
            change.containers.extend(island.containers);
            change.rows.extend(island.rows);
        }
        for Off { row, found } in off {
            change.new.rows.push(row);
            change.new.rest.diagnostics.extend(found);
        }
        change
    }

    pub(super) fn add(&mut self, new: New) {
        self.new.append(new);
    }

    /// What has not changed stays the very same, so that it is soon seen that it has not.
    pub(super) fn apply(mut self, built: &mut Built) {
        let claims = take(&mut self.new.claims);
        let claims = entries(&built.claims, self.hosts.iter().cloned(), claims);
        let are_owners_new = !claims.is_empty();
        built.claims.apply(claims);
        let is_new = self.apply_table(built) || are_owners_new;
        if is_new {
            let fenced = fences(&built.table, &built.claims);
            if fenced != built.table.fenced {
                Arc::make_mut(&mut built.table).fenced = fenced;
            }
        }
        built.absent.retain(|app, _| !self.apps.contains(app));
        built.absent.append(&mut self.new.rest.absent);
        built.unproven.retain(|id| !self.apps.contains(&id.app));
        built.unproven.append(&mut self.new.rest.unproven);
        let good = take(&mut self.new.good);
        let gone = { self.apps.iter() }.flat_map(|app| of_app(&built.good, app));
        let gone = gone.map(|(id, _)| id.clone());
        let good = entries(&built.good, gone, good);
        built.good.apply(good);
        self.apply_containers(built);
    }

    /// Whether any key, host or redirect is new or gone, or has another policy.
    fn apply_table(&mut self, built: &mut Built) -> bool {
        let hosts = || self.hosts.iter().cloned();
        let (table, new) = (&built.table, &mut self.new);
        let (keys, routes) = (take(&mut self.keys), take(&mut new.routes));
        let routes = entries(&table.routes, keys, routes);
        let of_hosts = entries(&table.hosts, hosts(), take(&mut new.hosts));
        let redirects = entries(&table.redirects, hosts(), take(&mut new.redirects));
        let is_new =
            { routes.iter() }.any(|(key, new)| new.is_none() || !table.routes.contains_key(key));
        let is_new = is_new || !of_hosts.is_empty() || !redirects.is_empty();
        if !is_new && routes.is_empty() {
            return false;
        }
        let table = Arc::make_mut(&mut built.table);
        table.routes.apply(routes);
        table.redirects.apply(redirects);
        table.hosts.apply(of_hosts);
        is_new
    }

    fn apply_containers(self, built: &mut Built) {
        let Self {
            containers,
            rows,
            new,
            ..
        } = self;
        let part = new.rest;
        // Every route that ends by itself was built anew.
        built.linger_ends = part.linger_ends;
        let is_gone = |id: &ContainerId| containers.contains(id);
        built.rows.replace(rows, new.rows);
        replace(
            &mut built.diagnostics,
            part.diagnostics,
            |found: &Diagnostic| is_gone(&found.container.id),
        );
        built.addressless.retain(|one| !is_gone(&one.id));
        built.addressless.extend(part.addressless);
        built.addressless.sort();
        built.trials.retain(|trial| !is_gone(&trial.container.id));
        built.trials.extend(part.trials);
        let is_watched = |watches: &BTreeSet<_>| {
            let mut all = watches.iter();
            all.any(|watch: &crate::routes::Watch| is_gone(&watch.container.id))
        };
        if !part.watches.is_empty() || is_watched(&built.watches) {
            let watches = Arc::make_mut(&mut built.watches);
            watches.retain(|watch| !is_gone(&watch.container.id));
            watches.extend(part.watches);
        }
        let ready_last = entries(&built.ready_last, containers, new.ready_last);
        built.ready_last.apply(ready_last);
    }
}

/// What of a map is gone or new. Nothing that stays as it is.
fn entries<K: Ord, V: PartialEq>(
    map: &SharedMap<K, V>,
    gone: impl IntoIterator<Item = K>,
    mut new: Vec<(K, V)>,
) -> Entries<K, V> {
    sort(&mut new);
    let is_new = |key: &K| new.binary_search_by(|(new, _)| new.cmp(key)).is_ok();
    let is_left = |key: &K| map.contains_key(key) && !is_new(key);
    let gone = gone.into_iter().filter(is_left).map(|key| (key, None));
    let mut entries: Entries<K, V> = gone.collect();
    let new = new
        .into_iter()
        .filter(|(key, value)| map.get(key) != Some(value));
    entries.extend(new.map(|(key, value)| (key, Some(value))));
    entries
}

/// Puts the new items of a sorted list in the place of those that are gone.
fn replace<T: Ord + Clone>(list: &mut Arc<Vec<T>>, mut new: Vec<T>, is_gone: impl Fn(&T) -> bool) {
    new.sort();
    new.dedup();
    if list.iter().filter(|item| is_gone(item)).eq(&new) {
        return;
    }
    let list = Arc::make_mut(list);
    list.retain(|item| !is_gone(item));
    list.extend(new);
    list.sort();
}
