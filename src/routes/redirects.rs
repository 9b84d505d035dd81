//! Hosts that are only redirected to another: who may take them, and what they are served with.

use super::claims::{self, PartClaims};
use super::forms::Form;
use super::place::{Placed, host_taken};
use super::policies::Policies;
use super::table::{HostPolicy, TlsMode};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::Hostname;

/// Places the redirects of one route. A host that a route serves is not redirected, and the first
/// route by name gets one that several ask for.
pub(super) fn place(
    form: &Form,
    placed: &mut Placed,
    policies: &Policies,
    claims: &PartClaims,
    prefix: &str,
    found: &mut Vec<Diagnostic>,
) {
    let target = { form.spec.hosts.iter() }.find(|host| host.openness() == 0);
    let Some(target) = target.filter(|_| placed.ids.contains(&form.id)) else {
        return;
    };
    let Some(decided) = policies
        .of(target)
        .filter(|_| placed.table.hosts.contains_key(target))
    else {
        return;
    };
    for from in &form.spec.host.redirect_from {
        if let Err(claim) = claims::may_serve(claims, from, &form.id.app.owner, false) {
            found.push(host_taken(form, from, claim, prefix));
            continue;
        }
        if placed.table.hosts.contains_key(from) {
            found.push(taken(form, from));
            continue;
        }
        let policy = policy(from, &decided.policy);
        placed.table.hosts.insert(from.clone(), policy);
        placed.table.redirects.insert(from.clone(), target.clone());
    }
}

fn taken(form: &Form, from: &Hostname) -> Diagnostic {
    Diagnostic {
        container: form.definer.clone(),
        code: Code::RouteTaken,
        label: None,
        message: format!(
            "`{from}` is not redirected for the route `{}`: it is served or redirected by another \
             route already",
            form.id
        ),
        help: "remove it from one of the two".to_owned(),
    }
}

/// As its target's, except that nobody needs a certificate to be sent elsewhere.
fn policy(from: &Hostname, target: &HostPolicy) -> HostPolicy {
    let mode = match target.mode {
        TlsMode::Public | TlsMode::Internal if from.is_internal() => TlsMode::Internal,
        // Its target is internal by its name alone, or by its label; the redirect goes with it.
        TlsMode::Public | TlsMode::Internal | TlsMode::OnDemand | TlsMode::Off => target.mode,
    };
    HostPolicy {
        mode,
        client_ca: None,
        ..target.clone()
    }
}
