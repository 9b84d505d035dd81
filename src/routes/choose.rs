//! Which labels a route is served by: its definer's present ones, the last good ones, or none, with
//! its requests turned away.
//!
//! Owns the rule that a route is never served with less protection than its present labels ask for:
//! not by an older form, and not by another route that would get its requests if it were not there.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::authority;
use super::build::Inputs;
use super::forms::{Candidate, port};
use super::place::keys;
use super::refusal;
use super::table::RouteKey;
use super::upstream::{self, NotReady};
use crate::diagnostic::{Code, Diagnostic};
use crate::labels::{Closed, MatchingSpec, Reading, RouteSpec, Standing, parse};
use crate::model::{
    Container, ForwardAuth, Hostname, Labels, NetworkMode, RouteId, RouteName, shown,
};

/// Characters of Caddy's refusal that are shown: its chains of causes are about 200 long.
const REFUSAL_CHARS_MAX: usize = 500;

/// The labels that a route is served by, and what they ask for.
pub(super) struct Chosen {
    pub(super) spec: Arc<RouteSpec>,
    pub(super) share: BTreeSet<String>,
    pub(super) labels: Labels,
    pub(super) is_last_good: bool,
    /// Whether its port shows only once its container runs, so that it may turn out to be wrong.
    pub(super) is_unproven: bool,
    /// Why its requests are turned away; `None` when they are not.
    pub(super) shut: Option<Shut>,
}

/// Why a route's requests are turned away.
#[derive(Debug, Clone)]
pub(super) struct Shut {
    /// Lowercase, without a full stop.
    pub(super) why: String,
    /// Whether its paths are not known, so that it stands for every path of its hosts.
    pub(super) is_guess: bool,
}

/// The definer's own form of the route if it is right, else the last good one, unless that protects
/// it less: then it is shut. `consults` becomes true when the last good one matters.
pub(super) fn choose(
    id: &RouteId,
    definer: &Candidate<'_>,
    labels: &Labels,
    inputs: &Inputs<'_>,
    consults: &Cell<bool>,
    found: &mut Vec<Diagnostic>,
) -> Option<Chosen> {
    let case = Case {
        id,
        definer,
        labels,
        inputs,
        consults,
    };
    match definer.spec.routes.get(&id.route) {
        Some(Reading::Right(spec)) => case.right(spec, found),
        Some(Reading::Closed(closed)) => case.closed(closed, found),
        Some(Reading::Wrong) | None => {
            let chosen = case.last_good()?;
            match &definer.spec.closed {
                Some(why) => case.shut(&chosen.spec, why, true, found),
                None => Some(chosen),
            }
        }
    }
}

struct Case<'a, 'b> {
    id: &'a RouteId,
    definer: &'a Candidate<'b>,
    labels: &'a Labels,
    inputs: &'a Inputs<'b>,
    consults: &'a Cell<bool>,
}

impl Case<'_, '_> {
    fn right(&self, spec: &Arc<RouteSpec>, found: &mut Vec<Diagnostic>) -> Option<Chosen> {
        let definer = self.definer;
        let refusals = self.inputs.refused.get(self.id);
        let refusal = refusals.and_then(|forms| forms.get(self.labels));
        let has_no_port = port(definer.container, spec).is_none();
        let has_address = definer.ip.as_ref().err().is_none_or(NotReady::has_address);
        let checks = [
            { self.inputs.forbidden(spec) }.map(|forbidden| self.forbidden(forbidden)),
            authority::check(definer, &self.id.route, spec, self.inputs),
            refusal.map(|message| self.refused(message)),
            (has_no_port && has_address).then(|| self.lacks_port()),
            self.own_port(spec),
        ];
        let wrong: Vec<Diagnostic> = checks.into_iter().flatten().collect();
        let protection = &spec.handling.protection;
        if let Some(first) = wrong.first() {
            let why = first.message.clone();
            found.extend(wrong);
            if !protection.is_any() {
                return self.last_good();
            }
            let kept = self.last_as_protected(spec);
            return kept.or_else(|| self.shut(spec, &why, true, found));
        }
        // Only a running container tells which ports it exposes. Until then the form may turn out
        // to lack one, and must not take the place of one that is known to be good.
        let proven = has_no_port.then(|| self.last_as_protected(spec));
        proven.flatten().or_else(|| {
            Some(Chosen {
                is_unproven: has_no_port,
                ..self.present(Arc::clone(spec), None)
            })
        })
    }

