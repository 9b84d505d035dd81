//! Routes that are closed: some of their labels are wrong, and some protect.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Reader;
use crate::labels::limits::HOST_PATHS_MAX;
use crate::labels::schema::Key;
use crate::labels::spec::{Closed, MatchingSpec, Reading, RouteSpec};
use crate::labels::tree::{Scoped, Tree};
use crate::labels::value;
use crate::model::{Protection, RouteName};

/// Why a route is closed that has a label of an unknown name which looks like one that protects.
pub(super) fn unknown() -> String {
    "a label that is not known was probably meant to protect it".to_owned()
}

/// Why a route is closed that has a label of an unknown name which looks like one that says which
/// requests it answers.
fn unclear() -> String {
    "a label that is not known was probably meant to say which requests it answers".to_owned()
}

/// Why routes are spoilt by too many labels.
pub(super) fn too_many() -> String {
    "the container has too many labels".to_owned()
}

/// Why a route is wrong whose host, said at the default route, is.
pub(super) fn no_host() -> String {
    "the default route's host, which it takes, is wrong".to_owned()
}

/// The labels that a route depends on.
pub(super) struct Scopes<'a> {
    /// Its own.
    pub(super) own: &'a Scoped,
    /// Those that say its host.
    pub(super) host: &'a Scoped,
    /// The default route's.
    pub(super) default: &'a Scoped,
    /// Whether a label that protects may be meant for any route of the container.
    pub(super) all_are_guarded: bool,
    /// Whether all that it says about its requests beyond path prefixes is right.
    pub(super) matching_is_right: bool,
}

impl Scopes<'_> {
    /// Why the route is not right, where what was said about its labels is `wrong`.
    pub(super) fn why_not(&self, wrong: Option<String>) -> Option<String> {
        let unknown = || self.own.is_guarded_by_unknown().then(unknown);
        let is_unclear = self.own.is_guarded() && self.own.is_unclear();
        wrong.or_else(unknown).or_else(|| is_unclear.then(unclear))
    }

    /// The reading of a route with something wrong: `why`. Requests are turned away rather too many
    /// than too few: where a name in its own list of hosts is wrong, also those for the default
    /// route's hosts.
    pub(super) fn reading(
        &self,
        spec: RouteSpec,
        protection: Option<Protection>,
        why: String,
    ) -> Reading {
        if !self.own.is_guarded() && !self.all_are_guarded {
            return Reading::Wrong;
        }
        let mut hosts = spec.hosts.clone();
        if hosts.is_empty() {
            let labels = [self.host, self.default].into_iter();
            let labels = labels.filter_map(|scope| scope.get(Key::Host));
            for host in labels.flat_map(|label| value::right_hosts(&label.value)) {
                if !hosts.contains(&host) {
                    hosts.push(host);
                }
            }
        }
        let path = self.own.get(Key::Path);
        let is_right = path.is_none_or(|label| value::paths(&label.value).is_ok());
        let pairs = hosts.len() * spec.path_matches().len();
        let is_right = is_right && self.matching_is_right && !self.own.is_unclear();
        let paths_are_known = is_right && pairs <= HOST_PATHS_MAX;
        let (paths, matching) = if paths_are_known {
            (spec.paths.clone(), spec.matching.clone())
        } else {
            (Vec::new(), MatchingSpec::default())
        };
        Reading::Closed(Box::new(Closed {
            spec: RouteSpec {
                hosts,
                paths,
                matching,
                ..spec
            },
            paths_are_known,
            protection,
            why,
        }))
    }
}

/// The routes of a container whose own labels may be wrong, and all of whose routes may be closed:
/// each for a reason.
pub(super) fn settled(
    routes: BTreeMap<RouteName, Reading>,
    why_spoilt: Option<&str>,
    why_closed: Option<&str>,
) -> BTreeMap<RouteName, Reading> {
    let settle = |route: Reading| {
        let route = match why_spoilt {
            Some(why) => spoilt(route, why),
            None => route,
        };
        match why_closed {
            Some(why) => closed(route, why),
            None => route,
        }
    };
    let routes = routes.into_iter();
    routes.map(|(name, route)| (name, settle(route))).collect()
}

/// A route of a container whose own labels are wrong.
fn spoilt(route: Reading, why: &str) -> Reading {
    match route {
        Reading::Right(spec) if spec.handling.protection.is_any() => {
            let protection = Some(spec.handling.protection.clone());
            Reading::Closed(Box::new(Closed {
                spec: Arc::unwrap_or_clone(spec),
                paths_are_known: true,
                protection,
                why: why.to_owned(),
            }))
        }
        Reading::Right(_) | Reading::Wrong => Reading::Wrong,
        Reading::Closed(closed) => Reading::Closed(closed),
    }
}

/// A route of a container all of whose routes are closed.
fn closed(route: Reading, why: &str) -> Reading {
    match route {
        Reading::Right(spec) => Reading::Closed(Box::new(Closed {
            spec: Arc::unwrap_or_clone(spec),
            paths_are_known: true,
            protection: None,
            why: why.to_owned(),
        })),
        Reading::Closed(closed) => Reading::Closed(Box::new(Closed {
            protection: None,
            ..*closed
        })),
        Reading::Wrong => Reading::Wrong,
    }
}

impl Reader<'_> {
    /// Why all routes of the container are closed, where a label that protects does not say which
    /// of them.
    pub(super) fn guard_of_all(&self, tree: &Tree) -> Option<String> {
        let prefix = self.prefix;
        if tree.is_cut {
            let why = "the container has so many labels that some that protect may not be read";
            return Some(why.to_owned());
        }
        if tree.unplaced_guard {
            let why = "a label that is not known was probably meant to protect one of the routes";
            return Some(why.to_owned());
        }
        let default = tree.routes.get(&RouteName::Default);
        let mut routes = tree.routes.iter().filter(|_| tree.routes.len() > 1);
        routes.find_map(|(name, scope)| {
            let lack = scope.is_guarded().then(|| lack(name, scope, default))??;
            let labels = match name {
                RouteName::Default => format!("labels directly under `{prefix}.`"),
                RouteName::Named(name) => format!("labels under `{prefix}.routes.{name}.`"),
            };
            Some(format!(
                "{labels} protect a route {lack}: each of the others needs its own"
            ))
        })
    }
}

/// What a route that is to be protected lacks, so that the labels that protect it were probably
/// meant for another, as where its name is mistyped.
fn lack(name: &RouteName, scope: &Scoped, default: Option<&Scoped>) -> Option<&'static str> {
    let is_known = |scope: &Scoped| {
        let label = scope.get(Key::Host);
        label.is_some_and(|label| !value::right_hosts(&label.value).is_empty())
    };
    let is_like_default = *name != RouteName::Default && !scope.names_requests();
    let says = |scope: &Scoped| scope.has(Key::Host);
    match (says(scope), default) {
        (_, Some(default)) if is_known(scope) || is_known(default) => {
            is_like_default.then_some("that has no host or path of its own")
        }
        (true, None) if is_known(scope) => None,
        (false, default) if !default.is_some_and(says) => Some("that has no host"),
        (_, _) => Some("whose host is wrong"),
    }
}
