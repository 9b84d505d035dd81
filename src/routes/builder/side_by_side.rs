//! The same work for many things, on all cores where there are enough of them.

use std::cmp::Ordering;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::thread;

/// More threads than that do not shorten what is left to do in order.
const THREADS_MAX: usize = 8;
/// So many things in a list are worth a thread that sorts them.
const SORTED_PER_THREAD: usize = 1_000;

/// What `work` makes of each, in the same order. A thread is started for each `least` of them, as far
/// as there are cores; below twice as many all is done here.
pub(super) fn map<T: Send, U: Send>(
    items: Vec<T>,
    least: usize,
    work: impl Fn(T) -> U + Sync,
) -> Vec<U> {
    let of_part = |part: Vec<T>| part.into_iter().map(&work).collect::<Vec<U>>();
    in_parts(items, least, of_part)
        .into_iter()
        .flatten()
        .collect()
}

/// What `work` makes of all of them together: in one part for each thread that is worth it, as for
/// [`map`].
pub(super) fn in_parts<T: Send, U: Send>(
    items: Vec<T>,
    least: usize,
    work: impl Fn(Vec<T>) -> U + Sync,
) -> Vec<U> {
    let threads = threads(items.len(), least);
    if threads == 1 {
        return vec![work(items)];
    }
    let length = items.len().div_ceil(threads);
    let mut items = items.into_iter();
    let mut parts: Vec<Vec<T>> = Vec::new();
    while items.len() > 0 {
        parts.push(items.by_ref().take(length).collect());
    }
    let work = &work;
    thread::scope(|scope| {
        let parts: Vec<_> = { parts.into_iter() }
            .map(|part| scope.spawn(move || work(part)))
            .collect();
        let done =
            { parts.into_iter() }.map(|part| part.join().unwrap_or_else(|p| resume_unwind(p)));
        done.collect()
    })
}

/// Sorts a list; what is equal stays in order.
pub(super) fn sort_by<T: Send>(list: &mut [T], order: impl Fn(&T, &T) -> Ordering + Sync) {
    let threads = threads(list.len(), SORTED_PER_THREAD);
    if threads > 1 {
        let (length, order) = (list.len().div_ceil(threads), &order);
        thread::scope(|scope| {
            for part in list.chunks_mut(length) {
                scope.spawn(move || part.sort_by(order));
            }
        });
    }
    // Parts that are sorted are only merged.
    list.sort_by(order);
}

/// How many threads are worth it.
fn threads(items: usize, least: usize) -> usize {
    let cores = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
    match items / least.max(1) {
        0 | 1 => 1,
        most => most.min(cores()).min(THREADS_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_done_in_order_whatever_their_number() {
        for number in [0, 1, 2, 3, 7, 100, 101] {
            let items: Vec<usize> = (0..number).collect();
            let doubled: Vec<usize> = items.iter().map(|item| item * 2).collect();
            for least in [0, 1, 3, 1_000] {
                assert_eq!(map(items.clone(), least, |item| item * 2), doubled);
                let parts = in_parts(items.clone(), least, |part| part);
                assert_eq!(parts.concat(), items);
            }
        }
    }

    #[test]
    fn a_long_list_is_sorted_and_equals_stay_in_order() {
        let mut list: Vec<(usize, usize)> = (0..5_003).map(|n| (n * 7_919 % 100, n)).collect();
        let mut expected = list.clone();
        expected.sort_unstable();
        sort_by(&mut list, |(a, _), (b, _)| a.cmp(b));
        assert_eq!(list, expected);
    }

    #[test]
    #[should_panic(expected = "the seventh")]
    fn a_panic_is_passed_on() {
        map((0..10).collect(), 1, |item| {
            assert_ne!(item, 7, "the seventh");
        });
    }
}
