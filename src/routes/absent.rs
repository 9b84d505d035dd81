//! Routes of apps whose last container was just removed: most are recreated within seconds, and
//! meanwhile their requests wait instead of meeting a 404.

use std::collections::{BTreeMap, BTreeSet};

use super::build::Inputs;
use super::claims::Claims;
use super::forms::{Candidate, Form};
use crate::labels::{Standing, parse};
use crate::model::{
    AppKey, Container, ContainerId, ContainerState, Health, Labels, NetworkMode, RouteId,
};

/// How long a route outlives its app's last container where requests can wait, in seconds: a
/// recreate takes longer only when it builds or pulls an image.
pub const LINGER_SECONDS: u64 = 60;

/// The last good forms of apps that have no container now, without members.
pub(super) fn forms(apps: &BTreeMap<AppKey, Vec<Candidate<'_>>>, inputs: &Inputs<'_>) -> Vec<Form> {
    let absent = inputs
        .last_good
        .iter()
        .filter(|(id, _)| !apps.contains_key(&id.app));
    absent
        .filter_map(|(id, labels)| form(id, labels, inputs))
        .collect()
}

/// When the first of the routes without containers ends.
pub(super) fn ends(forms: &[Form], claims: &Claims, linger_seconds: u64) -> Option<u64> {
    let absent = forms.iter().filter(|form| form.is_absent);
    let hosts = absent.flat_map(|form| &form.spec.hosts);
    let ends = hosts.filter_map(|host| {
        let released = claims.get(host)?.released?;
        Some(released.saturating_add(linger_seconds))
    });
    ends.min()
}

fn form(id: &RouteId, labels: &Labels, inputs: &Inputs<'_>) -> Option<Form> {
    let container = removed(id, labels);
    let Standing::Asks(mut spec) = parse(&container, inputs.prefix).standing else {
        return None;
    };
    let mut route = spec.routes.remove(&id.route).flatten()?;
    route.hosts.retain(|host| {
        let claim = inputs.claims.get(host);
        let own = claim.filter(|claim| claim.owner == id.app.owner);
        own.is_some_and(|claim| {
            let ends = |at: u64| at.saturating_add(inputs.linger_seconds);
            claim.released.is_none_or(|at| inputs.now < ends(at))
        })
    });
    let is_left = inputs.linger_seconds > 0 && !route.hosts.is_empty();
    is_left.then(|| Form {
        id: id.clone(),
        spec: route,
        labels: labels.clone(),
        is_last_good: true,
        is_absent: true,
        definer: container.reference(),
        created: 0,
        share: BTreeSet::new(),
        members: Vec::new(),
    })
}

/// A container as it was, as far as its labels matter.
fn removed(id: &RouteId, labels: &Labels) -> Container {
    Container {
        id: ContainerId::new("removed").expect("not empty"),
        name: id.app.name.clone(),
        labels: labels.clone(),
        state: ContainerState::Removing,
        health: Health::None,
        created: 0,
        network_mode: NetworkMode::Attached,
        networks: BTreeMap::new(),
        ports: BTreeSet::new(),
    }
}
