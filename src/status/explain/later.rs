//! The links behind a ready container: its route, its slot, and what Caddy should answer.

use super::chain::{Chain, Context, blamed, or_warning};
use super::table::lookup;
use super::{Expected, Link, Request, Step, listener};
use crate::model::{HaltKind, Hostname, PathMatch};
use crate::routes::{HostPolicy, Route, RouteKey, Row, RowState, Serving};
use crate::status::{Status, halt_of};

/// What stands for the first label of a wildcard in a request of ours.
const ANY_LABEL: &str = "any";

/// The links of a row from its route on. `is_cut` is whether an earlier one does not hold: then they
/// say what is answered meanwhile.
pub(super) fn later_links(context: &Context<'_>, row: &Row, is_cut: bool) -> Chain {
    let placed = placed(context, row);
    let blamed = blamed(context.status, row, Step::Route);
    if is_cut || blamed.is_some() {
        let mut links: Vec<Link> = blamed.filter(|_| !is_cut).into_iter().collect();
        links.extend(meanwhile(context, row, placed));
        let expected = match placed {
            Some((_, route)) if !route.pool.upstreams.is_empty() => Some(Expected::Container),
            Some((_, route)) if waits(context, route) => None,
            Some(_) => Some(Expected::Unavailable),
            None => None,
        };
        return Chain {
            links,
            request: expected.and_then(|expected| request(context, placed, expected)),
        };
    }
    let Some((key, route)) = placed else {
        let text = "it has no route in the table";
        let link = Link::broken(Step::Route, text, "`sh0-agent routes` says more");
        return Chain {
            links: vec![link],
            request: None,
        };
    };
    let tls = tls_link(context.status, row);
    let lacks_certificate = tls.is_some();
    let mut links = vec![
        route_link(context, row, key),
        slot_link(context, row, route),
    ];
    links.extend(tls);
    links.push(caddy_link(context.status, key));
    let expected = match &route.serving {
        Serving::Closed => Expected::Unavailable,
        Serving::Passed(passed) if passed.handling.protection.is_any() => Expected::Protected,
        Serving::Passed(_) => Expected::Container,
    };
    Chain {
        links,
        request: { request(context, placed, expected) }
            .filter(|request| !(request.tls && lacks_certificate)),
    }
}

/// The links of a row whose app takes no requests, whoever is ready.
pub(super) fn halted_links(context: &Context<'_>, row: &Row) -> Chain {
    let placed = placed(context, row);
    let halt = { row.app.as_ref() }.and_then(|app| halt_of(&context.status.halts, app));
    let (Some((key, _)), Some(halt)) = (placed, halt) else {
        return Chain::default();
    };
    let text = format!("of `{key}`, {}", halt.kind);
    let request = match halt.kind {
        // It would wait, too.
        HaltKind::Paused { .. } => None,
        HaltKind::Stopped { .. } => request(context, placed, Expected::Unavailable),
    };
    Chain {
        links: vec![Link::note(Step::Route, text)],
        request,
    }
}

/// The key and the route of a row.
fn placed<'a>(context: &Context<'a>, row: &Row) -> Option<(&'a RouteKey, &'a Route)> {
    let host = Hostname::parse(&row.host).ok()?;
    let mut routes = context.by_host().get(&host)?.iter();
    let is_its = |key: &RouteKey, route: &Route| {
        key.beyond_host() == row.path && row.app.as_ref() == Some(&route.id.app)
    };
    routes.find(|(key, route)| is_its(key, route)).copied()
}

/// Whether requests wait for a container of this route.
fn waits(context: &Context<'_>, route: &Route) -> bool {
    let is_passed = matches!(route.serving, Serving::Passed(_));
    context.status.settings.slots && is_passed && !route.pool.hold.is_zero()
}

/// What is answered while an earlier link does not hold.
fn meanwhile(
    context: &Context<'_>,
    row: &Row,
    placed: Option<(&RouteKey, &Route)>,
) -> Option<Link> {
    let note = |text: String| Some(Link::note(Step::Route, text));
    match placed {
        _ if row.state == RowState::Routed => None,
        None if row.host.is_empty() => note("it has no route".to_owned()),
        None => note(format!(
            "it has no route; `{}{}` is not its own",
            row.host, row.path
        )),
        Some((key, route)) if matches!(route.serving, Serving::Closed) => {
            note(format!("`{key}` answers 503"))
        }
        Some((key, route)) if !route.pool.upstreams.is_empty() => {
            let others = route.pool.upstreams.len();
            note(format!(
                "`{key}` is answered by {others} other container(s) meanwhile"
            ))
        }
        Some((key, route)) if waits(context, route) => {
            let hold = route.pool.hold;
            note(format!(
                "requests for `{key}` wait up to {hold:?} for it, then get 503"
            ))
        }
        Some((key, _)) => note(format!("requests for `{key}` get 503")),
    }
}

