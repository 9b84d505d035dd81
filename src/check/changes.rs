//! What starting a project would change on a host: its routes there now, against those to come.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::crowd::Running;
use super::{Checked, Remembered, Rules, said};
use crate::compose::{Loaded, Project};
use crate::diagnostic::LabelRef;
use crate::labels::{Key, Scope, is_secret, key_info, keys};
use crate::model::{AppKey, Owner, RouteId, RouteName};
use crate::routes::{Built, LastGood, RowState};

/// A row of a running agent's status.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RunningRow {
    /// The host; empty without a route.
    pub host: String,
    /// What else names the route.
    pub path: String,
    /// Whose it is.
    pub app: Option<AppKey>,
    /// Which of its routes.
    pub route: Option<RouteName>,
    /// What became of it.
    pub state: RowState,
}

impl RunningRow {
    /// Whether requests for it are taken.
    pub(super) fn is_served(&self) -> bool {
        !self.host.is_empty() && matches!(self.state, RowState::Routed | RowState::Waiting)
    }

    /// Whether it is a route of this owner.
    fn is_of(&self, owner: &Owner) -> bool {
        self.is_served() && self.app.as_ref().is_some_and(|app| app.owner == *owner)
    }
}

/// What happens to a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is new.
    Added,
    /// It is there already, in another form.
    Changed,
    /// It goes.
    Removed,
    /// It does not come into being, or not as its labels say.
    Refused,
    /// It stays as it is.
    Kept,
}

/// One route, and what happens to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RouteChange {
    /// The host; empty where the labels name none.
    pub host: String,
    /// What else names the route.
    pub path: String,
    /// Whose route it is.
    pub app: String,
    /// What happens to it.
    pub change: Change,
    /// What differs, or why.
    pub details: Vec<String>,
}

/// What a project would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The project's name.
    pub project: String,
    /// Its routes, by host and path.
    pub changes: Vec<RouteChange>,
    /// What is wrong with its files.
    pub checked: Checked,
}

type Place = (String, String);

/// What would change if these services were started where an agent has these rows.
#[must_use]
pub fn changes(
    loaded: Loaded,
    rules: &Rules,
    running: &Running,
    remembered: &Remembered,
    rows: &[RunningRow],
) -> Planned {
    let (findings, built) = said(
        &loaded,
        rules,
        std::slice::from_ref(running),
        remembered,
        rows,
    );
    let project = &loaded.project;
    let comparison = Comparison {
        project,
        rules,
        running,
        remembered,
        owner: Owner::Project(project.name.as_str().into()),
        rows,
    };
    let mut changes = BTreeSet::new();
    for built in &built {
        changes.extend(comparison.changes(built));
    }
    Planned {
        project: project.name.clone(),
        changes: changes.into_iter().collect(),
        checked: Checked {
            findings,
            routes: BTreeSet::new(),
            sources: loaded.sources,
        },
    }
}

struct Comparison<'a> {
    project: &'a Project,
    rules: &'a Rules,
    running: &'a Running,
    remembered: &'a Remembered,
    owner: Owner,
    rows: &'a [RunningRow],
}

