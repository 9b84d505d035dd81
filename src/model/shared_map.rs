//! A sorted map of many entries, of which copies share what they have in common.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::iter::Peekable;
use std::ops::Index;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod changes;
mod iter;
mod set;

use iter::Iter;
pub use set::SharedSet;

/// So many entries are in one piece: a change copies them, and the list of the pieces. With ten
/// thousand entries that is 64 entries and 157 pointers.
const PIECE: usize = 64;
/// A piece with more is cut into equal ones.
const PIECE_MAX: usize = 2 * PIECE;
/// A piece with fewer becomes part of the one before, where that has room.
const PIECE_MIN: usize = PIECE / 4;

/// Entries in a row; never none.
type Piece<K, V> = Arc<[(K, V)]>;

/// A map in the order of its keys, for thousands of entries of which few change at a time. A clone
/// takes no time, a change copies little of the map, and what differs between a map and a changed
/// clone of it is found without a look at what both share. Entries lie side by side, with no room
/// between them.
pub struct SharedMap<K, V> {
    pieces: Arc<[Piece<K, V>]>,
    length: usize,
}

impl<K, V> SharedMap<K, V> {
    /// A map of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether this is a clone of the other, and neither was changed since. Takes no time.
    #[must_use]
    pub fn is_clone_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.pieces, &other.pieces)
    }

    /// All entries, sorted by key.
    #[must_use]
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter::of(self)
    }

    /// All keys, sorted.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + Clone {
        self.iter().map(|(key, _)| key)
    }

    /// All values, sorted by key.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + Clone {
        self.iter().map(|(_, value)| value)
    }
}

impl<K: Ord, V> SharedMap<K, V> {
    /// The value under this key.
    #[must_use]
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.get_key_value(key).map(|(_, value)| value)
    }

    /// The key as it is kept, and its value.
    #[must_use]
    pub fn get_key_value<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        let piece = self.pieces.get(self.piece_of(key))?;
        let at = piece.binary_search_by(|(own, _)| own.borrow().cmp(key));
        piece.get(at.ok()?).map(|(key, value)| (key, value))
    }

    /// Whether there is a value under this key.
    #[must_use]
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get_key_value(key).is_some()
    }

    /// All entries from this key on, sorted by key.
    pub fn range_from<'a, Q: Ord + ?Sized>(
        &'a self,
        first: &Q,
    ) -> impl Iterator<Item = (&'a K, &'a V)> + use<'a, K, V, Q>
    where
        K: Borrow<Q>,
    {
        let mut pieces = self.pieces.iter().skip(self.piece_of(first));
        let begun = pieces.next().map_or(&[][..], |piece| piece);
        let before = begun.partition_point(|(key, _)| key.borrow() < first);
        let entries = begun.iter().skip(before);
        let entries = entries.chain(pieces.flat_map(|piece| piece.iter()));
        entries.map(|(key, value)| (key, value))
    }

    /// The number of the piece in which this key is, if it is anywhere.
    fn piece_of<Q: Ord + ?Sized>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
    {
        let begins = |piece: &Piece<K, V>| is_first(piece, |first| first.borrow() <= key);
        self.pieces.partition_point(begins).saturating_sub(1)
    }
}

/// Whether a piece's first key is so.
fn is_first<K, V>(piece: &Piece<K, V>, so: impl FnOnce(&K) -> bool) -> bool {
    piece.first().is_some_and(|(first, _)| so(first))
}

impl<K: Ord + Clone, V: Clone> SharedMap<K, V> {
    /// Puts a value under this key, in the place of one that is there.
    pub fn insert(&mut self, key: K, value: V) {
        self.apply([(key, Some(value))]);
    }

    /// Takes out what is under this key.
    pub fn remove(&mut self, key: &K) {
        if self.contains_key(key) {
            self.apply([(key.clone(), None)]);
        }
    }

    /// Keeps the entries that are so. Takes time for all of them, and copies only pieces of which
    /// something goes.
    pub fn retain(&mut self, mut is_kept: impl FnMut(&K, &V) -> bool) {
        let gone = self.iter().filter(|(key, value)| !is_kept(key, value));
        let gone: Vec<_> = gone.map(|(key, _)| (key.clone(), None)).collect();
        self.apply(gone);
    }

