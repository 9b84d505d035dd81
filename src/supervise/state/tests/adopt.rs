//! A child that an earlier agent left, and one that is left to the next.

use super::*;

proptest! {
    /// Whatever happens while it is looked, and whatever is found: there are never two children,
    /// none that was taken over gets a signal before we are asked to stop or it is silent, and a
    /// child that is left gets none at all.
    #[test]
    fn a_child_that_is_found_is_one_child_of_ours_and_is_stopped_or_left(
        early in prop::collection::vec(turn(), 0..5),
        early_stop in prop::option::of(prop_oneof![Just(Turn::Stop), Just(Turn::Abort)]),
        found in any::<bool>(),
        turns in prop::collection::vec(turn(), 0..60),
        last in prop_oneof![Just(Turn::Stop), Just(Turn::Abort), Just(Turn::Leave)],
    ) {
        let mut world = World::looking();
        for turn in early.into_iter().chain(early_stop) {
            world.turn(turn);
        }
        prop_assert!(world.spawns.is_empty(), "nothing is started while it is looked");
        world.turn(Turn::Looked { found });
        prop_assert_eq!(world.child.is_some(), found);
        if early_stop.is_none() {
            let epoch = u64::from(found);
            prop_assert_eq!(world.state.epoch, epoch);
            prop_assert!(world.child.is_none_or(|signal| signal == Signal::None));
        }
        for turn in turns {
            world.turn(turn);
        }
        let was_up = matches!(world.state.stage, Stage::Up { .. });
        world.turn(last);
        if was_up && matches!(last, Turn::Leave) {
            prop_assert_eq!((world.state.stage, world.child), (Stage::Left, Some(Signal::None)));
            prop_assert_eq!(world.state.deadline(), None);
            return Ok(());
        }
        world.pass(world.timing.stop_timeout);
        prop_assert!(world.child.is_none_or(|signal| signal == Signal::Kill));
        world.turn(Turn::Die);
        prop_assert_eq!(world.state.stage, Stage::Stopped);
    }
}

#[test]
fn a_child_that_is_taken_over_is_asked_watched_and_replaced_like_any_other() {
    let mut world = World::looking();
    world.turn(Turn::Config);
    world.turn(Turn::Looked { found: true });
    assert!(matches!(world.state.stage, Stage::Up { .. }));
    world.pass(Duration::from_secs(5));
    assert!(world.asked);
    world.turn(Turn::Die);
    assert_eq!(delay(&world), Some(Duration::from_millis(100)));
    world.pass(Duration::from_millis(100));
    world.turn(Turn::Prepared { port_taken: false });
    let epochs: Vec<_> = world.spawns.iter().map(|(epoch, _)| *epoch).collect();
    assert_eq!(epochs, [2]);
}

#[test]
fn a_stop_while_it_is_looked_stops_what_is_found() {
    let mut world = World::looking();
    world.turn(Turn::Stop);
    assert!(!world.state.is_over());
    world.turn(Turn::Looked { found: true });
    assert_eq!(world.child, Some(Signal::Terminate));
    world.pass(Duration::from_secs(5));
    assert_eq!(world.child, Some(Signal::Kill));
}

#[test]
fn who_leaves_while_it_is_looked_touches_nothing() {
    let mut world = World::looking();
    world.turn(Turn::Leave);
    assert_eq!(world.state.stage, Stage::Stopped);
}

#[test]
fn a_child_that_does_not_serve_yet_is_not_left() {
    let mut world = World::new();
    world.turn(Turn::Config);
    world.turn(Turn::Prepared { port_taken: false });
    world.turn(Turn::Leave);
    assert_eq!(world.child, Some(Signal::Terminate));
}
