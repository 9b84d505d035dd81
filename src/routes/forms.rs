//! The form of each route: which container's labels define it, and who serves it.
//!
//! The newest ready container's labels count. A route that is wrong there keeps its last good
//! form. Containers whose labels were not fully understood never take a route away.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::build::Inputs;
use super::upstream::{self, NotReady};
use crate::diagnostic::{Code, Diagnostic};
use crate::labels::{ContainerSpec, RouteSpec, Standing, parse};
use crate::model::{
    AppKey, Container, ContainerRef, Labels, NetworkMode, Port, RouteId, RouteName,
};

/// Characters of Caddy's refusal that are shown: its chains of causes are about 200 long.
const REFUSAL_CHARS_MAX: usize = 500;

/// A container that asks for routes.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) container: &'a Container,
    pub(super) spec: ContainerSpec,
    pub(super) ip: Result<IpAddr, NotReady>,
}

/// One container of a route's app, and whether it can serve the route.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) container: ContainerRef,
    pub(super) address: Result<SocketAddr, NotReady>,
}

/// One route, before hosts are shared out.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) id: RouteId,
    pub(super) spec: RouteSpec,
    /// The labels under the prefix that say so.
    pub(super) labels: Labels,
    /// Whether the labels are those of before, because the present ones are wrong.
    pub(super) is_last_good: bool,
    /// The container whose labels define it.
    pub(super) definer: ContainerRef,
    /// Creation of the app's oldest container.
    pub(super) created: i64,
    pub(super) share: BTreeSet<String>,
    pub(super) members: Vec<Member>,
}

