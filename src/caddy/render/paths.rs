//! How a request must look for a key, and what its path becomes.

use std::collections::BTreeMap;

use super::fields::literal;
use super::regexp_escaped;
use crate::caddy::config::{Handler, IpRanges, Matcher, PathReplacement, Pattern, Rewrite};
use crate::model::{Cidr, Matching, PathMatch, TextMatch};
use crate::routes::{Route, RouteKey};

/// What a request must look like for this key; `None` is any.
pub(super) fn matcher(key: &RouteKey) -> Option<Matcher> {
    let host = if key.host.is_catch_all() {
        Vec::new()
    } else {
        vec![key.host.as_str().to_owned()]
    };
    let (path, path_regexp) = match &key.path {
        PathMatch::Every => (Vec::new(), None),
        PathMatch::Exact(path) => (vec![path.to_string()], None),
        PathMatch::Prefix(path) => (vec![path.to_string(), format!("{path}/*")], None),
        PathMatch::Regexp(pattern) => {
            let pattern = pattern.as_str().to_owned();
            (Vec::new(), Some(Pattern { pattern }))
        }
    };
    let Matching {
        methods,
        headers,
        queries,
        client_ips,
    } = &*key.matching;
    let fields = headers.iter();
    let fields = fields.map(|(name, value)| (name.as_str().to_owned(), whole(value)));
    let query = queries.iter();
    let query = query.map(|(name, value)| (literal(name.as_str()), vec![parameter(value)]));
    let matcher = Matcher {
        host,
        path,
        path_regexp,
        header_regexp: fields.collect(),
        query: query.collect::<BTreeMap<_, _>>(),
        client_ip: client_ranges(client_ips.iter()),
        method: { methods.iter() }
            .map(|method| method.as_str().to_owned())
            .collect(),
        ..Matcher::default()
    };
    (matcher != Matcher::default()).then_some(matcher)
}

/// These ranges, if there are any.
pub(super) fn ranges<'a>(ranges: impl Iterator<Item = &'a Cidr>) -> Option<IpRanges> {
    let ranges: Vec<String> = ranges.map(ToString::to_string).collect();
    (!ranges.is_empty()).then_some(IpRanges { ranges })
}

/// The same for clients' addresses, in both forms of an IPv4 address: Caddy compares them one by one
/// (`netip.Prefix.Contains`).
pub(super) fn client_ranges<'a>(ranges: impl Iterator<Item = &'a Cidr>) -> Option<IpRanges> {
    let both = ranges.flat_map(|range| [Some(range.to_string()), range.mapped()]);
    let ranges: Vec<String> = both.flatten().collect();
    (!ranges.is_empty()).then_some(IpRanges { ranges })
}

/// A header field's whole value. Caddy's plain `header` matcher would expand placeholders and read
/// `*` at either end of the text.
fn whole(value: &TextMatch) -> Pattern {
    let pattern = match value {
        TextMatch::Any => String::new(),
        TextMatch::Text(text) => format!("^{}$", regexp_escaped(text)),
    };
    Pattern { pattern }
}

fn parameter(value: &TextMatch) -> String {
    match value {
        TextMatch::Any => "*".to_owned(),
        TextMatch::Text(text) => literal(text),
    }
}

/// What happens to the path before the request is passed on.
pub(super) fn rewrites(key: &RouteKey, route: &Route) -> Vec<Handler> {
    let prefix = match &key.path {
        PathMatch::Prefix(path) => Some(path.as_str()),
        PathMatch::Exact(_) | PathMatch::Regexp(_) | PathMatch::Every => None,
    };
    let strip = prefix.map(|path| Rewrite::Strip {
        strip_path_prefix: percent_encoded(path),
    });
    let is_whole = matches!(key.path, PathMatch::Exact(_) | PathMatch::Regexp(_));
    let root = || "/".to_owned();
    let set = |uri: String| Some(Rewrite::Set { uri });
    let (first, then) = match &route.rewrite {
        None if !route.strip => (None, None),
        None if is_whole => (None, set(root())),
        None => (strip, None),
        Some(new) if is_whole && new.as_str().is_empty() => (None, set(root())),
        Some(new) if is_whole => (None, set(percent_encoded(new.as_str()))),
        Some(new) if new.as_str().is_empty() => (strip, None),
        Some(new) => {
            // Not as `uri`, which would decode `%2F` in the rest of the path.
            let replace = percent_encoded(new.as_str()).replace('$', "$$");
            let path_regexp = [PathReplacement { find: "^", replace }];
            (strip, Some(Rewrite::Replace { path_regexp }))
        }
    };
    first
        .into_iter()
        .chain(then)
        .map(Handler::Rewrite)
        .collect()
}

/// Beyond ASCII, Caddy's `strip_path_prefix` compares only with the percent-encoded form
/// (`trimPathPrefix` in modules/caddyhttp/rewrite/rewrite.go).
fn percent_encoded(path: &str) -> String {
    let encode = |byte: u8| {
        if byte.is_ascii() {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    path.bytes().map(encode).collect()
}
