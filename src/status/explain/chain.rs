//! The links of one container under one route, up to the point where it is ready.

use std::cell::OnceCell;

use super::later::{halted_links, later_links};
use super::table::{ByHost, by_host};
use super::{Link, LinkState, NAME_CHARS_MAX, Request, Step, docker_silent, steps};
use crate::model::{AppKey, Halt, PoolKey, shown};
use crate::routes::{Awaited, Obstacle, Row, RowState};
use crate::status::{Status, halt_of};

/// What is read by all links.
pub(super) struct Context<'a> {
    pub(super) status: &'a Status,
    /// What the slots of a pool say.
    pub(super) contents: &'a dyn Fn(PoolKey) -> Vec<String>,
    /// Sorted once, at the first question.
    pub(super) by_host: OnceCell<ByHost<'a>>,
}

impl<'a> Context<'a> {
    pub(super) fn by_host(&self) -> &ByHost<'a> {
        self.by_host.get_or_init(|| by_host(&self.status.table))
    }
}

/// The links, and what to ask Caddy then.
#[derive(Debug, Default)]
pub(super) struct Chain {
    pub(super) links: Vec<Link>,
    pub(super) request: Option<Request>,
}

/// Host and path of a row; `-` where it has none.
pub(super) fn route_of(row: &Row) -> String {
    if row.host.is_empty() {
        return "-".to_owned();
    }
    format!("{}{}", row.host, row.path)
}

/// All links of a row.
pub(super) fn row_links(context: &Context<'_>, row: &Row) -> Chain {
    let status = context.status;
    let halt = row.app.as_ref().and_then(|app| halted(status, app));
    let is_halted = halt.is_some();
    let mut links: Vec<Link> = halt.into_iter().collect();
    links.push(seen(status, row));
    for step in [labels, network, ready, owner] {
        if links
            .last()
            .is_some_and(|link| link.state >= LinkState::Waiting)
        {
            break;
        }
        links.push(step(status, row));
    }
    let is_cut = links
        .last()
        .is_some_and(|link| link.state >= LinkState::Waiting);
    let later = if is_halted {
        halted_links(context, row)
    } else {
        later_links(context, row, is_cut)
    };
    links.extend(later.links);
    Chain {
        links,
        request: later.request,
    }
}

/// What a person told the agent to do with the app, where its requests are held back.
pub(super) fn halted(status: &Status, app: &AppKey) -> Option<Link> {
    let halt = halt_of(&status.halts, app)?;
    let link = Link::broken(Step::Asked, halt.in_full(), Halt::help(app));
    Some(link)
}

fn name(row: &Row) -> String {
    shown(&row.container.name, NAME_CHARS_MAX)
}

fn seen(status: &Status, row: &Row) -> Link {
    let name = name(row);
    let reason = row.reason.clone().unwrap_or_default();
    let broken = |help: String| Link::broken(Step::Seen, reason.clone(), help);
    let again = Link::good(Step::Seen, format!("container {}", row.container));
    let link = match row.obstacle {
        Some(Obstacle::Created | Obstacle::Exited) => broken(format!(
            "`docker start {name}`; if it ends again, `docker logs {name}` says why"
        )),
        Some(Obstacle::Paused) => broken(format!("`docker unpause {name}`")),
        Some(Obstacle::NotRunning) => {
            broken(format!("see `docker logs {name}` and `docker ps --all`"))
        }
        Some(Obstacle::Crashing) => {
            broken(format!("`docker logs {name}` says why it ends; mend that"))
        }
        Some(_) | None => again,
    };
    match &status.docker.error {
        Some(error) if row.state == RowState::Routed => Link {
            state: LinkState::Warning,
            ..docker_silent(error)
        },
        Some(error) => docker_silent(error),
        None => link,
    }
}

fn labels(status: &Status, row: &Row) -> Link {
    let name = name(row);
    let prefix = &status.settings.label_prefix;
    let reason = row.reason.clone().unwrap_or_default();
    match row.obstacle {
        Some(Obstacle::Disabled) => {
            let help = format!("create it anew without the label `{prefix}.enable`");
            return Link::broken(Step::Labels, reason, help);
        }
        Some(Obstacle::OneOff) => {
            let help = format!(
                "start it as a service (`docker compose up -d`) instead of `docker compose run`, or \
                 without the label `com.docker.compose.oneoff`; `{name}` itself stays as it is"
            );
            return Link::broken(Step::Labels, reason, help);
        }
        Some(_) | None => {}
    }
    if let Some(link) = blamed(status, row, Step::Labels) {
        return link;
    }
    if row.obstacle.is_none()
        && row.state == RowState::Refused
        && steps::blamed(status, row).is_none()
    {
        return Link::broken(Step::Labels, reason, "`sh0-agent routes` says more");
    }
    or_warning(status, row, Step::Labels, route_of(row))
}

/// The finding to blame, where it belongs to this link.
pub(super) fn blamed(status: &Status, row: &Row, step: Step) -> Option<Link> {
    let diagnostic = steps::blamed(status, row)?;
    let state = if row.state == RowState::Routed {
        LinkState::Warning
    } else {
        LinkState::Broken
    };
    (steps::step_of(diagnostic.code) == step).then(|| {
        let link = steps::link(diagnostic, state);
        let is_last_good = row.obstacle == Some(Obstacle::LastGood);
        Link {
            text: if is_last_good {
                format!(
                    "by its last good form, not as its labels say now: {}",
                    link.text
                )
            } else {
                link.text
            },
            ..link
        }
    })
}

