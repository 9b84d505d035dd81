//! What happened lately, as the status tells it: once each, and bounded.

use std::sync::Arc;

use expect_test::expect;
use sh0_agent::metrics::{LoadReason, LoadResult};
use sh0_agent::routes::RouteTable;
use sh0_agent::status::{HappeningKind, History, Load, Status};

use crate::chain::status;

/// The status's table takes the place of this one.
pub(crate) fn in_force(status: &mut Status, before: &RouteTable, at: u64) {
    let changes = status.table.changes_since(before);
    let history = Arc::make_mut(&mut status.history);
    history.tell(&changes, status.table.routes.len(), at);
}

fn told(status: &Status) -> String {
    let told = status.history.happenings();
    let told = told.map(|h| format!("{} {:?} {}: {}", h.at, h.kind, h.subject, h.text));
    told.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_different_from_one_status_to_the_next_is_told_once() {
    let mut now = Status::default();
    let mut at = 0;
    let mut step = |now: &mut Status, next: &dyn Fn(&mut Status)| {
        let before = now.clone();
        next(now);
        at += 1;
        now.tell(&before, at);
        in_force(now, &before.table, at);
        // What stays is not told again.
        let before = now.clone();
        now.tell(&before, at);
        in_force(now, &before.table, at);
    };
    let look = |text: &'static str| {
        move |now: &mut Status| {
            let looked = status(text);
            (now.rows, now.table) = (looked.rows, looked.table);
        }
    };
    step(&mut now, &|now| {
        now.docker.reachable = true;
        now.caddy.epoch = 1;
        "up".clone_into(&mut now.caddy.phase);
    });
    step(
        &mut now,
        &look("web health=starting\n  sh0.host=a.example\n"),
    );
    step(&mut now, &look("web\n  sh0.host=a.example\n"));
    step(&mut now, &look("web ip=10.0.0.9\n  sh0.host=a.example\n"));
    step(
        &mut now,
        &look("web health=starting\n  sh0.host=a.example\n"),
    );
    step(&mut now, &|now| now.docker.error = Some("away".to_owned()));
    step(&mut now, &|now| now.docker.error = None);
    step(&mut now, &|now| "waiting".clone_into(&mut now.caddy.phase));
    step(&mut now, &|now| {
        now.caddy.epoch = 2;
        "up".clone_into(&mut now.caddy.phase);
    });
    step(&mut now, &look(""));
    expect![[r"
        1 Recovered Caddy: is up
        2 New a.example: is asked for; no container is ready yet
        3 Live a.example: served by web
        4 Changed a.example: served by web
        5 Down a.example: has no container that is ready
        6 Trouble Docker: away
        7 Recovered Docker: answers again
        8 Trouble Caddy: no longer serves: waiting
        9 Recovered Caddy: is up again
        10 Removed a.example: is no longer served"]]
    .assert_eq(&told(&now));
}

#[test]
fn a_start_with_many_sites_leaves_room_for_what_happens_later() {
    let containers: Vec<String> = (0..500)
        .map(|n| format!("app{n}\n  sh0.host=app{n}.example.com\n"))
        .collect();
    let mut now = status(&containers.concat());
    in_force(&mut now, &RouteTable::default(), 1);
    assert_eq!(now.history.happenings().len(), 21);
    let last = now.history.happenings().next_back().expect("just counted");
    assert_eq!(
        (&*last.subject, last.kind),
        ("480 more sites", HappeningKind::Changed)
    );
    let mut history = History::default();
    for millis in 0..1_000 {
        history.add_load(Arc::new(Load {
            at: 0,
            millis,
            reason: LoadReason::Change,
            result: LoadResult::Applied,
            error: None,
        }));
        history.add(last.clone());
    }
    assert_eq!(
        (history.loads().len(), history.happenings().len()),
        (60, 200)
    );
    assert_eq!(history.loads().next().map(|load| load.millis), Some(940));
}
