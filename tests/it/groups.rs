//! Hosts that share routes of Caddy are answered as in one flat list: both configs are walked as
//! Caddy walks them (`wrapRoute` in modules/caddyhttp/routes.go), and end in the same handlers.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use sh0_agent::caddy::config::{Handler, Matcher, Route, ServerName};
use sh0_agent::caddy::render::{Grouping, RenderOptions, Rendered, render};
use sh0_agent::routes::{HostPolicy, RouteTable, TlsMode};

use crate::render::options;
use crate::tables::grouped::many;
use crate::tables::table;

/// A request as matchers see it. What else they ask for holds by chance, the same for equal ones.
#[derive(Debug)]
struct Request {
    host: String,
    path: &'static str,
    chance: usize,
}

impl Request {
    fn matches(&self, matcher: &Matcher) -> bool {
        let Matcher { host, path, .. } = matcher;
        let is_host = |asked: &String| match asked.strip_prefix("*.") {
            None => *asked == self.host,
            Some(parent) => self.host.split_once('.').is_some_and(|(_, p)| p == parent),
        };
        let is_path = |asked: &String| match asked.strip_suffix('*') {
            None => asked == self.path,
            Some(start) => self.path.starts_with(start),
        };
        let has =
            |list: &[String], is: &dyn Fn(&String) -> bool| list.is_empty() || list.iter().any(is);
        has(host, &is_host) && has(path, &is_path) && self.holds(matcher)
    }

    fn holds(&self, matcher: &Matcher) -> bool {
        let else_asked = Matcher {
            host: Vec::new(),
            path: Vec::new(),
            ..matcher.clone()
        };
        let bytes = serde_json::to_vec(&else_asked).expect("JSON");
        let sum: usize = bytes.iter().map(|byte| usize::from(*byte)).sum();
        else_asked == Matcher::default() || (sum + self.chance).is_multiple_of(2)
    }

    /// The handlers that it passes, as JSON, up to the first that answers; whether one did.
    fn walk(&self, routes: &[Route], passed: &mut Passed) -> bool {
        for route in routes {
            let is_any = route.matchers.is_empty();
            if !is_any && !route.matchers.iter().any(|matcher| self.matches(matcher)) {
                continue;
            }
            if self.handle(&route.handle, passed) || route.terminal {
                return true;
            }
        }
        false
    }

    fn handle(&self, handlers: &[Handler], passed: &mut Passed) -> bool {
        for handler in handlers {
            if let Handler::Subroute(within) = handler {
                if self.walk(&within.routes, passed) {
                    return true;
                }
                continue;
            }
            if let Handler::Map(map) = handler {
                let mut own = map.mappings.iter().filter(|m| m.input == self.host);
                let outputs = own.next().map_or(&[][..], |own| &own.outputs);
                assert_eq!(outputs.len(), map.destinations.len(), "each has a value");
                passed.values = map.destinations.iter().zip(outputs).map(owned).collect();
                assert!(own.next().is_none(), "Caddy refuses an input twice");
                continue;
            }
            let text = serde_json::to_string(handler).expect("JSON");
            let values = passed.values.iter();
            let text = values.fold(text, |text, (name, value)| text.replace(name, value));
            assert!(!text.contains("{sh0."), "{text}");
            passed.handlers.push(text);
            if matches!(
                handler,
                Handler::ReverseProxy(_) | Handler::StaticResponse(_)
            ) {
                return true;
            }
        }
        false
    }
}

#[derive(Debug, Default, PartialEq)]
struct Passed {
    /// Of placeholders.
    values: Vec<(String, String)>,
    handlers: Vec<String>,
}

