//! The map beside a `BTreeMap`, and what its copies share.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

type Change = (u16, Option<u8>);

/// Changes of few keys or of many, so that pieces become long and short.
fn changes() -> impl Strategy<Value = Vec<Change>> {
    let value = || proptest::option::weighted(0.6, 0..3_u8);
    prop_oneof![
        vec((0..2_000_u16, value()), 0..4),
        vec((0..2_000_u16, value()), 0..600),
        (0..2_000_u16, 1..400_u16, value()).prop_map(|(first, length, value)| {
            (first..first + length).map(|key| (key, value)).collect()
        }),
    ]
}

fn changed(map: &mut BTreeMap<u16, u8>, changes: &[Change]) {
    for (key, value) in changes {
        match value {
            Some(value) => drop(map.insert(*key, *value)),
            None => drop(map.remove(key)),
        }
    }
}

/// Whether the pieces are as long as they should be, in order, and counted.
fn is_sound(map: &SharedMap<u16, u8>) -> bool {
    let lengths = || map.pieces.iter().map(|piece| piece.len());
    lengths().all(|length| (1..=PIECE_MAX).contains(&length))
        && lengths().sum::<usize>() == map.len()
        && map.keys().is_sorted_by(|a, b| a < b)
        // Two neighbours in one piece would be one only where that had room.
        && map.pieces.len() <= 2 + 2 * map.len() / PIECE_MIN
}

proptest! {
    #[test]
    fn it_is_the_map_that_a_btreemap_is(rounds in vec(changes(), 0..8), asked in vec(0..2_400_u16, 8)) {
        let (mut map, mut model) = (SharedMap::default(), BTreeMap::new());
        for round in rounds {
            let (before, model_before) = (map.clone(), model.clone());
            map.apply(round.clone());
            changed(&mut model, &round);
            prop_assert!(is_sound(&map), "{map:?}");
            prop_assert!(map.iter().eq(&model));
            prop_assert!(before.iter().eq(&model_before), "a copy stays as it is");
            prop_assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
            let differ: Vec<_> = map.changes_since(&before).map(|(k, a, b)| (*k, a.copied(), b.copied())).collect();
            let keys = model.keys().chain(model_before.keys()).copied().collect::<std::collections::BTreeSet<u16>>();
            let all = keys.into_iter().map(|k| (k, model_before.get(&k).copied(), model.get(&k).copied()));
            let expected: Vec<_> = all.filter(|(_, a, b)| a != b).collect();
            prop_assert_eq!(map == before, expected.is_empty());
            prop_assert_eq!(differ, expected);
            prop_assert_eq!(&map, &model.iter().map(|(k, v)| (*k, *v)).collect(), "however it came to be");
        }
        for key in &asked {
            prop_assert_eq!(map.get(key), model.get(key));
            prop_assert_eq!(map.contains_key(key), model.contains_key(key));
            prop_assert!(map.range_from(key).eq(model.range(key..)));
        }
        prop_assert!(map.iter().rev().eq(model.iter().rev()));
        map.retain(|key, _| asked.contains(key));
        model.retain(|key, _| asked.contains(key));
        prop_assert!(is_sound(&map) && map.iter().eq(&model));
    }
}

#[test]
fn a_change_copies_one_piece_and_what_differs_is_found_without_the_others() {
    let before: SharedMap<u32, u32> = (0..10_000).map(|n| (n, n)).collect();
    let mut after = before.clone();
    after.insert(5_000, 0);
    let pieces = before.pieces.iter().zip(&*after.pieces);
    let copied = pieces.filter(|(before, after)| !Arc::ptr_eq(before, after));
    assert_eq!(copied.count(), 1);
    assert_eq!(before.pieces.len(), after.pieces.len());
    let differ: Vec<_> = after.changes_since(&before).collect();
    assert_eq!(differ, [(&5_000, Some(&5_000), Some(&0))]);
}

/// A value that counts how often it is compared.
#[derive(Debug, Clone)]
struct Counted(Rc<Cell<usize>>);

impl PartialEq for Counted {
    fn eq(&self, _: &Self) -> bool {
        self.0.set(self.0.get() + 1);
        true
    }
}

#[test]
fn what_two_maps_share_is_not_compared() {
    let compared = Rc::new(Cell::new(0));
    let values = (0..10_000).map(|n| (n, Counted(Rc::clone(&compared))));
    let before: SharedMap<u32, Counted> = values.collect();
    let mut after = before.clone();
    assert!(after == before);
    assert_eq!(compared.get(), 0);
    after.retain(|key, _| !(5_000..5_300).contains(key));
    let gone = after.changes_since(&before).map(|(key, ..)| *key);
    assert!(gone.eq(5_000..5_300));
    assert!(compared.get() <= 2 * PIECE_MAX, "{}", compared.get());
}

#[test]
fn of_equal_keys_the_last_counts() {
    let map = SharedMap::from([("b", 1), ("a", 2), ("b", 3)]);
    assert!(map.iter().eq([(&"a", &2), (&"b", &3)]));
    assert_eq!(format!("{map:?}"), r#"{"a": 2, "b": 3}"#);
    assert_eq!(
        serde_json::to_string(&map).expect("a map"),
        r#"{"a":2,"b":3}"#
    );
}
