//! Changes of header fields, and the few parts of a request that their values may take up.

use std::fmt;

use crate::model::{FOUND_CHARS_MAX, NameError, Token, shown};

/// The name of a header field that may be changed: a [`Token`] in lower case. Fields that belong to
/// the connection (RFC 9110, section 7.6.1) are the proxy's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeaderName(String);

/// Fields of the connection, or of the body's framing.
const PROXYS_OWN: [&str; 9] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

impl HeaderName {
    /// Parses what a user wrote.
    ///
    /// # Errors
    /// What was found instead of a name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let name = Token::parse(text)?.as_str().to_ascii_lowercase();
        if PROXYS_OWN.contains(&name.as_str()) {
            return Err(NameError {
                expected: "a header field of the request or the answer",
                found: format!("`{name}`, which belongs to the connection"),
            });
        }
        Ok(Self(name))
    }

    /// In lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A change of one header field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeaderChange {
    /// It has this value and no other.
    Set(HeaderName, HeaderText),
    /// It has this value as well.
    Add(HeaderName, HeaderText),
    /// It is not there.
    Delete(HeaderName),
}

impl HeaderChange {
    /// The field.
    #[must_use]
    pub fn name(&self) -> &HeaderName {
        match self {
            Self::Set(name, _) | Self::Add(name, _) | Self::Delete(name) => name,
        }
    }
}

/// A part of the request, as the client sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestValue {
    /// The host without the port.
    Host,
    /// The method.
    Method,
    /// The path as the container sees it, percent-encoded.
    Path,
    /// Path and query.
    Uri,
    /// The query without `?`.
    Query,
    /// The client's address.
    Remote,
    /// `http` or `https`.
    Scheme,
    /// A number that no other request has.
    RequestId,
}

impl RequestValue {
    const ALL: [(&'static str, Self); 8] = [
        ("host", Self::Host),
        ("method", Self::Method),
        ("path", Self::Path),
        ("uri", Self::Uri),
        ("query", Self::Query),
        ("remote", Self::Remote),
        ("scheme", Self::Scheme),
        ("request_id", Self::RequestId),
    ];
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Piece {
    /// Itself, whatever stands in it.
    Text(String),
    /// What the request says.
    Value(RequestValue),
}

/// The value of a header field: text without control characters in which `{host}` and its few
/// fellows stand for what the request says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeaderText(Vec<Piece>);

impl fmt::Debug for HeaderText {
    /// It may be a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeaderText(hidden)")
    }
}

/// Longest value, in bytes: many servers take no more than 8 KB of all header fields.
const TEXT_BYTES_MAX: usize = 4096;

impl HeaderText {
    /// Parses what a user wrote; empty text is `None`.
    ///
    /// # Errors
    /// What was found that cannot stand in a header field.
    pub fn parse(text: &str) -> Result<Option<Self>, NameError> {
        let expected = "a text on one line";
        let text = text.trim();
        if text.len() > TEXT_BYTES_MAX {
            let found = format!("{} bytes, at most {TEXT_BYTES_MAX} are allowed", text.len());
            return Err(NameError { expected, found });
        }
        let is_wrong = |c: &char| c.is_control() && *c != '\t';
        if let Some(bad) = text.chars().find(is_wrong) {
            let found = format!(
                "the character `{}`",
                shown(&bad.to_string(), FOUND_CHARS_MAX)
            );
            return Err(NameError { expected, found });
        }
        Ok((!text.is_empty()).then(|| Self(pieces(text))))
    }

    /// Its parts, in order.
    pub fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.0.iter()
    }
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let known = RequestValue::ALL.iter().find_map(|(name, value)| {
            let left = rest
                .strip_prefix('{')?
                .strip_prefix(name)?
                .strip_prefix('}')?;
            Some((*value, left))
        });
        if let Some((value, left)) = known {
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Value(value));
            rest = left;
            continue;
        }
        literal.push(c);
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_few_words_stand_for_the_request() {
        let shown = |text: &str| {
            let parsed = HeaderText::parse(text)
                .expect("one line")
                .expect("not empty");
            let piece = |piece: &Piece| match piece {
                Piece::Text(text) => format!("[{text}]"),
                Piece::Value(value) => format!("{value:?}"),
            };
            parsed.pieces().map(piece).collect::<String>()
        };
        assert_eq!(shown("{host}"), "Host");
        assert_eq!(shown("a {host}{uri} b"), "[a ]HostUri[ b]");
        for literal in [
            "{env.HOME}",
            "{http.request.host}",
            "{host",
            "{Host}",
            "{{host",
            "{}",
            "}{",
        ] {
            assert_eq!(shown(literal), format!("[{literal}]"));
        }
        assert_eq!(shown("{{host}}"), "[{]Host[}]");
    }

    #[test]
    fn a_value_is_one_line() {
        assert_eq!(HeaderText::parse("  "), Ok(None));
        for wrong in ["a\nb", "a\rb", "a\0b"] {
            assert!(HeaderText::parse(wrong).is_err());
        }
        assert!(HeaderText::parse(&"a".repeat(5_000)).is_err());
    }

    #[test]
    fn fields_of_the_connection_are_not_changed() {
        for wrong in [
            "Connection",
            "transfer-encoding",
            "a b",
            "",
            "X-{env.HOME}",
            "a:b",
        ] {
            assert!(HeaderName::parse(wrong).is_err(), "{wrong}");
        }
        let name = HeaderName::parse("X-Frame-Options").expect("a name");
        assert_eq!(name.as_str(), "x-frame-options");
    }
}
