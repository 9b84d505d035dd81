//! Whatever happens to Docker, to Caddy, to the agent and to the notices between them: after a
//! quiet moment and one resync, Caddy serves what the containers ask for, and loads stayed few.
//!
//! Thousands of random histories, each some steps long, against the loop with fakes under a paused
//! clock. What must hold is in `check`; it gives its complaint back, so that the tests below can
//! hold it against worlds with a fault in them, which it must find. `SH0_MODEL_CASES=100000` runs
//! so many new ones; a history that fails is shrunk, shown and kept.

mod check;
mod history;
mod world;

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use tokio::time::Instant;

use self::history::{Ailment, Kind, Step, docker_step, step};
use self::world::{Fault, Rig, play};

/// Steps of one history at most: faults need few, and short histories are many.
const STEPS_MAX: usize = 12;
/// Histories of each kind in a usual run, and after how long no more are begun: a busy machine
/// plays fewer.
const CASES: u32 = 2_000;
const USUAL_RUN: Duration = Duration::from_secs(25);
/// Histories that are played before the clock is looked at.
const CASES_AT_ONCE: u32 = 25;

fn check(rig: Rig, steps: &[Step]) -> Result<(), TestCaseError> {
    play(rig, steps).map_err(TestCaseError::fail)
}

/// The usual run plays the same histories each time, so that it fails by a change and by no chance.
fn rng_of(played: u32) -> TestRng {
    let mut seed = [0; 32];
    for (place, byte) in seed.iter_mut().zip(played.to_le_bytes()) {
        *place = byte;
    }
    TestRng::from_seed(RngAlgorithm::ChaCha, &seed)
}

/// Plays histories of these steps; one that fails is shrunk, shown and kept.
fn holds_after(rig: Rig, step: impl Strategy<Value = Step>) {
    let wanted = std::env::var("SH0_MODEL_CASES").ok();
    let wanted = wanted.map(|cases| cases.parse::<u32>().expect("a number of histories"));
    let (histories, began) = (vec(step, 1..STEPS_MAX), Instant::now());
    let mut played = 0;
    while played < wanted.unwrap_or(CASES) && (wanted.is_some() || began.elapsed() < USUAL_RUN) {
        let config = ProptestConfig {
            cases: CASES_AT_ONCE,
            ..ProptestConfig::with_source_file(file!())
        };
        let mut runner = match wanted {
            Some(_) => TestRunner::new(config),
            None => TestRunner::new_with_rng(config, rng_of(played)),
        };
        if let Err(error) = runner.run(&histories, |steps| check(rig, &steps)) {
            panic!("{error}");
        }
        played += CASES_AT_ONCE;
    }
}

#[test]
fn caddy_serves_what_the_containers_ask_for() {
    holds_after(Rig::default(), step());
}

#[test]
fn what_docker_tells_is_served_within_two_seconds() {
    let quiet = Duration::from_secs(2);
    let rig = Rig {
        quiet,
        ..Rig::default()
    };
    holds_after(rig, docker_step());
}

/// Three starts with a full disk leave a Caddy that serves nothing and has accepted nothing.
#[test]
fn a_search_without_anything_accepted_begins_with_what_is_new() {
    let steps = [
        Step::CaddyAils(Ailment::Environment),
        Step::CaddyCrashes,
        Step::TimePasses(340),
        Step::Recreate {
            n: 3,
            kind: Kind::RefusedMutely,
        },
        Step::Recreate {
            n: 1,
            kind: Kind::Plain { host: 1 },
        },
    ];
    assert_eq!(play(Rig::default(), &steps), Ok(()));
}

/// Looks for a history that fails in this rig, as the tests above do; the complaint and the
/// shortest such history that is found in some seconds.
fn find(rig: Rig) -> Option<(String, Vec<Step>)> {
    let config = ProptestConfig {
        failure_persistence: None,
        cases: 500,
        max_shrink_time: 3_000,
        ..ProptestConfig::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    match runner.run(&vec(step(), 1..STEPS_MAX), |steps| check(rig, &steps)) {
        Ok(()) => None,
        Err(TestError::Fail(reason, steps)) => Some((reason.to_string(), steps)),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

/// Checks that the fault is found, with this complaint; the history.
#[track_caller]
fn finds(rig: Rig, complaint: &str) -> Vec<Step> {
    let (reason, steps) = find(rig).expect("the fault is found");
    assert!(reason.starts_with(complaint), "{reason} after {steps:?}");
    steps
}

#[test]
fn a_lost_event_is_found_out_when_no_resync_follows() {
    let resync_interval = Duration::from_hours(1_000_000);
    let rig = Rig {
        resync_interval,
        ..Rig::default()
    };
    let steps = finds(rig, "served is not what is asked for");
    let loses = |step: &Step| step.loses_notices();
    assert!(steps.iter().any(loses), "{steps:?}");
}

#[test]
fn a_load_that_is_confirmed_and_not_applied_is_found_out() {
    let rig = Rig {
        fault: Some(Fault::CaddyLies),
        ..Rig::default()
    };
    finds(rig, "served is not what is asked for");
}

#[test]
fn an_empty_answer_that_is_believed_is_found_out() {
    let rig = Rig {
        fault: Some(Fault::EngineForgets),
        ..Rig::default()
    };
    finds(rig, "the untouched site is missing");
}

/// Only what is kept tells that the host is still the first one's; random histories seldom say so.
#[test]
fn a_state_that_is_confirmed_and_not_kept_is_found_out() {
    let rig = Rig {
        fault: Some(Fault::StoreForgets),
        ..Rig::default()
    };
    let kind = Kind::Plain { host: 1 };
    let pause = Step::TimePasses(1_000);
    let steps = [
        Step::Recreate { n: 1, kind },
        pause.clone(),
        Step::Recreate { n: 2, kind },
        pause,
        Step::Remove { n: 1 },
    ];
    let complaint = play(rig, &steps).expect_err("it is found");
    assert!(complaint.starts_with("served is not what is asked for"));
    assert_eq!(play(Rig::default(), &steps), Ok(()));
}
