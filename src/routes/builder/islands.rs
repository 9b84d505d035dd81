//! The islands of the last build, and where everything is among them.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::repeat;
use std::sync::Arc;

use super::side_by_side;
use crate::model::{AppKey, ContainerId, Hostname};
use crate::routes::part::Part;
use crate::routes::report::Row;
use crate::routes::sorted::equal;
use crate::routes::table::RouteKey;

/// This part of all is many.
const MANY: usize = 8;

/// Apps and hosts that hang together. An island has its apps, hosts and containers for itself.
#[derive(Debug, Default)]
pub(super) struct Island {
    pub(super) apps: Vec<AppKey>,
    pub(super) hosts: Vec<Hostname>,
    pub(super) containers: Vec<ContainerId>,
    /// The routes that came of it.
    pub(super) keys: Vec<RouteKey>,
    /// What its containers got.
    pub(super) rows: Vec<Arc<Row>>,
    /// Whether it was asked by which labels its routes were last accepted.
    pub(super) consults_last_good: bool,
}

impl Island {
    /// One of a container that asks for nothing.
    pub(super) fn of_container(row: &Arc<Row>) -> Self {
        Self {
            containers: vec![row.container.id.clone()],
            rows: vec![Arc::clone(row)],
            ..Self::default()
        }
    }

    /// Whether it changes by itself as time passes.
    fn is_timed(&self, part: &Part) -> bool {
        let claims = self.hosts.iter().filter_map(|host| part.claims.get(host));
        let is_released = { claims }.any(|claim| claim.released.is_some());
        is_released || self.apps.iter().any(|app| part.absent.contains_key(app))
    }

    /// Whether nothing is left of it but names.
    fn is_gone(&self, part: &Part) -> bool {
        let is_absent = self.apps.iter().any(|app| part.absent.contains_key(app));
        self.hosts.is_empty() && self.containers.is_empty() && !is_absent
    }
}

/// Adds an item to a list. Most islands have one of each, and a `Vec` takes room for four at once.
pub(super) fn add_one<T>(list: &mut Vec<T>, item: T) {
    if list.is_empty() {
        list.reserve_exact(1);
    }
    list.push(item);
}

/// These islands with what came of them, and whether each changes by itself as time passes. Those of
/// which nothing is left are left out.
pub(super) fn settled(islands: Vec<Island>, part: &Part) -> Vec<(Island, bool)> {
    let mut keys: Vec<&RouteKey> = part.table.routes.keys().collect();
    keys.sort_by(|a, b| a.host.cmp(&b.host));
    let mut rows: Vec<&Arc<Row>> = part.rows.iter().collect();
    rows.sort_by(|a, b| a.container.id.cmp(&b.container.id));
    let of_host = |host: &Hostname| equal(&keys, |key| key.host.cmp(host));
    let of_container = |id: &ContainerId| equal(&rows, |row| row.container.id.cmp(id));
    let settle = |mut island: Island| {
        let own = island.hosts.iter().flat_map(of_host);
        { own }.for_each(|key| add_one(&mut island.keys, (*key).clone()));
        let own = island.containers.iter().flat_map(of_container);
        { own }.for_each(|row| add_one(&mut island.rows, Arc::clone(row)));
        let is_timed = island.is_timed(part);
        (!island.is_gone(part)).then_some((island, is_timed))
    };
    islands.into_iter().filter_map(settle).collect()
}

/// Adds these. Many at once are sorted first: a map is made of what is sorted in much less time than
/// it takes to find a place for each.
fn put_all<'a, K: Ord + Clone + Send + 'a>(
    map: &mut BTreeMap<K, u64>,
    new: impl Iterator<Item = (&'a K, u64)>,
) {
    let mut new: Vec<(K, u64)> = new.map(|(key, number)| (key.clone(), number)).collect();
    if new.len() < map.len() / MANY {
        map.extend(new);
    } else {
        side_by_side::sort_by(&mut new, |(a, _), (b, _)| a.cmp(b));
        map.append(&mut new.into_iter().collect());
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Islands {
    all: BTreeMap<u64, Island>,
    next: u64,
    /// The first number that is not in the maps below.
    indexed: u64,
    of_app: BTreeMap<AppKey, u64>,
    of_host: BTreeMap<Hostname, u64>,
    of_container: BTreeMap<ContainerId, u64>,
    /// Those that change by themselves as time passes.
    timed: BTreeSet<u64>,
}

impl Islands {
    /// Adds an island. It is found by what is in it after [`Self::index`].
    pub(super) fn add(&mut self, island: Island, is_timed: bool) {
        let number = self.next;
        self.next += 1;
        if is_timed {
            self.timed.insert(number);
        }
        self.all.insert(number, island);
    }

    /// Notes in which of the islands that were added since the last time everything is.
    pub(super) fn index(&mut self) {
        let new = || self.all.range(self.indexed..);
        let apps = new().flat_map(|(number, island)| island.apps.iter().zip(repeat(*number)));
        put_all(&mut self.of_app, apps);
        let hosts = new().flat_map(|(number, island)| island.hosts.iter().zip(repeat(*number)));
        put_all(&mut self.of_host, hosts);
        let containers = new();
        let containers = { containers }
            .flat_map(|(number, island)| island.containers.iter().zip(repeat(*number)));
        put_all(&mut self.of_container, containers);
        self.indexed = self.next;
    }

    /// Takes an island apart. Nothing when it is gone already.
    pub(super) fn remove(&mut self, number: u64) -> Option<Island> {
        let island = self.all.remove(&number)?;
        for app in &island.apps {
            self.of_app.remove(app);
        }
        for host in &island.hosts {
            self.of_host.remove(host);
        }
        for id in &island.containers {
            self.of_container.remove(id);
        }
        self.timed.remove(&number);
        Some(island)
    }

    pub(super) fn of_app(&self, app: &AppKey) -> Option<u64> {
        self.of_app.get(app).copied()
    }

    pub(super) fn of_host(&self, host: &Hostname) -> Option<u64> {
        self.of_host.get(host).copied()
    }

    pub(super) fn of_container(&self, id: &ContainerId) -> Option<u64> {
        self.of_container.get(id).copied()
    }

    pub(super) fn timed(&self) -> impl Iterator<Item = u64> {
        self.timed.iter().copied()
    }

    /// Whether it matters to this app by which labels its routes were last accepted. To one that is
    /// not known it may.
    pub(super) fn consults_last_good(&self, app: &AppKey) -> bool {
        let island = self.of_app(app).and_then(|number| self.all.get(&number));
        island.is_none_or(|island| island.consults_last_good)
    }
}
