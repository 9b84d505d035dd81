//! Names that parse: a value of these types cannot be wrong, so nothing later checks again.

mod host;
mod path;

pub use host::Hostname;
pub use path::PathPrefix;

use std::fmt;
use std::num::NonZeroU16;

use serde::Serialize;

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

/// Longest token (header or cookie name) in bytes.
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
        let port = text.parse::<u16>().ok().and_then(Self::new);
        port.ok_or_else(|| {
            let digits = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
            let found = match text {
                "" => "nothing",
                _ if digits => "a number outside of that range",
                _ => "not a number",
            };
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

/// A header or cookie name: the `token` of RFC 9110, section 5.6.2.
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
            let found = format!("{} characters, at most {TOKEN_BYTES_MAX}", text.len());
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
        let found = |text: &str| Port::parse(text).map_err(|e| e.found);
        assert_eq!(found("0"), Err("a number outside of that range".to_owned()));
        assert_eq!(
            found("70000"),
            Err("a number outside of that range".to_owned())
        );
        assert_eq!(found("80a"), Err("not a number".to_owned()));
        assert_eq!(found(""), Err("nothing".to_owned()));
    }
}
