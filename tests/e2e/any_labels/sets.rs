//! Label sets from the table of keys: several containers of few projects, whose routes meet under
//! few hosts; most of them right, some with a value or a name that nobody expects.

use std::collections::BTreeSet;

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde::{Deserialize, Serialize};
use sh0_agent::labels::{KeyInfo, Scope, keys};
use sh0_agent::model::{
    Address, Container, ContainerId, ContainerState, Health, Labels, NetworkMode,
};

use crate::values::{self, NONSENSE};

/// Containers, and the number of slots of their pools: 0 is without slots.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Set {
    pub(super) slots: usize,
    pub(super) containers: Vec<Container>,
}

/// Hosts for which nobody is asked for a certificate.
const HOSTS: &[&str] = &[
    "a.internal",
    "b.internal, a.internal",
    "*.c.internal",
    "x.c.internal",
    "localhost",
    "127.0.0.1",
    "*",
    "Bücher.internal",
];
const PATHS: &[&str] = &["/", "/api", "/api/v1, /x", "/x", "/bücher"];
/// What stands for a family's `<…>` besides its example's: names in other cases, of Caddy's own
/// making, and what is none.
const MEMBERS: &[&str] = &[
    "X-A",
    "x_b",
    "Host",
    "q",
    "500",
    "{env.HOME}",
    "a b",
    "é",
    "x\r\ny",
];

/// Pieces for keys whose values have a form of their own, which is where Caddy might see another
/// one than we do: names, or how they begin, and what their values are put together from.
const PIECES: &[(&str, &[&str])] = &[
    (
        "path.regexp",
        &[
            "(",
            ")",
            "[a-z]",
            "*",
            "+?",
            "\\d",
            "\\pN",
            "\\p{Greek}",
            "(?i)",
            "(?P<n>a)",
            "(?<n>b)",
            "{2,3}",
            "{1001}",
            "[[:alpha:]]",
            "\\Q",
            "\\E",
            "\\z",
            "\\C",
            "|",
            "^",
            "$",
            "(?=a)",
            "\\1",
            "\\x{10FFFF}",
            "[^]",
            "[a-\\d]",
            "é",
            "/",
            "(?s:.)",
            "{env.HOME}",
            "\\b",
            "(?x) ",
        ],
    ),
    (
        "headers.",
        &[
            "{",
            "}",
            "\\",
            "{host}",
            "{uri}",
            "{env.HOME}",
            "+",
            " ",
            "é",
            "\t",
            "*",
            ":",
            "a",
        ],
    ),
    (
        "match.",
        &[
            "{",
            "}",
            "\\",
            "{env.HOME}",
            "*",
            "!",
            "é",
            "a",
            ",",
            "GET",
            "10.0.0.0/8",
        ],
    ),
    (
        "auth.forward",
        &[
            "c0", "c1", "web", "@p", ":80", ":0", "/verify", "?a=b", "{host}", "%2e", "//",
        ],
    ),
    (
        "error.",
        &["/404", ".html", "?a=b", "{path}", "%2e", "\\", "é", "/.."],
    ),
    (
        "rewrite",
        &["/v2", "/", "{env.HOME}", "?a=b", "%2e", "\\", "é", "/.."],
    ),
    (
        "hsts",
        &["max-age=1", "; ", "preload", "{env.HOME}", "\\", "\"", "é"],
    ),
];

/// The strategy. Most keys of a set are right, so that most sets have routes.
pub(super) fn set() -> impl Strategy<Value = Set> {
    let containers = prop::collection::vec((select(&["p", "q"][..]), labels()), 1..5);
    let slots = select(vec![0, 0, 1, 2, 20]);
    (slots, containers).prop_map(|(slots, containers)| {
        let all = containers.into_iter().enumerate();
        let containers = all.map(|(place, (project, labels))| container(place, project, labels));
        Set {
            slots,
            containers: containers.collect(),
        }
    })
}

