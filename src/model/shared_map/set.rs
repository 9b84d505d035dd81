//! The keys of such a map alone.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{SharedMap, sorted};

/// A sorted set of many items, of which copies share what they have in common; see [`SharedMap`].
#[derive(Clone, PartialEq, Eq)]
pub struct SharedSet<T: Ord>(SharedMap<T, ()>);

impl<T: Ord> SharedSet<T> {
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

    /// Whether this is a clone of the other, and neither was changed since. Takes no time.
    #[must_use]
    pub fn is_clone_of(&self, other: &Self) -> bool {
        self.0.is_clone_of(&other.0)
    }

    /// All of them, sorted.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + Clone {
        self.0.keys()
    }

    /// Whether this is one of them.
    #[must_use]
    pub fn contains(&self, item: &T) -> bool {
        self.0.contains_key(item)
    }

    /// Those from this one on, sorted.
    pub fn range_from<'a>(&'a self, first: &T) -> impl Iterator<Item = &'a T> + use<'a, T> {
        self.0.range_from(first).map(|(item, ())| item)
    }

    /// Those that are in one of the two and not in the other. What both share is passed over.
    pub fn changes_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = &'a T> {
        self.0.changes_since(&before.0).map(|(item, ..)| item)
    }
}

impl<T: Ord + Clone> SharedSet<T> {
    /// Takes out some and puts in others. What is among both stays; where all is as before, nothing
    /// is copied.
    pub fn replace(&mut self, gone: impl IntoIterator<Item = T>, new: impl IntoIterator<Item = T>) {
        let gone = gone.into_iter().map(|item| (item, None));
        let new = new.into_iter().map(|item| (item, Some(())));
        let mut changes = sorted(gone.chain(new).collect());
        changes.retain(|(item, new)| new.is_some() != self.contains(item));
        self.0.apply(changes);
    }

    /// Keeps those that are so.
    pub fn retain(&mut self, mut is_kept: impl FnMut(&T) -> bool) {
        self.0.retain(|item, ()| is_kept(item));
    }
}

impl<T: Ord + Clone> Extend<T> for SharedSet<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        self.replace([], items);
    }
}

impl<T: Ord + Clone> FromIterator<T> for SharedSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().map(|item| (item, ())).collect())
    }
}

impl<T: Ord + Clone, const N: usize> From<[T; N]> for SharedSet<T> {
    fn from(items: [T; N]) -> Self {
        items.into_iter().collect()
    }
}

impl<T: Ord> Default for SharedSet<T> {
    fn default() -> Self {
        Self(SharedMap::default())
    }
}

impl<T: Ord + fmt::Debug> fmt::Debug for SharedSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<T: Ord + Serialize> Serialize for SharedSet<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de, T: Deserialize<'de> + Ord + Clone> Deserialize<'de> for SharedSet<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items = Vec::deserialize(deserializer)?;
        Ok(items.into_iter().collect())
    }
}
