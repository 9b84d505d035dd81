//! Which app a person means.
//!
//! Pure: the status and a name give an app, or why none.

use std::collections::{BTreeMap, BTreeSet};

use super::control::{Refusal, RefusalKind};
use super::explain::find::closest;
use super::{Halted, Status};
use crate::model::{AppKey, Hostname, shown};

/// Characters of a name that are shown.
const NAME_CHARS_MAX: usize = 128;
/// Apps that are named where a name means several or none.
const APPS_SHOWN_MAX: usize = 10;

/// The one app that is meant: by its name as the table of routes shows it, else by its name without
/// the project, by a container or by a host, if all these mean the same one.
///
/// # Errors
/// When none is meant, or several: which apps there are, or which is most like it.
pub fn app(status: &Status, asked: &str) -> Result<AppKey, Refusal> {
    let asked = asked.trim();
    let names = names(status);
    let whole = names.keys().find(|app| app.to_string() == asked);
    if let Some(app) = whole {
        return Ok((*app).clone());
    }
    let host = Hostname::parse(asked).ok();
    let is_meant = |app: &AppKey, of: &Names<'_>| {
        let is_host = host
            .as_ref()
            .is_some_and(|host| of.hosts.contains(host.as_str()));
        *app.name == *asked || of.containers.contains(asked) || is_host
    };
    let meant: Vec<&AppKey> = { names.iter() }
        .filter(|(app, of)| is_meant(app, of))
        .map(|(app, _)| *app)
        .collect();
    match meant.as_slice() {
        [app] => Ok((*app).clone()),
        [] => Err(unknown(status, asked, &names)),
        several => {
            let asked = shown(asked, NAME_CHARS_MAX);
            let error = format!("`{asked}` means {} apps", several.len());
            let help = format!("name one of {}", listed(several.iter().copied()));
            Err(Refusal::new(RefusalKind::Ambiguous, error, help))
        }
    }
}

/// Hosts and paths of an app in the newest table, in its order.
pub fn routes_of(status: &Status, app: &AppKey) -> Vec<String> {
    let routes = status.table.in_order();
    let own = routes.into_iter().filter(|(_, route)| route.id.app == *app);
    own.map(|(key, _)| key.to_string()).collect()
}

/// By what an app is known besides its own name.
#[derive(Default)]
struct Names<'a> {
    containers: BTreeSet<&'a str>,
    hosts: BTreeSet<&'a str>,
}

/// All apps: those of containers, those whose route outlives its containers, and halted ones.
fn names(status: &Status) -> BTreeMap<&AppKey, Names<'_>> {
    let mut names: BTreeMap<&AppKey, Names<'_>> = BTreeMap::new();
    for row in status.rows.iter() {
        let Some(app) = &row.app else { continue };
        let of = names.entry(app).or_default();
        of.containers.insert(&row.container.name);
        of.hosts
            .extend([row.host.as_str()].iter().filter(|host| !host.is_empty()));
    }
    for (key, route) in &status.table.routes {
        let of = names.entry(&route.id.app).or_default();
        of.hosts.insert(key.host.as_str());
    }
    for Halted { app, .. } in status.halts.iter() {
        names.entry(app).or_default();
    }
    names
}

fn unknown(status: &Status, asked: &str, names: &BTreeMap<&AppKey, Names<'_>>) -> Refusal {
    let error = format!("there is no app `{}`", shown(asked, NAME_CHARS_MAX));
    let known = names.iter().flat_map(|(app, of)| {
        let others = of.containers.iter().chain(&of.hosts);
        others.map(ToString::to_string).chain([app.to_string()])
    });
    let nearest = closest(known.collect(), asked);
    let help = if let Some(error) = status.docker.error.as_ref().filter(|_| names.is_empty()) {
        format!("the containers are not known yet: {error}; see `sh0-agent doctor`")
    } else if names.is_empty() {
        "no container asks for a route; label one `sh0.host=app.example.com`".to_owned()
    } else if nearest.is_empty() {
        let apps = listed(names.keys().copied());
        format!("the apps are {apps}; `sh0-agent routes` shows them")
    } else {
        let nearest: Vec<String> = nearest.iter().map(|name| format!("`{name}`")).collect();
        let nearest = nearest.join(" or ");
        format!("did you mean {nearest}? `sh0-agent routes` shows all apps")
    };
    Refusal::new(RefusalKind::Unknown, error, help)
}

fn listed<'a>(apps: impl ExactSizeIterator<Item = &'a AppKey>) -> String {
    let more = apps.len().saturating_sub(APPS_SHOWN_MAX);
    let mut listed: Vec<String> = { apps.take(APPS_SHOWN_MAX) }
        .map(|app| format!("`{app}`"))
        .collect();
    if more > 0 {
        listed.push(format!("{more} more"));
    }
    listed.join(", ")
}
