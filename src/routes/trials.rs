//! What new containers must show before they take requests.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::forms::{Candidate, Form, port};
use super::gates::{Gates, READY_TIMEOUT, Trial, TrialCheck};
use crate::labels::{ContainerSpec, Reading, RouteSpec};
use crate::model::{Health, Port, ReadyCheck, StatusSet};

/// How long one answer of a container that starts may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

impl Candidate<'_> {
    /// What it must still show at this port before it serves a route of this form; `None` when it
    /// is asked nothing, has shown it, or cannot be asked yet.
    pub(super) fn trial(
        &self,
        spec: &RouteSpec,
        port: Option<Port>,
        gates: &Gates,
    ) -> Option<Trial> {
        let address = self.asked_at(port)?;
        if gates.is_proven(&self.container.id, address) {
            return None;
        }
        Some(Trial {
            check: self.check(spec)?,
            container: self.container.reference(),
            address,
            scheme: spec.scheme,
            host: spec.hosts.first()?.clone(),
            timeout: spec.ready_timeout.unwrap_or(READY_TIMEOUT),
        })
    }

    fn asked_at(&self, port: Option<Port>) -> Option<SocketAddr> {
        let ip = *self.ip.as_ref().ok()?;
        Some(SocketAddr::new(ip, port?.get()))
    }

    /// What it is asked before it serves a route of this form; `None` is nothing.
    fn check(&self, spec: &RouteSpec) -> Option<TrialCheck> {
        let has_health = self.container.health != Health::None;
        match (&spec.ready, &spec.health.active) {
            (Some(ReadyCheck::None), _) => None,
            (Some(ReadyCheck::Http(path)), _) => Some(TrialCheck::Path {
                path: path.clone(),
                status: StatusSet::default(),
                limit: ANSWER_LIMIT,
            }),
            (Some(ReadyCheck::Health) | None, _) if has_health => None,
            (Some(ReadyCheck::Health) | None, Some(health)) => Some(TrialCheck::Path {
                path: health.path.clone(),
                status: health.status.clone(),
                limit: health.timeout,
            }),
            (Some(ReadyCheck::Tcp), _) | (Some(ReadyCheck::Health) | None, None) => {
                Some(TrialCheck::Port)
            }
        }
    }

    /// Whether it has something to show, and has shown nothing of it.
    pub(super) fn is_unproven(&self, gates: &Gates) -> bool {
        let specs = self.spec.routes.values().filter_map(Reading::right);
        let tried = specs.filter(|spec| self.check(spec).is_some());
        let mut asked_at = tried
            .filter_map(|spec| self.asked_at(port(self.container, spec)))
            .peekable();
        let is_tried = asked_at.peek().is_some();
        is_tried && !asked_at.any(|address| gates.is_proven(&self.container.id, address))
    }
}

/// Whether a HEALTHCHECK that has not passed yet keeps the container from all its routes.
pub(super) fn waits_for_health(spec: &ContainerSpec) -> bool {
    let mut routes = spec.routes.values().filter_map(Reading::right);
    routes.all(|route| matches!(route.ready, Some(ReadyCheck::Health) | None))
}

/// What candidates must show: for the routes they serve, and for those that their own labels ask
/// for, so that their labels may count.
pub(super) fn trials<'a>(
    candidates: impl Iterator<Item = &'a Candidate<'a>>,
    forms: &[Form],
    gates: &Gates,
) -> BTreeSet<Trial> {
    let own = candidates.flat_map(|candidate| {
        let specs = candidate.spec.routes.values().filter_map(Reading::right);
        specs.filter_map(|spec| candidate.trial(spec, port(candidate.container, spec), gates))
    });
    let members = forms.iter().flat_map(|form| &form.members);
    own.chain(members.filter_map(|member| member.trial.clone()))
        .collect()
}
