//! The form of each route: which container's labels define it, and who serves it.
//!
//! The newest ready container's labels count. A route that is wrong there keeps its last good
//! form. Containers whose labels were not fully understood never take a route away.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::build::Inputs;
use super::choose::{Chosen, Shut, choose};
use super::gates::{Gates, Trial, Watch};
use super::health;
use super::upstream::{self, NotReady};
use crate::diagnostic::{Code, Diagnostic};
use crate::labels::{ContainerSpec, Reading, RouteSpec};
use crate::model::{
    AppKey, Container, ContainerId, ContainerRef, ContainerState, Health, Labels, NetworkMode,
    Port, ReadyCheck, RouteId, RouteName, Weight,
};

/// A container that asks for routes.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) container: &'a Container,
    pub(super) spec: Box<ContainerSpec>,
    pub(super) ip: Result<IpAddr, NotReady>,
}

/// One container of a route's app, and whether it can serve the route.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) container: ContainerRef,
    pub(super) address: Result<SocketAddr, NotReady>,
    pub(super) weight: Weight,
    /// What it must show first, while it has not.
    pub(super) trial: Option<Trial>,
    /// What it is asked again and again while it takes requests.
    pub(super) watch: Option<Watch>,
    /// Whether anybody says if it is well.
    pub(super) is_watched: bool,
    /// Where it would take requests if it were well.
    pub(super) ailing: Option<SocketAddr>,
    /// Why it would leave if anybody else were ready.
    pub(super) stays: Option<String>,
}

impl Member {
    fn new(candidate: &Candidate<'_>, address: Result<SocketAddr, NotReady>) -> Self {
        Self {
            container: candidate.container.reference(),
            address,
            weight: candidate.spec.weight,
            trial: None,
            watch: None,
            is_watched: false,
            ailing: None,
            stays: None,
        }
    }

    /// Whether it runs, and only needs time.
    pub(super) fn is_starting(&self) -> bool {
        matches!(
            self.address,
            Err(NotReady::Starting
                | NotReady::Unproven
                | NotReady::Remembered
                | NotReady::NoAddress { .. })
        )
    }

    /// Whether it is ready, or may become so without anybody's doing: it was started, or is about
    /// to be, as when several are.
    pub(super) fn is_expected(&self) -> bool {
        let is_created = Err(NotReady::NotRunning(ContainerState::Created));
        let is_ready = self.address.is_ok() || self.is_resting();
        is_ready || self.is_starting() || self.address == is_created
    }
}

/// One route, before hosts are shared out.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) id: RouteId,
    pub(super) spec: Arc<RouteSpec>,
    /// The labels under the prefix that say so.
    pub(super) labels: Labels,
    /// Whether the labels are those of before, because the present ones are wrong.
    pub(super) is_last_good: bool,
    /// Whether it may turn out to be wrong once its container runs.
    pub(super) is_unproven: bool,
    /// Whether its app has no container now.
    pub(super) is_absent: bool,
    /// Why its requests are turned away; `None` when they are not.
    pub(super) shut: Option<Shut>,
    /// The container whose labels define it.
    pub(super) definer: ContainerRef,
    /// Creation of the app's oldest container.
    pub(super) created: i64,
    /// Projects that may add paths under its hosts.
    pub(super) share: BTreeSet<String>,
    pub(super) members: Vec<Member>,
}

impl Form {
    /// Whether it is what its present labels say.
    pub(super) fn is_present(&self) -> bool {
        !self.is_last_good && self.shut.is_none()
    }

    /// Whether it stands for more requests than its labels name.
    pub(super) fn is_guess(&self) -> bool {
        self.shut.as_ref().is_some_and(|shut| shut.is_guess)
    }

    /// Why its requests are turned away.
    pub(super) fn why_shut(&self) -> &str {
        self.shut.as_ref().map_or("", |shut| &shut.why)
    }

    /// The containers of its app.
    pub(super) fn containers(&self) -> BTreeSet<ContainerId> {
        let members = self.members.iter();
        members.map(|member| member.container.id.clone()).collect()
    }
}

