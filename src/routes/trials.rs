//! What new containers must show before they take requests.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::forms::{Candidate, Form, port};
use super::gates::{Gates, READY_TIMEOUT, Trial, TrialCheck};
use crate::labels::{ContainerSpec, Reading, RouteSpec};
use crate::model::{Health, ReadyCheck, StatusSet};

/// How long one answer of a container that starts may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

impl Candidate<'_> {
    /// What it must show before it serves a route of this form, and where; `None` when it is asked
    /// nothing, or cannot be asked yet.
    pub(super) fn trial(&self, spec: &RouteSpec) -> Option<Trial> {
        let has_health = self.container.health != Health::None;
        let check = match (&spec.ready, &spec.health.active) {
            (Some(ReadyCheck::None), _) => return None,
            (Some(ReadyCheck::Http(path)), _) => TrialCheck::Path {
                path: path.clone(),
                status: StatusSet::default(),
                limit: ANSWER_LIMIT,
            },
            (Some(ReadyCheck::Health) | None, _) if has_health => return None,
            (Some(ReadyCheck::Health) | None, Some(health)) => TrialCheck::Path {
                path: health.path.clone(),
                status: health.status.clone(),
                limit: health.timeout,
            },
            (Some(ReadyCheck::Tcp), _) | (Some(ReadyCheck::Health) | None, None) => {
                TrialCheck::Port
            }
        };
        let ip = *self.ip.as_ref().ok()?;
        Some(Trial {
            container: self.container.reference(),
            address: SocketAddr::new(ip, port(self.container, spec)?.get()),
            check,
            scheme: spec.scheme,
            host: spec.hosts.first()?.clone(),
            timeout: spec.ready_timeout.unwrap_or(READY_TIMEOUT),
        })
    }

    /// The trials of its own routes.
    fn trials(&self) -> impl Iterator<Item = Trial> {
        let specs = self.spec.routes.values().filter_map(Reading::right);
        specs.filter_map(|spec| self.trial(spec))
    }

    /// Whether it has something to show, and has shown nothing of it.
    pub(super) fn is_unproven(&self, gates: &Gates) -> bool {
        let mut trials = self.trials().peekable();
        let is_tried = trials.peek().is_some();
        is_tried && !trials.any(|trial| gates.is_proven(&trial.container.id, trial.address))
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
    let own = candidates.flat_map(Candidate::trials);
    let own = own.filter(|trial| !gates.is_proven(&trial.container.id, trial.address));
    let members = forms.iter().flat_map(|form| &form.members);
    own.chain(members.filter_map(|member| member.trial.clone()))
        .collect()
}