    fn closed(&self, closed: &Closed, found: &mut Vec<Diagnostic>) -> Option<Chosen> {
        if closed.paths_are_known && closed.protection.is_some() {
            let kept = self.last_as_protected(&closed.spec);
            if kept.is_some() {
                return kept;
            }
        }
        let mut spec = closed.spec.clone();
        // What the last good form served is known to be meant.
        if let Some(last) = self.last_good().filter(|_| spec.hosts.is_empty()) {
            spec.hosts.clone_from(&last.spec.hosts);
        }
        self.shut(&spec, &closed.why, closed.paths_are_known, found)
    }

    fn present(&self, spec: Arc<RouteSpec>, shut: Option<Shut>) -> Chosen {
        Chosen {
            spec,
            share: self.definer.spec.share.iter().cloned().collect(),
            labels: self.labels.clone(),
            is_last_good: false,
            is_unproven: false,
            shut,
        }
    }

    /// The route with its requests turned away, and said; `None` when it is not known which. What
    /// Caddy may have refused about its requests is left out, so that it stands for all.
    fn shut(
        &self,
        spec: &RouteSpec,
        why: &str,
        paths_are_known: bool,
        found: &mut Vec<Diagnostic>,
    ) -> Option<Chosen> {
        let name = &self.id.route;
        let mut spec = spec.clone();
        let refusals = self.inputs.refused.get(self.id);
        let is_refused = refusals.is_some_and(|forms| forms.contains_key(self.labels));
        let is_plain = spec.matching.regexp.is_none() && spec.matching.conditions.is_empty();
        let paths_are_known = paths_are_known && (is_plain || !is_refused);
        if !paths_are_known {
            spec.paths.clear();
            spec.matching = MatchingSpec::default();
        }
        let may_have = |host: &Hostname| self.inputs.permits.catch_all || !host.is_catch_all();
        spec.hosts.retain(may_have);
        let effect = match spec.hosts.as_slice() {
            [] => "is not served",
            _ => "answers 503",
        };
        found.push(Diagnostic {
            container: self.definer.container.reference(),
            code: Code::Closed,
            label: None,
            message: format!("the route `{name}` {effect}: {why}"),
            help: "correct its labels; it is never served with less protection than they ask for"
                .to_owned(),
        });
        let shut = Shut {
            why: format!("it answers 503: {why}"),
            is_guess: !paths_are_known,
        };
        (!spec.hosts.is_empty()).then(|| self.present(Arc::new(spec), Some(shut)))
    }

    /// The last good form, if it protects the route as it is to be protected now, and all of it:
    /// requests that only the present labels name would meet another route.
    fn last_as_protected(&self, present: &RouteSpec) -> Option<Chosen> {
        let protection = &present.handling.protection;
        self.last_good().filter(|last| {
            let is_same = last.spec.handling.protection == *protection;
            is_same && (!protection.is_any() || meant(&last.spec) == meant(present))
        })
    }

    /// The form by which the route was last accepted, if it still may be served.
    fn last_good(&self) -> Option<Chosen> {
        self.consults.set(true);
        let labels = self.inputs.last_good.get(self.id)?.clone();
        let refusals = self.inputs.refused.get(self.id);
        if refusals.is_some_and(|refusals| refusals.contains_key(&labels)) {
            return None;
        }
        let before = Container {
            labels: labels.clone(),
            ..self.definer.container.clone()
        };
        let Standing::Asks(mut before) = parse(&before, self.inputs.prefix).standing else {
            return None;
        };
        let spec = before.routes.remove(&self.id.route)?.into_right()?;
        let is_allowed = self.inputs.forbidden(&spec).is_none()
            && authority::check(self.definer, &self.id.route, &spec, self.inputs).is_none();
        is_allowed.then(|| Chosen {
            spec,
            share: before.share.into_iter().collect(),
            labels,
            is_last_good: true,
            is_unproven: false,
            shut: None,
        })
    }

