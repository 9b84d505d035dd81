//! Which route answers a request, by the order of the table.

use std::collections::{BTreeMap, BTreeSet};

use super::asked::Url;
use super::chain::{Chain, Context, halted, row_links};
use super::{
    Expected, Explanation, Link, LinkState, NAME_CHARS_MAX, Request, Step, did_you_mean,
    docker_silent, find, listener, steps,
};
use crate::model::{Hostname, PathMatch, shown};
use crate::routes::{HostPolicy, Route, RouteKey, RouteTable, Row, RowState};

/// Paths that are listed where none of them takes a request.
const PATHS_MAX: usize = 5;

/// The routes of each host, in the order in which they are matched.
pub(super) type ByHost<'a> = BTreeMap<&'a Hostname, Vec<(&'a RouteKey, &'a Route)>>;

pub(super) fn by_host(table: &RouteTable) -> ByHost<'_> {
    let mut by_host = ByHost::new();
    for (key, route) in table.in_order() {
        by_host.entry(&key.host).or_default().push((key, route));
    }
    by_host
}

/// Who answers a request.
#[derive(Debug, Default)]
pub(super) struct Lookup<'a> {
    /// The first route that takes every request for the path.
    pub(super) sure: Option<(&'a RouteKey, &'a Route)>,
    /// Routes that stand before it and take some of them.
    pub(super) maybe: Vec<(&'a RouteKey, &'a Route)>,
    /// Where the host is sent.
    redirect: Option<&'a Hostname>,
    /// What holds for the host.
    policy: Option<&'a HostPolicy>,
    /// Whether there is any route for it.
    has_routes: bool,
}

impl<'a> Lookup<'a> {
    /// The route that answers: for certain, or else perhaps.
    fn route(&self) -> Option<(&'a RouteKey, &'a Route)> {
        self.sure.or(self.maybe.first().copied())
    }
}

/// Looks a request up.
pub(super) fn lookup<'a>(context: &Context<'a>, host: &Hostname, path: &str) -> Lookup<'a> {
    let table = &*context.status.table;
    let mut found = Lookup::default();
    let catch_all = Hostname::parse("*").ok();
    let hosts = [Some(host.clone()), host.covering_wildcard(), catch_all];
    let mut hosts: Vec<Hostname> = hosts.into_iter().flatten().collect();
    hosts.dedup();
    let mut fence = u8::MAX;
    for host in hosts {
        if host.openness() >= fence {
            break;
        }
        if let Some(fenced) = table.fenced.get(&host) {
            fence = fence.min(*fenced);
        }
        found.policy = found.policy.or(table.hosts.get(&host));
        found.redirect = found.redirect.or(table.redirects.get(&host));
        let routes = context.by_host().get(&host);
        for (key, route) in routes.into_iter().flatten() {
            found.has_routes = true;
            match takes(key, path) {
                Some(true) => {
                    found.sure = Some((key, route));
                    return found;
                }
                Some(false) => found.maybe.push((key, route)),
                None => {}
            }
        }
        if found.redirect.is_some() {
            break;
        }
    }
    found
}

/// Whether a key takes requests for this path: all of them (`true`), or some.
fn takes(key: &RouteKey, path: &str) -> Option<bool> {
    let lower = path.to_lowercase();
    let is_sure = match &key.path {
        PathMatch::Exact(exact) => (exact.as_str() == lower).then_some(true),
        PathMatch::Prefix(prefix) => { lower.strip_prefix(prefix.as_str()) }
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
            .map(|_| true),
        PathMatch::Regexp(pattern) => (!pattern.misses(path)).then_some(false),
        PathMatch::Every => Some(true),
    };
    is_sure.map(|is_sure| is_sure && key.matching.is_empty())
}

/// Explains a host or a URL.
pub(super) fn explain(context: &Context<'_>, url: &Url) -> Explanation {
    let status = context.status;
    let subject = url.shown();
    let Some(host) = url.hostname() else {
        let text = format!("`{}` is no host name", shown(&url.host, NAME_CHARS_MAX));
        let link = Link::broken(
            Step::Asked,
            text,
            "ask for a host such as `app.example.com`",
        );
        return Explanation::new(subject, vec![link], None);
    };
    let found = lookup(context, &host, &url.path);
    let has_tls = found.policy.is_some_and(HostPolicy::has_tls);
    let tls = url.tls.unwrap_or(has_tls);
    if let Some(link) = wrong_port(context, url, tls) {
        return Explanation::new(subject, vec![link], None);
    }
    let ask = |expected| Request {
        address: listener(&status.settings, tls),
        tls,
        host: host.to_string(),
        path: url.path.clone(),
        expected,
    };
    if tls && !has_tls && found.policy.is_some() {
        let prefix = &status.settings.label_prefix;
        let text = format!("`{host}` is served without TLS");
        let help = format!(
            "ask for `http://{host}`, or label its container `{prefix}.tls=auto` (a public \
             certificate) or `{prefix}.tls=internal`"
        );
        let link = Link::broken(Step::Asked, text, help);
        return Explanation::new(subject, vec![link], None);
    }
    if !tls && found.policy.is_some_and(|policy| policy.redirects_http) {
        let text = format!("plain HTTP is sent to `https://{host}{}`", url.path);
        let link = Link::good(Step::Route, text);
        return Explanation::new(subject, vec![link], Some(ask(Expected::Redirect)));
    }
    if let (None, Some(to)) = (found.route(), found.redirect) {
        let link = Link::good(Step::Route, format!("it is sent to `{to}` (308)"));
        return Explanation::new(subject, vec![link], Some(ask(Expected::Redirect)));
    }
    match found.route() {
        Some((key, route)) => of_route(context, &subject, &found, (key, route), &ask),
        None => nobody(context, url, &host, &found, ask(Expected::NotFound)),
    }
}

