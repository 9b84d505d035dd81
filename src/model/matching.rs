//! What a request must look like beyond its host.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::{Cidr, ExactPath, FOUND_CHARS_MAX, NameError, PathPrefix, PathRegexp, Token, shown};

/// Longest text that a header field or a query parameter is compared with, in bytes.
const TEXT_BYTES_MAX: usize = 256;
/// Longest method in bytes: Caddy refuses requests with longer ones (`ServeHTTP` in
/// modules/caddyhttp/server.go).
const METHOD_BYTES_MAX: usize = 32;

/// Which paths. `Ord` puts the more specific first: a whole path, longer prefixes, patterns, all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PathMatch {
    /// This one.
    Exact(ExactPath),
    /// This one and all below it.
    Prefix(PathPrefix),
    /// Those that contain this pattern.
    Regexp(PathRegexp),
    /// Every path.
    #[default]
    Every,
}

impl PathMatch {
    /// Its class, and the longer before the shorter within it.
    pub(crate) fn rank(&self) -> (u8, usize) {
        match self {
            Self::Exact(_) => (0, 0),
            Self::Prefix(path) => (1, usize::MAX - path.as_str().len()),
            Self::Regexp(_) => (2, 0),
            Self::Every => (3, 0),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Exact(path) => path.as_str(),
            Self::Prefix(path) => path.as_str(),
            Self::Regexp(pattern) => pattern.as_str(),
            Self::Every => "",
        }
    }

    /// The path that is named, whole or as a prefix, without a slash at its end.
    #[must_use]
    pub fn plain(&self) -> Option<&str> {
        match self {
            Self::Exact(_) | Self::Prefix(_) => Some(self.text().trim_end_matches('/')),
            Self::Regexp(_) | Self::Every => None,
        }
    }
}

impl Ord for PathMatch {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_rank = self.rank().cmp(&other.rank());
        by_rank.then_with(|| self.text().cmp(other.text()))
    }
}

impl PartialOrd for PathMatch {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for PathMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self {
            Self::Exact(_) => "=",
            Self::Regexp(_) => "~",
            Self::Prefix(_) | Self::Every => "",
        };
        write!(f, "{sign}{}", self.text())
    }
}

/// A method of a request, in upper case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Method(String);

impl Method {
    /// Parses what a user wrote, in any case.
    ///
    /// # Errors
    /// What was found instead of a method.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let is_method = (1..=METHOD_BYTES_MAX).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
        let method = is_method.then(|| Self(text.to_ascii_uppercase()));
        method.ok_or_else(|| wrong("a method such as `GET`", text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a query parameter, as it is after decoding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct QueryName(String);

impl QueryName {
    /// Parses what a user wrote.
    ///
    /// # Errors
    /// What was found instead of a name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let is_name = text.len() <= TEXT_BYTES_MAX && !text.is_empty();
        let is_odd = |c: char| c.is_control() || c.is_whitespace() || "\"\\".contains(c);
        let is_name = is_name && !text.chars().any(is_odd);
        let name = is_name.then(|| Self(text.to_owned()));
        name.ok_or_else(|| wrong("a parameter's name without spaces", text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a header field or a query parameter must say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TextMatch {
    /// Anything, but it must be there.
    Any,
    /// This text, in this case.
    Text(String),
}

impl TextMatch {
    /// Parses what a user wrote: `*` is anything.
    ///
    /// # Errors
    /// What was found instead of a text.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        if text == "*" {
            return Ok(Self::Any);
        }
        let is_text = text.len() <= TEXT_BYTES_MAX && !text.chars().any(char::is_control);
        let is_text = is_text && !text.is_empty();
        let value = is_text.then(|| Self::Text(text.to_owned()));
        value.ok_or_else(|| wrong("a text of at most 256 bytes, or `*` for any", text))
    }
}

impl fmt::Display for TextMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

/// What a request must look like beyond host and path, and how its route stands to others of its
/// host. `Ord` puts what asks for more first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Matching {
    /// One of these methods; empty is any.
    pub methods: BTreeSet<Method>,
    /// These header fields, by name in lower case.
    pub headers: BTreeMap<Token, TextMatch>,
    /// These query parameters.
    pub queries: BTreeMap<QueryName, TextMatch>,
    /// From one of these addresses; empty is any.
    pub client_ips: BTreeSet<Cidr>,
}

impl Matching {
    /// How many conditions there are.
    pub(crate) fn count(&self) -> usize {
        let (methods, ips) = (!self.methods.is_empty(), !self.client_ips.is_empty());
        self.headers.len() + self.queries.len() + usize::from(methods) + usize::from(ips)
    }

    /// Whether every request is right.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }
}

static NO_CONDITIONS: Matching = Matching {
    methods: BTreeSet::new(),
    headers: BTreeMap::new(),
    queries: BTreeMap::new(),
    client_ips: BTreeSet::new(),
};

/// A [`Matching`] that takes no memory where there are no conditions, as of most routes.
#[derive(Clone, Default)]
pub struct Conditions(Option<Arc<Matching>>);

impl From<Matching> for Conditions {
    fn from(matching: Matching) -> Self {
        Self((!matching.is_empty()).then(|| Arc::new(matching)))
    }
}

impl Deref for Conditions {
    type Target = Matching;

    fn deref(&self) -> &Matching {
        self.0.as_deref().unwrap_or(&NO_CONDITIONS)
    }
}

impl fmt::Debug for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl Serialize for Conditions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Matching::serialize(self, serializer)
    }
}

impl PartialEq for Conditions {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Conditions {}

impl Ord for Conditions {
    fn cmp(&self, other: &Self) -> Ordering {
        Matching::cmp(self, other)
    }
}

impl PartialOrd for Conditions {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Matching {
    fn cmp(&self, other: &Self) -> Ordering {
        let Self {
            methods,
            headers,
            queries,
            client_ips,
        } = self;
        let by_count = other.count().cmp(&self.count());
        by_count.then_with(|| {
            let others = (
                &other.methods,
                &other.headers,
                &other.queries,
                &other.client_ips,
            );
            (methods, headers, queries, client_ips).cmp(&others)
        })
    }
}

impl PartialOrd for Matching {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// ` [GET,POST X-A="b" ?c=* 10.0.0.0/8]`, with its leading space, or nothing.
impl fmt::Display for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return Ok(());
        }
        let methods: Vec<&str> = self.methods.iter().map(Method::as_str).collect();
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| format!("{}={value}", name.as_str()));
        let queries = self.queries.iter();
        let queries = queries.map(|(name, value)| format!("?{}={value}", name.as_str()));
        let ips: Vec<String> = self.client_ips.iter().map(ToString::to_string).collect();
        let parts = [methods.join(",")].into_iter();
        let parts = parts.chain(headers).chain(queries).chain([ips.join(",")]);
        let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
        write!(f, " [{}]", parts.join(" "))
    }
}

fn wrong(expected: &'static str, text: &str) -> NameError {
    let found = match text {
        "" => "nothing".to_owned(),
        _ => format!("`{}`", shown(text, FOUND_CHARS_MAX)),
    };
    NameError { expected, found }
}
