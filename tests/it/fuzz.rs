//! The fuzz targets without libFuzzer: with each file of the corpus in `fuzz/seeds`, and with what
//! comes of these files by some damage. `fuzz/targets` runs the same functions under libFuzzer.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;
use sh0_agent::labels::keys;

#[path = "../fuzz/agent.rs"]
mod agent;
#[path = "../fuzz/caddy_messages.rs"]
mod caddy_messages;
#[path = "../fuzz/compose.rs"]
pub(crate) mod compose;
#[path = "../fuzz/containers.rs"]
mod containers;
#[path = "../fuzz/events.rs"]
mod events;
#[path = "../fuzz/hostnames.rs"]
mod hostnames;
#[path = "../fuzz/labels.rs"]
mod labels;
#[path = "../fuzz/state.rs"]
mod state;

use crate::built;

/// A target's name, and what it does with an input.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 7] = [
    ("caddy_messages", caddy_messages::check),
    ("compose", compose::check),
    ("containers", containers::check),
    ("events", events::check),
    ("hostnames", hostnames::check),
    ("labels", labels::check),
    ("state", state::check),
];

/// A corpus is read by people, and run whole by every `cargo nextest run`.
const FILES_MAX: usize = 30;
const CORPUS_BYTES_MAX: usize = 100_000;

/// Damaged files that each target gets: together some seconds without optimisation.
const CASES: u32 = 100;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(name)
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    entries.map(|entry| name(entry.unwrap())).collect()
}

/// The corpus of a target, by file.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = folder("seeds").join(target);
    let read = |name: String| (name.clone(), fs::read(folder.join(name)).unwrap());
    names(&folder).into_iter().map(read).collect()
}

/// Something that befalls a file.
#[derive(Debug, Clone)]
enum Damage {
    /// These bytes come in.
    Insert(Index, Vec<u8>),
    /// This part goes.
    Remove(Index, Index),
    /// A part of this one comes in.
    Splice(Index, Vec<u8>, Index, Index),
}

impl Damage {
    fn befall(self, bytes: &mut Vec<u8>) {
        let length = bytes.len() + 1;
        match self {
            Self::Insert(at, new) => {
                let at = at.index(length);
                bytes.splice(at..at, new);
            }
            Self::Remove(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                bytes.drain(from.min(to)..from.max(to));
            }
            Self::Splice(at, other, from, to) => {
                let (from, to) = (from.index(other.len() + 1), to.index(other.len() + 1));
                let part = other[from.min(to)..from.max(to)].to_vec();
                let at = at.index(length);
                bytes.splice(at..at, part);
            }
        }
    }
}

fn damage(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Damage> {
    let place = any::<Index>;
    let text = ".{0,8}".prop_map(String::into_bytes);
    prop_oneof![
        3 => (place(), text).prop_map(|(at, new)| Damage::Insert(at, new)),
        1 => (place(), vec(any::<u8>(), 1..4)).prop_map(|(at, new)| Damage::Insert(at, new)),
        1 => (place(), place()).prop_map(|(from, to)| Damage::Remove(from, to)),
        2 => (place(), select(seeds), place(), place())
            .prop_map(|(at, other, from, to)| Damage::Splice(at, other, from, to)),
    ]
}

fn damaged(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (select(seeds.clone()), vec(damage(seeds), 0..5)).prop_map(|(mut bytes, all)| {
        for damage in all {
            damage.befall(&mut bytes);
        }
        bytes
    })
}

fn survives_damage(name: &str) {
    let (_, check) = TARGETS
        .into_iter()
        .find(|(known, _)| *known == name)
        .unwrap();
    let seeds = seeds(name).into_iter().map(|(_, bytes)| bytes).collect();
    let config = ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let tried = TestRunner::new(config).run(&damaged(seeds), |bytes| {
        check(&bytes);
        Ok(())
    });
    tried.unwrap();
}

#[test]
fn every_file_of_the_corpus_holds() {
    for (target, check) in TARGETS {
        for (name, bytes) in seeds(target) {
            println!("{target}/{name}");
            check(&bytes);
        }
    }
}

#[test]
fn damaged_labels_hold() {
    survives_damage("labels");
}

#[test]
fn damaged_events_hold() {
    survives_damage("events");
}

#[test]
fn damaged_container_lists_hold() {
    survives_damage("containers");
}

#[test]
fn damaged_compose_files_hold() {
    survives_damage("compose");
}

#[test]
fn damaged_messages_of_caddy_hold() {
    survives_damage("caddy_messages");
}

#[test]
fn damaged_state_files_hold() {
    survives_damage("state");
}

#[test]
fn damaged_hostnames_hold() {
    survives_damage("hostnames");
}

#[test]
fn every_target_runs_here_and_under_libfuzzer_from_a_small_corpus() {
    let here: BTreeSet<String> = TARGETS.map(|(name, _)| name.to_owned()).into();
    assert_eq!(names(&folder("seeds")), here);
    let files = names(&folder("targets"));
    assert_eq!(
        files,
        here.iter().map(|name| format!("{name}.rs")).collect()
    );
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    let mut bytes = 0;
    for name in &here {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        let files = seeds(name);
        assert!(
            (1..=FILES_MAX).contains(&files.len()),
            "{name}: {}",
            files.len()
        );
        bytes += files.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
    }
    assert!(bytes <= CORPUS_BYTES_MAX, "{bytes}");
}

#[test]
fn the_corpus_of_labels_has_every_key() {
    let all: Vec<u8> = seeds("labels")
        .into_iter()
        .flat_map(|(_, bytes)| bytes)
        .collect();
    let all = String::from_utf8_lossy(&all);
    let lacking: Vec<&str> = { keys().map(|info| info.name) }
        .filter(|name| !all.contains(name.split('<').next().unwrap()))
        .collect();
    assert_eq!(lacking, [""; 0]);
}
