//! Who may come in: by name and password, or by another app's word.

use std::collections::BTreeMap;
use std::time::Duration;

use super::RenderOptions;
use super::chain::asking;
use super::fields;
use super::handlers::{page, reverse_proxy};
use crate::caddy::config::{
    Account as ConfigAccount, Authentication, CaddyDuration, Empty, Handler, Hash, HeaderOps,
    Headers, Hidden, HttpBasic, LoadBalancing, Matcher, Providers, ResponseHandler,
    ResponseMatcher, ReverseProxy, Route, SelectionPolicy, Transport, TransportTls, Upstream,
};
use crate::model::{Account, ForwardAuth, HashKind, HeaderName, Hostname, Port, Protection};
use crate::routes::Asked;

/// Lets in who gives one of these names with its password.
pub(super) fn basic(accounts: &[Account]) -> Option<Handler> {
    let hash = match accounts.first()?.hash.kind() {
        HashKind::Bcrypt => Hash::Bcrypt,
        HashKind::Argon2id => Hash::Argon2id,
    };
    let account = |account: &Account| ConfigAccount {
        username: account.name.clone(),
        password: Hidden(account.hash.secret().to_owned()),
    };
    Some(Handler::Authentication(Authentication {
        providers: Providers {
            http_basic: HttpBasic {
                hash,
                accounts: accounts.iter().map(account).collect(),
                hash_cache: Empty {},
            },
        },
    }))
}

/// The answer for somebody who gave no name, or not its password.
pub(super) fn unauthorized() -> Handler {
    page(401, "This site asks for a name and a password.\n")
}

/// Asks another app whether the request may come in. Its 2xx lets it go on to the handlers behind;
/// any other answer, and any failure, is the end of it.
pub(super) fn forward(
    forward: &ForwardAuth,
    asked: &Asked,
    protection: &Protection,
    options: &RenderOptions,
) -> Vec<Handler> {
    let proxy = match asked {
        Asked::Pool(pool) if options.slots.is_none() && pool.upstreams.is_empty() => {
            let text = "The app that decides who may see this site is not ready. Please try again \
                        in a few seconds.\n";
            return vec![page(503, text)];
        }
        // It is asked also where passive checks would leave nobody: there is nobody else to ask.
        Asked::Pool(pool) => ReverseProxy {
            health_checks: None,
            ..reverse_proxy(pool, options)
        },
        Asked::Server {
            is_https,
            host,
            port,
        } => server(*is_https, host, *port, options),
    };
    let mut ops = fields::set("X-Forwarded-Method", "{http.request.method}");
    ops.set
        .extend(fields::set("X-Forwarded-Uri", "{http.request.orig_uri}").set);
    if !protection.accounts.is_empty() {
        ops.delete.push("Authorization".to_owned());
    }
    let proxy = fields::with(proxy, ops);
    // Caddy takes a response handler without routes for none.
    let nothing = route(Vec::new(), Handler::Vars { log_skip: None });
    let copied = forward.copy.iter().flat_map(copy);
    vec![Handler::ReverseProxy(Box::new(ReverseProxy {
        rewrite: Some(asking(&forward.path)),
        handle_response: vec![ResponseHandler {
            matcher: Some(ResponseMatcher {
                status_code: vec![2],
            }),
            status_code: None,
            routes: [nothing].into_iter().chain(copied).collect(),
        }],
        ..proxy
    }))]
}

/// Gives the container a header field of the answer, and never one of the client's, also where the
/// answer has none.
fn copy(name: &HeaderName) -> [Route; 2] {
    let canonical = canonical(name.as_str());
    let placeholder = format!("{{http.reverse_proxy.header.{canonical}}}");
    let is_empty = Matcher {
        vars: BTreeMap::from([(placeholder.clone(), vec![String::new()])]),
        ..Matcher::default()
    };
    let is_there = Matcher {
        not: vec![is_empty],
        ..Matcher::default()
    };
    let change = |request: HeaderOps| {
        Handler::Headers(Headers {
            request,
            ..Headers::default()
        })
    };
    let remove = HeaderOps {
        delete: spellings(name.as_str()),
        ..HeaderOps::default()
    };
    let set = fields::set(&canonical, &placeholder);
    [
        route(Vec::new(), change(remove)),
        route(vec![is_there], change(set)),
    ]
}

/// The most dashes of a name all of whose spellings are removed one by one.
const DASHES_MAX: usize = 5;

/// A name as applications may take it for the same: many turn `-` and `_` alike into `_` (CGI, RFC
/// 3875, section 4.1.18).
fn spellings(name: &str) -> Vec<String> {
    let mut spellings = vec![String::new()];
    let is_long = name.matches(['-', '_']).count() > DASHES_MAX;
    for c in name.chars() {
        let variants: &[char] = match c {
            '-' | '_' if !is_long => &['-', '_'],
            _ => &[c],
        };
        let longer = spellings
            .iter()
            .flat_map(|before| { variants.iter() }.map(move |c| format!("{before}{c}")));
        spellings = longer.collect();
    }
    if is_long {
        spellings.push(name.replace('-', "_"));
        spellings.push(name.replace('_', "-"));
    }
    spellings
}

/// The name as Go writes it: the first letter and those behind a dash are capital
/// (`http.CanonicalHeaderKey`).
fn canonical(name: &str) -> String {
    let mut is_first = true;
    let letter = |c: char| {
        let written = if is_first { c.to_ascii_uppercase() } else { c };
        is_first = c == '-';
        written
    };
    name.chars().map(letter).collect()
}

fn route(matchers: Vec<Matcher>, handler: Handler) -> Route {
    Route {
        id: None,
        matchers,
        handle: vec![handler],
        terminal: false,
    }
}

/// How long a dial may take to a server that may be far away.
const SERVER_DIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// A server that is no container of the agent's.
fn server(is_https: bool, host: &Hostname, port: Port, options: &RenderOptions) -> ReverseProxy {
    let name = host.as_str();
    let dial = if name.contains(':') {
        format!("[{name}]:{port}")
    } else {
        format!("{name}:{port}")
    };
    let tls = TransportTls {
        server_name: Some(name.to_owned()),
        ..TransportTls::default()
    };
    ReverseProxy {
        upstreams: vec![Upstream { dial }],
        health_checks: None,
        load_balancing: LoadBalancing {
            selection_policy: SelectionPolicy::LeastConn,
            try_duration: None,
            try_interval: None,
            retry_match: Vec::new(),
        },
        transport: Transport::Http {
            dial_timeout: CaddyDuration(SERVER_DIAL_TIMEOUT),
            response_header_timeout: None,
            versions: Vec::new(),
            tls: is_https.then_some(tls),
            network_proxy: None,
        },
        rewrite: None,
        handle_response: Vec::new(),
        headers: Some(Headers {
            request: fields::set("Host", "{http.reverse_proxy.upstream.hostport}"),
            ..Headers::default()
        }),
        stream_close_delay: CaddyDuration(options.stream_close_delay),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_field_is_removed_in_every_spelling() {
        assert_eq!(spellings("a-b_c"), ["a-b-c", "a-b_c", "a_b-c", "a_b_c"]);
        assert_eq!(canonical("x-auth-user_id"), "X-Auth-User_id");
        let long = spellings("a-b-c-d-e-f-g");
        assert_eq!(long, ["a-b-c-d-e-f-g", "a_b_c_d_e_f_g", "a-b-c-d-e-f-g"]);
    }
}
