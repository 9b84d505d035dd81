//! Docker's stream of events.
//!
//! Each line of the input is an event: JSON, or in short `type action id key=value …`, so that
//! whoever makes them up need not know JSON. A first line that begins with `[` is the container
//! list that was had before.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sh0_agent::discovery::Notice;
use sh0_agent::discovery::wire::{Events, snapshot};
use sh0_agent::model::Snapshot;

pub(crate) fn check(data: &[u8]) {
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let (last, lines) = match lines.split_first() {
        Some((first, rest)) if first.starts_with(b"[") => (snapshot(first, "sh0"), rest),
        Some(_) | None => (None, lines.as_slice()),
    };
    let mut events = Events::new("sh0", last.as_ref());
    for line in lines {
        let (event, is_whole) = event(line);
        let notice = events.read(&event);
        match &notice {
            Some(notice) => says(notice, &event),
            None if is_whole => cannot_matter(&event, last.as_ref()),
            None => {}
        }
        // One that comes twice means the same.
        assert_eq!(events.read(&event), notice);
    }
}

/// The line as JSON, and whether it is an event for sure, as those in short are.
fn event(line: &[u8]) -> (Vec<u8>, bool) {
    if line.starts_with(b"{") {
        return (line.to_vec(), false);
    }
    let text = String::from_utf8_lossy(line);
    let mut words = text.split(' ');
    let mut word = || words.next().unwrap_or_default();
    let (subject, action, id) = (word(), word(), word());
    let attributes: BTreeMap<&str, &str> = words
        .map(|word| word.split_once('=').unwrap_or((word, "")))
        .collect();
    let actor = json!({"ID": id, "Attributes": attributes});
    let event = json!({"Type": subject, "Action": action, "Actor": actor});
    (event.to_string().into_bytes(), true)
}

/// Only a `kill` says more than "look again".
fn says(notice: &Notice, line: &[u8]) {
    // bollard does not look at all of an event, and takes some that are no JSON elsewhere.
    let Ok(event) = serde_json::from_slice::<Value>(line) else {
        return;
    };
    let action = event["Action"].as_str().unwrap_or_default();
    match notice {
        Notice::Kill { container, signal } => {
            assert_eq!((&event["Type"], action), (&json!("container"), "kill"));
            assert_eq!(event["Actor"]["ID"], json!(container.as_str()));
            assert!((1..=64).contains(signal), "{signal}");
        }
        Notice::LookAgain { action: said, .. } => assert_eq!(said, action),
    }
}

/// What is dropped is about neither containers nor networks, or about a container that is not ours,
/// which only a look can tell.
fn cannot_matter(line: &[u8], last: Option<&Snapshot>) {
    let event: Value = serde_json::from_slice(line).expect("it is ours");
    let attributes = event["Actor"]["Attributes"].as_object().expect("it has");
    let is_ours = attributes.keys().any(|key| key.starts_with("sh0."));
    match event["Type"].as_str() {
        Some("container") => assert!(last.is_some() && !is_ours, "{event}"),
        Some("network") => assert!(last.is_some(), "{event}"),
        Some(_) | None => {}
    }
}
