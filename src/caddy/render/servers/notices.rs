//! What those are told who ask for an app that a person halted: a file that the agent writes, so that
//! neither a halt nor its message is a load.

use std::collections::BTreeMap;

use crate::caddy::config::{
    FileMatch, FileServer, Handler, HeaderOps, Headers, Matcher, Pattern, ResponseOps, Rewrite,
    Route, Subroute,
};
use crate::caddy::render::SlotOptions;
use crate::caddy::render::fields::CONDITIONS;

/// What `Retry-After` says, in seconds. A person decides when the app goes on.
const RETRY_AFTER_SECONDS: &str = "30";
/// The page has a style of its own, and nothing else is to run or load in it.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";
/// The page for browsers, and the text for all others, of the pool whose waiting socket closed the
/// request ([`SlotOptions::held_by_pool`]).
const PAGE: &str = "/{http.regexp.1}.html";
const TEXT: &str = "/{http.regexp.1}.txt";

/// For a request that a waiting socket closed: the page where a browser asks, else the text. Where
/// there is no file, because the app is not halted, the request goes on to the next route.
pub(super) fn route(slots: &SlotOptions) -> Route {
    let accepts_html = Pattern {
        pattern: "text/html".to_owned(),
    };
    let of_browsers = Matcher {
        header_regexp: BTreeMap::from([("Accept".to_owned(), accepts_html)]),
        ..Matcher::default()
    };
    // Caddy looks at the matchers of one route in any order, so what these look for is known only
    // within another one.
    let routes = vec![
        answer(slots, of_browsers, PAGE),
        answer(slots, Matcher::default(), TEXT),
    ];
    Route {
        id: None,
        matchers: vec![slots.held_by_pool()],
        handle: vec![Handler::Subroute(Subroute {
            routes,
            errors: None,
        })],
        terminal: false,
    }
}

fn answer(slots: &SlotOptions, matcher: Matcher, name: &'static str) -> Route {
    let file = FileMatch {
        root: slots.notices(),
        try_files: [name],
    };
    let server = FileServer {
        root: slots.notices(),
        status_code: 503,
        canonical_uris: false,
    };
    let named = Rewrite::Ask {
        method: "GET",
        uri: "{http.matchers.file.relative}",
    };
    Route {
        id: None,
        matchers: vec![Matcher {
            file: Some(file),
            ..matcher
        }],
        handle: vec![
            Handler::Headers(fields()),
            Handler::Rewrite(named),
            Handler::FileServer(server),
        ],
        terminal: true,
    }
}

/// The whole page whatever a client has of the app's, and nothing that invites to keep it.
fn fields() -> Headers {
    let set = [
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", CONTENT_POLICY),
        ("Retry-After", RETRY_AFTER_SECONDS),
        ("Vary", "Accept"),
        ("X-Content-Type-Options", "nosniff"),
    ];
    let set = set.map(|(name, value)| (name.to_owned(), vec![value.to_owned()]));
    let of_file = ["Accept-Ranges", "Etag", "Last-Modified"];
    Headers {
        request: HeaderOps {
            delete: CONDITIONS.map(str::to_owned).into(),
            ..HeaderOps::default()
        },
        response: Some(ResponseOps {
            ops: HeaderOps {
                set: set.into(),
                delete: of_file.map(str::to_owned).into(),
                ..HeaderOps::default()
            },
            deferred: true,
        }),
    }
}
