//! Readers of single values. Each says what was expected and what was found.

use crate::model::{Hostname, NameError, PathPrefix, Scheme, Token};

/// `true` or `false`, as YAML and compose users write them.
pub(super) fn boolean(text: &str) -> Result<bool, NameError> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(not_one_of("`true` or `false`", text)),
    }
}

/// A comma-separated list: at least one item, none empty. Items equal to an earlier one are
/// dropped.
pub(super) fn list<T: PartialEq>(
    text: &str,
    item: impl Fn(&str) -> Result<T, NameError>,
) -> Result<Vec<T>, NameError> {
    let mut items = Vec::new();
    for part in text.split(',') {
        let parsed = item(part.trim())?;
        if !items.contains(&parsed) {
            items.push(parsed);
        }
    }
    Ok(items)
}

/// Host names.
pub(super) fn hosts(text: &str) -> Result<Vec<Hostname>, NameError> {
    list(text, |part| {
        Hostname::parse(part).map_err(|error| in_list(text, part, error))
    })
}

/// Path prefixes; empty when one of them is `/`, which matches everything.
pub(super) fn paths(text: &str) -> Result<Vec<PathPrefix>, NameError> {
    let parse = |part: &str| PathPrefix::parse(part).map_err(|error| in_list(text, part, error));
    let paths = list(text, parse)?;
    Ok(paths
        .into_iter()
        .collect::<Option<Vec<_>>>()
        .unwrap_or_default())
}

/// Names of projects.
pub(super) fn names(text: &str) -> Result<Vec<String>, NameError> {
    list(text, |part| {
        Token::parse(part)
            .map(|name| name.as_str().to_owned())
            .map_err(|error| in_list(text, part, error))
    })
}

/// The protocol towards the container.
pub(super) fn scheme(text: &str) -> Result<Scheme, NameError> {
    match text.trim().to_ascii_lowercase().as_str() {
        "http" => Ok(Scheme::Http),
        "https" => Ok(Scheme::Https),
        "h2c" => Ok(Scheme::H2c),
        _ => Err(not_one_of("`http`, `https` or `h2c`", text)),
    }
}

/// The error of a value that is none of a few words.
pub(super) fn not_one_of(expected: &'static str, text: &str) -> NameError {
    let found = if text.trim().is_empty() {
        "nothing"
    } else {
        "another word"
    };
    NameError {
        expected,
        found: found.to_owned(),
    }
}

/// Names the item of a list that is wrong; a single item needs no naming.
fn in_list(text: &str, part: &str, error: NameError) -> NameError {
    if text.trim() == part || part.is_empty() {
        return error;
    }
    let part: String = part.chars().take(80).collect();
    NameError {
        found: format!("{} in the item `{}`", error.found, part.escape_debug()),
        ..error
    }
}