fn owned((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

fn rendered(table: &RouteTable, grouping: Grouping) -> Rendered {
    let options = RenderOptions {
        grouping,
        ..options()
    };
    render(table, &options)
}

/// Whether both are answered alike, whoever asks.
fn check(table: &RouteTable) {
    let flat = rendered(table, Grouping::Never);
    let grouped = rendered(table, Grouping::Always);
    let exact = table
        .hosts
        .keys()
        .map(|host| host.as_str().replace('*', "any"));
    let others = [
        "x.example.com",
        "example.com",
        "x.y.example.com",
        "nobody.example",
    ];
    let hosts: BTreeSet<String> = exact.chain(others.map(str::to_owned)).collect();
    for (name, server) in &flat.config.apps.http.servers {
        let other = &grouped.config.apps.http.servers[name];
        assert_eq!(server.logs, other.logs);
        for host in &hosts {
            for path in ["/", "/path", "/path/deeper/x", "/pathology"] {
                for chance in [0, 1] {
                    let (host, chance) = (host.clone(), chance);
                    let request = Request { host, path, chance };
                    let answer = |routes: &[Route]| {
                        let mut passed = Passed::default();
                        request.walk(routes, &mut passed);
                        passed.handlers
                    };
                    assert_eq!(answer(&server.routes), answer(&other.routes), "{request:?}");
                }
            }
        }
    }
}

/// The names of all top-level routes, from which Caddy orders certificates.
fn names(rendered: &Rendered, server: ServerName) -> BTreeSet<&String> {
    let servers = &rendered.config.apps.http.servers;
    let routes = servers
        .get(&server)
        .map_or(&[][..], |server| &server.routes);
    let matchers = routes.iter().flat_map(|route| &route.matchers);
    matchers.flat_map(|matcher| &matcher.host).collect()
}

#[test]
fn many_hosts_are_answered_as_in_a_flat_list() {
    check(&many(700, 80));
}

#[test]
fn every_host_stands_at_the_top_and_every_key_that_shares_nothing_has_a_place() {
    let mut table = many(4_000, 80);
    let internal = HostPolicy::new(TlsMode::Internal);
    let hosts = { table.hosts.keys() }.map(|host| (host.clone(), internal.clone()));
    table.hosts = hosts.collect();
    let flat = rendered(&table, Grouping::Never);
    let grouped = rendered(&table, Grouping::Auto);
    let server = ServerName::Https;
    assert_eq!(names(&flat, server), names(&grouped, server));
    let routes = |rendered: &Rendered| rendered.config.apps.http.servers[&server].routes.len();
    // The redirects; 1,200 hosts in two routes and four times 400; in one, 100 classes of 4, two of 200
    // and 400 others.
    let ours = routes(&flat) - table.routes.len() - table.redirects.len();
    assert_eq!(routes(&grouped), ours + 1 + 2 + 4 + 1 + 3);
    // Of what hosts share, each route is one host's; none where they have parts of their own.
    let placed: BTreeSet<_> = grouped.places.values().collect();
    assert_eq!(placed.len(), 400 + 3 + 2 + 100 + 2 + 1 + 2);
    for (place, key) in &grouped.places {
        let (name, path) = place;
        assert_eq!(
            at(&grouped.config.apps.http.servers[name].routes, path),
            key.host.as_str()
        );
    }
}

/// The host of the route at this place, the first of several.
fn at<'a>(routes: &'a [Route], place: &[usize]) -> &'a str {
    let (index, within) = place.split_first().expect("a place");
    let route = &routes[*index];
    let first = { route.matchers.first() }.and_then(|matcher| matcher.host.first());
    match (within, route.handle.as_slice()) {
        ([], _) => first.map_or("*", String::as_str),
        ([within], [Handler::Map(_), Handler::Subroute(shared)]) => {
            assert!(*within < shared.routes.len());
            first.expect("a class has hosts")
        }
        (within, [Handler::Subroute(subroute)]) => at(&subroute.routes, within),
        (_, handlers) => panic!("no subroute: {handlers:?}"),
    }
}

#[test]
fn few_hosts_are_a_flat_list() {
    let table = many(50, 80);
    let (auto, flat) = (
        rendered(&table, Grouping::Auto),
        rendered(&table, Grouping::Never),
    );
    assert_eq!(auto.json, flat.json);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn any_hosts_are_answered_as_in_a_flat_list(
        kept in prop::collection::vec(any::<bool>(), 100),
        secure in prop::collection::vec(any::<bool>(), 100),
    ) {
        let all = many(100, 80);
        let of = |host: &str| -> usize {
            host.bytes().filter(u8::is_ascii_digit).fold(0, |n, b| n * 10 + usize::from(b - b'0')) % 100
        };
        let mut few = table([]);
        for (key, route) in &all.routes {
            let n = of(key.host.as_str());
            if kept[n] {
                let mut policy = all.hosts[&key.host].clone();
                if secure[n] {
                    policy = HostPolicy::new(TlsMode::Internal);
                }
                few.hosts.insert(key.host.clone(), policy);
                few.routes.insert(key.clone(), Arc::clone(route));
            }
        }
        check(&few);
    }
}
