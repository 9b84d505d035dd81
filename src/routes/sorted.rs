//! Lists that are sorted.

use std::cmp::Ordering;

/// Those of a sorted list that are equal to something: `order` is how an item stands to it.
pub(super) fn equal<T>(sorted: &[T], order: impl Fn(&T) -> Ordering) -> &[T] {
    let before = sorted.partition_point(|item| order(item).is_lt());
    let (_, from) = sorted.split_at(before);
    let (own, _) = from.split_at(from.partition_point(|item| order(item).is_eq()));
    own
}
