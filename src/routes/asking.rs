//! Who asks for which host, as far as labels say it.

use std::collections::BTreeSet;

use super::claims::Asking;
use super::forms::{Candidate, Form};
use crate::labels::{Reading, RouteSpec};
use crate::model::{Hostname, Owner};

/// What the forms ask for, so that it can be claimed.
pub(super) fn asking(forms: &[Form]) -> Vec<Asking> {
    let of_form = |form: &Form| {
        let ask = |host: &Hostname| Asking {
            host: host.clone(),
            owner: form.id.app.owner.clone(),
            created: form.created,
            only_paths: !form.spec.takes_every_path(),
            share: form.share.clone(),
            containers: match form.id.app.owner {
                Owner::Project(_) => BTreeSet::new(),
                Owner::App(_) => form.containers(),
            },
        };
        let redirect = |host: &Hostname| Asking {
            only_paths: false,
            ..ask(host)
        };
        let redirects = form.spec.host.redirect_from.iter().map(redirect);
        let hosts = form.spec.hosts.iter().map(ask);
        hosts.chain(redirects).collect::<Vec<_>>()
    };
    let present = forms.iter().filter(|form| !form.is_absent);
    present.flat_map(of_form).collect()
}

/// The hosts that the labels of a container name, whatever becomes of its routes.
pub(super) fn named<'a>(candidate: &'a Candidate<'_>) -> impl Iterator<Item = &'a Hostname> {
    let spec = &candidate.spec;
    let routes = spec.routes.values().filter_map(readable);
    let routes = routes.map(|route| (&route.hosts, &route.host));
    let wrong = spec.spoiled.values().map(|(hosts, host)| (hosts, host));
    let all = routes.chain(wrong);
    all.flat_map(|(hosts, host)| hosts.iter().chain(&host.redirect_from))
}

fn readable(reading: &Reading) -> Option<&RouteSpec> {
    match reading {
        Reading::Right(spec) => Some(spec),
        Reading::Closed(closed) => Some(&closed.spec),
        Reading::Wrong => None,
    }
}
