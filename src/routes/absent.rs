//! Routes of apps whose last container was just removed: most are recreated within seconds, and
//! meanwhile their requests wait instead of meeting a 404.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::build::Inputs;
use super::forms::Form;
use super::part::Member;
use crate::labels::{Standing, parse};
use crate::model::{
    AppKey, Container, ContainerId, ContainerState, Few, Health, Hostname, Labels, NetworkMode,
    RouteId,
};

/// How long a route outlives its app's last container where requests can wait, in seconds: a
/// recreate takes longer only when it builds or pulls an image.
pub const LINGER_SECONDS: u64 = 60;

/// Apps with a good form that have no container, and since when, in seconds since 1970.
pub type Absent = BTreeMap<AppKey, u64>;

/// Which of the apps have no container now, but a good form. The moment is kept from look to look: a
/// host's claim does not tell it, for another app of its owner may still ask for the host.
pub(super) fn since(members: &[(AppKey, Member<'_>)], inputs: &Inputs<'_>) -> Absent {
    let is_absent = |(app, member): &&(AppKey, Member<'_>)| {
        member.candidates.is_empty() && inputs.good_of(app).next().is_some()
    };
    let absent = members.iter().filter(is_absent);
    absent
        .map(|(app, _)| (app.clone(), gone_since(app, inputs)))
        .collect()
}

fn gone_since(app: &AppKey, inputs: &Inputs<'_>) -> u64 {
    inputs.absent.get(app).copied().unwrap_or(inputs.now)
}

/// The last good forms of an app that has no container now, without members.
pub(super) fn forms(app: &AppKey, inputs: &Inputs<'_>) -> Vec<Form> {
    let until = gone_since(app, inputs).saturating_add(inputs.linger_seconds);
    let left = inputs.good_of(app).filter(|_| inputs.now < until);
    left.filter_map(|(id, labels)| form(id, labels, inputs))
        .collect()
}

/// When the first of the routes without containers ends.
pub(super) fn ends(forms: &[Form], absent: &Absent, linger_seconds: u64) -> Option<u64> {
    let left = forms.iter().filter(|form| form.is_absent);
    let ends =
        left.filter_map(|form| Some(absent.get(&form.id.app)?.saturating_add(linger_seconds)));
    ends.min()
}

fn form(id: &RouteId, labels: &Labels, inputs: &Inputs<'_>) -> Option<Form> {
    let container = removed(id, labels);
    let Standing::Asks(mut spec) = parse(&container, inputs.prefix).standing else {
        return None;
    };
    let reading = spec.routes.remove(&id.route)?;
    let route = { reading.into_right() }.filter(|route| inputs.forbidden(route).is_none())?;
    let mut route = Arc::unwrap_or_clone(route);
    let is_own = |host: &Hostname| {
        let claim = inputs.claims.get(host);
        claim.is_some_and(|claim| claim.owner == id.app.owner && claim.holds(inputs.now))
    };
    route.hosts.retain(is_own);
    route.host.redirect_from.retain(is_own);
    (!route.hosts.is_empty()).then(|| Form {
        id: id.clone(),
        spec: Arc::new(route),
        labels: labels.clone(),
        is_last_good: true,
        is_unproven: false,
        is_absent: true,
        shut: None,
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
        networks: Few::default(),
        ports: BTreeSet::new(),
    }
}
