//! Hosts that are answered alike, but for what is dialled and for parts of their own: one route for
//! many of them.

use std::collections::BTreeMap;

use super::own_parts;
use super::{
    Grouped, HOSTS_PER_ROUTE, Host, Member, evenly, map, may_be_mapped, of_hosts, subroute,
};
use crate::caddy::Fingerprint;
use crate::caddy::config::{Handler, Matcher, Route as ConfigRoute};
use crate::caddy::render::chain::{self, Last, Part};
use crate::caddy::render::paths::matcher;
use crate::caddy::render::{RenderOptions, handlers};
use crate::model::{Handling, Hostname, LbPolicy, Protection};
use crate::routes::{Route, RouteKey, Serving};

/// Of how many hosts a class is at least.
const CLASS_MIN: usize = 2;
/// With so many classes a host is compared with each of them.
const COMPARED_MAX: usize = 16;

/// The classes of a list of hosts.
#[derive(Default)]
pub(super) struct Classes<'a> {
    classes: Vec<Class<'a>>,
    /// Which class is whose, by the JSON of what its hosts share.
    by_routes: BTreeMap<Fingerprint, usize>,
}

/// Hosts that differ in what they dial, and in their own [`Part`]s.
pub(super) struct Class<'a> {
    hosts: Vec<InClass<'a>>,
    /// The number of what each route of a host dials, in its order.
    numbers: Vec<usize>,
}

/// One host of a class.
pub(super) struct InClass<'a> {
    pub(super) host: Host<'a>,
    /// What it dials, by its number.
    dials: Vec<String>,
}

/// What the routes of one host dial.
struct Dials {
    /// Each once.
    dials: Vec<String>,
    /// The number of each route's.
    numbers: Vec<usize>,
}

impl<'a> Classes<'a> {
    /// Takes a host into its class; gives back one that can be in none.
    pub(super) fn take(&mut self, host: Host<'a>, options: &RenderOptions) -> Option<Host<'a>> {
        let Some(Dials { dials, numbers }) = Dials::of(host, options) else {
            return Some(host);
        };
        let class = self.class_of(host, &numbers, options);
        let member = InClass { host, dials };
        match self.classes.get_mut(class) {
            Some(class) => class.hosts.push(member),
            None => self.classes.push(Class {
                hosts: vec![member],
                numbers,
            }),
        }
        None
    }

    /// The class of this host: a new one behind the others, if it is none of them.
    fn class_of(&mut self, host: Host<'a>, numbers: &[usize], options: &RenderOptions) -> usize {
        // Those with many hosts come early.
        let mut early = self.classes.iter().take(COMPARED_MAX);
        let alike = early.position(|class| {
            class.numbers == numbers && are_answered_alike(class.first().1, host.1)
        });
        alike.unwrap_or_else(|| {
            let part = |_, route: &Route, part| own_parts::any(part, route);
            let shared = within(host, numbers, options, part);
            let text = serde_json::to_vec(&shared).expect("routes have text keys only");
            let new = self.classes.len();
            *self.by_routes.entry(Fingerprint::of(&text)).or_insert(new)
        })
    }

    /// The classes, and the hosts that are alone in theirs.
    pub(super) fn finish(self) -> impl Iterator<Item = Member<'a>> {
        { self.classes.into_iter() }.map(|class| {
            if class.hosts.len() < CLASS_MIN {
                Member::Host(class.first())
            } else {
                Member::Class(class)
            }
        })
    }
}

impl<'a> Class<'a> {
    pub(super) fn hosts(&self) -> impl Iterator<Item = &'a Hostname> {
        self.hosts.iter().map(|member| member.host.0)
    }

    fn first(&self) -> Host<'a> {
        self.hosts.first().expect("a class begins with a host").host
    }

    /// Its routes, each with as many of the hosts as can be.
    pub(super) fn routes(&self, options: &RenderOptions) -> Vec<Grouped> {
        let numbers = self.numbers.iter().max().map_or(0, |most| most + 1);
        let routes = evenly(&self.hosts, HOSTS_PER_ROUTE).map(|part| {
            let hosts: Vec<&Hostname> = part.iter().map(|member| member.host.0).collect();
            let dials = { part.iter() }.map(|member| (member.host.0, member.dials.clone()));
            let map = map((0..numbers).map(upstream).collect(), dials);
            let (shared, terminal) = self.shared(part, options);
            Grouped {
                route: of_hosts(&hosts, [map].into_iter().chain(shared).collect(), terminal),
                keys: keys(part, terminal),
            }
        });
        routes.collect()
    }

    /// What these hosts share, and whether nothing goes on behind it.
    fn shared(&self, hosts: &[InClass<'_>], options: &RenderOptions) -> (Vec<Handler>, bool) {
        let part = |index, _: &Route, part| own_parts::of_each(hosts, index, part);
        let mut routes = within(self.first(), &self.numbers, options, part);
        match routes.as_mut_slice() {
            [only] if only.matchers.is_empty() => (std::mem::take(&mut only.handle), true),
            _ => (vec![subroute(routes)], false),
        }
    }
}

