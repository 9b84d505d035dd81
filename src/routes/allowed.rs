//! Which hosts labels may claim at all, and whether they may lead to the agent's own page, by the
//! settings of the agent.

use std::sync::Arc;

use super::build::Inputs;
use super::forms::Form;
use crate::diagnostic::{Code, Diagnostic};
use crate::labels::OwnPage;
use crate::model::Hostname;

/// Takes the hosts from the routes that labels may not claim, and says so. A route without any
/// other is dropped: nobody gets its requests, for a wildcard that would is not allowed either.
pub(super) fn keep_allowed(
    forms: &mut Vec<Form>,
    inputs: &Inputs<'_>,
    found: &mut Vec<Diagnostic>,
) {
    for form in forms.iter_mut() {
        let Form {
            id,
            spec,
            labels,
            definer,
            ..
        } = form;
        let is_right = |host: &Hostname| inputs.permits.check(host).is_ok();
        if { spec.hosts.iter() }
            .chain(&spec.host.redirect_from)
            .all(is_right)
        {
            continue;
        }
        let spec = Arc::make_mut(spec);
        let mut is_allowed = |host: &Hostname| {
            let Err(why) = inputs.permits.check(host) else {
                return true;
            };
            found.push(Diagnostic {
                container: definer.clone(),
                code: Code::HostNotAllowed,
                label: inputs.host_label(labels, &id.route),
                message: format!("the host `{host}` may not be served: {why}"),
                help: "name another host, or change that setting of the agent".to_owned(),
            });
            false
        };
        spec.hosts.retain(&mut is_allowed);
        spec.host.redirect_from.retain(&mut is_allowed);
    }
    forms.retain(|form| !form.spec.hosts.is_empty());
}

/// Drops the routes to the agent's own container that lead nowhere, or would show its page to
/// everybody, and says so.
pub(super) fn keep_guarded(
    forms: &mut Vec<Form>,
    inputs: &Inputs<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let Some(own) = &inputs.permits.own else {
        return;
    };
    let prefix = inputs.prefix;
    forms.retain(|form| {
        let member = { form.members.iter() }.find(|member| member.container.id == own.id);
        let Some(member) = member else {
            return true;
        };
        let protection = &form.spec.handling.protection;
        let asks = !protection.accounts.is_empty() || protection.forward.is_some();
        let (message, help) = match own.page {
            OwnPage::Guarded => return true,
            OwnPage::Open if asks || form.shut.is_some() => return true,
            OwnPage::Open => (
                "the status page of the agent would be open to everybody".to_owned(),
                format!(
                    "add `{prefix}.auth.basic` with `user:hash` (`caddy hash-password` makes a \
                     hash), or start the agent with `--status-auth`"
                ),
            ),
            OwnPage::Away => (
                "it is the agent's own container, and no status page can be reached in it"
                    .to_owned(),
                format!(
                    "start the agent with `--status 0.0.0.0:9180` and `--status-auth`, and add \
                     `{prefix}.port=9180`"
                ),
            ),
        };
        found.push(Diagnostic {
            container: member.container.clone(),
            code: Code::NotAllowed,
            label: inputs.host_label(&form.labels, &form.id.route),
            message,
            help,
        });
        false
    });
}
