//! The same work for many things, on all cores where there are enough of them.

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::thread;

/// More threads than that do not shorten what is left to do in order.
const THREADS_MAX: usize = 8;

/// What `work` makes of each, in the same order. A thread is started for each `least` of them, as far
/// as there are cores; below twice as many all is done here.
pub(super) fn map<T: Send, U: Send>(
    items: Vec<T>,
    least: usize,
    work: impl Fn(T) -> U + Sync,
) -> Vec<U> {
    let cores = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = match items.len() / least.max(1) {
        0 | 1 => 1,
        most => most.min(cores()).min(THREADS_MAX),
    };
    if threads == 1 {
        return items.into_iter().map(work).collect();
    }
    let length = items.len().div_ceil(threads);
    let mut items = items.into_iter();
    let mut parts: Vec<Vec<T>> = Vec::new();
    while items.len() > 0 {
        parts.push(items.by_ref().take(length).collect());
    }
    let work = &work;
    let of_part = |part: Vec<T>| move || part.into_iter().map(work).collect::<Vec<U>>();
    thread::scope(|scope| {
        let parts: Vec<_> = { parts.into_iter() }
            .map(|part| scope.spawn(of_part(part)))
            .collect();
        let done =
            { parts.into_iter() }.map(|part| part.join().unwrap_or_else(|p| resume_unwind(p)));
        done.flatten().collect()
    })
}

#[cfg(test)]
mod tests {
    use super::map;

    #[test]
    fn all_are_done_in_order_whatever_their_number() {
        for number in [0, 1, 2, 3, 7, 100, 101] {
            let items: Vec<usize> = (0..number).collect();
            let doubled: Vec<usize> = items.iter().map(|item| item * 2).collect();
            for least in [0, 1, 3, 1_000] {
                assert_eq!(map(items.clone(), least, |item| item * 2), doubled);
            }
        }
    }

    #[test]
    #[should_panic(expected = "the seventh")]
    fn a_panic_is_passed_on() {
        map((0..10).collect(), 1, |item| {
            assert_ne!(item, 7, "the seventh");
        });
    }
}
