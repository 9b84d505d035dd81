//! Names that parse: a value of these types cannot be wrong, so nothing later checks again.

mod cidr;
mod file;
mod host;
mod path;
mod regexp;

pub use cidr::Cidr;
pub use file::FileName;
pub use host::Hostname;
pub use path::{ExactPath, NewPath, PathPrefix};
pub use regexp::PathRegexp;

use std::fmt;
use std::num::NonZeroU16;

use serde::Serialize;

use super::shown;

/// Why a text is not such a name: what was expected, and what was found in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    /// What a right value looks like, lowercase and without a full stop.
    pub expected: &'static str,
    /// What is wrong with this one, lowercase and without a full stop.
    pub found: String,
}

impl NameError {
    fn new(expected: &'static str, found: impl Into<String>) -> Self {
        Self {
            expected,
            found: found.into(),
        }
    }
}

/// Characters of a wrong value that a message repeats: enough to recognise it.
pub(crate) const FOUND_CHARS_MAX: usize = 40;
/// Longest token in bytes.
const TOKEN_BYTES_MAX: usize = 128;

/// A TCP port, 1 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Port(NonZeroU16);

impl Port {
    /// The port, or `None` for 0.
    #[must_use]
    pub fn new(port: u16) -> Option<Self> {
        NonZeroU16::new(port).map(Self)
    }

    /// Parses what a user wrote.
    ///
    /// # Errors
    /// What was found instead of a port.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let expected = "a number from 1 to 65535";
        let text = text.trim();
        if text.is_empty() {
            return Err(NameError::new(expected, "nothing"));
        }
        // Rust's own parser would also take `+80`.
        if !text.chars().all(|c| c.is_ascii_digit()) {
            let found = format!("`{}`, which is not a number", shown(text, FOUND_CHARS_MAX));
            return Err(NameError::new(expected, found));
        }
        let port = text.parse::<u16>().ok().and_then(Self::new);
        port.ok_or_else(|| {
            let found = format!("`{}`, which is out of range", shown(text, FOUND_CHARS_MAX));
            NameError::new(expected, found)
        })
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A name without surprises, for headers, cookies, apps, networks and projects: a token of RFC
/// 9110, section 5.6.2, of letters, digits, `-`, `_` and `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Token(String);

impl Token {
    /// Parses what a user wrote.
    ///
    /// # Errors
    /// What was found instead of a token.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let expected = "a name of letters, digits and `-_.`";
        let text = text.trim();
        if text.is_empty() {
            return Err(NameError::new(expected, "nothing"));
        }
        if text.len() > TOKEN_BYTES_MAX {
            let found = format!(
                "{} bytes, at most {TOKEN_BYTES_MAX} are allowed",
                text.len()
            );
            return Err(NameError::new(expected, found));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        match text.chars().find(|&c| !allowed(c)) {
            Some(bad) => Err(NameError::new(
                expected,
                format!("the character `{}`", bad.escape_debug()),
            )),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_1_to_65535() {
        assert_eq!(Port::parse("8080").map(Port::get), Ok(8080));
        let found = |text: &str| Port::parse(text).expect_err("wrong").found;
        assert_eq!(found("0"), "`0`, which is out of range");
        assert_eq!(found("70000"), "`70000`, which is out of range");
        assert_eq!(found("+80"), "`+80`, which is not a number");
        assert_eq!(found("80/tcp"), "`80/tcp`, which is not a number");
        assert_eq!(found(""), "nothing");
    }
}