/// The candidate whose labels count: the newest ready one; while none is, the newest that goes on
/// though it is not well, then the newest that runs or is about to, before one that was only created or has ended. Candidates come newest first.
pub(super) fn definer<'a, 'b>(
    candidates: &'b [Candidate<'a>],
    gates: &Gates,
) -> Option<&'b Candidate<'a>> {
    if let [only] = candidates {
        return Some(only);
    }
    candidates.iter().min_by_key(|candidate| {
        let lives = match candidate.container.state {
            ContainerState::Running | ContainerState::Paused | ContainerState::Restarting => true,
            ContainerState::Created
            | ContainerState::Removing
            | ContainerState::Exited
            | ContainerState::Dead => false,
        };
        let id = &candidate.container.id;
        let goes_on =
            matches!(candidate.ip, Err(NotReady::Unhealthy(_))) && gates.was_ready_anywhere(id);
        let is_ready = candidate.ip.is_ok() && !candidate.is_unproven(gates);
        (!is_ready, !goes_on, !lives)
    })
}

/// The forms of all routes of one app. Its candidates come newest first. `consults` becomes true
/// when it matters by which labels they were last accepted.
pub(super) fn of_app(
    app: &AppKey,
    candidates: &[Candidate<'_>],
    inputs: &Inputs<'_>,
    consults: &Cell<bool>,
    found: &mut Vec<Diagnostic>,
) -> Vec<Form> {
    let Some(definer) = definer(candidates, inputs.gates) else {
        return Vec::new();
    };
    say_differences(definer, candidates, found);
    let mut names: Vec<RouteName> = definer.spec.routes.keys().cloned().collect();
    if definer.spec.doubtful {
        consults.set(true);
        names.extend(inputs.good_of(app).map(|(id, _)| id.route.clone()));
        names.sort();
        names.dedup();
    }
    let labels = inputs.own_labels(&definer.container.labels);
    let created = candidates.iter().map(|c| c.container.created).min();
    let form = |route: RouteName, found: &mut Vec<Diagnostic>| {
        let id = RouteId {
            app: app.clone(),
            route,
        };
        let chosen = choose(&id, definer, &labels, inputs, consults, found)?;
        let members = candidates
            .iter()
            .map(|c| member(c, &id.route, &chosen, inputs));
        let mut members: Vec<Member> = members.collect();
        health::keep_last(&id, &mut members, inputs.gates);
        Some(Form {
            members,
            id,
            spec: chosen.spec,
            labels: chosen.labels,
            is_last_good: chosen.is_last_good,
            is_unproven: chosen.is_unproven,
            is_absent: false,
            shut: chosen.shut,
            definer: definer.container.reference(),
            created: created.unwrap_or_default(),
            share: chosen.share,
        })
    };
    // Mostly there is one, and room for four takes a KB.
    let mut forms = Vec::with_capacity(names.len());
    forms.extend(names.into_iter().filter_map(|route| form(route, found)));
    forms
}

pub(super) fn port(container: &Container, spec: &RouteSpec) -> Option<Port> {
    let exposed = || match container.network_mode {
        NetworkMode::Host => None,
        NetworkMode::Attached | NetworkMode::Container(_) => {
            upstream::exposed_port(container, spec.scheme)
        }
    };
    spec.port.or_else(exposed)
}

/// Where a route is shut whose paths are not known, all other routes of its owner under its hosts
/// are, too, whatever stands first among them: its requests must not be answered by a route with
/// less protection.
pub(super) fn shut_neighbours(forms: &mut [Form]) {
    let of_form = |form: &Form| {
        let shut = form.shut.as_ref().filter(|shut| shut.is_guess)?;
        Some((form.id.clone(), form.spec.hosts.clone(), shut.why.clone()))
    };
    let guesses: Vec<_> = forms.iter().filter_map(of_form).collect();
    for (id, hosts, why) in guesses {
        let shares = |form: &Form| {
            let is_own = form.id.app.owner == id.app.owner;
            is_own && form.spec.hosts.iter().any(|host| hosts.contains(host))
        };
        for form in forms
            .iter_mut()
            .filter(|form| form.shut.is_none() && shares(form))
        {
            let name = if form.id.app == id.app {
                id.route.to_string()
            } else {
                id.to_string()
            };
            let why = format!("its requests may be meant for the route `{name}`: {why}");
            form.shut = Some(Shut {
                why,
                is_guess: false,
            });
            for member in &mut form.members {
                member.trial = None;
                member.watch = None;
            }
        }
    }
}

/// Whether and where this container serves the chosen form. Its own labels say its port, unless
/// they are wrong.
fn member(
    candidate: &Candidate<'_>,
    route: &RouteName,
    chosen: &Chosen,
    inputs: &Inputs<'_>,
) -> Member {
    let gates = inputs.gates;
    if chosen.shut.is_some() {
        let address = candidate.ip.clone().and(Err(NotReady::OtherRoute));
        return Member::new(candidate, address);
    }
    let own = match candidate.spec.routes.get(route) {
        Some(Reading::Right(own)) if own.scheme == chosen.spec.scheme => Some(own.as_ref()),
        // Its labels are wrong, or say less than they were meant to: it serves the last good form.
        Some(Reading::Wrong | Reading::Closed(_)) => None,
        None if candidate.spec.doubtful => None,
        Some(Reading::Right(_)) | None => {
            let address = candidate.ip.clone().and(Err(NotReady::OtherRoute));
            return Member::new(candidate, address);
        }
    };
    let is_guessed = own.is_none() || chosen.is_last_good;
    let guess = is_guessed.then_some(&*chosen.spec);
    let mut specs = own.into_iter().chain(guess);
    let port = specs.find_map(|spec| port(candidate.container, spec));
    let socket = |ip| upstream::socket(ip, port, inputs.own_ports);
    let address = candidate.ip.clone().and_then(socket);
    let spec = own.unwrap_or(&chosen.spec);
    let waits = matches!(spec.ready, Some(ReadyCheck::Health) | None);
    if address.is_ok() && waits && candidate.container.health == Health::Starting {
        return Member::new(candidate, Err(NotReady::Starting));
    }
    // With a guessed port it must show the guess.
    let trial = candidate.trial(spec, port, gates);
    let address = match &trial {
        Some(_) => address.and(Err(NotReady::Unproven)),
        None => address,
    };
    let ailing = match &candidate.ip {
        Err(NotReady::Unhealthy(ip)) => socket(*ip).ok(),
        Err(_) | Ok(_) => None,
    };
    let member = Member {
        trial,
        ailing,
        ..Member::new(candidate, address)
    };
    health::judge(member, candidate, spec, gates)
}

/// Ready replicas should agree on everything but port; the newest one counts. What is wrong in
/// one of them has been said already.
fn say_differences(
    definer: &Candidate<'_>,
    candidates: &[Candidate<'_>],
    found: &mut Vec<Diagnostic>,
) {
    if candidates.len() < 2 {
        return;
    }
    let Some(expected) = comparable(&definer.spec) else {
        return;
    };
    let app = &definer.spec.app;
    let definer = definer.container.reference();
    for other in candidates.iter().filter(|other| other.ip.is_ok()) {
        if comparable(&other.spec).is_none_or(|other| other == expected) {
            continue;
        }
        found.push(Diagnostic {
            container: other.container.reference(),
            code: Code::ReplicasDiffer,
            label: None,
            message: format!(
                "its labels differ from those of {definer}, the newest ready replica of `{app}`, \
                 which count"
            ),
            help: "recreate it with the new labels, or give it an app of its own by the label \
                   `app`"
                .to_owned(),
        });
    }
}

type Comparable<'a> = (BTreeMap<&'a RouteName, RouteSpec>, BTreeSet<&'a String>);

/// What replicas should agree on; `None` when a route is wrong.
fn comparable(spec: &ContainerSpec) -> Option<Comparable<'_>> {
    let without_port = |(name, route): (_, &Reading)| {
        let route = route.right()?.clone();
        Some((
            name,
            RouteSpec {
                port: None,
                ..route
            },
        ))
    };
    let routes: Option<_> = spec.routes.iter().map(without_port).collect();
    Some((routes?, spec.share.iter().collect()))
}