/// Says that Caddy does not listen at the port of a URL.
fn wrong_port(context: &Context<'_>, url: &Url, tls: bool) -> Option<Link> {
    let settings = &context.status.settings;
    let own = listener(settings, tls).port();
    let port = url.port.filter(|port| *port != own)?;
    let scheme = if tls { "https" } else { "http" };
    let text = format!("Caddy listens for {scheme} at port {own}, not at {port}");
    let help = format!(
        "ask for `{scheme}://{}:{own}`",
        shown(&url.host, NAME_CHARS_MAX)
    );
    Some(Link::broken(Step::Asked, text, help))
}

/// The chain of the route that answers.
fn of_route(
    context: &Context<'_>,
    subject: &str,
    found: &Lookup<'_>,
    (key, route): (&RouteKey, &Route),
    ask: &dyn Fn(Expected) -> Request,
) -> Explanation {
    let beyond = key.beyond_host();
    let is_its = |row: &&Row| {
        row.host == key.host.as_str()
            && row.path == beyond
            && row.app.as_ref() == Some(&route.id.app)
    };
    let rows = context.status.rows.iter().map(|row| &**row).filter(is_its);
    let best = rows.min_by_key(|row| row.state);
    let mut links = vec![Link::good(
        Step::Asked,
        format!("`{key}` of `{}` answers it", route.id.app),
    )];
    let before = found.maybe.iter().filter(|(other, _)| *other != key);
    links.extend(before.map(|(other, by)| {
        let text = format!(
            "`{other}` of `{}` stands first, and takes what fits it",
            by.id.app
        );
        Link::note(Step::Asked, text)
    }));
    if found.sure.is_none() {
        let text = format!("only requests that fit `{key}` are answered, others get 404");
        links.push(Link::new(Step::Asked, LinkState::Warning, text));
    }
    let Some(row) = best else {
        links.extend(halted(context.status, &route.id.app));
        links.push(gone(route));
        return Explanation::new(subject.to_owned(), links, None);
    };
    let Chain {
        links: of_row,
        request,
    } = row_links(context, row);
    links.extend(of_row);
    let request = request.map(|request| ask(request.expected));
    Explanation::new(subject.to_owned(), links, request)
}

/// A route without containers: those of its app are gone.
fn gone(route: &Route) -> Link {
    let app = &route.id.app;
    let text = format!("`{app}` has no container now; its route stays for a minute");
    Link::broken(Step::Seen, text, "start its container again")
}

/// No route answers.
fn nobody(
    context: &Context<'_>,
    url: &Url,
    host: &Hostname,
    found: &Lookup<'_>,
    request: Request,
) -> Explanation {
    let status = context.status;
    let subject = url.shown();
    let wanted: Vec<&Row> = { status.rows.iter() }
        .map(|row| &**row)
        .filter(|row| row.state != RowState::Routed && row.host == host.as_str())
        .filter(|row| is_below(&url.path, &row.path))
        .collect();
    if let Some(row) = wanted.iter().max_by_key(|row| row.state) {
        let mut links = vec![Link::note(
            Step::Asked,
            format!("container {} asks for it", row.container),
        )];
        links.extend(row_links(context, row).links);
        return Explanation::new(subject, links, Some(request));
    }
    let link = if found.has_routes {
        no_path(context, url, host)
    } else if let Some(error) = &status.docker.error {
        docker_silent(error)
    } else {
        let is_said = |value: &str| value.to_lowercase().contains(host.as_str());
        let mut all = status.diagnostics.iter();
        let said = all.find(|d| d.label.as_ref().is_some_and(|label| is_said(&label.value)));
        match said {
            Some(diagnostic) => steps::link(diagnostic, LinkState::Broken),
            None => no_host(context, host),
        }
    };
    Explanation {
        is_unknown: link.step == Step::Seen,
        ..Explanation::new(subject, vec![link], Some(request))
    }
}

fn is_below(path: &str, prefix: &str) -> bool {
    let path = path.to_lowercase();
    let rest = path.strip_prefix(prefix.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        || prefix.contains([' ', '~', '='])
}

fn no_path(context: &Context<'_>, url: &Url, host: &Hostname) -> Link {
    let path = shown(&url.path, NAME_CHARS_MAX);
    let routes = context.by_host().get(host);
    let keys: BTreeSet<String> = routes
        .into_iter()
        .flatten()
        .map(|(key, _)| format!("`{}`", key.beyond_host().trim_start()))
        .collect();
    let more = keys.len().saturating_sub(PATHS_MAX);
    let mut list: Vec<String> = keys.into_iter().take(PATHS_MAX).collect();
    if more > 0 {
        list.push(format!("{more} more"));
    }
    let prefix = &context.status.settings.label_prefix;
    let text = format!("no route of `{host}` takes `{path}`, so it gets 404");
    let help = match list.as_slice() {
        [] => format!("label a container `{prefix}.host={host}`"),
        list => format!(
            "the routes of `{host}` take {}; ask for one of these, or label a container of its \
             project `{prefix}.host={host}` and `{prefix}.path={path}`",
            list.join(", ")
        ),
    };
    Link::broken(Step::Route, text, help)
}

fn no_host(context: &Context<'_>, host: &Hostname) -> Link {
    let status = context.status;
    let prefix = &status.settings.label_prefix;
    let text = format!("no container asks for the host `{host}`, so it gets 404");
    let label = format!("label a container `{prefix}.host={host}`");
    let help = match find::nearest_hosts(status, host.as_str()) {
        nearest if nearest.is_empty() => label,
        nearest => format!("{} Else {label}", did_you_mean(&nearest)),
    };
    Link::broken(Step::Seen, text, help)
}
