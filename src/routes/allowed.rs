//! Which hosts labels may claim at all, by the settings of the agent.

use std::sync::Arc;

use super::build::Inputs;
use super::forms::Form;
use crate::diagnostic::{Code, Diagnostic};
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