/// The labels of one container: its own, and of one to three routes.
fn labels() -> impl Strategy<Value = Labels> {
    let container = part(&[Scope::Container], 0..2);
    let route = || {
        let of_route = part(
            &[Scope::Route, Scope::Route, Scope::Pool, Scope::Host],
            0..7,
        );
        (select(HOSTS), option::of(select(PATHS)), of_route)
    };
    let routes = prop::collection::vec(route(), 1..4);
    (container, routes).prop_map(|(container, routes)| {
        let mut labels: Labels = container
            .into_iter()
            .map(|(k, v)| (format!("sh0.{k}"), v))
            .collect();
        for (place, (host, path, own)) in routes.into_iter().enumerate() {
            let scope = match place {
                0 => "sh0.".to_owned(),
                place => format!("sh0.routes.r{place}."),
            };
            let path = path.map(|path| ("path".to_owned(), path.to_owned()));
            let host = ("host".to_owned(), host.to_owned());
            let all = [host].into_iter().chain(path).chain(own);
            labels.extend(all.map(|(name, value)| (format!("{scope}{name}"), value)));
        }
        labels
    })
}

/// Some keys of these scopes with their values, and mostly the labels that each needs beside it.
fn part(
    scopes: &[Scope],
    count: std::ops::Range<usize>,
) -> impl Strategy<Value = Vec<(String, String)>> + use<> {
    let of_scopes = keys().filter(|info| scopes.contains(&info.scope));
    // The host is chosen apart, and one that is taken out says nothing more.
    let of_scopes = of_scopes.filter(|info| !["host", "enable", "network"].contains(&info.name));
    let key = select(of_scopes.collect::<Vec<_>>());
    let label = key.prop_flat_map(|info| {
        let member = prop_oneof![4 => Just(info.example_member()), 1 => select(MEMBERS)];
        let name = member.prop_map(move |member| match info.family() {
            Some(before) => format!("{before}{member}"),
            None => info.name.to_owned(),
        });
        let with = prop::bool::weighted(0.9);
        (name, value(info), with).prop_map(move |(name, value, with)| {
            let beside = info.with.iter().filter(|_| with);
            let beside = beside.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            beside.chain([(name, value)]).collect::<Vec<_>>()
        })
    });
    prop::collection::vec(label, count).prop_map(|labels| labels.concat())
}

/// A value of the key: right nineteen times of twenty, else anything.
fn value(info: &'static KeyInfo) -> impl Strategy<Value = String> + use<> {
    let known = values::of(info);
    let right = known.map_or(&[][..], |values| values.right);
    let right = [&[info.example], right].concat();
    let wrong = known.map_or(&[][..], |values| values.wrong);
    let wrong = [&NONSENSE[..], wrong].concat();
    let near = (select(right.clone()), select(wrong.clone()), any::<bool>());
    let near = near.prop_map(|(right, wrong, first)| {
        if first {
            format!("{wrong}{right}")
        } else {
            format!("{right}{wrong}")
        }
    });
    let pieces = match PIECES.iter().find(|(name, _)| info.name.starts_with(name)) {
        Some((_, pieces)) => (20, *pieces),
        None => (1, &NONSENSE[..]),
    };
    let joined = prop::collection::vec(select(pieces.1), 1..6);
    prop_oneof![
        pieces.0 => joined.prop_map(|pieces| pieces.concat()),
        57 => select(right).prop_map(str::to_owned),
        1 => select(wrong).prop_map(str::to_owned),
        1 => near,
        1 => "(\\{[a-z.]{0,8}\\}|[*./{}\\\\\"'$:,%?#&=+<>()|^\\[\\]` \\x00-\\x1f]|[a-z0-9]|\\PC){0,40}",
    ]
}

/// A container of this project that is ready.
pub(super) fn container(place: usize, project: &str, mut labels: Labels) -> Container {
    let id = format!("c{place}");
    labels.insert("com.docker.compose.project".to_owned(), project.to_owned());
    labels.insert("com.docker.compose.service".to_owned(), id.clone());
    let last = u8::try_from(place + 1).expect("few containers");
    let address = Address {
        ipv4: Some([10, 0, 0, last].into()),
        ipv6: None,
    };
    Container {
        name: format!("{project}-{id}").into(),
        id: ContainerId::new(id).expect("not empty"),
        labels,
        state: ContainerState::Running,
        health: Health::None,
        created: i64::from(last),
        network_mode: NetworkMode::Attached,
        networks: [("sh0-net".to_owned(), address)].into(),
        ports: BTreeSet::from([80]),
    }
}
