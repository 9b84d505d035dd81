//! What an attacker writes on a container, as data: `tests/it/hostile/*.txt`.
//!
//! A row is a line of labels, `key=value | key=value`, and below it, set in, what becomes of it.
//! Values are written as in Rust (`\r`, `\0`, `\u{202e}`). A key has the label prefix unless `:`
//! stands before it; `@name` is the container's name. A row without a host gets one of its own, and
//! is of the project `evil` unless it says another.

use std::collections::BTreeSet;

use sh0_agent::model::{
    Address, Container, ContainerId, ContainerState, Few, Health, Labels, NetworkMode,
};

/// The files, as they are in the repository.
pub(crate) const FILES: [(&str, &str); 3] = [
    ("values", include_str!("../it/hostile/values.txt")),
    ("hosts", include_str!("../it/hostile/hosts.txt")),
    ("others", include_str!("../it/hostile/others.txt")),
];

/// The rows of a text, without comments and outcomes.
pub(crate) fn rows(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| is_row(line))
}

pub(crate) fn is_row(line: &str) -> bool {
    !line.is_empty() && !line.starts_with(['#', ' '])
}

/// The container of a row, in this place among all, with this host where it says none.
pub(crate) fn container(row: &str, place: usize, host: &str) -> Container {
    let mut labels = Labels::from([
        ("com.docker.compose.project".to_owned(), "evil".to_owned()),
        ("com.docker.compose.service".to_owned(), format!("s{place}")),
    ]);
    let mut name = format!("evil-s{place}-1");
    let mut has_host = false;
    for label in row.split(" | ") {
        let (key, value) = label.split_once('=').expect("key=value");
        let (key, value) = (unescaped(key), unescaped(value));
        has_host |= key.ends_with("host") || key.starts_with(':');
        match (key.strip_prefix(':'), key.as_str()) {
            (Some(whole), _) => labels.insert(whole.to_owned(), value),
            (None, "@name") => name = value,
            (None, key) => labels.insert(format!("sh0.{key}"), value),
        }
    }
    if !has_host {
        labels.insert("sh0.host".to_owned(), host.to_owned());
    }
    of(place, name, labels)
}

/// A container that is ready, at an address at which nobody answers.
pub(crate) fn of(place: usize, name: String, labels: Labels) -> Container {
    let address = Address {
        ipv4: Some("127.0.0.1".parse().expect("an address")),
        ipv6: None,
    };
    Container {
        id: ContainerId::new(format!("c{place:011}")).expect("not empty"),
        name: name.into(),
        labels,
        state: ContainerState::Running,
        health: Health::None,
        created: 100 + i64::try_from(place).expect("few"),
        network_mode: NetworkMode::Attached,
        networks: Few::from([("sh0-net".to_owned(), address)]),
        ports: BTreeSet::from(["1".parse().expect("a port")]),
    }
}

/// The text that a Rust literal of this text stands for.
fn unescaped(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let (c, length) = match after.as_bytes().first() {
            Some(b'r') => ('\r', 1),
            Some(b'n') => ('\n', 1),
            Some(b't') => ('\t', 1),
            Some(b'0') => ('\0', 1),
            Some(b'\\') => ('\\', 1),
            Some(b'u') => {
                let end = after.find('}').expect("\\u{…}");
                let code =
                    u32::from_str_radix(after.get(2..end).expect("digits"), 16).expect("a number");
                (char::from_u32(code).expect("a character"), end + 1)
            }
            other => panic!("no such escape: {other:?} in {text}"),
        };
        plain.push(c);
        rest = after.get(length..).expect("the escape is ASCII");
    }
    plain + rest
}
