//! What differs between two sorted maps of few entries; for many there is `SharedMap`.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Each key whose value is not the same in both, with the two values. Takes time for every entry of
/// the two, if little.
pub(crate) fn changes<'a, K: Ord, V: PartialEq>(
    before: &'a BTreeMap<K, V>,
    after: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = (&'a K, Option<&'a V>, Option<&'a V>)> {
    // One and the same, as it is when nothing has happened.
    let is_same = std::ptr::eq(before, after);
    let take = if is_same { 0 } else { usize::MAX };
    let mut old = before.iter().take(take).peekable();
    let mut new = after.iter().take(take).peekable();
    std::iter::from_fn(move || {
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return None,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                // Most are, and that is sooner seen than which one comes first.
                (Some((a, _)), Some((b, _))) if a == b => Ordering::Equal,
                (Some((a, _)), Some((b, _))) => a.cmp(b),
            };
            match order {
                Ordering::Less => return old.next().map(|(key, value)| (key, Some(value), None)),
                Ordering::Greater => {
                    return new.next().map(|(key, value)| (key, None, Some(value)));
                }
                Ordering::Equal => {
                    let ((key, a), (_, b)) = (old.next()?, new.next()?);
                    if a != b {
                        return Some((key, Some(a), Some(b)));
                    }
                }
            }
        }
    })
}
