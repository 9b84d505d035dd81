//! Labels in JSON: a list of containers, as `render` takes it, or the labels of one container.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::findings::Findings;
use super::{Checked, Finding, Remembered, Rules};
use crate::compose::{Label, Outline, Place, Service, Source};
use crate::diagnostic::Severity;
use crate::model::{
    Address, Container, ContainerId, ContainerState, Health, Labels, NetworkMode, Snapshot, shown,
};

/// Characters of the parser's own words that are shown.
const MESSAGE_CHARS_MAX: usize = 300;

/// Checks a file of JSON.
#[must_use]
pub fn listed(path: &Path, text: &str, rules: &Rules) -> Checked {
    let source = Source {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let mut checked = Checked {
        sources: vec![source],
        ..Checked::default()
    };
    let containers = match containers(text, rules) {
        Ok(containers) => containers,
        Err(error) => {
            checked.findings.push(unreadable(&error));
            return checked;
        }
    };
    let outline = Outline::of(text);
    let mut findings = Findings::of_containers(rules);
    let is_list = text.trim_start().starts_with('[');
    let snapshot = Snapshot::new(containers.iter().cloned());
    let built = rules.build(&snapshot, &Remembered::default());
    for diagnostic in &*built.diagnostics {
        let mut all = containers.iter().enumerate();
        let found = all.find(|(_, container)| container.id == diagnostic.container.id);
        let Some((index, container)) = found else {
            continue;
        };
        let index = index.to_string();
        let at = is_list.then_some(index.as_str());
        let service = service(container, outline.as_ref(), at);
        findings.diagnostic(diagnostic, &service);
    }
    let routes = built.table.routes.iter();
    checked.routes = routes
        .map(|(key, route)| format!("{key} {}", route.id))
        .collect();
    checked.findings = findings.sorted();
    checked
}

/// The containers of the file. One whose labels alone are known is where it should be.
fn containers(text: &str, rules: &Rules) -> Result<Vec<Container>, serde_json::Error> {
    let is_object = text.trim_start().starts_with('{');
    if !is_object {
        return serde_json::from_str(text);
    }
    let labels: Labels = serde_json::from_str(text)?;
    let address = Address {
        ipv4: Some([10, 0, 0, 1].into()),
        ipv6: None,
    };
    Ok(vec![Container {
        id: ContainerId::new("labels").expect("not empty"),
        name: "labels".into(),
        labels,
        state: ContainerState::Running,
        health: Health::None,
        created: 0,
        network_mode: NetworkMode::Attached,
        networks: [(rules.network.clone(), address)].into(),
        ports: [80].into(),
    }])
}

/// The container with the places of its labels, as a service has them.
fn service(container: &Container, outline: Option<&Outline>, at: Option<&str>) -> Service {
    let find = |rest: &[&str]| {
        let path: Vec<&str> = at.into_iter().chain(rest.iter().copied()).collect();
        outline.and_then(|outline| outline.find(&path))
    };
    let label = |(key, value): (&Arc<str>, &Arc<str>)| {
        let path: &[&str] = if at.is_some() {
            &["labels", key]
        } else {
            &[key]
        };
        let (key_place, value_place) = find(path).unwrap_or_default();
        let label = Label {
            value: value.to_string(),
            key_place,
            value_place,
            unset: None,
        };
        (key.to_string(), label)
    };
    Service {
        name: container.name.to_string(),
        place: find(&["name"])
            .or_else(|| find(&[]))
            .map_or(Place::default(), |(key, _)| key),
        labels: container.labels.iter().map(label).collect(),
        deploy_labels: [].into(),
        networks: Vec::new(),
        has_unknown_network: false,
        networks_place: find(&["networks"]).map(|(key, _)| key),
        network_mode: None,
        ports: [].into(),
        profiles: [].into(),
        container_name: None,
    }
}

fn unreadable(error: &serde_json::Error) -> Finding {
    let place = Place {
        line: error.line().max(1),
        column: error.column().max(1),
        ..Place::default()
    };
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message);
    let message = shown(message, MESSAGE_CHARS_MAX);
    Finding {
        place,
        severity: Severity::Error,
        code: None,
        services: [].into(),
        label: None,
        is_secret: false,
        message: format!("this is neither a list of containers nor one container's labels: {message}"),
        help: "give a JSON array of objects with `id`, `name`, `state` and `labels`, or one object of \
               labels"
            .to_owned(),
    }
}

/// Whether a file is one for [`listed`], and not a compose file in JSON.
#[must_use]
pub fn is_listed(path: &Path, text: &str) -> bool {
    let is_named_so = path
        .extension()
        .is_some_and(|extension| extension == "json");
    match text.trim_start().as_bytes().first() {
        Some(b'[') => true,
        Some(b'{') => match serde_json::from_str::<Value>(text) {
            Ok(value) => value.get("services").is_none(),
            Err(_) => is_named_so,
        },
        Some(_) | None => is_named_so,
    }
}
