//! Whatever the labels of a route that protects are, it is served with all of that protection or
//! not at all, also where it was served without before.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use sh0_agent::model::{Protection, Snapshot};
use sh0_agent::routes::{Built, Serving};

use crate::fixture::{Agent, snapshot};

const BCRYPT: &str = "ada:$2a$04$/3DyloKJlePp7qJfPtiO7edscyI6ZO1Pecc6NZ3.HYPvwDj5ZzH.6";

/// A key that protects, with a value that is right as often as not.
fn guard() -> impl Strategy<Value = (&'static str, String)> {
    let right = select(
        &[
            ("auth.basic", BCRYPT),
            ("allow", "10.0.0.0/8, ::1"),
            ("deny", "192.0.2.1"),
            ("body_max", "10MB"),
            ("auth.forward", "web/verify"),
        ][..],
    );
    let keys = &[
        "auth.basic",
        "allow",
        "deny",
        "body_max",
        "auth.forward",
        "auth.forward.copy",
        "caddy.handlers",
        "auth.basci",
        "Allow",
        "denied",
        "body.max",
        "auth",
    ][..];
    let wrong = (
        select(keys),
        "(\\{[a-z.]{0,8}\\}|[*./{}$:,%\\[\\] a-z0-9]){0,40}",
    );
    prop_oneof![
        right.prop_map(|(key, value)| (key, value.to_owned())),
        wrong
    ]
}

/// Labels that may be wrong and do not protect.
fn other() -> impl Strategy<Value = (&'static str, String)> {
    let keys = &[
        "path",
        "hold",
        "strip",
        "port",
        "tls",
        "lb.policy",
        "lb.weight",
        "zebra",
        "app",
    ][..];
    let value = select(&["/x", "x", "30s", "80", "true", "internal", "1", ""][..]);
    (select(keys), value.prop_map(str::to_owned))
}

fn labelled(labels: &[(&str, String)]) -> Snapshot {
    let mut shop = snapshot(
        "
        shop/web
          sh0.host=app.example.com
        ",
    )
    .containers()
    .next()
    .expect("one")
    .clone();
    for (key, value) in labels {
        shop.labels.insert(format!("sh0.{key}"), value.clone());
    }
    Snapshot::new(vec![shop])
}

/// What protects the routes that are served.
fn served(built: &Built) -> Vec<&Protection> {
    let routes = built.table.routes.values();
    let passed = routes.filter_map(|route| match &route.serving {
        Serving::Passed(passed) => Some(&passed.handling.protection),
        Serving::Closed => None,
    });
    passed.collect()
}

fn has(protection: &Protection, key: &str) -> bool {
    match key {
        "auth.basic" => !protection.accounts.is_empty(),
        "allow" => !protection.allow.is_empty(),
        "deny" => !protection.deny.is_empty(),
        "body_max" => protection.body_bytes_max.is_some(),
        "auth.forward" | "auth.forward.copy" => protection.forward.is_some(),
        // No setting allows handlers here, and the others are not keys at all.
        _ => false,
    }
}

proptest! {
    #[test]
    fn a_route_is_served_with_all_that_protects_it_or_not_at_all(
        guards in vec(guard(), 1..3),
        others in vec(other(), 0..3),
    ) {
        let mut agent = Agent::default();
        let open = agent.look(&labelled(&[]));
        prop_assert_eq!(served(&open), [&Protection::default()]);
        let labels: Vec<_> = others.into_iter().chain(guards.clone()).collect();
        let built = agent.build(&labelled(&labels));
        for protection in served(&built) {
            for (key, value) in &guards {
                prop_assert!(has(protection, key), "{key}={value} is not in {protection:?}");
            }
        }
    }
}