    fn forbidden(&self, forbidden: Forbidden) -> Diagnostic {
        let container = self.definer.container;
        let (code, label, message, help) = match forbidden {
            Forbidden::CatchAll => (
                Code::CatchAll,
                self.inputs.host_label(&container.labels, &self.id.route),
                "the host `*` would take every request that no other route takes",
                "name the hosts, or start the agent with `--allow-catch-all`",
            ),
            Forbidden::RawCaddy => (
                Code::NotAllowed,
                None,
                "`caddy.handlers` can do whatever Caddy can, and the agent does not allow it",
                "use other labels, or start the agent with `--allow-raw-caddy`",
            ),
            Forbidden::AuthUrl => (
                Code::NotAllowed,
                None,
                "`auth.forward` names a URL, which may lead anywhere, and the agent does not allow it",
                "name an app that the agent routes to, or start it with `--allow-auth-urls`",
            ),
        };
        Diagnostic {
            container: container.reference(),
            code,
            label,
            message: message.to_owned(),
            help: help.to_owned(),
        }
    }

    fn refused(&self, message: &str) -> Diagnostic {
        let label = refusal::label(message, self.labels, self.inputs.prefix, &self.id.route);
        let message = shown(message, REFUSAL_CHARS_MAX);
        let route = &self.id.route;
        Diagnostic {
            container: self.definer.container.reference(),
            code: Code::RefusedByCaddy,
            label,
            message: format!("Caddy refused the route `{route}`: {message}"),
            help: "change the route's labels; it is tried again when they change".to_owned(),
        }
    }

    fn own_port(&self, spec: &RouteSpec) -> Option<Diagnostic> {
        let container = self.definer.container;
        let ip = match (&self.definer.ip, &container.network_mode) {
            (Ok(ip), _) => *ip,
            // Where it will listen is clear before it runs.
            (Err(_), NetworkMode::Host) => upstream::ON_HOST,
            (Err(_), NetworkMode::Attached | NetworkMode::Container(_)) => return None,
        };
        let port = port(container, spec);
        let Err(NotReady::OwnPort(port)) = upstream::socket(ip, port, self.inputs.own_ports) else {
            return None;
        };
        Some(Diagnostic {
            container: container.reference(),
            code: Code::NotAllowed,
            label: None,
            message: format!(
                "the container uses the host's network, and port {port} there is Caddy's own: \
                 requests would come back to it for ever"
            ),
            help: "write the port that the app itself listens on".to_owned(),
        })
    }

    fn lacks_port(&self) -> Diagnostic {
        let container = self.definer.container;
        let exposed: Vec<String> = container.ports.iter().map(ToString::to_string).collect();
        let found = match (&container.network_mode, exposed.as_slice()) {
            (NetworkMode::Host, _) => "it uses the host's network".to_owned(),
            (_, []) => "it exposes none".to_owned(),
            (_, several) => format!("it exposes {}", several.join(", ")),
        };
        let key = match &self.id.route {
            RouteName::Default => "port".to_owned(),
            RouteName::Named(name) => format!("routes.{name}.port"),
        };
        let is_free = |port: &&String| {
            let own = self.inputs.own_ports.map(|port| port.to_string());
            container.network_mode != NetworkMode::Host || !own.contains(port)
        };
        let example = exposed.iter().find(is_free).map_or("8080", String::as_str);
        let prefix = self.inputs.prefix;
        Diagnostic {
            container: container.reference(),
            code: Code::NoPort,
            label: None,
            message: format!("the container's port is not known: {found}"),
            help: format!("add `{prefix}.{key}={example}`, with the port the app listens on"),
        }
    }
}

/// Which requests a route is for.
fn meant(spec: &RouteSpec) -> BTreeSet<RouteKey> {
    let hosts = spec.hosts.iter();
    hosts.flat_map(|host| keys(host, spec)).collect()
}

/// What the agent's settings do not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forbidden {
    /// The host `*`.
    CatchAll,
    /// Handlers in Caddy's own JSON.
    RawCaddy,
    /// A URL that is asked about requests.
    AuthUrl,
}

impl Inputs<'_> {
    /// What the route asks for that the settings do not allow.
    pub(super) fn forbidden(&self, spec: &RouteSpec) -> Option<Forbidden> {
        let protection = &spec.handling.protection;
        let asks_url = protection.forward.as_ref().is_some_and(ForwardAuth::is_url);
        if !self.permits.catch_all && spec.hosts.iter().any(Hostname::is_catch_all) {
            Some(Forbidden::CatchAll)
        } else if !self.permits.raw_caddy && !protection.raw.is_empty() {
            Some(Forbidden::RawCaddy)
        } else if !self.permits.auth_urls && asks_url {
            Some(Forbidden::AuthUrl)
        } else {
            None
        }
    }
}
