//! What holds for any containers with any labels.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use sh0_agent::labels::{keys, parse};
use sh0_agent::model::{
    Address, Container, ContainerId, ContainerState, Few, Health, Labels, NetworkMode, Owner,
    Snapshot,
};
use sh0_agent::routes::Built;

use crate::built::check_table;
use crate::fixture::Agent;

const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";

/// Few hosts and projects, so that they meet.
const HOSTS: &[&str] = &[
    "a.example",
    "b.example",
    "*.a.example",
    "x.a.example",
    "*",
    "localhost",
];
const PROJECTS: &[&str] = &["shop", "blog", "docs"];

fn key() -> impl Strategy<Value = String> {
    let name = || select(keys().collect::<Vec<_>>()).prop_map(|info| info.name.to_owned());
    prop_oneof![
        8 => name().prop_map(|name| format!("sh0.{name}")),
        4 => ("[ab]", name()).prop_map(|(route, name)| format!("sh0.routes.{route}.{name}")),
        1 => "sh0\\.(routes\\.)?.{0,20}",
        1 => "\\PC{0,20}",
        1 => Just("com.docker.compose.oneoff".to_owned()),
    ]
}

/// A right value of the key, mostly; a path as often as none, so that routes meet and differ.
fn right_label() -> impl Strategy<Value = (String, String)> {
    let scope = || select(&["", "", "routes.a.", "routes.b."][..]);
    let words = |key: &'static str, words: &'static [&'static str]| {
        (scope(), select(words))
            .prop_map(move |(scope, word)| (format!("sh0.{scope}{key}"), word.to_owned()))
    };
    let whole = |key: &'static str, words: &'static [&'static str]| {
        select(words).prop_map(move |word| (format!("sh0.{key}"), word.to_owned()))
    };
    prop_oneof![
        4 => words("path", &["/", "/api", "/API/v1, /x", "/x"]),
        2 => words("tls", &["off", "internal", "auto"]),
        1 => words("scheme", &["https", "h2c", "http"]),
        1 => words("port", &["80", "8080"]),
        1 => words("lb.policy", &["cookie", "first", "random"]),
        1 => words("strip", &["true", "false"]),
        2 => whole("share", &["shop", "blog, docs"]),
        1 => whole("app", &["web", "api"]),
        1 => whole("redirect.from", &["b.example", "old.example"]),
        1 => words("auth.forward", &["web/ok", "api/ok", "api@blog/ok"]),
        1 => words("health.path", &["/up"]),
        1 => (scope(), hosts()).prop_map(|(scope, hosts)| (format!("sh0.{scope}host"), hosts)),
    ]
}

fn hosts() -> impl Strategy<Value = String> {
    subsequence(HOSTS, 1..3).prop_map(|hosts| hosts.join(", "))
}

fn any_label() -> impl Strategy<Value = (String, String)> {
    (key(), any_value())
}

fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "(\\{[a-z.]{0,8}\\}|[*./{}\\\\\"'$:,%\\[\\]` \\x00-\\x1f]|\\PC){0,40}",
        1 => ".{0,40}",
        1 => ("\\PC", 0_usize..5_000).prop_map(|(text, times)| text.repeat(times)),
        1 => (1_usize..400).prop_map(|count| {
            (0..count).map(|n| format!("h{n}.example")).collect::<Vec<_>>().join(",")
        }),
    ]
}

/// Mostly labels that make routes, sometimes with something wrong among them.
fn labels() -> impl Strategy<Value = Labels> {
    let host = option::weighted(0.9, hosts());
    let wrong = prop_oneof![3 => vec(any_label(), 0), 1 => vec(any_label(), 1..4)];
    (host, vec(right_label(), 0..4), wrong).prop_map(|(host, right, wrong)| {
        let host = host.map(|host| ("sh0.host".to_owned(), host));
        host.into_iter().chain(right).chain(wrong).collect()
    })
}

/// A container of one of `projects`, or of none, with any labels.
fn container(projects: &'static [&'static str]) -> impl Strategy<Value = Container> {
    let owner = (select(projects), select(&["web", "api"][..]), 0..10_u8);
    let ids = vec(select(&["c1", "c2", "c3", "c4"][..]), 2);
    let state = select(
        &[
            "running", "running", "running", "paused", "created", "exited",
        ][..],
    );
    let health = select(&["none", "none", "healthy", "starting", "unhealthy"][..]);
    let ports = subsequence(vec![80_u16, 443, 3000], 0..3);
    let network = (
        option::weighted(0.9, Just(())),
        option::of(0..255_u8),
        0..8_u8,
    );
    (
        owner,
        labels(),
        ids,
        state,
        health,
        0..4_i64,
        ports,
        network,
    )
        .prop_map(
            |(
                (project, service, alone),
                mut labels,
                ids,
                state,
                health,
                created,
                ports,
                network,
            )| {
                let mut ids = ids.into_iter().filter_map(ContainerId::new);
                let id = ids.next().expect("two ids");
                if alone > 0 {
                    labels.insert(PROJECT.to_owned(), project.to_owned());
                    labels.insert(SERVICE.to_owned(), service.to_owned());
                }
                let (attached, ip, mode) = network;
                let address = Address {
                    ipv4: ip.map(|last| [10, 0, 0, last].into()),
                    ipv6: None,
                };
                let state: ContainerState = serde_json::from_value(state.into()).expect("a state");
                let health: Health = serde_json::from_value(health.into()).expect("a health");
                Container {
                    // Names are the engine's: one for one id.
                    name: format!("{project}-{id}").into(),
                    id,
                    labels,
                    state,
                    health,
                    created,
                    network_mode: mode_of(mode, ids.next().expect("two ids")),
                    networks: attached
                        .map(|()| ("sh0-net".to_owned(), address))
                        .into_iter()
                        .collect(),
                    ports: ports.into_iter().collect(),
                }
            },
        )
}

