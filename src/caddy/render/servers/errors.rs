//! What becomes of requests that no upstream answered, or that were turned away by an error.

use std::collections::BTreeMap;

use super::list::Ordered;
use super::notices;
use crate::caddy::config::{Errors, Handler, Matcher, Pattern, Route, Subroute};
use crate::caddy::render::paths::matcher;
use crate::caddy::render::{RenderOptions, auth, body, handlers};
use crate::model::{Hostname, Protection};
use crate::routes::{RouteKey, Serving};

/// A request that a waiting socket closed gets 503 instead of Caddy's 502, and is told what a person
/// said who halted its app; one for which passive checks left nobody is passed on all the same.
pub(super) fn errors(ordered: &Ordered<'_>, options: &RenderOptions) -> Option<Errors> {
    let routes: Vec<Route> = pages(ordered)
        .chain(held(options))
        .chain(last_resorts(ordered, options))
        .collect();
    (!routes.is_empty()).then_some(Errors { routes })
}

/// What those are told whose requests a waiting socket closed.
fn held(options: &RenderOptions) -> impl Iterator<Item = Route> {
    let told = options.slots.as_ref().map(|slots| {
        let in_vain = Route {
            id: None,
            matchers: vec![slots.held()],
            handle: vec![handlers::held_in_vain()],
            terminal: false,
        };
        [notices::route(slots), in_vain]
    });
    told.into_iter().flatten()
}

/// Where requests that nobody answered are passed on all the same: by their own route only. One
/// that failed while another app was asked about it must not meet a route that asks nobody.
fn last_resorts(ordered: &Ordered<'_>, options: &RenderOptions) -> Vec<Route> {
    let mut routes = Vec::new();
    // Of the hosts behind, the last that was passed on, and how open the most open of them is.
    let mut behind: Option<(&Hostname, u8)> = None;
    for (key, route) in ordered.iter().rev() {
        let may_meet = behind
            .is_some_and(|(last, openness)| *last == key.host || openness > key.host.openness());
        // Without handlers Caddy answers with the error's status.
        let end = may_meet.then(|| Route {
            id: None,
            matchers: matcher(key).into_iter().collect(),
            handle: Vec::new(),
            terminal: true,
        });
        routes.extend(end);
        if let Some(handle) = handlers::last_resort(key, route, options) {
            routes.push(Route {
                id: None,
                matchers: unanswered(key, route),
                handle: told(handle, options),
                terminal: true,
            });
            let openness = behind.map_or(0, |(_, openness)| openness);
            behind = Some((&key.host, openness.max(key.host.openness())));
        }
    }
    routes.reverse();
    routes
}

/// These handlers; who is sent to a waiting socket by them is told so as well, which takes errors of
/// their own, because Caddy looks at no other ones while it handles an error.
fn told(handle: Vec<Handler>, options: &RenderOptions) -> Vec<Handler> {
    let routes: Vec<Route> = held(options).collect();
    if routes.is_empty() {
        return handle;
    }
    let passed_on = Route {
        id: None,
        matchers: Vec::new(),
        handle,
        terminal: false,
    };
    vec![Handler::Subroute(Subroute {
        routes: vec![passed_on],
        errors: Some(Errors { routes }),
    })]
}

/// Pages for requests that a route turned away by an error of Caddy's own; they stand first, for
/// such a request is not tried again.
fn pages(ordered: &Ordered<'_>) -> impl Iterator<Item = Route> {
    let any = |is_protected: fn(&Protection) -> bool| {
        let mut routes = ordered.iter();
        routes.any(|(_, route)| match &route.serving {
            Serving::Passed(passed) => is_protected(&passed.handling.protection),
            Serving::Closed => false,
        })
    };
    let page = |status: &str, handler: Handler| Route {
        id: None,
        matchers: vec![Matcher {
            vars_regexp: BTreeMap::from([(
                "{http.error.status_code}",
                Pattern {
                    pattern: format!("^{status}$"),
                },
            )]),
            ..Matcher::default()
        }],
        handle: vec![handler],
        terminal: true,
    };
    let names = any(|protection| !protection.accounts.is_empty());
    let limits = any(|protection| protection.body_bytes_max.is_some());
    let names = names.then(|| page("401", auth::unauthorized()));
    let limits = limits.then(|| page("413", body::too_long()));
    names.into_iter().chain(limits)
}

/// The requests of a key that no upstream has answered, nor may have seen. Caddy says 503 of one
/// that found nobody from the first; one that failed before goes by that failure, also where it
/// then found nobody until its time was up (`proxyLoopIteration` in reverseproxy/reverseproxy.go).
/// They are those that Caddy itself would try again: dials that failed, and GETs.
fn unanswered(key: &RouteKey, route: &crate::routes::Route) -> Vec<Matcher> {
    let of_key = || matcher(key).unwrap_or_default();
    let error = |placeholder: &'static str, pattern: &str| {
        let pattern = pattern.to_owned();
        BTreeMap::from([(placeholder, Pattern { pattern })])
    };
    let nobody = Matcher {
        vars_regexp: error("{http.error.status_code}", "^503$"),
        ..of_key()
    };
    let is_retried = !route.pool.retry.is_zero();
    let dial = || Matcher {
        vars_regexp: error("{http.error.message}", "^dial "),
        ..of_key()
    };
    let get = || Matcher {
        method: vec!["GET".to_owned()],
        vars_regexp: error("{http.error.status_code}", "^502$"),
        ..of_key()
    };
    // A GET that it does not answer is another route's.
    let methods = of_key().method;
    let answers_get = methods.is_empty() || methods.iter().any(|method| method == "GET");
    [nobody]
        .into_iter()
        .chain(is_retried.then(dial))
        .chain((is_retried && answers_get).then(get))
        .collect()
}
