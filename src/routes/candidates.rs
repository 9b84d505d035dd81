//! Which containers ask for routes, and what becomes of those that get none.

use std::collections::BTreeSet;

use super::build::Inputs;
use super::forms::{self, Candidate};
use super::gates::Gates;
use super::report::{Obstacle, Row};
use super::trials;
use super::upstream::{self, NotReady};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::labels::{Standing, parse};
use crate::model::{AppKey, Container, ContainerId, shown};

/// Networks that are listed when the right one is not among them: more help nobody.
const NETWORKS_SHOWN_MAX: usize = 5;
/// Characters of a container's or a network's name that are shown. Docker lets networks have any
/// name.
const NAME_CHARS_MAX: usize = 128;

/// What a container's labels come to.
pub(super) enum Reading<'a> {
    /// It asks for routes.
    Asks(Candidate<'a>),
    /// It does not want any, and why.
    Off(Row),
    /// It is none of ours.
    NotOurs,
}

/// Reads a container's labels, and where it can be reached.
pub(super) fn read<'a>(
    container: &'a Container,
    inputs: &Inputs<'a>,
    found: &mut Vec<Diagnostic>,
) -> Reading<'a> {
    let parsed = parse(container, inputs.prefix);
    found.extend(parsed.diagnostics);
    let off =
        |why: Obstacle, reason: &str| Reading::Off(Row::off(container.reference(), why, reason));
    let spec = match parsed.standing {
        Standing::NotOurs => return Reading::NotOurs,
        Standing::Disabled => {
            let reason = format!("its labels say `{}.enable=false`", inputs.prefix);
            return off(Obstacle::Disabled, &reason);
        }
        Standing::OneOff => return off(Obstacle::OneOff, "it is a one-off container (`run`)"),
        Standing::Asks(spec) => spec,
    };
    let network = spec.network.as_deref().unwrap_or(inputs.network);
    let waits = trials::waits_for_health(&spec);
    let ip = upstream::address(container, network, inputs.snapshot, waits);
    let ip = inputs.gates.admit(&container.id, ip);
    let why = ip.as_ref().err();
    found.extend(why.and_then(|why| unreachable(container, why)));
    Reading::Asks(Candidate {
        container,
        spec,
        ip,
    })
}

/// Sorts the candidates of an app: the newest first.
pub(super) fn sort(candidates: &mut [Candidate<'_>]) {
    candidates.sort_by(|a, b| {
        let (a, b) = (a.container, b.container);
        (b.created, &b.id).cmp(&(a.created, &a.id))
    });
}

/// The diagnostic of a container that cannot be reached as its networks are.
fn unreachable(container: &Container, why: &NotReady) -> Option<Diagnostic> {
    let (message, help) = match why {
        NotReady::NotOnNetwork {
            network,
            attached,
            lender,
        } => off_network(container, network, attached, lender.as_deref()),
        NotReady::LenderGone => (
            "the container whose network it uses is not there".to_owned(),
            "create this container anew, after that one".to_owned(),
        ),
        NotReady::NotRunning(_)
        | NotReady::Starting
        | NotReady::Unhealthy(_)
        | NotReady::Failing(_)
        | NotReady::Crashing(_)
        | NotReady::Draining
        | NotReady::Unproven
        | NotReady::Remembered
        | NotReady::NoAddress { .. }
        | NotReady::NoPort
        | NotReady::OwnPort(_)
        | NotReady::OtherRoute => return None,
    };
    Some(Diagnostic {
        container: container.reference(),
        code: Code::NotOnNetwork,
        label: None,
        message,
        help,
    })
}

fn off_network(
    container: &Container,
    network: &str,
    attached: &[String],
    lender: Option<&str>,
) -> (String, String) {
    let of_project = attached
        .iter()
        .find(|name| name.ends_with(&format!("_{network}")));
    let mut list: Vec<String> = { attached.iter().take(NETWORKS_SHOWN_MAX) }
        .map(|name| format!("`{}`", shown(name, NAME_CHARS_MAX)))
        .collect();
    match attached.len().saturating_sub(NETWORKS_SHOWN_MAX) {
        0 if attached.is_empty() => list.push("no network".to_owned()),
        0 => {}
        more => list.push(format!("{more} more")),
    }
    let list = list.join(", ");
    let user = shown(lender.unwrap_or(&container.name), NAME_CHARS_MAX);
    let help = match of_project {
        Some(_) => format!(
            "compose made a network of the project; write these two lines for it in the compose \
             file: `networks:` and below it `  {network}: {{external: true}}`"
        ),
        None => format!(
            "add `networks: [{network}]` to the service, or type `docker network connect \
             {network} {user}`"
        ),
    };
    let who = lender.map_or("it".to_owned(), |_| {
        format!("`{user}`, whose network it uses,")
    });
    let message = format!("{who} is not on the routing network `{network}`; it is on {list}");
    (message, help)
}

/// The rows of an app's containers none of whose routes came into being: those that are not shown.
/// `found` is sorted.
pub(super) fn left_out(
    app: &AppKey,
    candidates: &[Candidate<'_>],
    shown: &BTreeSet<&ContainerId>,
    found: &[Diagnostic],
    gates: &Gates,
) -> Vec<Row> {
    let definer = || forms::definer(candidates, gates).map(|one| one.container.reference());
    let absent = candidates.iter();
    let absent = absent.filter(|candidate| !shown.contains(&candidate.container.id));
    let row = |candidate: &Candidate<'_>| {
        let reference = candidate.container.reference();
        let own = found.partition_point(|diagnostic| diagnostic.container < reference);
        let own = found.get(own).filter(|diagnostic| {
            diagnostic.container == reference && diagnostic.code.severity() == Severity::Error
        });
        let of_definer = || {
            let definer = definer().map_or(String::new(), |definer| definer.to_string());
            format!("the labels of {definer} count for all replicas, and they are wrong")
        };
        let reason = own.map_or_else(of_definer, |diagnostic| diagnostic.message.clone());
        Row {
            app: Some(app.clone()),
            ..Row::refused(reference, &reason)
        }
    };
    absent.map(row).collect()
}
