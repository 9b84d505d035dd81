//! What differs from what the last build was made of.

use std::collections::BTreeSet;

use super::Kept;
use crate::model::{AppKey, ContainerId, Hostname, changes};
use crate::routes::build::Inputs;

/// What must be built anew, with all that hangs together with it. Some may stand in it more than once.
#[derive(Debug, Default)]
pub(super) struct Touched {
    pub(super) containers: Vec<ContainerId>,
    pub(super) apps: Vec<AppKey>,
    pub(super) hosts: Vec<Hostname>,
}

impl Kept {
    /// What differs from the last build. What that build said itself and comes back unchanged,
    /// such as the claims that hold, is no difference.
    pub(super) fn touched(&self, inputs: &Inputs<'_>) -> Touched {
        let seen = &self.seen;
        let changed = inputs.snapshot.changed_since(&seen.snapshot);
        let mut containers: Vec<ContainerId> = changed.cloned().collect();
        // Whose network it is may itself use another's.
        let (mut borrowers, mut at) = (BTreeSet::new(), 0);
        while let Some(lender) = containers.get(at).cloned() {
            let new = inputs.snapshot.borrowers(&lender);
            containers.extend(new.filter(|id| borrowers.insert((*id).clone())).cloned());
            at += 1;
        }
        self.touched_by_gates(inputs, &mut containers);
        let refused = changes(&seen.refused, inputs.refused).map(|(id, ..)| &id.app);
        let absent = changes(&self.built.absent, inputs.absent).map(|(app, ..)| app);
        let good = inputs
            .last_good
            .changes_since(&seen.last_good)
            .map(|(id, ..)| &id.app);
        let good = good.filter(|app| self.islands.consults_last_good(app));
        let claims = inputs
            .claims
            .changes_since(&self.built.claims)
            .map(|(host, ..)| host);
        Touched {
            containers,
            apps: refused.chain(absent).chain(good).cloned().collect(),
            hosts: claims.cloned().collect(),
        }
    }

    fn touched_by_gates(&self, inputs: &Inputs<'_>, containers: &mut Vec<ContainerId>) {
        let (before, now) = (&self.seen.gates, inputs.gates);
        let proven = now.proven.changes_since(&before.proven);
        let draining = before.draining.symmetric_difference(&now.draining);
        let failing = changes(&before.failing, &now.failing);
        let crashing = changes(&before.crashing, &now.crashing);
        let ready_last = now.ready_last.changes_since(&self.built.ready_last);
        containers.extend(proven.map(|(id, _)| id.clone()));
        containers.extend(draining.cloned());
        containers.extend(failing.map(|(watch, ..)| watch.container.id.clone()));
        containers.extend(crashing.map(|(id, ..)| id.clone()));
        containers.extend(ready_last.map(|(id, ..)| id.clone()));
    }
}
