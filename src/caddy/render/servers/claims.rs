//! What a client's header fields claim about itself, and about the connection: taken away before
//! any route looks, so that nothing behind it need ask who said it.

use std::collections::BTreeMap;

use crate::caddy::config::{Handler, HeaderOps, Headers, Matcher, Pattern, Route};
use crate::caddy::render::{RenderOptions, fields, paths};

/// What only a proxy may say. Caddy sets `X-Forwarded-For`, `-Proto` and `-Host` itself.
const OF_PROXIES: [&str; 2] = ["Forwarded", "X-Forwarded-*"];

/// The routes that do it; each lets the request go on.
pub(super) fn removed(options: &RenderOptions) -> Vec<Route> {
    let trusted = paths::ranges(options.trusted_proxies.iter()).map(|ranges| Matcher {
        not: vec![Matcher {
            remote_ip: Some(ranges),
            ..Matcher::default()
        }],
        ..Matcher::default()
    });
    let mut always = fields::set("X-Real-IP", "{http.vars.client_ip}");
    // Old CGI programs take it for their own proxy (httpoxy).
    always.delete.push("Proxy".to_owned());
    let of_strangers = deleted(&OF_PROXIES);
    match trusted {
        None => {
            always.delete.extend(of_strangers.delete);
            vec![change(Vec::new(), always)]
        }
        Some(strangers) => vec![
            change(Vec::new(), always),
            change(vec![strangers], of_strangers),
        ],
    }
    .into_iter()
    .chain(connection())
    .collect()
}

/// `Connection` names the fields that end here, and the proxy takes them away last: one named there
/// by a client would be missing at the container, be it the name of who was let in. Only what asks
/// for another protocol is kept, and not for HTTP/2, in which a container could be asked for
/// anything past all routes.
fn connection() -> [Route; 2] {
    let asks = |name: &str, pattern: &str| Matcher {
        header_regexp: BTreeMap::from([(
            name.to_owned(),
            Pattern {
                pattern: pattern.to_owned(),
            },
        )]),
        ..Matcher::default()
    };
    let upgrade = || asks("Connection", r"(?i)(^|,)[ \t]*upgrade[ \t]*(,|$)");
    let http2 = asks("Upgrade", "(?i)h2c");
    let neither = Matcher {
        not: vec![upgrade()],
        ..Matcher::default()
    };
    let kept = fields::set("Connection", "Upgrade");
    let none = deleted(&["Connection", "Upgrade", "HTTP2-Settings"]);
    [
        change(vec![upgrade()], kept),
        change(vec![neither, http2], none),
    ]
}

fn deleted(names: &[&str]) -> HeaderOps {
    HeaderOps {
        delete: names.iter().map(|name| (*name).to_owned()).collect(),
        ..HeaderOps::default()
    }
}

fn change(matchers: Vec<Matcher>, request: HeaderOps) -> Route {
    Route {
        id: None,
        matchers,
        handle: vec![Handler::Headers(Headers {
            request,
            ..Headers::default()
        })],
        terminal: false,
    }
}
