//! Values of pools, of which a change copies little while readers keep what they have.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::PoolKey;

/// Parts of the whole: a change copies one of them, and the list of them. With ten thousand pools
/// that is 160 values and 64 pointers.
const PARTS: usize = 64;
/// Bits of a key that say in which part it is: the first, so that the parts are in the keys' order.
const PART_BITS: u32 = PARTS.trailing_zeros();

/// A value for each of some pools, cheap to clone and to change. In the order of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByPool<T>(Arc<[Arc<BTreeMap<PoolKey, T>>; PARTS]>);

impl<T> Default for ByPool<T> {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| Arc::default())))
    }
}

impl<T> ByPool<T> {
    /// The value of this pool.
    #[must_use]
    pub fn get(&self, pool: PoolKey) -> Option<&T> {
        self.0.get(pool.first_bits(PART_BITS))?.get(&pool)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (PoolKey, &T)> {
        let all = self.0.iter().flat_map(|part| part.iter());
        all.map(|(pool, value)| (*pool, value))
    }
}

impl<T: Clone> ByPool<T> {
    /// Sets the value of this pool.
    pub fn insert(&mut self, pool: PoolKey, value: T) {
        let parts = Arc::make_mut(&mut self.0);
        if let Some(part) = parts.get_mut(pool.first_bits(PART_BITS)) {
            Arc::make_mut(part).insert(pool, value);
        }
    }

    /// Forgets the values of all other pools than these.
    pub fn keep_only(&mut self, stays: impl Fn(PoolKey) -> bool) {
        if self.iter().all(|(pool, _)| stays(pool)) {
            return;
        }
        for part in Arc::make_mut(&mut self.0) {
            if !part.keys().all(|pool| stays(*pool)) {
                Arc::make_mut(part).retain(|pool, _| stays(*pool));
            }
        }
    }
}

impl<T: Serialize> Serialize for ByPool<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AppKey, Owner, Scheme};

    fn pool(n: usize) -> PoolKey {
        let app = AppKey {
            owner: Owner::Project("shop".into()),
            name: format!("web{n}").into(),
        };
        PoolKey::new(&app, Scheme::Http, "80")
    }

    #[test]
    fn it_is_a_map_in_the_order_of_its_keys() {
        let mut values = ByPool::default();
        for n in 0..1_000 {
            values.insert(pool(n), n);
        }
        values.insert(pool(7), 0);
        assert_eq!(values.get(pool(7)), Some(&0));
        assert_eq!(values.get(pool(1_000)), None);
        let keys: Vec<PoolKey> = values.iter().map(|(key, _)| key).collect();
        assert_eq!(keys.len(), 1_000);
        assert!(keys.is_sorted());
        values.keep_only(|key| key == pool(7));
        assert_eq!(values.iter().collect::<Vec<_>>(), [(pool(7), &0)]);
    }

    #[test]
    fn a_change_copies_one_part_and_a_reader_keeps_what_it_has() {
        let mut values = ByPool::default();
        (0..1_000).for_each(|n| values.insert(pool(n), n));
        let read = values.clone();
        values.insert(pool(7), 0);
        let parts = values.0.iter().zip(read.0.iter());
        let copied = parts.filter(|(now, before)| !Arc::ptr_eq(now, before));
        assert_eq!(copied.count(), 1);
        assert_eq!(read.get(pool(7)), Some(&7));
        let before = values.clone();
        values.keep_only(|_| true);
        assert!(Arc::ptr_eq(&values.0, &before.0), "nothing is copied");
    }
}
