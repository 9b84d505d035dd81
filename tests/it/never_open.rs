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
        "host",
        "path.exact",
        "path.regexp",
        "match.method",
        "match.header.X-A",
        "match.query.q",
        "match.client_ip",
        "priority",
        "pth",
    ][..];
    let value = select(
        &[
            "/x",
            "x",
            "30s",
            "80",
            "true",
            "internal",
            "1",
            "",
            "^/x(",
            "GET",
            "b c, b.example.com",
        ][..],
    );
    (select(keys), value.prop_map(str::to_owned))
}

/// A label that says which requests a route is for.
fn matcher() -> impl Strategy<Value = (&'static str, &'static str)> {
    let all = &[
        ("path", "/admin"),
        ("path.exact", "/admin/login"),
        ("path.regexp", "^/admin"),
        ("match.method", "GET"),
        ("match.header.X-A", "1"),
        ("match.query.q", "*"),
        ("match.client_ip", "10.0.0.0/8"),
        ("priority", "5"),
        ("priority", "-5"),
    ][..];
    select(all)
}

/// One that is wrong, so that nobody knows which requests are meant.
fn wrong_matcher() -> impl Strategy<Value = (&'static str, &'static str)> {
    let all = &[
        ("path", "admin"),
        ("path.exact", "login"),
        ("path.regexp", "("),
        ("match.method", "G T"),
        ("match.header.X A", "1"),
        ("match.query.q", ""),
        ("match.client_ip", "10.0.0.0/99"),
        ("priority", "first"),
        ("path.exat", "/login"),
        ("pth", "/admin"),
    ][..];
    select(all)
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

/// A container with these labels, and another of its project under the same host.
fn beside(own: &[(String, String)], other: &[(&str, &str)]) -> Snapshot {
    let both = snapshot(
        "
        shop/web
          sh0.host=app.example.com
        shop/zoo
          sh0.host=app.example.com
        ",
    );
    let mut both: Vec<_> = both.containers().cloned().collect();
    both.sort_by(|a, b| a.name.cmp(&b.name));
    let [web, zoo] = both.as_mut_slice() else {
        panic!("two containers");
    };
    let own = own
        .iter()
        .map(|(key, value)| (format!("sh0.{key}"), value.clone()));
    web.labels.extend(own);
    let other = other
        .iter()
        .map(|(key, value)| (format!("sh0.{key}"), (*value).to_owned()));
    zoo.labels.extend(other);
    Snapshot::new(both)
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
    #[test]
    fn no_neighbour_answers_what_a_protected_route_may_be_meant_for(
        guard in guard(),
        wrong in wrong_matcher(),
        right in vec(matcher(), 0..3),
        sibling in vec(matcher(), 1..3),
        neighbour in vec(matcher(), 0..3),
        was_right in any::<bool>(),
    ) {
        let mut agent = Agent::default();
        let named = |route: &str, labels: &[(&str, &str)]| {
            let all = labels.iter();
            all.map(|(key, value)| (format!("routes.{route}.{key}"), (*value).to_owned()))
                .collect::<Vec<_>>()
        };
        let (key, value) = &guard;
        let guard = [(*key, value.as_str())];
        let mut before = named("first", &sibling);
        if was_right {
            before.extend(named("admin", &[("path", "/admin"), guard[0]]));
        }
        agent.look(&beside(&before, &neighbour));
        let mut after = named("first", &sibling);
        after.extend(named("admin", &[&guard, &right[..], &[wrong]].concat()));
        let built = agent.build(&beside(&after, &neighbour));
        for (key, route) in &built.table.routes {
            prop_assert_eq!(&route.serving, &Serving::Closed, "{} is open", key);
        }
    }
}
