//! Paths: prefixes, whole ones, and what stands in their place.

use std::fmt;

use serde::Serialize;

use super::NameError;

/// Longest path prefix in bytes: far above any real one, and keeps one label from bloating the
/// config.
const PATH_BYTES_MAX: usize = 1024;

/// A path prefix: begins with `/`, has no `..`, and ends without `/` (so it is never just `/`).
/// It matches the path itself and everything below it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PathPrefix(String);

impl PathPrefix {
    const EXPECTED: &'static str = "a path such as `/api`, beginning with `/`";

    /// Parses what a user wrote. `/` alone matches everything and is `None`.
    ///
    /// # Errors
    /// What was found instead of a path.
    pub fn parse(text: &str) -> Result<Option<Self>, NameError> {
        let path = checked(text, Self::EXPECTED)?.trim_end_matches('/');
        // Caddy compares paths without regard to case (modules/caddyhttp/matchers.go,
        // MatchPath), so two spellings of one path are one key.
        let lowercase = path.chars().map(lowercase).collect();
        Ok((!path.is_empty()).then_some(Self(lowercase)))
    }

    /// The normalised text, lowercase and without a trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One path as a whole: compared without regard to case, as prefixes are, but with the slash at its
/// end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ExactPath(String);

impl ExactPath {
    /// Parses what a user wrote.
    ///
    /// # Errors
    /// What was found instead of a path.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let expected = "a path such as `/login`, beginning with `/`";
        let path = checked(text, expected)?;
        if path.ends_with("//") {
            return Err(NameError::new(expected, "an empty part in it"));
        }
        Ok(Self(path.chars().map(lowercase).collect()))
    }

    /// The normalised text, lowercase.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExactPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What stands in the place of a matched path, in the case in which it was written and without a
/// slash at its end; empty for `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct NewPath(String);

impl NewPath {
    /// Parses what a user wrote.
    ///
    /// # Errors
    /// What was found instead of a path.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let path = checked(text, "a path such as `/v2`, beginning with `/`")?;
        Ok(Self(path.trim_end_matches('/').to_owned()))
    }

    /// The text, empty for `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The path that a user wrote, if it is a plain one: no `..`, no empty part, and nothing that means
/// something to Caddy, to its placeholders or in a URL.
fn checked<'a>(text: &'a str, expected: &'static str) -> Result<&'a str, NameError> {
    let wrong = |found: &str| NameError::new(expected, found);
    let text = text.trim();
    if !text.starts_with('/') {
        return Err(wrong(if text.is_empty() {
            "nothing"
        } else {
            "no `/` at its beginning"
        }));
    }
    if text.len() > PATH_BYTES_MAX {
        return Err(NameError::new(
            expected,
            format!(
                "{} characters, at most {PATH_BYTES_MAX} are allowed",
                text.len()
            ),
        ));
    }
    if text.contains('*') {
        return Err(wrong("a `*` (a prefix matches everything below it anyway)"));
    }
    let path = text.trim_end_matches('/');
    let part_is_dots = |part: &str| part == "." || part == "..";
    if path.split('/').any(part_is_dots) || path.contains("//") {
        return Err(wrong("`.`, `..` or an empty part in it"));
    }
    let allowed = |c: char| c.is_alphanumeric() || "/-._~!$&'()+,;=:@".contains(c);
    if let Some(bad) = path.chars().find(|&c| !allowed(c)) {
        return Err(NameError::new(
            expected,
            format!("the character `{}`", bad.escape_debug()),
        ));
    }
    Ok(text)
}

/// One character for one, as Go's `strings.ToLower` in Caddy's matcher does: Rust's
/// `str::to_lowercase` also knows a final `ς` and gives two characters for `İ`.
fn lowercase(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_path_keeps_its_last_slash_and_a_new_one_its_case() {
        let exact = |text: &str| ExactPath::parse(text).map(|path| path.to_string());
        assert_eq!(exact("/Login/"), Ok("/login/".to_owned()));
        assert_eq!(exact("/"), Ok("/".to_owned()));
        let new = |text: &str| NewPath::parse(text).map(|path| path.0);
        assert_eq!(new("/V2/"), Ok("/V2".to_owned()));
        assert_eq!(new("/"), Ok(String::new()));
        for wrong in [
            "",
            "a",
            "/a//",
            "/../a",
            "/a?b",
            "/{http.request.host}",
            "/a*",
            "/%2e",
        ] {
            assert!(ExactPath::parse(wrong).is_err(), "{wrong}");
        }
        assert!(NewPath::parse("/{env.HOME}").is_err());
    }

    #[test]
    fn paths_lose_case_and_trailing_slash() {
        let parse = |text: &str| PathPrefix::parse(text).map(|p| p.map(|p| p.to_string()));
        assert_eq!(parse("/API/v1/"), Ok(Some("/api/v1".to_owned())));
        assert_eq!(parse("/"), Ok(None));
        assert_eq!(parse("/ΟΔΟΣ/İ"), Ok(Some("/οδοσ/i".to_owned())));
        for wrong in [
            "", "api", "/a/../b", "/a*", "/a?b", "/a#b", "/{env.X}", "/a%2f", "/a//b",
        ] {
            assert!(PathPrefix::parse(wrong).is_err(), "{wrong}");
        }
    }
}
