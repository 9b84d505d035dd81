//! A sorted map of a few entries.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Index;
use std::slice;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A map of a few entries by name, sorted. All of it is one piece of memory, where the smallest
/// `BTreeMap` takes room for eleven entries. A clone shares it until one of the two is changed, and
/// names and values may be shared by many maps.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Few<V>(Arc<[(Arc<str>, V)]>);

impl<V> Few<V> {
    /// The value under this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&V> {
        self.get_key_value(name).map(|(_, value)| value)
    }

    /// The name as it is kept, and its value.
    #[must_use]
    pub fn get_key_value(&self, name: &str) -> Option<(&Arc<str>, &V)> {
        let at = self.find(name).ok()?;
        self.0.get(at).map(|(name, value)| (name, value))
    }

    /// Whether there is a value under this name.
    #[must_use]
    pub fn contains_key(&self, name: &str) -> bool {
        self.find(name).is_ok()
    }

    /// The names, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<str>> + Clone {
        self.0.iter().map(|(name, _)| name)
    }

    /// The values, sorted by name.
    pub fn values(&self) -> impl Iterator<Item = &V> + Clone {
        self.0.iter().map(|(_, value)| value)
    }

    /// Names and values, sorted by name.
    #[must_use]
    pub fn iter(&self) -> Iter<'_, V> {
        Iter(self.0.iter())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| (**own).cmp(name))
    }
}

impl<V: Clone> Few<V> {
    /// Puts a value under this name, in the place of one that is there. Takes time for all entries.
    pub fn insert(&mut self, name: impl Into<Arc<str>>, value: impl Into<V>) {
        self.extend([(name, value)]);
    }

    /// The value under this name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        let at = self.find(name).ok()?;
        Arc::make_mut(&mut self.0)
            .get_mut(at)
            .map(|(_, value)| value)
    }

    /// Takes out what is under this name.
    pub fn remove(&mut self, name: &str) {
        if self.contains_key(name) {
            let left = self.0.iter().filter(|(own, _)| **own != *name);
            *self = Self(left.cloned().collect());
        }
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// What [`Few::iter`] gives.
#[derive(Debug, Clone)]
pub struct Iter<'a, V>(slice::Iter<'a, (Arc<str>, V)>);

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = (&'a Arc<str>, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, value)| (name, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<V> DoubleEndedIterator for Iter<'_, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(name, value)| (name, value))
    }
}

impl<'a, V> IntoIterator for &'a Few<V> {
    type Item = (&'a Arc<str>, &'a V);
    type IntoIter = Iter<'a, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<V> Default for Few<V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<V: fmt::Debug> fmt::Debug for Few<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<V> Index<&str> for Few<V> {
    type Output = V;

    fn index(&self, name: &str) -> &V {
        self.get(name).expect("no entry of this name")
    }
}

/// Of several values under one name the last counts.
impl<N: Into<Arc<str>>, T: Into<V>, V> FromIterator<(N, T)> for Few<V> {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        sorted(
            entries
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

impl<N: Into<Arc<str>>, T: Into<V>, V, const M: usize> From<[(N, T); M]> for Few<V> {
    fn from(entries: [(N, T); M]) -> Self {
        entries.into_iter().collect()
    }
}

impl<N: Into<Arc<str>>, T: Into<V>, V: Clone> Extend<(N, T)> for Few<V> {
    fn extend<I: IntoIterator<Item = (N, T)>>(&mut self, entries: I) {
        let mut all = self.0.to_vec();
        let entries = entries.into_iter();
        all.extend(entries.map(|(name, value)| (name.into(), value.into())));
        *self = sorted(all);
    }
}

fn sorted<V>(mut entries: Vec<(Arc<str>, V)>) -> Few<V> {
    if entries.is_empty() {
        return Few::default();
    }
    entries.reverse();
    // Of equals the last comes first now, and is the one that is kept.
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    entries.dedup_by(|(later, _), (kept, _)| later == kept);
    Few(entries.into())
}

impl<V: Serialize> Serialize for Few<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Few<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FewVisitor(PhantomData))
    }
}

struct FewVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for FewVisitor<V> {
    type Value = Few<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((name, value)) = map.next_entry::<Cow<'de, str>, V>()? {
            entries.push((name.into(), value));
        }
        Ok(sorted(entries))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_map_that_a_btreemap_is(
            first in vec(("[a-d]{0,2}", 0..9_u8), 0..12),
            later in vec(("[a-d]{0,2}", 0..9_u8), 0..4),
        ) {
            let mut few: Few<u8> = first.clone().into_iter().collect();
            let mut map: BTreeMap<String, u8> = first.into_iter().collect();
            let before = few.clone();
            for (name, value) in later {
                few.insert(name.clone(), value);
                map.insert(name, value);
            }
            let entries: Vec<_> = few.iter().map(|(name, value)| (name.to_string(), *value)).collect();
            prop_assert_eq!(&entries, &map.clone().into_iter().collect::<Vec<_>>());
            for name in ["", "a", "bc", "dd"] {
                prop_assert_eq!(few.get(name), map.get(name));
                prop_assert_eq!(few.contains_key(name), map.contains_key(name));
            }
            let json = serde_json::to_string(&few).expect("a map");
            prop_assert_eq!(&json, &serde_json::to_string(&map).expect("a map"));
            prop_assert_eq!(&serde_json::from_str::<Few<u8>>(&json).expect("a map"), &few);
            let before_map: BTreeMap<String, u8> =
                before.iter().map(|(name, value)| (name.to_string(), *value)).collect();
            prop_assert_eq!(before.cmp(&few), before_map.cmp(&map));
        }
    }

    #[test]
    fn a_clone_is_shared_until_one_is_changed() {
        let one: Few<u8> = Few::from([("b", 1), ("a", 2), ("b", 3)]);
        let mut other = one.clone();
        assert!(Arc::ptr_eq(&one.0, &other.0));
        *other.get_mut("b").expect("it is there") = 4;
        assert_eq!((one["b"], other["b"]), (3, 4));
        other.remove("b");
        assert_eq!(other, Few::from([("a", 2)]));
        other.clear();
        assert_eq!((one.len(), other.is_empty()), (2, true));
    }
}
