//! Containers of other projects, as far as an agent's status and memory show them: those that have a
//! host which the project asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use serde_json::Value;

use super::changes::RunningRow;
use super::{Remembered, Rules};
use crate::model::{
    Address, AppKey, Container, ContainerId, ContainerState, Health, Labels, NetworkMode, Owner,
};

/// Routes of one app under the hosts in question: as many as one container may have.
const ROUTES_MAX: usize = 50;

/// One container for each app of others that has a host which is asked for.
pub(super) fn others(
    asked: &BTreeSet<&str>,
    own: &Owner,
    rules: &Rules,
    remembered: &Remembered,
    rows: &[RunningRow],
) -> Vec<Container> {
    let asked_for = rows.iter().filter(|row| asked.contains(row.host.as_str()));
    let mut apps: BTreeMap<&AppKey, Vec<&RunningRow>> = BTreeMap::new();
    for row in asked_for.filter(|row| row.is_served()) {
        if let Some(app) = row.app.as_ref().filter(|app| app.owner != *own) {
            apps.entry(app).or_default().push(row);
        }
    }
    let container = |(index, (app, routes)): (usize, (&AppKey, Vec<&RunningRow>))| {
        let address = Address {
            ipv4: Some(Ipv4Addr::new(10, 255, 255, 254)),
            ipv6: None,
        };
        Some(Container {
            id: ContainerId::new(format!("others/{index}"))?,
            name: Arc::clone(&app.name),
            labels: labels(app, &routes, rules, remembered),
            state: ContainerState::Running,
            health: Health::None,
            // Older than all of the project's.
            created: -1,
            network_mode: NetworkMode::Attached,
            networks: [(rules.network.clone(), address)].into(),
            ports: [80].into(),
        })
    };
    apps.into_iter().enumerate().filter_map(container).collect()
}

/// Labels that ask for these routes of an app.
fn labels(app: &AppKey, routes: &[&RunningRow], rules: &Rules, remembered: &Remembered) -> Labels {
    let mut labels = Labels::new();
    if let Some(project) = app.project() {
        for (key, value) in [("project", project), ("service", &app.name)] {
            labels.insert(format!("com.docker.compose.{key}"), value.to_owned());
        }
    }
    let mut say = |key: &str, value: String| {
        labels.insert(format!("{}.{key}", rules.prefix), value);
    };
    say("app", app.name.to_string());
    let mut shares = BTreeSet::new();
    for (index, row) in routes.iter().take(ROUTES_MAX).enumerate() {
        say(&format!("routes.r{index}.host"), row.host.clone());
        // A prefix as it is; anything else stands for the whole host.
        if row.path.starts_with('/') && !row.path.contains(' ') {
            say(&format!("routes.r{index}.path"), row.path.clone());
        }
        let mut claims = remembered.claims.iter();
        let claim = claims.find(|(host, _)| host.as_str() == row.host);
        let Some((_, claim)) = claim.filter(|(_, claim)| claim.owner == app.owner) else {
            continue;
        };
        shares.extend(claim.share.iter().map(String::as_str));
        let tls = claim.rules.tls.map(serde_json::to_value);
        if let Some(Ok(Value::String(tls))) = tls {
            say(&format!("routes.r{index}.tls"), tls);
        }
    }
    if !shares.is_empty() {
        let shares: Vec<&str> = shares.into_iter().collect();
        say("share", shares.join(","));
    }
    labels
}