/// A link that holds, with what is odd about it.
pub(super) fn or_warning(status: &Status, row: &Row, step: Step, text: String) -> Link {
    match steps::warning(status, row, step) {
        Some(diagnostic) => steps::link(diagnostic, LinkState::Warning),
        None => Link::good(step, text),
    }
}

fn network(status: &Status, row: &Row) -> Link {
    let network = &status.settings.network;
    let reason = row.reason.clone().unwrap_or_default();
    let is_off = matches!(
        row.obstacle,
        Some(Obstacle::NotOnNetwork | Obstacle::NoAddress)
    );
    if is_off && status.docker.network_missing {
        let text = format!("the routing network `{network}` does not exist");
        let name = name(row);
        let help = format!(
            "`docker network create {network}`, then `docker network connect {network} {name}`"
        );
        return Link::broken(Step::Network, text, help);
    }
    if let Some(link) = blamed(status, row, Step::Network) {
        return link;
    }
    match row.obstacle {
        Some(Obstacle::NoAddress) => Link::waiting(Step::Network, reason),
        Some(Obstacle::OwnPort) => {
            let help = format!(
                "let it listen at another port, and label it `{}.port=<that port>`",
                status.settings.label_prefix
            );
            Link::broken(Step::Network, reason, help)
        }
        Some(Obstacle::NotOnNetwork | Obstacle::LenderGone | Obstacle::NoPort) => {
            Link::broken(Step::Network, reason, "`sh0-agent routes` says more")
        }
        Some(_) | None => {
            let awaited = row.awaited.as_ref().map(|awaited| awaited.address);
            let address = row.address.or(awaited);
            let text = address.map_or("it has an address".to_owned(), |a| a.to_string());
            Link::good(Step::Network, text)
        }
    }
}

fn ready(status: &Status, row: &Row) -> Link {
    let name = name(row);
    let reason = row.reason.clone().unwrap_or_default();
    let broken = |help: String| Link::broken(Step::Ready, reason.clone(), help);
    let waiting = || Link::waiting(Step::Ready, reason.clone());
    match row.obstacle {
        Some(Obstacle::Starting) => waiting(),
        Some(Obstacle::Draining) => waiting().help(format!(
            "start it again when it has ended: `docker start {name}`"
        )),
        Some(Obstacle::Remembered) => waiting().help("`sh0-agent doctor` says what Docker lacks"),
        Some(Obstacle::Unhealthy) => broken(format!(
            "`docker inspect --format '{{{{json .State.Health}}}}' {name}` says what its HEALTHCHECK \
             answers; mend that"
        )),
        Some(Obstacle::Failing) => broken(format!(
            "mend what the labels `{}.health.…` ask for, or change them",
            status.settings.label_prefix
        )),
        Some(Obstacle::Unproven) => unproven(status, row, &name),
        Some(Obstacle::OtherRoute) => broken(format!(
            "create it anew with the labels of the other replicas, or give it an app of its own \
             (`{}.app`)",
            status.settings.label_prefix
        )),
        Some(Obstacle::Ailing) => Link::new(Step::Ready, LinkState::Warning, reason).help(format!(
            "see `docker logs {name}`, and mend what its check finds"
        )),
        Some(_) | None => Link::good(Step::Ready, "it is ready"),
    }
}

/// A container that was not seen to answer. It may only need time, so it is tried again and again;
/// what a person reads first is where it is tried.
fn unproven(status: &Status, row: &Row, name: &str) -> Link {
    let prefix = &status.settings.label_prefix;
    let Some(Awaited { address, path }) = &row.awaited else {
        return Link::waiting(Step::Ready, "it has not shown yet that it is ready");
    };
    let port = address.port();
    if let Some(path) = path {
        let path = shown(path, NAME_CHARS_MAX);
        let text = format!("it does not answer `{path}` at {address} with 2xx or 3xx yet");
        let help = format!(
            "`curl -i http://{address}{path}` shows its answer; label it `{prefix}.ready=tcp`, or \
             `{prefix}.ready=http:` with a path that it answers"
        );
        return Link::broken(Step::Ready, text, help);
    }
    let text = format!("nobody accepts connections at {address} yet");
    let help = format!(
        "if the app listens at another port, label it `{prefix}.port=<that port>` instead of \
         {port}; if on 127.0.0.1 only, let it listen on 0.0.0.0; see `docker logs {name}`"
    );
    Link::broken(Step::Ready, text, help)
}

fn owner(status: &Status, row: &Row) -> Link {
    if let Some(link) = blamed(status, row, Step::Owner) {
        return link;
    }
    let text = row.app.as_ref().map_or("no app".to_owned(), |app| {
        let owner = match &app.owner {
            crate::model::Owner::Project(_) => format!(" of {}", app.owner),
            crate::model::Owner::App(_) => String::new(),
        };
        format!("app `{}`{owner}", shown(&app.name, NAME_CHARS_MAX))
    });
    or_warning(status, row, Step::Owner, text)
}