/// The forms of all routes of one app. Its candidates come newest first.
pub(super) fn of_app(
    app: &AppKey,
    candidates: &[Candidate<'_>],
    inputs: &Inputs<'_>,
    found: &mut Vec<Diagnostic>,
) -> Vec<Form> {
    let newest_ready = candidates.iter().find(|candidate| candidate.ip.is_ok());
    let Some(definer) = newest_ready.or(candidates.first()) else {
        return Vec::new();
    };
    for other in candidates.iter().filter(|other| other.ip.is_ok()) {
        say_difference(definer, other, found);
    }
    let mut names: BTreeSet<RouteName> = definer.spec.routes.keys().cloned().collect();
    if definer.spec.doubtful {
        let of_app = inputs.last_good.keys().filter(|id| id.app == *app);
        names.extend(of_app.map(|id| id.route.clone()));
    }
    let share: BTreeSet<String> = candidates
        .iter()
        .flat_map(|candidate| candidate.spec.share.iter().cloned())
        .collect();
    let created = candidates
        .iter()
        .map(|c| c.container.created)
        .min()
        .unwrap_or_default();
    let mut forms = Vec::new();
    for route in names {
        let id = RouteId {
            app: app.clone(),
            route,
        };
        let Some(chosen) = choose(&id, definer, inputs, found) else {
            continue;
        };
        let members = candidates
            .iter()
            .map(|c| member(c, &id.route, &chosen))
            .collect();
        forms.push(Form {
            id,
            spec: chosen.spec,
            labels: chosen.labels,
            is_last_good: chosen.is_last_good,
            definer: definer.container.reference(),
            created,
            share: share.clone(),
            members,
        });
    }
    forms
}

struct Chosen {
    spec: RouteSpec,
    labels: Labels,
    is_last_good: bool,
}

/// The definer's own form of the route if it is right, else the last good one.
fn choose(
    id: &RouteId,
    definer: &Candidate<'_>,
    inputs: &Inputs<'_>,
    found: &mut Vec<Diagnostic>,
) -> Option<Chosen> {
    let labels = inputs.own_labels(&definer.container.labels);
    let refusals = inputs.refused.get(id);
    if let Some(spec) = definer.spec.routes.get(&id.route).and_then(Option::as_ref) {
        let refusal = refusals.and_then(|refusals| refusals.get(&labels));
        let checks = [
            inputs.check_hosts(definer, &id.route, spec),
            refusal.map(|message| refused(definer, id, message)),
            lacks_port(definer, id, spec, inputs.prefix),
        ];
        let mut wrong = checks.into_iter().flatten().peekable();
        if wrong.peek().is_none() {
            return Some(Chosen {
                spec: spec.clone(),
                labels,
                is_last_good: false,
            });
        }
        found.extend(wrong);
    }
    let labels = inputs.last_good.get(id)?.clone();
    if refusals.is_some_and(|refusals| refusals.contains_key(&labels)) {
        return None;
    }
    let before = Container {
        labels: labels.clone(),
        ..definer.container.clone()
    };
    let Standing::Asks(mut spec) = parse(&before, inputs.prefix).standing else {
        return None;
    };
    let spec = spec.routes.remove(&id.route).flatten()?;
    let is_allowed = inputs.check_hosts(definer, &id.route, &spec).is_none();
    is_allowed.then_some(Chosen {
        spec,
        labels,
        is_last_good: true,
    })
}

fn refused(definer: &Candidate<'_>, id: &RouteId, message: &str) -> Diagnostic {
    let message: String = message.chars().take(REFUSAL_CHARS_MAX).collect();
    Diagnostic {
        container: definer.container.reference(),
        code: Code::RefusedByCaddy,
        label: None,
        message: format!("Caddy refused the route `{}`: {message}", id.route),
        help: "change the route's labels; it is tried again when they change".to_owned(),
    }
}

/// A ready container must say its port, or expose one.
fn lacks_port(
    definer: &Candidate<'_>,
    id: &RouteId,
    spec: &RouteSpec,
    prefix: &str,
) -> Option<Diagnostic> {
    let container = definer.container;
    let ready = definer.ip.is_ok();
    if !ready || port(container, spec).is_some() {
        return None;
    }
    let exposed: Vec<String> = container.ports.iter().map(ToString::to_string).collect();
    let found = match (&container.network_mode, exposed.as_slice()) {
        (NetworkMode::Host, _) => "it uses the host's network".to_owned(),
        (_, []) => "it exposes none".to_owned(),
        (_, several) => format!("it exposes {}", several.join(", ")),
    };
    let key = match &id.route {
        RouteName::Default => "port".to_owned(),
        RouteName::Named(name) => format!("routes.{name}.port"),
    };
    Some(Diagnostic {
        container: container.reference(),
        code: Code::NoPort,
        label: None,
        message: format!("the container's port is not known: {found}"),
        help: format!("add `{prefix}.{key}=8080`, with the port the app listens on"),
    })
}

fn port(container: &Container, spec: &RouteSpec) -> Option<Port> {
    let exposed = || match container.network_mode {
        NetworkMode::Host => None,
        NetworkMode::Attached | NetworkMode::Container(_) => {
            upstream::exposed_port(container, spec.scheme)
        }
    };
    spec.port.or_else(exposed)
}

/// Whether and where this container serves the chosen form. Its own labels say its port.
fn member(candidate: &Candidate<'_>, route: &RouteName, chosen: &Chosen) -> Member {
    let container = candidate.container.reference();
    let own = match candidate.spec.routes.get(route) {
        Some(Some(own)) if own.scheme == chosen.spec.scheme => Some(own),
        // Its labels are wrong, or say less than they were meant to: it serves the last good form.
        Some(None) => None,
        None if candidate.spec.doubtful => None,
        Some(Some(_)) | None => {
            let address = candidate.ip.clone().and(Err(NotReady::OtherRoute));
            return Member { container, address };
        }
    };
    let own_port = own.and_then(|own| port(candidate.container, own));
    let port = own_port.or_else(|| port(candidate.container, &chosen.spec));
    let address = candidate.ip.clone().and_then(|ip| {
        port.map(|port| upstream::socket(ip, port))
            .ok_or(NotReady::NoPort)
    });
    Member { container, address }
}

/// Ready replicas should agree on everything but port; the newest one counts.
fn say_difference(definer: &Candidate<'_>, other: &Candidate<'_>, found: &mut Vec<Diagnostic>) {
    let without_port = |spec: &ContainerSpec| -> BTreeMap<RouteName, Option<RouteSpec>> {
        let clear = |route: &RouteSpec| RouteSpec {
            port: None,
            ..route.clone()
        };
        spec.routes
            .iter()
            .map(|(name, r)| (name.clone(), r.as_ref().map(clear)))
            .collect()
    };
    if without_port(&definer.spec) == without_port(&other.spec) {
        return;
    }
    found.push(Diagnostic {
        container: other.container.reference(),
        code: Code::ReplicasDiffer,
        label: None,
        message: format!(
            "its labels differ from those of {}, the newest ready replica of `{}`, which count",
            definer.container.reference(),
            definer.spec.app
        ),
        help: "recreate it with the new labels, or give it an app of its own by the label `app`"
            .to_owned(),
    });
}
