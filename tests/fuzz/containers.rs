//! Docker's answers: the container list, and what an inspect says.
//!
//! The input is one answer. A list becomes a whole snapshot or none; what comes of it is a table as
//! it must be, and is the same after it was remembered.

use std::collections::BTreeSet;
use std::sync::Arc;

use sh0_agent::discovery::wire::{inspected, snapshot};
use sh0_agent::labels::Permits;
use sh0_agent::model::Snapshot;
use sh0_agent::state::{Remembered, State, remembered};

use super::agent::{NOW, look};

pub(crate) fn check(data: &[u8]) {
    if let Some((rule, ports)) = inspected(data) {
        assert!((1..=64).contains(&rule.signal), "{rule:?}");
        assert!(!ports.contains(&0));
    }
    if let Some(snapshot) = snapshot(data, "sh0") {
        is_whole(data, &snapshot);
        is_remembered(&snapshot);
        look(&snapshot, &State::default(), &Permits::default());
    }
}

/// Every entry of the list is there.
fn is_whole(data: &[u8], snapshot: &Snapshot) {
    for container in snapshot.containers() {
        // One without a name is called by its id, whatever that is.
        let is_id = *container.name == *container.id.to_string();
        let name = &container.name;
        assert!(!name.is_empty() && (is_id || !name.starts_with('/')));
        assert!(!container.ports.contains(&0));
    }
    // bollard does not look at all of an answer, and takes some that are no JSON elsewhere.
    let Ok(list) = serde_json::from_slice::<serde_json::Value>(data) else {
        return;
    };
    let entries = list.as_array().expect("it was read as a list").iter();
    let ids: BTreeSet<_> = entries.map(|entry| entry["Id"].as_str()).collect();
    let found = snapshot
        .containers()
        .map(|container| Some(container.id.as_str()));
    assert_eq!(found.collect::<BTreeSet<_>>(), ids);
}

fn is_remembered(snapshot: &Snapshot) {
    let remembered = Remembered {
        containers: { snapshot.containers() }
            .map(|container| Arc::new(container.clone()))
            .collect(),
        ..Remembered::default()
    };
    let bytes = remembered::print(&remembered, NOW, "boot");
    let recalled = remembered::parse(&bytes, "boot").expect("it was printed");
    assert_eq!(recalled.remembered, remembered);
}
