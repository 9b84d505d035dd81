//! Which label Caddy's refusal of a route is about.

use std::sync::Arc;

use crate::diagnostic::LabelRef;
use crate::labels::is_secret;
use crate::model::{Labels, RouteName};

/// Which labels lead to which of Caddy's modules: the beginnings of their keys.
const MODULES: &[(&str, &[&str])] = &[
    ("authentication", &["auth.basic"]),
    ("client_ip", &["allow", "deny", "match.client_ip"]),
    ("encode", &["compress"]),
    ("header", &["match.header."]),
    ("headers", &["headers."]),
    ("method", &["match.method"]),
    ("path", &["path", "path.exact"]),
    ("path_regexp", &["path.regexp"]),
    ("query", &["match.query."]),
    ("request_body", &["body_max"]),
    (
        "reverse_proxy",
        &["auth.forward", "lb.", "scheme", "timeout.", "upstream."],
    ),
    ("rewrite", &["rewrite", "strip"]),
];

/// The label that is most probably meant: the module that Caddy names last is the innermost. Raw
/// handlers may hold any module, and are what our own checks do not reach.
pub(super) fn label(
    words: &str,
    labels: &Labels,
    prefix: &str,
    route: &RouteName,
) -> Option<LabelRef> {
    let scope = match route {
        RouteName::Default => format!("{prefix}."),
        RouteName::Named(name) => format!("{prefix}.routes.{name}."),
    };
    let own = |beginning: &str| {
        let beginning = format!("{scope}{beginning}");
        labels.iter().filter(move |(key, _)| {
            ***key == *beginning || beginning.ends_with('.') && key.starts_with(&beginning)
        })
    };
    let shown = |(key, value): (&Arc<str>, &Arc<str>)| {
        let label = LabelRef {
            key: key.clone(),
            value: value.clone(),
        };
        if is_secret(key, prefix) {
            label.hidden()
        } else {
            label
        }
    };
    let module = words.rsplit_once("loading module '");
    let module = module.and_then(|(_, rest)| Some(rest.split_once('\'')?.0));
    let mut raw = own("caddy.handlers");
    let raw = raw.find(|(_, value)| module.is_none_or(|module| value.contains(module)));
    if let Some(raw) = raw {
        return Some(shown(raw));
    }
    let (_, beginnings) = MODULES.iter().find(|(name, _)| Some(*name) == module)?;
    let mut found = beginnings.iter().flat_map(|beginning| own(beginning));
    let first = found.next();
    first.filter(|_| found.next().is_none()).map(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(words: &str, pairs: &[(&str, &str)]) -> Option<String> {
        let pairs = pairs.iter();
        let labels = pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let label = label(words, &labels.collect(), "sh0", &RouteName::Default);
        label.map(|label| label.key.to_string())
    }

    #[test]
    fn the_label_behind_the_module_is_named_if_there_is_one() {
        let headers = "route 5: loading handler modules: position 0: loading module 'subroute': x: loading module 'headers': y";
        let one = ("sh0.headers.request.X", "a");
        let two = ("sh0.headers.response.Y", "b");
        let raw = ("sh0.caddy.handlers", r#"[{"handler":"headers"}]"#);
        let other = ("sh0.caddy.handlers", r#"[{"handler":"vars"}]"#);
        let of_another = ("sh0.routes.api.headers.request.X", "a");
        let found = |words, labels: &[(&str, &str)]| named(words, labels);
        assert_eq!(found(headers, &[one, of_another]).as_deref(), Some(one.0));
        assert_eq!(found(headers, &[one, two]), None, "either may be meant");
        assert_eq!(found(headers, &[one, raw]).as_deref(), Some(raw.0));
        assert_eq!(found(headers, &[one, other]).as_deref(), Some(one.0));
        assert_eq!(found("it fell over", &[one]), None);
        assert_eq!(found("it fell over", &[raw]).as_deref(), Some(raw.0));
        assert_eq!(found("loading module 'nope': x", &[one]), None);
    }
}