fn route_link(context: &Context<'_>, row: &Row, key: &RouteKey) -> Link {
    let status = context.status;
    if let Some(error) = &status.caddy.load_error {
        let text = format!("the newest config is not in force: {error}");
        let help = "see the agent's log; it is tried again";
        return Link::broken(Step::Route, text, help);
    }
    if let Some((first, by)) = shadow(context, key) {
        let text = format!(
            "`{key}` never answers: `{first}` of `{}` stands first, and takes all of its requests",
            by.id.app
        );
        let help = "change the `priority` of one of the two, or its path or conditions";
        return Link::broken(Step::Route, text, help);
    }
    if status.applied != Some(status.generation) {
        let text = format!("config {} is on its way to Caddy", status.generation);
        return Link::waiting(Step::Route, text);
    }
    let text = format!("`{key}`, in config {}", status.generation);
    or_warning(status, row, Step::Route, text)
}

/// A route that stands before this one and takes all of its requests.
fn shadow<'a>(context: &Context<'a>, key: &RouteKey) -> Option<(&'a RouteKey, &'a Route)> {
    if key.matching.is_empty() && matches!(key.path, PathMatch::Regexp(_)) {
        return None;
    }
    let host = concrete(&key.host)?;
    let first = lookup(context, &host, &sample(key)).sure?;
    let is_before = first.0.host == key.host && first.0 != key && first.0 < key;
    is_before.then_some(first)
}

fn slot_link(context: &Context<'_>, row: &Row, route: &Route) -> Link {
    if !context.status.settings.slots {
        return Link::good(Step::Slot, "its address stands in the config");
    }
    let contents = (context.contents)(route.pool.key);
    let (Some(address), false) = (row.address, contents.is_empty()) else {
        let text = "the files of its slots are not there";
        let help = "see the agent's log; it writes them again within a second";
        return Link::broken(Step::Slot, text, help);
    };
    let address = address.to_string();
    let own = contents
        .iter()
        .filter(|content| **content == address)
        .count();
    let all = contents.len();
    match own {
        0 => {
            let text = "none of its slots leads to it: more containers are ready than it has slots";
            Link::note(Step::Slot, text)
        }
        own if own == all => Link::good(Step::Slot, address),
        own => Link::good(Step::Slot, format!("{address}, in {own} of {all} slots")),
    }
}

/// The certificate that the host lacks. Caddy cannot answer over TLS before it has it.
fn tls_link(status: &Status, row: &Row) -> Option<Link> {
    let obtaining = status.obtainings.get(&row.host)?;
    let link = Link::waiting(Step::Tls, obtaining.text());
    let help = "the authority must reach this machine under that name: `sh0-agent doctor` looks at \
                its DNS records; Caddy tries again by itself";
    Some(match obtaining.error {
        Some(_) => link.help(help),
        None => link,
    })
}

/// Which Caddy serves, and the load that brought the route.
fn caddy_link(status: &Status, key: &RouteKey) -> Link {
    let caddy = &status.caddy;
    if caddy.phase != "up" {
        let text = format!("Caddy is not serving: {}", caddy.phase);
        return Link::broken(Step::Caddy, text, "`sh0-agent doctor` says why");
    }
    let version = Some(&caddy.version).filter(|version| !version.is_empty());
    let version = version.map_or_else(String::new, |version| format!(" {version}"));
    let process = caddy.pid.map(|pid| format!(", process {pid}"));
    let starts = (caddy.epoch > 1).then(|| format!(", started {} times", caddy.epoch));
    let load = status.history.load_of(key);
    let load = load.map(|load| format!("; the {load} brought the route"));
    let more: String = [process, starts, load].into_iter().flatten().collect();
    Link::good(Step::Caddy, format!("Caddy{version} serves{more}"))
}

/// A request that the key takes.
fn request(
    context: &Context<'_>,
    placed: Option<(&RouteKey, &Route)>,
    expected: Expected,
) -> Option<Request> {
    let (key, _) = placed?;
    let is_askable = key.matching.is_empty() && !matches!(key.path, PathMatch::Regexp(_));
    let host = concrete(&key.host).filter(|_| is_askable)?;
    let policy = context.status.table.hosts.get(&key.host);
    let tls = policy.is_some_and(HostPolicy::has_tls);
    // Nobody here has a certificate that such a host asks for.
    let is_closed = policy.is_some_and(|policy| policy.client_ca.is_some());
    (!is_closed && context.status.caddy.phase == "up").then(|| Request {
        address: listener(&context.status.settings, tls),
        tls,
        host: host.to_string(),
        path: sample(key),
        expected,
    })
}

/// A host that this one stands for.
fn concrete(host: &Hostname) -> Option<Hostname> {
    if host.is_catch_all() {
        return Hostname::parse("any.invalid").ok();
    }
    match host.as_str().strip_prefix("*.") {
        Some(rest) => Hostname::parse(&format!("{ANY_LABEL}.{rest}")).ok(),
        None => Some(host.clone()),
    }
}

/// A path that the key takes.
fn sample(key: &RouteKey) -> String {
    match &key.path {
        PathMatch::Exact(path) => path.to_string(),
        PathMatch::Prefix(path) => path.to_string(),
        PathMatch::Regexp(_) | PathMatch::Every => "/".to_owned(),
    }
}
