//! Puts what was built anew in the place of what was there before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::islands::Island;
use super::region::Off;
use crate::diagnostic::Diagnostic;
use crate::model::{AppKey, ContainerId, Hostname};
use crate::routes::build::{Built, of_app};
use crate::routes::fences::fences;
use crate::routes::part::Part;
use crate::routes::report::Row;
use crate::routes::table::RouteKey;

/// What was built anew, and what it takes the place of.
#[derive(Debug)]
pub(super) struct Change {
    keys: Vec<RouteKey>,
    hosts: Vec<Hostname>,
    apps: BTreeSet<AppKey>,
    containers: BTreeSet<ContainerId>,
    part: Part,
}

/// The entries of a map that change: the new value, or none where there is none any more.
type Entries<K, V> = Vec<(K, Option<V>)>;

impl Change {
    /// Nothing of these islands any more; these containers instead.
    pub(super) fn without(dissolved: Vec<Island>, off: Vec<Off>) -> Self {
        let mut change = Self {
            keys: Vec::new(),
            hosts: Vec::new(),
            apps: BTreeSet::new(),
            containers: BTreeSet::new(),
            part: Part::default(),
        };
        for island in dissolved {
            change.keys.extend(island.keys);
            change.hosts.extend(island.hosts);
            change.apps.extend(island.apps);
            change.containers.extend(island.containers);
        }
        for Off { row, found } in off {
            change.part.rows.push(row);
            change.part.diagnostics.extend(found);
        }
        change
    }

    pub(super) fn add(&mut self, part: Part) {
        let all = &mut self.part;
        all.table.routes.extend(part.table.routes);
        let hosts = Arc::unwrap_or_clone(part.table.hosts);
        Arc::make_mut(&mut all.table.hosts).extend(hosts);
        all.table.redirects.extend(part.table.redirects);
        all.claims.extend(part.claims);
        all.absent.extend(part.absent);
        all.good.extend(part.good);
        all.rows.extend(part.rows);
        all.diagnostics.extend(part.diagnostics);
        all.addressless.extend(part.addressless);
        all.trials.extend(part.trials);
        all.watches.extend(part.watches);
        all.ready_last.extend(part.ready_last);
        let ends = [all.linger_ends, part.linger_ends];
        all.linger_ends = ends.into_iter().flatten().min();
    }

    /// What has not changed stays the very same, so that it is soon seen that it has not.
    pub(super) fn apply(mut self, built: &mut Built) {
        let claims = std::mem::take(&mut self.part.claims);
        let claims = entries(&built.claims, self.hosts.iter().cloned(), claims);
        let are_owners_new = !claims.is_empty();
        put_shared(&mut built.claims, claims);
        let is_new = self.apply_table(built) || are_owners_new;
        if is_new {
            let fenced = fences(&built.table, &built.claims);
            if fenced != built.table.fenced {
                Arc::make_mut(&mut built.table).fenced = fenced;
            }
        }
        built.absent.retain(|app, _| !self.apps.contains(app));
        built.absent.append(&mut self.part.absent);
        let good = std::mem::take(&mut self.part.good);
        let gone = { self.apps.iter() }.flat_map(|app| of_app(&built.good, app));
        let gone = gone.map(|(id, _)| id.clone());
        let good = entries(&built.good, gone, good);
        put_shared(&mut built.good, good);
        self.apply_containers(built);
    }

    /// Whether any key, host or redirect is new or gone, or has another policy.
    fn apply_table(&mut self, built: &mut Built) -> bool {
        let part = std::mem::take(&mut self.part.table);
        let hosts = || self.hosts.iter().cloned();
        let table = &built.table;
        let keys = std::mem::take(&mut self.keys);
        let routes = entries(&table.routes, keys, part.routes);
        let of_hosts = entries(&table.hosts, hosts(), Arc::unwrap_or_clone(part.hosts));
        let redirects = entries(&table.redirects, hosts(), part.redirects);
        let is_new =
            { routes.iter() }.any(|(key, new)| new.is_none() || !table.routes.contains_key(key));
        let is_new = is_new || !of_hosts.is_empty() || !redirects.is_empty();
        if !is_new && routes.is_empty() {
            return false;
        }
        let table = Arc::make_mut(&mut built.table);
        put(&mut table.routes, routes);
        put(&mut table.redirects, redirects);
        put_shared(&mut table.hosts, of_hosts);
        is_new
    }

    fn apply_containers(self, built: &mut Built) {
        let Self {
            containers, part, ..
        } = self;
        // Every route that ends by itself was built anew.
        built.linger_ends = part.linger_ends;
        let is_gone = |id: &ContainerId| containers.contains(id);
        let rows = part.rows.into_iter().map(Arc::new).collect();
        replace(&mut built.rows, rows, |row: &Arc<Row>| {
            is_gone(&row.container.id)
        });
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
        let ready_last = entries(&built.ready_last, containers, part.ready_last);
        put_shared(&mut built.ready_last, ready_last);
    }
}

/// What changes in a map when the entries of these keys give way to these.
fn entries<K: Ord, V: PartialEq>(
    map: &BTreeMap<K, V>,
    gone: impl IntoIterator<Item = K>,
    new: BTreeMap<K, V>,
) -> Entries<K, V> {
    let is_left = |key: &K| map.contains_key(key) && !new.contains_key(key);
    let gone = gone.into_iter().filter(is_left).map(|key| (key, None));
    let mut entries: Entries<K, V> = gone.collect();
    let new = new
        .into_iter()
        .filter(|(key, value)| map.get(key) != Some(value));
    entries.extend(new.map(|(key, value)| (key, Some(value))));
    entries
}

fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, entries: Entries<K, V>) {
    if map.is_empty() {
        let new = { entries.into_iter() }.filter_map(|(key, value)| Some((key, value?)));
        *map = new.collect();
        return;
    }
    for (key, value) in entries {
        match value {
            Some(value) => drop(map.insert(key, value)),
            None => drop(map.remove(&key)),
        }
    }
}

fn put_shared<K: Ord + Clone, V: Clone>(map: &mut Arc<BTreeMap<K, V>>, entries: Entries<K, V>) {
    if !entries.is_empty() {
        put(Arc::make_mut(map), entries);
    }
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
