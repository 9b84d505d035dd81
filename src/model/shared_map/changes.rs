//! What differs between two maps.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{Piece, SharedMap};

impl<K: Ord, V: PartialEq> SharedMap<K, V> {
    /// Each key whose value is not the same as before, with the old and the new value. What both
    /// maps share is passed over.
    pub fn changes_since<'a>(
        &'a self,
        before: &'a Self,
    ) -> impl Iterator<Item = (&'a K, Option<&'a V>, Option<&'a V>)> {
        let (mut old, mut new) = (Walk::of(before), Walk::of(self));
        std::iter::from_fn(move || {
            loop {
                pass_over_shared(&mut old, &mut new);
                let order = match (old.entries.first(), new.entries.first()) {
                    (None, None) => return None,
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                    (Some((a, _)), Some((b, _))) => a.cmp(b),
                };
                match order {
                    Ordering::Less => return old.next().map(|(key, old)| (key, Some(old), None)),
                    Ordering::Greater => {
                        return new.next().map(|(key, new)| (key, None, Some(new)));
                    }
                    Ordering::Equal => {
                        let ((key, old), (_, new)) = (old.next()?, new.next()?);
                        if old != new {
                            return Some((key, Some(old), Some(new)));
                        }
                    }
                }
            }
        })
    }
}

/// The entries that are left of a map: those of a piece that was begun, and whole pieces.
struct Walk<'a, K, V> {
    entries: &'a [(K, V)],
    pieces: &'a [Piece<K, V>],
}

impl<'a, K, V> Walk<'a, K, V> {
    fn of(map: &'a SharedMap<K, V>) -> Self {
        Self {
            entries: &[],
            pieces: &map.pieces,
        }
    }

    fn begin_piece(&mut self) {
        if let ([], [piece, pieces @ ..]) = (self.entries, self.pieces) {
            (self.entries, self.pieces) = (piece, pieces);
        }
    }

    fn next(&mut self) -> Option<(&'a K, &'a V)> {
        let ((key, value), left) = self.entries.split_first()?;
        self.entries = left;
        Some((key, value))
    }
}

/// Goes on to the next entries of both that may differ.
fn pass_over_shared<K, V>(old: &mut Walk<'_, K, V>, new: &mut Walk<'_, K, V>) {
    if std::ptr::eq(old.pieces, new.pieces) && std::ptr::eq(old.entries, new.entries) {
        // All that is left, as it is when nothing has changed.
        (old.entries, new.entries) = (&[], &[]);
        (old.pieces, new.pieces) = (&[], &[]);
    }
    while old.entries.is_empty() && new.entries.is_empty() {
        match (old.pieces, new.pieces) {
            ([a, olds @ ..], [b, news @ ..]) if Arc::ptr_eq(a, b) => {
                (old.pieces, new.pieces) = (olds, news);
            }
            _ => break,
        }
    }
    old.begin_piece();
    new.begin_piece();
}

impl<K: Ord, V: PartialEq> PartialEq for SharedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.length == other.length && self.changes_since(other).next().is_none()
    }
}

impl<K: Ord, V: Eq> Eq for SharedMap<K, V> {}
