//! What holds after any steps, and some steps in detail.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

const SLOTS_TESTED: usize = 24;

fn id(name: &str) -> ContainerId {
    ContainerId::new(name).expect("not empty")
}

fn replica(name: &str, last: u8, weight: u8) -> Replica {
    Replica {
        container: id(name),
        address: ([10, 0, 0, last], 80).into(),
        weight: Weight::new(weight.max(1)).expect("in range"),
    }
}

fn slots(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).expect("not zero")
}

/// One step after another, each `slots: replicas`, with the containers that are in the slots then.
#[track_caller]
fn check(steps: &[(&str, &str)]) {
    let mut assignment = Assignment::default();
    for (step, expected) in steps {
        let (count, names) = step.split_once(": ").expect("`slots: replicas`");
        let ready: Vec<_> = names
            .split_whitespace()
            .map(|name| replica(name, 1, 1))
            .collect();
        let count = slots(count.parse().expect("a number"));
        assignment = assign(&assignment, &ready, count);
        assert_eq!(shown(&assignment), *expected, "after {step}");
    }
}

fn shown(assignment: &Assignment) -> String {
    let name = |target: &Target| match target {
        Target::Container { id, .. } => id.as_str().to_owned(),
        Target::Hold => "hold".to_owned(),
    };
    assignment.targets().map(name).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_new_replica_is_a_spare_until_the_old_one_leaves() {
    check(&[
        ("1: old", "old"),
        ("1: old new", "old"),
        ("1: new old", "old"),
        ("1: new", "new"),
    ]);
}

#[test]
fn the_slots_of_one_that_leaves_are_shared_out_and_come_back_with_it() {
    check(&[
        ("3: a b c", "a b c"),
        ("3: a c", "a a c"),
        ("3: c", "c c c"),
        ("3: b c", "c b c"),
        ("3: a b c", "a b c"),
    ]);
}

#[test]
fn a_successor_takes_the_very_slots_of_its_predecessor() {
    check(&[
        ("4: a b", "a b a b"),
        ("4: b", "b b b b"),
        ("4: b z", "z b z b"),
    ]);
}

#[test]
fn nobody_changes_places_when_all_were_away() {
    check(&[
        ("2: a b", "a b"),
        ("2: ", "hold hold"),
        ("2: b", "b b"),
        ("2: b a", "a b"),
    ]);
}

#[test]
fn the_oldest_have_the_slots_when_there_are_too_few() {
    check(&[
        ("2: a b c", "a b"),
        ("2: a b c d", "a b"),
        ("2: b c d", "c b"),
        ("3: b c d", "c b d"),
        ("1: b c d", "c"),
    ]);
}

#[test]
fn an_assignment_that_was_found_is_kept() {
    let found = [replica("b", 2, 1), replica("a", 1, 1)];
    let found = Assignment::of(found.iter().map(target).chain([Target::Hold]));
    let ready = [replica("a", 1, 1), replica("b", 2, 1), replica("c", 3, 1)];
    assert_eq!(shown(&assign(&found, &ready, slots(3))), "b a c");
}

#[test]
fn weights_are_kept_to_by_the_largest_remainder() {
    for (weights, expected) in [
        (&[9, 1][..], &[18, 2][..]),
        (&[1, 1, 1], &[7, 7, 6]),
        (&[100, 1], &[19, 1]),
        (&[50, 30, 20], &[10, 6, 4]),
        (&[3, 3, 1], &[9, 8, 3]),
        (&[100, 1, 1], &[18, 1, 1]),
        (&[0, 1], &[10, 10]),
    ] {
        let ready: Vec<_> = (b'a'..).zip(weights).collect();
        let ready: Vec<_> = ready
            .into_iter()
            .map(|(name, weight)| replica(&char::from(name).to_string(), name, *weight))
            .collect();
        let assignment = assign(&Assignment::default(), &ready, slots(20));
        let counts: Vec<_> = ready.iter().map(|r| count(&assignment, r)).collect();
        assert_eq!(counts, expected, "{weights:?}");
    }
}

fn count(assignment: &Assignment, replica: &Replica) -> usize {
    let is_its = |target: &&Target| matches!(target, Target::Container { id, .. } if *id == replica.container);
    assignment.targets().filter(is_its).count()
}

/// Replicas out of a few containers, so that they leave and return, mostly of one weight.
fn ready() -> impl Strategy<Value = Vec<Replica>> {
    let names: Vec<_> = ('a'..='l').collect();
    let any = proptest::sample::subsequence(names, 0..9).prop_shuffle();
    (any, vec(1..=3_u8, 12), option::of(vec(0..=100_u8, 12))).prop_map(|(names, last, weights)| {
        let weights = weights.unwrap_or_else(|| vec![1; 12]);
        let parts = names.iter().zip(last).zip(weights);
        parts
            .map(|((name, last), weight)| replica(&name.to_string(), last, weight))
            .collect()
    })
}

fn steps() -> impl Strategy<Value = Vec<(Vec<Replica>, NonZeroUsize)>> {
    let count = prop_oneof![3 => 1..4_usize, 1 => 1..SLOTS_TESTED];
    vec((ready(), count.prop_map(slots)), 1..8)
}

fn is_even(ready: &[Replica]) -> bool {
    ready
        .iter()
        .all(|r| weight(r) == ready.first().map_or(1, weight))
}

/// All that holds after any step, given the assignment before.
fn check_step(before: &Assignment, ready: &[Replica], count_of_slots: usize, after: &Assignment) {
    let all = after.targets().len();
    assert_eq!(all, count_of_slots);
    for target in after.targets() {
        let Target::Container { id, address } = target else {
            assert!(ready.is_empty(), "a slot waits although one is ready");
            continue;
        };
        let replica = ready.iter().find(|replica| replica.container == *id);
        let replica = replica.expect("only ready ones have slots");
        assert_eq!(*address, replica.address, "the newest address is used");
    }
    let counts: Vec<_> = ready.iter().map(|r| count(after, r)).collect();
    let spares = counts.iter().filter(|count| **count == 0).count();
    assert_eq!(spares, ready.len().saturating_sub(all));
    if is_even(ready) && spares == 0 && !ready.is_empty() {
        let share = all / ready.len();
        let is_share = |count: &usize| (share..=share + 1).contains(count);
        assert!(counts.iter().all(is_share), "{counts:?}");
    }
    check_by_weight(ready, all, &counts);
    check_movement(before, ready, all, after);
}

/// Nobody is more than a slot away from its exact share, except to give each at least one.
fn check_by_weight(ready: &[Replica], all: usize, counts: &[usize]) {
    let total: usize = ready.iter().map(weight).sum();
    let needs_help = ready.iter().any(|r| all * weight(r) < total);
    if !needs_help {
        for (replica, count) in ready.iter().zip(counts) {
            let floor = all * weight(replica) / total;
            assert!((floor..=floor + 1).contains(count), "{replica:?}: {count}");
        }
    }
}

/// Each slot whose container is still entitled to it stays, and no other assignment with the same
/// rules would keep more.
fn check_movement(before: &Assignment, ready: &[Replica], all: usize, after: &Assignment) {
    let pairs = || before.targets().zip(after.targets());
    let is_of = |target: &Target, replica: &Replica| matches!(target, Target::Container { id, .. } if *id == replica.container);
    let had = |r: &Replica| pairs().filter(|(old, _)| is_of(old, r)).count();
    for replica in ready {
        let kept = pairs()
            .filter(|(old, new)| is_of(old, replica) && is_of(new, replica))
            .count();
        assert_eq!(
            kept,
            had(replica).min(count(after, replica)),
            "{replica:?} moved"
        );
    }
    if is_even(ready) && ready.len() <= all && !ready.is_empty() {
        let (share, extra) = (all / ready.len(), all % ready.len());
        let wanting = ready.iter().filter(|r| had(r) > share).count();
        let most = ready.iter().map(|r| had(r).min(share)).sum::<usize>() + wanting.min(extra);
        let kept: usize = ready.iter().map(|r| had(r).min(count(after, r))).sum();
        assert_eq!(kept, most, "more could have stayed");
    }
    if ready.len() > all {
        let dropped = ready.iter().filter(|r| had(r) > 0 && count(after, r) == 0);
        assert_eq!(dropped.count(), 0, "one with a slot lost it to a spare");
        let newcomers = ready.iter().filter(|r| had(r) == 0);
        let ages: Vec<_> = newcomers.map(|r| count(after, r) > 0).collect();
        assert!(
            ages.is_sorted_by(|older, younger| older >= younger),
            "{ages:?}"
        );
    }
}

proptest! {
    #[test]
    fn every_rule_holds_after_any_steps(steps in steps()) {
        let mut assignment = Assignment::default();
        for (ready, count) in steps {
            let next = assign(&assignment, &ready, count);
            check_step(&assignment, &ready, count.get(), &next);
            assignment = next;
        }
    }

    #[test]
    fn the_same_again_changes_nothing(steps in steps()) {
        let mut assignment = Assignment::default();
        for (ready, count) in steps {
            assignment = assign(&assignment, &ready, count);
            prop_assert_eq!(&assign(&assignment, &ready, count), &assignment);
        }
    }

    /// One replica is recreated beside others: nobody else's slot changes, at no time.
    #[test]
    fn the_others_stay_where_they_are_while_one_is_recreated(
        names in 2..6_usize, count in 1..SLOTS_TESTED, which in 0..6_usize,
    ) {
        let ready: Vec<_> = ('a'..).take(names).map(|n| replica(&n.to_string(), 1, 1)).collect();
        let first = assign(&Assignment::default(), &ready, slots(count));
        let leaving = &ready[which % names];
        let others: Vec<_> = ready.iter().filter(|r| r != &leaving).cloned().collect();
        let gap = assign(&first, &others, slots(count));
        let successor = replica("successor", 9, 1);
        let last = assign(&gap, &[&others[..], &[successor]].concat(), slots(count));
        if count % names == 0 {
            let renamed = |text: &str| text.split(' ').map(|name| {
                if name == leaving.container.as_str() { "successor" } else { name }.to_owned()
            }).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(shown(&last), renamed(&shown(&first)));
        }
    }
}