impl Comparison<'_> {
    fn changes(&self, built: &Built) -> Vec<RouteChange> {
        let mut before: BTreeMap<Place, RouteId> = BTreeMap::new();
        for row in self.rows.iter().filter(|row| row.is_of(&self.owner)) {
            if let (Some(app), Some(route)) = (row.app.clone(), row.route.clone()) {
                before.insert((row.host.clone(), row.path.clone()), RouteId { app, route });
            }
        }
        let mut changes = Vec::new();
        let mut placed = BTreeSet::new();
        let is_own = |app: &AppKey| app.owner == self.owner;
        for row in built.rows.iter() {
            let Some(app) = row.app.as_ref().filter(|app| is_own(app)) else {
                continue;
            };
            let place = (row.host.clone(), row.path.clone());
            let id = row.route.clone().map(|route| RouteId {
                app: app.clone(),
                route,
            });
            let (change, details) = match (row.state, &row.reason, before.get(&place), &id) {
                (RowState::Off, ..) => continue,
                // Refused, or served by the form of before.
                (RowState::Refused, reason, ..) | (_, reason @ Some(_), ..) => {
                    (Change::Refused, reason.iter().cloned().collect())
                }
                (RowState::Routed | RowState::Waiting, None, Some(before), Some(id)) => {
                    let details = self.differences(before, id, built);
                    if details.is_empty() {
                        (Change::Kept, details)
                    } else {
                        (Change::Changed, details)
                    }
                }
                (RowState::Routed | RowState::Waiting, None, ..) => (Change::Added, Vec::new()),
            };
            placed.insert(place.clone());
            changes.push(route_change(place, app, change, details));
        }
        let gone = before
            .into_iter()
            .filter(|(place, _)| !placed.contains(place));
        changes.extend(gone.filter_map(|(place, id)| self.removed(place, &id)));
        changes
    }

    /// A route that is not asked for any more; `None` where its containers stay as they are.
    fn removed(&self, place: Place, id: &RouteId) -> Option<RouteChange> {
        let mut services = self.project.services.iter();
        let service = services.find(|service| *service.name == *id.app.name);
        let why = match service {
            Some(service) if !self.running.has(service) => return None,
            Some(_) => "its labels do not ask for it any more",
            None => {
                "the service is not in the file; its containers go with `docker compose up \
                 --remove-orphans`"
            }
        };
        let details = vec![why.to_owned()];
        Some(route_change(place, &id.app, Change::Removed, details))
    }

    /// What differs between the route that is there and the one to come.
    fn differences(&self, before: &RouteId, id: &RouteId, built: &Built) -> Vec<String> {
        let mut differences = Vec::new();
        if before.app != id.app {
            differences.push(format!("it is `{}` now", before.app));
        }
        let of = |id: &RouteId, all: &LastGood| all.get(id).cloned();
        let (Some(old), Some(new)) = (of(before, &self.remembered.last_good), of(id, &built.good))
        else {
            return differences;
        };
        let keys: BTreeSet<&Arc<str>> = old.keys().chain(new.keys()).collect();
        let keys = keys.into_iter().filter(|key| self.counts(key, &id.route));
        for key in keys {
            let (old, new) = (old.get(key), new.get(key));
            if old != new {
                differences.push(self.difference(key, old, new));
            }
        }
        differences
    }

    fn difference(&self, key: &Arc<str>, old: Option<&Arc<str>>, new: Option<&Arc<str>>) -> String {
        let label = |value: &Arc<str>| {
            let label = LabelRef {
                key: Arc::clone(key),
                value: Arc::clone(value),
            };
            let is_secret = is_secret(key, &self.rules.prefix);
            let label = if is_secret { label.hidden() } else { label };
            format!(
                "`{}={}`",
                label.shown_key(),
                label.shown_value().trim_matches('"')
            )
        };
        match (old, new) {
            (None, Some(new)) => format!("{} is new", label(new)),
            (Some(old), None) => format!("{} goes", label(old)),
            (Some(old), Some(new)) => format!("{} becomes {}", label(old), label(new)),
            (None, None) => String::new(),
        }
    }

    /// Whether a label says something about this route of its container.
    fn counts(&self, key: &str, route: &RouteName) -> bool {
        let rest = key.strip_prefix(&self.rules.prefix);
        let rest = rest.map_or(key, |rest| rest.trim_start_matches('.'));
        // It marks a container, and changes nothing of its routes.
        if rest == key_info(Key::Test).name {
            return false;
        }
        let of_container = || {
            let mut keys = keys();
            keys.any(|info| info.scope == Scope::Container && info.name == rest)
        };
        match (rest.strip_prefix("routes."), route) {
            (None, RouteName::Default) => true,
            (None, RouteName::Named(_)) => rest == "host" || of_container(),
            (Some(_), RouteName::Default) => false,
            (Some(rest), RouteName::Named(name)) => {
                rest.split_once('.').is_some_and(|(own, _)| own == name)
            }
        }
    }
}

fn route_change(
    (host, path): Place,
    app: &AppKey,
    change: Change,
    details: Vec<String>,
) -> RouteChange {
    RouteChange {
        host,
        path,
        app: app.to_string(),
        change,
        details,
    }
}
