//! The order in which things happen to a request: the only place that decides it.
//!
//! What turns requests away comes first, so that nothing behind it is reached by them: addresses,
//! then names and passwords, then another app's word, then the length of the body. Then an
//! operator's own handlers, the answer's header fields and compression, and the way to the
//! container. Request header fields are changed by the proxy itself, on its copy of the request: a
//! request that is tried again (`last_resort`) passes this chain as the client sent it.

use super::RenderOptions;
use super::auth;
use super::body;
use super::fields;
use super::handlers::page;
use super::paths;
use crate::caddy::config::{
    Encode, Encodings, Handler, Hidden, Matcher, ProxyRewrite, ResponseHandler, ResponseMatcher,
    ReverseProxy, Route as ConfigRoute, Subroute,
};
use crate::model::{Cidr, Handling, Protection};
use crate::routes::{Passed, Route, RouteKey, Serving};

/// Where the chain ends.
pub(super) enum Last {
    /// At the containers.
    Proxy(Box<ReverseProxy>),
    /// At an answer of Caddy's own.
    Answer(Handler),
}

/// What of a chain may differ among hosts that share the rest of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Who may come in by name and password.
    Accounts,
    /// Which header fields of the answer are changed.
    Answer,
}

impl Part {
    /// Its handler, where the route has it.
    pub(super) fn of(self, route: &Route) -> Option<Handler> {
        let Handling {
            protection,
            response_headers,
            ..
        } = handling(route)?;
        match self {
            Self::Accounts => auth::basic(&protection.accounts),
            Self::Answer => fields::of_response(response_headers),
        }
    }

    /// Whether the route has it.
    pub(super) fn is_of(self, route: &Route) -> bool {
        handling(route).is_some_and(|handling| match self {
            Self::Accounts => !handling.protection.accounts.is_empty(),
            Self::Answer => !handling.response_headers.is_empty(),
        })
    }

    /// Whether all parts are surely the same of both.
    pub(super) fn are_same(a: &Route, b: &Route) -> bool {
        let each = [Self::Accounts, Self::Answer];
        a.serving == b.serving || each.into_iter().all(|part| part.is_same(a, b))
    }

    /// Whether it is surely the same of both.
    pub(super) fn is_same(self, a: &Route, b: &Route) -> bool {
        let (Some(a), Some(b)) = (handling(a), handling(b)) else {
            return false;
        };
        match self {
            Self::Accounts => a.protection.accounts == b.protection.accounts,
            Self::Answer => a.response_headers == b.response_headers,
        }
    }
}

fn handling(route: &Route) -> Option<&Handling> {
    match &route.serving {
        Serving::Passed(passed) => Some(&passed.handling),
        Serving::Closed => None,
    }
}

/// Everything that happens to the requests of a route.
pub(super) fn chain(
    key: &RouteKey,
    route: &Route,
    options: &RenderOptions,
    last: Last,
) -> Vec<Handler> {
    chain_with(key, route, options, last, |part| part.of(route))
}

/// The same with these parts in the place of its own.
pub(super) fn chain_with(
    key: &RouteKey,
    route: &Route,
    options: &RenderOptions,
    last: Last,
    part: impl Fn(Part) -> Option<Handler>,
) -> Vec<Handler> {
    let Serving::Passed(passed) = &route.serving else {
        return vec![closed()];
    };
    let Passed { handling, asked } = passed.as_ref();
    let protection = &handling.protection;
    let asks = match (&protection.forward, asked) {
        (None, _) => Vec::new(),
        (Some(forward), Some(asked)) => auth::forward(forward, asked, protection, options),
        // Nobody can say whether the request may come in.
        (Some(_), None) => return vec![closed()],
    };
    let logged = route.log.then_some(Handler::Vars {
        log_skip: Some(false),
    });
    let last = match last {
        Last::Answer(answer) => answer,
        Last::Proxy(proxy) => Handler::ReverseProxy(Box::new(proxied(*proxy, handling))),
    };
    logged
        .into_iter()
        .chain(addresses(protection))
        .chain(part(Part::Accounts))
        .chain(asks)
        .chain(body::limit(protection.body_bytes_max))
        .chain(protection.raw.iter().cloned().map(Hidden).map(Handler::Raw))
        .chain(part(Part::Answer))
        .chain(handling.compress.then(compress))
        .chain(paths::rewrites(key, route))
        .chain([last])
        .collect()
}

/// Whether an operator's own handlers are among them.
pub(super) fn has_raw(route: &Route) -> bool {
    handling(route).is_some_and(|handling| !handling.protection.raw.is_empty())
}

/// The answer of a route that cannot be protected as its labels ask.
fn closed() -> Handler {
    page(
        503,
        "This site is closed: a label of its container is wrong. The log of sh0-agent says which.\n",
    )
}

/// Turns away clients by their address.
fn addresses(protection: &Protection) -> Option<Handler> {
    let ranges = |ranges: &[Cidr]| Matcher {
        client_ip: paths::client_ranges(ranges.iter()),
        ..Matcher::default()
    };
    let is_denied = (!protection.deny.is_empty()).then(|| ranges(&protection.deny));
    let is_stranger = (!protection.allow.is_empty()).then(|| Matcher {
        not: vec![ranges(&protection.allow)],
        ..Matcher::default()
    });
    let matchers: Vec<Matcher> = is_denied.into_iter().chain(is_stranger).collect();
    let forbidden = page(403, "Forbidden: this site does not serve your address.\n");
    (!matchers.is_empty()).then(|| gate(matchers, forbidden))
}

/// Answers requests that match, and lets others go on.
pub(super) fn gate(matchers: Vec<Matcher>, answer: Handler) -> Handler {
    Handler::Subroute(Subroute {
        routes: vec![ConfigRoute {
            id: None,
            matchers,
            handle: vec![answer],
            terminal: true,
        }],
        errors: None,
    })
}

fn compress() -> Handler {
    Handler::Encode(Encode {
        encodings: Encodings::default(),
        prefer: ["zstd", "gzip"],
    })
}

/// The proxy with the request's header fields changed, and pages for some of the answers.
fn proxied(proxy: ReverseProxy, handling: &Handling) -> ReverseProxy {
    let proxy = fields::of_request(proxy, handling);
    let pages = handling.error_pages.iter();
    let pages = pages.map(|(status, path)| ResponseHandler {
        matcher: Some(ResponseMatcher {
            status_code: vec![*status],
        }),
        status_code: None,
        routes: vec![ConfigRoute {
            id: None,
            matchers: Vec::new(),
            handle: vec![page_of_app(proxy.clone(), *status, path)],
            terminal: false,
        }],
    });
    let handle_response = pages.collect();
    ReverseProxy {
        handle_response,
        ..proxy
    }
}

/// Asks the app for a page, and passes it on with the status that it stands for. What comes back is
/// not looked at again, so a page that is missing is no loop.
fn page_of_app(proxy: ReverseProxy, status: u16, path: &str) -> Handler {
    let proxy = fields::without_conditions(proxy);
    Handler::ReverseProxy(Box::new(ReverseProxy {
        rewrite: Some(asking(path)),
        handle_response: vec![ResponseHandler {
            matcher: None,
            status_code: Some(status),
            routes: Vec::new(),
        }],
        ..proxy
    }))
}

/// A `GET` of this path without the client's query, which Caddy keeps where a path says none.
pub(super) fn asking(path: &str) -> ProxyRewrite {
    let end = if path.contains('?') { "" } else { "?" };
    ProxyRewrite {
        method: "GET",
        uri: format!("{path}{end}"),
    }
}
