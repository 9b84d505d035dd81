//! The pools of the newest table, and which of them the next one changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{AppKey, PoolKey};
use crate::routes::{Pool, RouteKey, RouteTable};

/// The pools of a table.
#[derive(Debug, Default)]
pub(super) struct Pools {
    table: Arc<RouteTable>,
    /// The routes that lead to each: those of one have the same pool.
    routes: BTreeMap<PoolKey, Vec<RouteKey>>,
}

impl Pools {
    /// Takes over a table. Gives the pools of which anything differs, also those that are gone.
    pub(super) fn update(&mut self, table: &Arc<RouteTable>) -> BTreeSet<PoolKey> {
        let before = std::mem::replace(&mut self.table, Arc::clone(table));
        let mut changed = BTreeSet::new();
        for (key, old, new) in table.routes.changes_since(&before.routes) {
            if let Some(old) = old {
                let pool = old.pool.key;
                changed.insert(pool);
                let routes = self.routes.entry(pool).or_default();
                routes.retain(|route| route != key);
                if routes.is_empty() {
                    self.routes.remove(&pool);
                }
            }
            if let Some(new) = new {
                let pool = new.pool.key;
                changed.insert(pool);
                self.routes.entry(pool).or_default().push(key.clone());
            }
        }
        changed
    }

    /// The pool with this key, and whose it is.
    pub(super) fn get(&self, key: PoolKey) -> Option<(&AppKey, &Pool)> {
        let route = self.table.routes.get(self.routes.get(&key)?.last()?);
        route.map(|route| (&route.id.app, &route.pool))
    }

    /// All pools, by whose they are.
    pub(super) fn all(&self) -> impl Iterator<Item = (&AppKey, PoolKey)> {
        let keys = self.routes.keys();
        keys.filter_map(|key| Some((self.get(*key)?.0, *key)))
    }
}
