//! Where requests can wait, the route of an app outlives its last container by a minute.

use std::collections::{BTreeMap, BTreeSet};

use sh0_agent::labels::{Permits, TlsSetting};
use sh0_agent::model::{Container, Snapshot};
use sh0_agent::routes::{
    Built, CLAIM_GRACE_SECONDS, Gates, Inputs, LINGER_SECONDS, Refused, build,
};
use sh0_agent::state::State;

use crate::built::check_table;
use crate::fixture::entries;
use crate::scene::{NOW, site};

fn look(containers: &[Container], state: &mut State, now: u64, linger_seconds: u64) -> Built {
    let built = build(&Inputs {
        snapshot: &Snapshot::new(containers.to_vec()),
        claims: &state.claims,
        last_good: &state.last_good,
        absent: &state.absent,
        refused: &Refused::new(),
        prefix: "sh0",
        network: "sh0-net",
        default_tls: TlsSetting::Off,
        permits: &Permits::default(),
        own_ports: [80, 443],
        certificate_names: &BTreeSet::new(),
        authorities: &BTreeMap::new(),
        has_dns_provider: false,
        gates: &Gates::open(),
        linger_seconds,
        now,
    });
    state.claims = built.claims.clone();
    state.absent = built.absent.clone();
    state.last_good.extend(entries(&built.good));
    built
}

/// The routes, each with the number of its upstreams.
fn routes(built: &Built) -> Vec<(String, usize)> {
    let routes = built.table.routes.iter();
    routes
        .map(|(key, route)| (key.to_string(), route.pool.upstreams.len()))
        .collect()
}

fn web() -> Container {
    site("web", 1, "a.example")
}

#[test]
fn a_route_outlives_its_last_container_by_a_minute() {
    let mut state = State::default();
    let before = look(&[web()], &mut state, NOW, LINGER_SECONDS);
    assert_eq!(routes(&before), [("a.example".to_owned(), 1)]);
    for passed in [0, 1, LINGER_SECONDS - 1] {
        let built = look(&[], &mut state, NOW + passed, LINGER_SECONDS);
        assert_eq!(
            routes(&built),
            [("a.example".to_owned(), 0)],
            "after {passed} s"
        );
        assert!(built.rows.is_empty());
        let key = |built: &Built| built.table.routes.values().next().map(|r| r.pool.key);
        assert_eq!(key(&built), key(&before), "it leads to the same slots");
    }
    let built = look(&[], &mut state, NOW + LINGER_SECONDS, LINGER_SECONDS);
    assert_eq!(routes(&built), []);
}

/// A route that is no longer among the labels of its app keeps its last good form, which the app's
/// removal brings back; but its host may be free by then, and somebody else's at any moment.
#[test]
fn no_route_without_containers_outlives_the_claim_on_its_host() {
    let mut state = State::default();
    let mut both = web();
    let old = ("sh0.routes.old.host".to_owned(), "b.example".to_owned());
    both.labels.extend([old]);
    look(&[both], &mut state, NOW, LINGER_SECONDS);
    look(&[web()], &mut state, NOW + 1, LINGER_SECONDS);
    for passed in [CLAIM_GRACE_SECONDS - 5, CLAIM_GRACE_SECONDS + 1] {
        let built = look(&[], &mut state, NOW + passed, LINGER_SECONDS);
        check_table(&built);
    }
}

#[test]
fn a_removed_path_of_a_host_that_is_still_served_ends_after_a_minute_too() {
    let mut state = State::default();
    let of_shop = |name: &str, n: u8| {
        let mut container = site(name, n, "a.example");
        let project = ("com.docker.compose.project", "shop");
        for (key, value) in [project, ("com.docker.compose.service", name)] {
            container.labels.insert(key.to_owned(), value.to_owned());
        }
        container
    };
    let web = of_shop("web", 1);
    let mut api = of_shop("api", 2);
    api.labels.insert("sh0.path".to_owned(), "/api".to_owned());
    look(&[web.clone(), api], &mut state, NOW, LINGER_SECONDS);
    let at = |state: &mut State, seconds: u64| {
        routes(&look(
            std::slice::from_ref(&web),
            state,
            NOW + seconds,
            LINGER_SECONDS,
        ))
    };
    let (path, whole) = (("a.example/api".to_owned(), 0), ("a.example".to_owned(), 1));
    assert_eq!(at(&mut state, 10), [path.clone(), whole.clone()]);
    assert_eq!(at(&mut state, 69), [path, whole.clone()]);
    assert_eq!(at(&mut state, 70), [whole], "the site has its path back");
}

#[test]
fn it_does_not_where_requests_cannot_wait() {
    let mut state = State::default();
    look(&[web()], &mut state, NOW, 0);
    assert_eq!(routes(&look(&[], &mut state, NOW, 0)), []);
}

#[test]
fn a_route_that_the_present_containers_no_longer_ask_for_goes_at_once() {
    let mut state = State::default();
    look(&[web()], &mut state, NOW, LINGER_SECONDS);
    let moved = site("web", 1, "b.example");
    let built = look(&[moved], &mut state, NOW + 1, LINGER_SECONDS);
    assert_eq!(routes(&built), [("b.example".to_owned(), 1)]);
}

#[test]
fn a_host_that_must_not_be_served_shares_no_slots_with_one_that_is() {
    let mut state = State::default();
    let mut web = site("web", 1, "a.example");
    let labels = [
        ("sh0.tls", "internal"),
        ("sh0.routes.api.host", "a.example, b.example"),
        ("sh0.routes.api.path", "/api"),
        ("sh0.routes.api.port", "80"),
        ("sh0.routes.api.tls", "off"),
    ];
    let owned = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    web.labels.extend(owned);
    let built = look(&[web], &mut state, NOW, LINGER_SECONDS);
    let expected = [("a.example/api", 0), ("a.example", 1), ("b.example/api", 1)];
    assert_eq!(routes(&built), expected.map(|(key, n)| (key.to_owned(), n)));
    let keys: BTreeSet<_> = built
        .table
        .routes
        .values()
        .map(|route| route.pool.key)
        .collect();
    assert_eq!(keys.len(), 3, "three routes, three pools");
}

#[test]
fn nobody_else_gets_the_host_meanwhile() {
    let mut state = State::default();
    look(&[web()], &mut state, NOW, LINGER_SECONDS);
    let thief = site("thief", 2, "a.example");
    let built = look(&[thief], &mut state, NOW + 1, LINGER_SECONDS);
    assert_eq!(routes(&built), [("a.example".to_owned(), 0)]);
    assert_eq!(built.diagnostics[0].code.id(), "E004");
}
