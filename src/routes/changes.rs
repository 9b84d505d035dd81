//! What became of routes as one table took the place of another: one list, for whoever tells of it
//! or counts.

use super::table::{Route, RouteKey, RouteTable, Serving};

/// What became of one route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became<'a> {
    /// It is asked for, and has no container that is ready yet.
    Asked(&'a Route),
    /// It takes requests.
    Live(&'a Route),
    /// It took requests before, and serves them in another way.
    Changed {
        /// As it was.
        before: &'a Route,
        /// As it is.
        now: &'a Route,
    },
    /// It has no container any more that is ready.
    Down(&'a Route),
    /// It answers 503, because it cannot be protected as its labels ask.
    Closed(&'a Route),
    /// It is gone.
    Removed,
}

impl<'a> Became<'a> {
    /// What differs for who sends requests; `None` where nobody would notice.
    fn of(old: Option<&'a Route>, new: Option<&'a Route>) -> Option<Self> {
        let Some(new) = new else {
            return Some(Self::Removed);
        };
        let is_closed = |route: &Route| matches!(route.serving, Serving::Closed);
        let was_closed = old.is_some_and(is_closed);
        if is_closed(new) {
            return (!was_closed).then_some(Self::Closed(new));
        }
        let served_before = old.filter(|old| !was_closed && !old.pool.upstreams.is_empty());
        match (old, served_before) {
            (None, _) if new.pool.upstreams.is_empty() => Some(Self::Asked(new)),
            (Some(_), before) if new.pool.upstreams.is_empty() => {
                (was_closed || before.is_some()).then_some(Self::Down(new))
            }
            (_, Some(before)) => {
                (!is_served_alike(before, new)).then_some(Self::Changed { before, now: new })
            }
            (_, None) => Some(Self::Live(new)),
        }
    }

    /// The route that is in force now; `None` when it is gone.
    #[must_use]
    pub fn route(self) -> Option<&'a Route> {
        match self {
            Self::Asked(now)
            | Self::Live(now)
            | Self::Changed { now, .. }
            | Self::Down(now)
            | Self::Closed(now) => Some(now),
            Self::Removed => None,
        }
    }
}

/// Whether only who is expected differs, and not who serves.
fn is_served_alike(old: &Route, new: &Route) -> bool {
    let mut old = old.clone();
    old.pool.is_starting = new.pool.is_starting;
    old.pool.expected = new.pool.expected;
    old == *new
}

impl RouteTable {
    /// What became of the routes of `before` as this table took its place, in the order of the keys.
    /// What both tables share is passed over.
    #[must_use]
    pub fn changes_since<'a>(&'a self, before: &'a Self) -> Vec<(&'a RouteKey, Became<'a>)> {
        let all = self.routes.changes_since(&before.routes);
        let became = |(key, old, new): (&'a RouteKey, Option<&'a _>, Option<&'a _>)| {
            let (old, new) = (old.map(AsRef::as_ref), new.map(AsRef::as_ref));
            Some((key, Became::of(old, new)?))
        };
        all.filter_map(became).collect()
    }
}