    /// Puts these values under their keys, and takes out what is under a key with none. Of several
    /// for one key the last counts.
    pub fn apply(&mut self, changes: impl IntoIterator<Item = (K, Option<V>)>) {
        let changes = sorted(changes.into_iter().collect());
        if changes.is_empty() {
            return;
        }
        let mut changes = changes.into_iter().peekable();
        let mut pieces = Pieces::with_room_for(self.pieces.len());
        let mut after = self.pieces.iter().skip(1);
        if self.pieces.is_empty() {
            pieces.add(merged(&[], &mut changes, |_| true));
        }
        for piece in &*self.pieces {
            let next = after.next();
            let is_here = |key: &K| next.is_none_or(|next| is_first(next, |first| key < first));
            match changes.peek() {
                Some((key, _)) if is_here(key) => {
                    pieces.add(merged(piece, &mut changes, is_here));
                }
                Some(_) | None => pieces.share(piece),
            }
        }
        *self = pieces.into();
    }
}

/// Sorted, the last one for each key.
fn sorted<K: Ord, V>(mut entries: Vec<(K, V)>) -> Vec<(K, V)> {
    if !entries.is_sorted_by(|(a, _), (b, _)| a < b) {
        entries.reverse();
        // Of equals the last comes first now, and is the one that is kept.
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        entries.dedup_by(|(later, _), (kept, _)| later == kept);
    }
    entries
}

/// These entries with the next changes, as far as those are of keys that are here.
fn merged<K: Ord + Clone, V: Clone>(
    entries: &[(K, V)],
    changes: &mut Peekable<impl Iterator<Item = (K, Option<V>)>>,
    is_here: impl Fn(&K) -> bool,
) -> Vec<(K, V)> {
    let mut all = Vec::with_capacity(entries.len() + changes.size_hint().0.min(PIECE));
    let mut left = entries.iter().peekable();
    while let Some((key, value)) = changes.next_if(|(key, _)| is_here(key)) {
        while let Some(before) = left.next_if(|(own, _)| *own < key) {
            all.push(before.clone());
        }
        left.next_if(|(own, _)| *own == key);
        all.extend(value.map(|value| (key, value)));
    }
    all.extend(left.cloned());
    all
}

/// The pieces of a map to be.
struct Pieces<K, V>(Vec<Piece<K, V>>);

impl<K, V> Pieces<K, V> {
    fn with_room_for(pieces: usize) -> Self {
        Self(Vec::with_capacity(pieces))
    }

    fn share(&mut self, piece: &Piece<K, V>) {
        self.0.push(Arc::clone(piece));
    }
}

impl<K: Clone, V: Clone> Pieces<K, V> {
    /// Adds entries in pieces that are neither large nor small.
    fn add(&mut self, mut entries: Vec<(K, V)>) {
        if entries.len() < PIECE_MIN {
            let is_roomy = |last: &mut Piece<K, V>| last.len() + entries.len() <= PIECE_MAX;
            if let Some(last) = self.0.pop_if(is_roomy) {
                entries.splice(0..0, last.iter().cloned());
            }
        }
        if entries.len() <= PIECE_MAX {
            self.0.extend((!entries.is_empty()).then(|| entries.into()));
            return;
        }
        let count = entries.len().div_ceil(PIECE);
        let (each, longer) = (entries.len() / count, entries.len() % count);
        let mut entries = entries.into_iter();
        for number in 0..count {
            let length = each + usize::from(number < longer);
            self.0.push(entries.by_ref().take(length).collect());
        }
    }
}

impl<K, V> From<Pieces<K, V>> for SharedMap<K, V> {
    fn from(pieces: Pieces<K, V>) -> Self {
        Self {
            length: pieces.0.iter().map(|piece| piece.len()).sum(),
            pieces: pieces.0.into(),
        }
    }
}

impl<K, V> Clone for SharedMap<K, V> {
    fn clone(&self) -> Self {
        Self {
            pieces: Arc::clone(&self.pieces),
            length: self.length,
        }
    }
}

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        Self {
            pieces: Arc::default(),
            length: 0,
        }
    }
}

/// Of several values under one key the last counts.
impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for SharedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut pieces = Pieces(Vec::new());
        pieces.add(sorted(entries.into_iter().collect()));
        pieces.into()
    }
}

impl<K: Ord + Clone, V: Clone, const N: usize> From<[(K, V); N]> for SharedMap<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K: Ord + Clone, V: Clone> Extend<(K, V)> for SharedMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        self.apply(entries.into_iter().map(|(key, value)| (key, Some(value))));
    }
}

impl<K: Ord + Borrow<Q>, V, Q: Ord + ?Sized> Index<&Q> for SharedMap<K, V> {
    type Output = V;

    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("no entry under this key")
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for SharedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Serialize, V: Serialize> Serialize for SharedMap<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de, K, V> Deserialize<'de> for SharedMap<K, V>
where
    K: Deserialize<'de> + Ord + Clone,
    V: Deserialize<'de> + Clone,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = BTreeMap::deserialize(deserializer)?;
        Ok(entries.into_iter().collect())
    }
}

#[cfg(test)]
mod tests;
