//! What happened lately, as two bounded lists: happenings in words, and loads with their durations.
//!
//! Pure: what happened to Docker and Caddy is the difference of two statuses, so that the loop says
//! nothing twice; what became of routes comes from where a table comes into force.
//! Deliberately forgets: the log is what keeps.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Status, halted};
use crate::metrics::{LoadReason, LoadResult, Word};
use crate::model::utc;
use crate::routes::{Became, Route, RouteKey};

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

/// A config that was sent to Caddy, and what came of it. `Display` says when, why and how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// When it was sent, in seconds since 1970.
    pub at: u64,
    /// How long Caddy took.
    pub millis: u64,
    /// Why it was sent.
    pub reason: LoadReason,
    /// What came of it.
    pub result: LoadResult,
    /// Why it failed, where it did; mostly in Caddy's words, so untrusted.
    pub error: Option<String>,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (reason, millis) = (self.reason.as_str(), self.millis);
        write!(f, "load of {} UTC ({reason}, {millis} ms)", utc(self.at))
    }
}

/// What happened lately, oldest first.
#[derive(Debug, Clone, Default, Serialize)]
pub struct History {
    happenings: VecDeque<Arc<Happening>>,
    loads: VecDeque<Arc<Load>>,
    /// The routes that each of the last loads brought or changed, in their order.
    #[serde(skip)]
    brought: VecDeque<Arc<Brought>>,
}

#[derive(Debug)]
struct Brought {
    load: Arc<Load>,
    routes: Vec<RouteKey>,
}

impl History {
    /// What happened, oldest first.
    pub fn happenings(&self) -> impl DoubleEndedIterator<Item = &Happening> + ExactSizeIterator {
        self.happenings.iter().map(|happening| &**happening)
    }

    /// The loads, oldest first.
    pub fn loads(&self) -> impl DoubleEndedIterator<Item = &Load> + ExactSizeIterator {
        self.loads.iter().map(|load| &**load)
    }

    /// Adds a load.
    pub fn add_load(&mut self, load: Arc<Load>) {
        push(&mut self.loads, load, LOADS_MAX);
    }

    /// A load put these changes in force.
    pub fn brought(&mut self, load: &Arc<Load>, changes: &[(&RouteKey, Became<'_>)]) {
        let routes = changes.iter().map(|(key, _)| (*key).clone()).collect();
        let load = Arc::clone(load);
        push(
            &mut self.brought,
            Arc::new(Brought { load, routes }),
            LOADS_MAX,
        );
    }

    /// The load that brought this route in its present form; `None` where it is too long ago, or
    /// Caddy was started with it.
    #[must_use]
    pub fn load_of(&self, route: &RouteKey) -> Option<&Load> {
        let mut brought = self.brought.iter().rev();
        let found = brought.find(|brought| brought.routes.binary_search(route).is_ok());
        found.map(|brought| &*brought.load)
    }

    /// Adds a happening.
    pub fn add(&mut self, happening: Happening) {
        push(&mut self.happenings, Arc::new(happening), HAPPENINGS_MAX);
    }

    /// Tells what became of routes, of which there are so many now.
    pub fn tell(&mut self, changes: &[(&RouteKey, Became<'_>)], routes: usize, at: u64) {
        for (key, became) in changes.iter().take(ROUTES_TOLD_MAX) {
            let (kind, text) = told(*became);
            let subject = key.to_string();
            self.add(Happening {
                at,
                kind,
                subject,
                text,
            });
        }
        let more = changes.len().saturating_sub(ROUTES_TOLD_MAX);
        if more > 0 {
            self.add(Happening {
                at,
                kind: HappeningKind::Changed,
                subject: format!("{more} more sites"),
                text: format!("changed in the same moment ({routes} now)"),
            });
        }
    }
}

fn push<T>(list: &mut VecDeque<Arc<T>>, item: Arc<T>, most: usize) {
    if list.len() == most {
        list.pop_front();
    }
    list.push_back(item);
}

impl Status {
    /// Tells its history what is different in Docker and Caddy from the status before.
    pub fn tell(&mut self, before: &Self, at: u64) {
        let mut told = machine(before, self);
        told.extend(halted::told(&before.halts, &self.halts));
        if told.is_empty() {
            return;
        }
        let history = Arc::make_mut(&mut self.history);
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

/// What became of one route, in words.
fn told(became: Became<'_>) -> (HappeningKind, String) {
    let by = |route: &Route| {
        let upstreams = route.pool.upstreams.iter();
        let names: Vec<&str> = upstreams
            .map(|upstream| &*upstream.container.name)
            .collect();
        names.join(", ")
    };
    match became {
        Became::Removed => (HappeningKind::Removed, "is no longer served".to_owned()),
        Became::Closed(_) => (HappeningKind::Down, "is closed and answers 503".to_owned()),
        Became::Asked(_) => {
            let text = "is asked for; no container is ready yet".to_owned();
            (HappeningKind::New, text)
        }
        Became::Down(_) => {
            let text = "has no container that is ready".to_owned();
            (HappeningKind::Down, text)
        }
        Became::Changed { before, now } => {
            let is_by_others = before.pool.upstreams != now.pool.upstreams;
            let how = if is_by_others { "" } else { "in another way " };
            (
                HappeningKind::Changed,
                format!("served {how}by {}", by(now)),
            )
        }
        Became::Live(now) => (HappeningKind::Live, format!("served by {}", by(now))),
    }
}
