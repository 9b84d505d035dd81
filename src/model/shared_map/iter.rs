//! The entries of a map, one after the other.

use std::iter::FlatMap;
use std::slice;

use super::{Piece, SharedMap};

type OfPiece<'a, K, V> = fn(&'a Piece<K, V>) -> slice::Iter<'a, (K, V)>;
type OfPieces<'a, K, V> =
    FlatMap<slice::Iter<'a, Piece<K, V>>, slice::Iter<'a, (K, V)>, OfPiece<'a, K, V>>;

/// What [`SharedMap::iter`] gives.
#[derive(Debug)]
pub struct Iter<'a, K, V> {
    entries: OfPieces<'a, K, V>,
    left: usize,
}

impl<'a, K, V> Iter<'a, K, V> {
    pub(super) fn of(map: &'a SharedMap<K, V>) -> Self {
        let of_piece: OfPiece<'a, K, V> = |piece| piece.iter();
        Self {
            entries: map.pieces.iter().flat_map(of_piece),
            left: map.length,
        }
    }
}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Self {
            entries: self.entries.clone(),
            left: self.left,
        }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = self.entries.next()?;
        self.left -= 1;
        Some((key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<K, V> DoubleEndedIterator for Iter<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let (key, value) = self.entries.next_back()?;
        self.left -= 1;
        Some((key, value))
    }
}

impl<K, V> ExactSizeIterator for Iter<'_, K, V> {}

impl<'a, K, V> IntoIterator for &'a SharedMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