/// Whose the places within a route of these hosts are. What Caddy refuses there it refuses for each
/// of them, so it is the first one's; nobody's where hosts have parts of their own, one of which may
/// be to blame.
fn keys(hosts: &[InClass<'_>], is_only: bool) -> Vec<(Vec<usize>, RouteKey)> {
    let Some(first) = hosts.first() else {
        return Vec::new();
    };
    let routes = first.host.1.iter().enumerate();
    if { routes.clone() }.any(|(index, _)| own_parts::differ(hosts, index)) {
        return Vec::new();
    }
    let place = |index| if is_only { Vec::new() } else { vec![index] };
    routes
        .map(|(index, (key, _))| (place(index), (*key).clone()))
        .collect()
}

impl Dials {
    /// What the routes of a host dial, if each has one upstream. Not where requests are shared in a
    /// way that counts by upstream, as all of a class are one to Caddy; nor where an operator wrote
    /// handlers, which Caddy may refuse for one host only.
    fn of((host, routes): Host<'_>, options: &RenderOptions) -> Option<Self> {
        if !may_be_mapped(host) {
            return None;
        }
        let (mut dials, mut numbers) = (Vec::with_capacity(1), Vec::with_capacity(routes.len()));
        for (_, route) in routes {
            if route.pool.policy != LbPolicy::default() || chain::has_raw(route) {
                return None;
            }
            let mut of_route = handlers::dials(&route.pool, options);
            let (dial, true) = (of_route.pop()?, of_route.is_empty()) else {
                return None;
            };
            let known = dials.iter().position(|known| *known == dial);
            numbers.push(known.unwrap_or(dials.len()));
            if known.is_none() {
                dials.push(dial);
            }
        }
        Some(Self { dials, numbers })
    }
}

/// Whether two hosts are surely of one class, if their numbers are the same. It only saves the
/// longer look.
fn are_answered_alike(a: &[(&RouteKey, &Route)], b: &[(&RouteKey, &Route)]) -> bool {
    let are_alike = |((of_a, a), (of_b, b)): (&(&RouteKey, &Route), &(&RouteKey, &Route))| {
        of_a.path == of_b.path && of_a.matching == of_b.matching && are_served_alike(a, b)
    };
    a.len() == b.len() && a.iter().zip(b).all(are_alike)
}

fn are_served_alike(a: &Route, b: &Route) -> bool {
    let of_route = a.log == b.log && a.strip == b.strip && a.rewrite == b.rewrite;
    let (of_a, of_b) = (&a.pool, &b.pool);
    of_route
        && of_a.scheme == of_b.scheme
        && of_a.tls == of_b.tls
        && of_a.authority == of_b.authority
        && of_a.timeouts == of_b.timeouts
        && of_a.retry == of_b.retry
        && of_a.policy == of_b.policy
        && are_passed_alike(&a.serving, &b.serving)
}

fn are_passed_alike(a: &Serving, b: &Serving) -> bool {
    let (Serving::Passed(a), Serving::Passed(b)) = (a, b) else {
        return a == b;
    };
    a == b || (a.asked == b.asked && are_handled_alike(&a.handling, &b.handling))
}

fn are_handled_alike(a: &Handling, b: &Handling) -> bool {
    let Handling {
        protection,
        request_headers,
        response_headers,
        compress,
        error_pages,
    } = a;
    let Protection {
        allow,
        deny,
        accounts,
        forward,
        body_bytes_max,
        raw,
    } = protection;
    let of_b = &b.protection;
    accounts.is_empty() == of_b.accounts.is_empty()
        && response_headers.is_empty() == b.response_headers.is_empty()
        && (request_headers, compress, error_pages)
            == (&b.request_headers, &b.compress, &b.error_pages)
        && (allow, deny, forward) == (&of_b.allow, &of_b.deny, &of_b.forward)
        && (body_bytes_max, raw) == (&of_b.body_bytes_max, &of_b.raw)
}

/// The routes that hosts have within the one for their class: those of this one, with what is
/// dialled by number, with these parts, and without its name.
fn within(
    (_, routes): Host<'_>,
    numbers: &[usize],
    options: &RenderOptions,
    part: impl Fn(usize, &Route, Part) -> Option<Handler>,
) -> Vec<ConfigRoute> {
    let routes = routes.iter().zip(numbers).enumerate();
    let within = routes.map(|(index, ((key, route), number))| {
        let proxy = handlers::proxy_to(vec![upstream(*number)], &route.pool, options);
        let last = Last::Proxy(Box::new(proxy));
        let matcher = matcher(key).map(|matcher| Matcher {
            host: Vec::new(),
            ..matcher
        });
        let part = |kind| part(index, route, kind);
        ConfigRoute {
            id: None,
            matchers: { matcher.into_iter() }
                .filter(|matcher| *matcher != Matcher::default())
                .collect(),
            handle: chain::chain_with(key, route, options, last, part),
            terminal: true,
        }
    });
    within.collect()
}

/// The placeholder for what the request's host dials, by its number.
fn upstream(number: usize) -> String {
    match number {
        0 => "{sh0.upstream}".to_owned(),
        number => format!("{{sh0.upstream.{number}}}"),
    }
}
