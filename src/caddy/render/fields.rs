//! Header fields, as Caddy changes them.

use std::collections::BTreeMap;

use crate::caddy::config::{Handler, HeaderOps, Headers, ResponseOps, ReverseProxy};
use crate::model::{Handling, HeaderChange, HeaderText, Piece, RequestValue};

/// The changes of an answer, made when it is written.
pub(super) fn of_response(changes: &[HeaderChange]) -> Option<Handler> {
    let response = || ResponseOps {
        ops: ops(changes),
        deferred: true,
    };
    (!changes.is_empty()).then(|| {
        Handler::Headers(Headers {
            response: Some(response()),
            ..Headers::default()
        })
    })
}

/// The proxy with the changes of the request, made on its copy at each try. A password that was
/// meant for the agent is not the container's business, unless a label says what it gets there.
pub(super) fn of_request(proxy: ReverseProxy, handling: &Handling) -> ReverseProxy {
    let protection = &handling.protection;
    let mut ops = ops(&handling.request_headers);
    let copied = protection.forward.iter().flat_map(|forward| &forward.copy);
    let labelled = handling.request_headers.iter().map(HeaderChange::name);
    let mut named = labelled.chain(copied);
    if !protection.accounts.is_empty() && !named.any(|name| name.as_str() == AUTHORIZATION) {
        ops.delete.push(AUTHORIZATION.to_owned());
    }
    with(proxy, ops)
}

/// In lower case.
const AUTHORIZATION: &str = "authorization";

/// What is deleted where the agent asks in the client's name although it asked for something else.
pub(super) const CONDITIONS: [&str; 6] = [
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Range",
];

/// The proxy asking for the whole of a page, whatever part of another one the client has.
pub(super) fn without_conditions(proxy: ReverseProxy) -> ReverseProxy {
    let delete = CONDITIONS.map(str::to_owned).into();
    with(
        proxy,
        HeaderOps {
            delete,
            ..HeaderOps::default()
        },
    )
}

/// The proxy with these changes of the request besides its own, which they outdo.
pub(super) fn with(mut proxy: ReverseProxy, more: HeaderOps) -> ReverseProxy {
    if more == HeaderOps::default() {
        return proxy;
    }
    let mut headers = proxy.headers.take().unwrap_or_default();
    let own = &mut headers.request;
    let is_host = |name: &String| name.eq_ignore_ascii_case("host");
    if more.set.keys().any(is_host) {
        own.set.retain(|name, _| !is_host(name));
    }
    own.set.extend(more.set);
    own.add.extend(more.add);
    own.delete.extend(more.delete);
    proxy.headers = Some(headers);
    proxy
}

fn ops(changes: &[HeaderChange]) -> HeaderOps {
    let mut ops = HeaderOps::default();
    for change in changes {
        let name = change.name().as_str().to_owned();
        match change {
            HeaderChange::Set(_, text) => drop(ops.set.insert(name, vec![caddy_text(text)])),
            HeaderChange::Add(_, text) => drop(ops.add.insert(name, vec![caddy_text(text)])),
            HeaderChange::Delete(_) => ops.delete.push(name),
        }
    }
    ops
}

/// The text as Caddy's placeholders write it: its braces stand for themselves behind a backslash.
fn caddy_text(text: &HeaderText) -> String {
    let mut written = String::new();
    for piece in text.pieces() {
        match piece {
            Piece::Text(text) => written.push_str(&literal(text)),
            // Behind a backslash of the text it would be text as well.
            Piece::Value(value) if written.ends_with('\\') => {
                written.push_str(&literal(word(*value)));
            }
            Piece::Value(value) => written.push_str(placeholder(*value)),
        }
    }
    written
}

/// The text as itself where Caddy expands placeholders. Only braces need a backslash; one that stands before them already is kept by the one added
/// (`Replacer.replace` in Caddy's replacer.go).
pub(super) fn literal(text: &str) -> String {
    text.replace('{', "\\{").replace('}', "\\}")
}

/// What the client sent, before a prefix was removed or a path rewritten. Only of the path there is
/// no such form that is percent-encoded, as a header field must have it.
fn placeholder(value: RequestValue) -> &'static str {
    match value {
        RequestValue::Host => "{http.request.host}",
        RequestValue::Method => "{http.request.orig_method}",
        RequestValue::Path => "{http.request.uri.path_escaped}",
        RequestValue::Uri => "{http.request.orig_uri}",
        RequestValue::Query => "{http.request.orig_uri.query}",
        RequestValue::Remote => "{http.vars.client_ip}",
        RequestValue::Scheme => "{http.request.scheme}",
        RequestValue::RequestId => "{http.request.uuid}",
    }
}

fn word(value: RequestValue) -> &'static str {
    match value {
        RequestValue::Host => "{host}",
        RequestValue::Method => "{method}",
        RequestValue::Path => "{path}",
        RequestValue::Uri => "{uri}",
        RequestValue::Query => "{query}",
        RequestValue::Remote => "{remote}",
        RequestValue::Scheme => "{scheme}",
        RequestValue::RequestId => "{request_id}",
    }
}

/// Sets one field to what a placeholder stands for.
pub(super) fn set(name: &str, placeholder: &str) -> HeaderOps {
    HeaderOps {
        set: BTreeMap::from([(name.to_owned(), vec![placeholder.to_owned()])]),
        ..HeaderOps::default()
    }
}