fn mode_of(choice: u8, lender: ContainerId) -> NetworkMode {
    match choice {
        0 => NetworkMode::Host,
        1 => NetworkMode::Container(lender),
        _ => NetworkMode::Attached,
    }
}

pub(crate) fn containers() -> impl Strategy<Value = Vec<Container>> {
    vec(container(PROJECTS), 0..8).prop_map(|mut containers| {
        for (place, container) in containers.iter_mut().enumerate() {
            container.id = ContainerId::new(format!("c{place}")).expect("not empty");
        }
        containers
    })
}

/// The part of the table that belongs to others than `stranger`.
fn of_others(built: &Built, stranger: &Owner) -> BTreeMap<String, String> {
    let routes = built.table.routes.iter();
    let others = routes.filter(|(_, route)| route.id.app.owner != *stranger);
    let text = |(key, route)| (format!("{key}"), format!("{route:?}"));
    let tls = |key: &sh0_agent::routes::RouteKey| format!("{:?}", built.table.hosts.get(&key.host));
    others
        .map(|(key, route)| {
            let (name, shown) = text((key, route));
            (name, format!("{shown} {}", tls(key)))
        })
        .collect()
}

proptest! {
    #[test]
    fn parsing_and_building_never_panic(containers in containers()) {
        for container in &containers {
            let parsed = parse(container, "sh0");
            prop_assert!(parsed.diagnostics.is_sorted());
        }
        check_table(&Agent::default().build(&Snapshot::new(containers)));
    }

    #[test]
    fn any_order_of_the_containers_gives_the_same(
        (containers, shuffled) in containers().prop_flat_map(|containers| {
            (Just(containers.clone()), Just(containers).prop_shuffle())
        })
    ) {
        let agent = Agent::default();
        let built = agent.build(&Snapshot::new(containers));
        prop_assert_eq!(built, agent.build(&Snapshot::new(shuffled)));
    }

    #[test]
    fn building_again_changes_nothing(containers in containers()) {
        let mut agent = Agent::default();
        let snapshot = Snapshot::new(containers);
        let first = agent.build(&snapshot);
        agent.claims.clone_from(&first.claims);
        prop_assert_eq!(&agent.build(&snapshot), &first);
        let accepted = agent.look(&snapshot);
        let again = agent.look(&snapshot);
        prop_assert_eq!(accepted.claims, again.claims.clone());
        prop_assert_eq!(&agent.build(&snapshot), &again);
    }

    /// Whatever a newcomer's labels say, the routes of all other owners stay as they are, unless
    /// one of them lets the newcomer in by `share`.
    #[test]
    fn a_newcomer_changes_no_route_of_others(
        containers in containers(),
        newcomer in container(&["evil"]),
        seconds in 0..2_000_u64,
    ) {
        let mut agent = Agent::default();
        let before = agent.look(&Snapshot::new(containers.clone()));
        agent.now += seconds;
        let mut newcomer = newcomer;
        newcomer.id = ContainerId::new("evil").expect("not empty");
        newcomer.labels.insert(PROJECT.to_owned(), "evil".to_owned());
        let before = if agent.now > 1_000 {
            agent.build(&Snapshot::new(containers.clone()))
        } else {
            before
        };
        let with = containers.into_iter().chain([newcomer]);
        let after = agent.build(&Snapshot::new(with));
        check_table(&after);
        let evil = Owner::Project("evil".into());
        prop_assert_eq!(of_others(&after, &evil), of_others(&before, &evil));
    }

    #[test]
    fn claims_survive_being_stored(containers in containers()) {
        let claims = Agent::default().build(&Snapshot::new(containers)).claims;
        let stored = serde_json::to_string(&claims).expect("claims are JSON");
        let read: sh0_agent::routes::Claims =
            serde_json::from_str(&stored).expect("claims are read back");
        prop_assert_eq!(&read, &claims);
    }

    #[test]
    fn any_labels_of_one_container_are_read(labels in btree_map(key(), any_value(), 0..30)) {
        let container = Container {
            id: ContainerId::new("c").expect("not empty"),
            name: "c".into(),
            labels: labels.into_iter().collect(),
            state: ContainerState::Running,
            health: Health::None,
            created: 0,
            network_mode: NetworkMode::Attached,
            networks: Few::default(),
            ports: [80].into(),
        };
        let parsed = parse(&container, "sh0");
        prop_assert_eq!(parse(&container, "sh0"), parsed);
    }
}
