//! What happened lately, as two bounded lists: happenings in words, and loads with their durations.
//!
//! Pure: each happening is the difference of two statuses, so that the loop says nothing twice.
//! Deliberately forgets: the log is what keeps.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;

use super::{Status, halted};
use crate::model::changes;
use crate::routes::{Route, RouteTable, Serving};

/// Happenings that are kept: a few screens, and some dozen KB.
const HAPPENINGS_MAX: usize = 200;
/// Loads that are kept: as many as a small plot shows.
const LOADS_MAX: usize = 60;
/// Routes that one change tells one by one; of more only the number is told, so that a start with
/// thousands does not push everything else out.
const ROUTES_TOLD_MAX: usize = 20;

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HappeningKind {
    /// A site is asked for, and has no container that is ready yet.
    New,
    /// A site takes requests.
    Live,
    /// A site is served differently.
    Changed,
    /// A site has no container that is ready, or is closed.
    Down,
    /// A site is gone.
    Removed,
    /// Something of the machine works again.
    Recovered,
    /// Something of the machine fails.
    Trouble,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Happening {
    /// When, in seconds since 1970.
    pub at: u64,
    /// Its kind.
    pub kind: HappeningKind,
    /// What it happened to: a host and path, `Docker` or `Caddy`. From labels, so untrusted.
    pub subject: String,
    /// What happened; untrusted, too.
    pub text: String,
}

/// A config that was sent to Caddy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoadRun {
    /// When it ended, in seconds since 1970.
    pub at: u64,
    /// How long it took.
    pub milliseconds: u64,
    /// Why it failed, where it did.
    pub error: Option<String>,
}

/// What happened lately, oldest first.
#[derive(Debug, Clone, Default, Serialize)]
pub struct History {
    happenings: VecDeque<Arc<Happening>>,
    loads: VecDeque<Arc<LoadRun>>,
    /// The table whose routes were told last.
    #[serde(skip)]
    told: Arc<RouteTable>,
}

impl History {
    /// What happened, oldest first.
    pub fn happenings(&self) -> impl DoubleEndedIterator<Item = &Happening> + ExactSizeIterator {
        self.happenings.iter().map(|happening| &**happening)
    }

    /// The loads, oldest first.
    pub fn loads(&self) -> impl DoubleEndedIterator<Item = &LoadRun> + ExactSizeIterator {
        self.loads.iter().map(|load| &**load)
    }

    /// Adds a load.
    pub fn add_load(&mut self, load: LoadRun) {
        push(&mut self.loads, load, LOADS_MAX);
    }

    /// Adds a happening.
    pub fn add(&mut self, happening: Happening) {
        push(&mut self.happenings, happening, HAPPENINGS_MAX);
    }
}

fn push<T>(list: &mut VecDeque<Arc<T>>, item: T, most: usize) {
    if list.len() == most {
        list.pop_front();
    }
    list.push_back(Arc::new(item));
}

impl Status {
    /// Tells its history what is different from the status before.
    pub fn tell(&mut self, before: &Self, at: u64) {
        let mut told = machine(before, self);
        told.extend(halted::told(&before.halts, &self.halts));
        let is_served = self.applied == Some(self.generation);
        let is_new = is_served && !Arc::ptr_eq(&self.history.told, &self.table);
        if is_new {
            told.extend(routes(&self.history.told, &self.table));
        }
        if !is_new && told.is_empty() {
            return;
        }
        let history = Arc::make_mut(&mut self.history);
        if is_new {
            history.told = Arc::clone(&self.table);
        }
        for (kind, subject, text) in told {
            history.add(Happening {
                at,
                kind,
                subject,
                text,
            });
        }
    }
}

type Told = (HappeningKind, String, String);

/// What is different in Docker and Caddy.
fn machine(before: &Status, after: &Status) -> Vec<Told> {
    let mut told = Vec::new();
    let mut tell = |kind, subject: &str, text: &str| {
        told.push((kind, subject.to_owned(), text.to_owned()));
    };
    let (was, is) = (&before.docker, &after.docker);
    match (&was.error, &is.error) {
        (None, Some(error)) => tell(HappeningKind::Trouble, "Docker", error),
        (Some(_), None) if is.reachable => {
            tell(HappeningKind::Recovered, "Docker", "answers again");
        }
        (None | Some(_), _) => {}
    }
    let (was, is) = (&before.caddy, &after.caddy);
    if was.phase != is.phase && is.phase == "up" {
        let text = if is.epoch > 1 { "is up again" } else { "is up" };
        tell(HappeningKind::Recovered, "Caddy", text);
    } else if was.phase != is.phase && was.phase == "up" {
        let text = format!("no longer serves: {}", is.phase);
        tell(HappeningKind::Trouble, "Caddy", &text);
    } else if was.phase != is.phase && is.phase == "port taken" {
        let text = "cannot start: another process has its port";
        tell(HappeningKind::Trouble, "Caddy", text);
    }
    match (&was.load_error, &is.load_error) {
        (None, Some(error)) => tell(HappeningKind::Trouble, "Caddy", error),
        (Some(_), None) => tell(HappeningKind::Recovered, "Caddy", "took the newest config"),
        (None, None) | (Some(_), Some(_)) => {}
    }
    told
}

/// What is different in the routes.
fn routes(before: &RouteTable, after: &RouteTable) -> Vec<Told> {
    let all = changes(&before.routes, &after.routes);
    let mut told: Vec<Told> = all
        .filter_map(|(key, old, new)| {
            let (kind, text) = change(old.map(|old| &**old), new.map(|new| &**new))?;
            Some((kind, key.to_string(), text))
        })
        .collect();
    let more = told.len().saturating_sub(ROUTES_TOLD_MAX);
    if more > 0 {
        told.truncate(ROUTES_TOLD_MAX);
        let text = format!("changed in the same moment ({} now)", after.routes.len());
        told.push((HappeningKind::Changed, format!("{more} more sites"), text));
    }
    told
}

/// What became of one route; `None` where nobody would notice.
fn change(old: Option<&Route>, new: Option<&Route>) -> Option<(HappeningKind, String)> {
    let Some(new) = new else {
        return Some((HappeningKind::Removed, "is no longer served".to_owned()));
    };
    let is_closed = |route: &Route| matches!(route.serving, Serving::Closed);
    let was_closed = old.is_some_and(is_closed);
    let was_ready = old.is_some_and(|old| !old.pool.upstreams.is_empty());
    if is_closed(new) {
        let text = "is closed and answers 503".to_owned();
        return (!was_closed).then_some((HappeningKind::Down, text));
    }
    let upstreams = &new.pool.upstreams;
    if upstreams.is_empty() {
        if old.is_none() {
            let text = "is asked for; no container is ready yet".to_owned();
            return Some((HappeningKind::New, text));
        }
        let text = "has no container that is ready".to_owned();
        return (was_ready || was_closed).then_some((HappeningKind::Down, text));
    }
    let names: Vec<&str> = { upstreams.iter() }
        .map(|upstream| &*upstream.container.name)
        .collect();
    let served = format!("served by {}", names.join(", "));
    match old {
        Some(old) if was_ready && !was_closed => {
            let is_alike = old.pool.upstreams == *upstreams && old.serving == new.serving;
            (!is_alike).then_some((HappeningKind::Changed, served))
        }
        Some(_) | None => Some((HappeningKind::Live, served)),
    }
}
