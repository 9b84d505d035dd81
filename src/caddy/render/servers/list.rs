//! The routes of one server as they are put together, and which key stands where.

use std::collections::BTreeMap;

use super::groups::{self, Grouped};
use super::{access_log, claims, matching_hosts};
use crate::caddy::config::{AccessLog, Handler, Matcher, Pattern, Route, ServerName};
use crate::caddy::render::paths::matcher;
use crate::caddy::render::{Places, RenderOptions, handlers};
use crate::model::Hostname;
use crate::routes::{HostPolicy, Route as TableRoute, RouteKey, RouteTable};

/// The table's routes in the order in which they are matched.
pub(super) type Ordered<'a> = [(&'a RouteKey, &'a TableRoute)];

/// The routes of one server as they are put together.
pub(super) struct RouteList<'a> {
    server: ServerName,
    /// All that the table has.
    ordered: &'a Ordered<'a>,
    pub(super) routes: Vec<Route>,
    keys: BTreeMap<Vec<usize>, RouteKey>,
}

impl<'a> RouteList<'a> {
    /// A list that begins with the normalisation of the host, and without what clients claim.
    pub(super) fn new(
        server: ServerName,
        ordered: &'a Ordered<'a>,
        options: &RenderOptions,
    ) -> Self {
        let unusual = Pattern {
            pattern: r"[A-Z]|\.(:|$)".to_owned(),
        };
        let normalise = Route {
            id: None,
            matchers: vec![Matcher {
                header_regexp: BTreeMap::from([("Host".to_owned(), unusual)]),
                ..Matcher::default()
            }],
            handle: vec![handlers::normalise_host()],
            terminal: false,
        };
        Self {
            server,
            ordered,
            routes: { [normalise].into_iter() }
                .chain(claims::removed(options))
                .collect(),
            keys: BTreeMap::new(),
        }
    }

    /// Adds a route of our own.
    pub(super) fn push(&mut self, matcher: Matcher, handler: Handler) {
        self.routes.push(Route {
            id: None,
            matchers: vec![matcher],
            handle: vec![handler],
            terminal: true,
        });
    }

    /// Adds the table's routes whose host is this open and has such a policy, in table order.
    pub(super) fn serve(
        &mut self,
        table: &RouteTable,
        options: &RenderOptions,
        openness: u8,
        so: impl Fn(&HostPolicy) -> bool,
    ) {
        let is_served = |key: &RouteKey| {
            key.host.openness() == openness && table.hosts.get(&key.host).is_some_and(&so)
        };
        let served = self.ordered.iter().filter(|(key, _)| is_served(key));
        let served: Vec<_> = served.copied().collect();
        let leaf = Leaf {
            server: self.server,
            options,
        };
        let hosts = || served.chunk_by(|(a, _), (b, _)| a.host == b.host).count();
        let is_grouped = openness == 0 && groups::is_grouped(hosts(), options.grouping);
        let grouped = if is_grouped {
            groups::grouped(&served, &leaf)
        } else {
            groups::flat(&served, &leaf)
        };
        for Grouped { route, keys } in grouped {
            let index = self.routes.len();
            let place = |within: Vec<usize>| [index].into_iter().chain(within).collect();
            let keys = keys.into_iter();
            self.keys
                .extend(keys.map(|(within, key)| (place(within), key)));
            self.routes.push(route);
        }
    }

    /// Adds the 404 of such hosts that are fenced against hosts this open; which those are.
    pub(super) fn fence<'t>(
        &mut self,
        table: &'t RouteTable,
        openness: u8,
        so: impl Fn(&Hostname) -> bool,
    ) -> Vec<&'t Hostname> {
        let fenced = table.fenced.iter();
        let fenced = fenced.filter(|(host, against)| **against == openness && so(host));
        let fenced: Vec<&Hostname> = fenced.map(|(host, _)| host).collect();
        if !fenced.is_empty() {
            self.push(matching_hosts(&fenced), handlers::not_found());
        }
        fenced
    }

    /// Ends the list with the explicit 404, and says which key stands where.
    pub(super) fn finish(mut self, places: &mut Places) -> Vec<Route> {
        self.routes.push(Route {
            id: None,
            matchers: Vec::new(),
            handle: vec![handlers::not_found()],
            terminal: false,
        });
        // Caddy logs all requests of a server or none, so those of other routes are left out one by one.
        if let (Some(AccessLog {}), Some(first)) =
            (access_log(&self.routes), self.routes.first_mut())
        {
            let skip = Route {
                id: None,
                matchers: Vec::new(),
                handle: vec![Handler::Vars {
                    log_skip: Some(true),
                }],
                terminal: false,
            };
            let normalise = std::mem::replace(first, skip);
            self.routes.insert(1, normalise);
            let moved = |(mut place, key): (Vec<usize>, RouteKey)| {
                if let Some(index) = place.first_mut() {
                    *index += 1;
                }
                (place, key)
            };
            self.keys = self.keys.into_iter().map(moved).collect();
        }
        let server = self.server;
        places.extend((self.keys.into_iter()).map(|(place, key)| ((server, place), key)));
        self.routes
    }
}

/// How the route of one key is made.
pub(super) struct Leaf<'a> {
    server: ServerName,
    pub(super) options: &'a RenderOptions,
}

impl Leaf<'_> {
    pub(super) fn route(&self, key: &RouteKey, route: &TableRoute) -> Route {
        Route {
            id: Some(id(self.server, key)),
            matchers: matcher(key).into_iter().collect(),
            handle: handlers::handlers(key, route, self.options),
            terminal: true,
        }
    }
}

/// The id of a key's route: no two keys share one, and without `/` it can be asked for under
/// `/id/` of the admin API. What neither hosts nor plain paths contain is percent-encoded.
fn id(server: ServerName, key: &RouteKey) -> String {
    let encode = |c: char| match c {
        '/' => "|".to_owned(),
        c if c.is_ascii_punctuation() && r#"|%[]{}"\^?#<>`"#.contains(c) || c == ' ' => {
            format!("%{:02X}", u32::from(c))
        }
        c => c.to_string(),
    };
    let place: String = key.to_string().chars().map(encode).collect();
    format!("{}|{place}", server.as_str())
}
