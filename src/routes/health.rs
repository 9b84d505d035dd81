//! Containers that were ready and are not well now: who leaves, and who stays because nobody else
//! is ready.
//!
//! A site whose only container fails a check is better served by it than not at all: the check may
//! be wrong, or be about something that most requests do not need. So health never empties a pool.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::forms::{Candidate, Form, Member};
use super::gates::{Gates, Watch};
use super::upstream::NotReady;
use crate::labels::RouteSpec;
use crate::model::{ContainerId, Health, RouteId};

/// The member as its active checks see it. `spec` says how it is watched.
pub(super) fn judge(
    member: Member,
    candidate: &Candidate<'_>,
    spec: &RouteSpec,
    gates: &Gates,
) -> Member {
    let has_healthcheck = candidate.container.health != Health::None;
    let watch = member.address.as_ref().ok().and_then(|address| {
        Some(Watch {
            container: member.container.clone(),
            address: *address,
            scheme: spec.scheme,
            host: spec.hosts.first()?.clone(),
            check: spec.health.active.clone()?,
        })
    });
    let failure = watch.as_ref().and_then(|watch| gates.failing.get(watch));
    let (address, ailing) = match (failure, &member.address) {
        (Some(reason), Ok(address)) => (Err(NotReady::Failing(reason.clone())), Some(*address)),
        (_, _) => (member.address.clone(), member.ailing),
    };
    Member {
        address,
        ailing,
        is_watched: has_healthcheck || watch.is_some(),
        watch,
        ..member
    }
}

/// Where nobody is well, those that took requests last go on.
pub(super) fn keep_last(id: &RouteId, members: &mut [Member], gates: &Gates) {
    if members.iter().any(|member| member.address.is_ok()) {
        return;
    }
    for member in members {
        let stays =
            { member.ailing }.filter(|address| gates.was_ready(&member.container.id, id, *address));
        if let (Some(address), Err(why)) = (stays, &member.address) {
            member.stays = Some(why.reason());
            member.address = Ok(address);
        }
    }
}

/// The members whose health is known and that take requests: who stays when all of them fail.
pub(super) fn ready_last(forms: &[Form]) -> BTreeMap<ContainerId, Vec<(RouteId, SocketAddr)>> {
    let mut last = BTreeMap::<_, Vec<_>>::new();
    for form in forms {
        for member in form.members.iter().filter(|member| member.is_watched) {
            if let Ok(address) = member.address {
                let of_container = last.entry(member.container.id.clone()).or_default();
                // Mostly it is the only one.
                of_container.reserve_exact(1);
                of_container.push((form.id.clone(), address));
            }
        }
    }
    for of_container in last.values_mut() {
        of_container.sort_unstable();
        of_container.dedup();
    }
    last
}

/// The questions to the members that take requests, or would if they were well.
pub(super) fn watches(forms: &[Form]) -> BTreeSet<Watch> {
    let members = forms.iter().flat_map(|form| &form.members);
    members.filter_map(|member| member.watch.clone()).collect()
}

impl Member {
    /// Whether it takes no requests only because it is not well.
    pub(super) fn is_resting(&self) -> bool {
        self.ailing.is_some() && self.address.is_err()
    }
}
