//! Handlers by which requests are checked and answers changed.

use serde::Serialize;

use super::Hidden;
use super::http::{Errors, HeaderOps, Route};

/// Routes within a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subroute {
    /// All that match, in order.
    pub routes: Vec<Route>,
    /// For requests that ended in an error there; `None` leaves those to who has routes around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Errors>,
}

/// Who may go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Authentication {
    /// How it is found out.
    pub providers: Providers,
}

/// How it is found out who asks; we use one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Providers {
    /// By name and password.
    pub http_basic: HttpBasic,
}

/// Names and passwords.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HttpBasic {
    /// How the passwords are hashed.
    pub hash: Hash,
    /// Whose passwords; each name once.
    pub accounts: Vec<Account>,
    /// Results are remembered: a hash costs up to a second, and a browser asks with it every time.
    pub hash_cache: Empty,
}

/// How passwords are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "algorithm", rename_all = "lowercase")]
pub enum Hash {
    /// By bcrypt.
    Bcrypt,
    /// By Argon2id.
    Argon2id,
}

/// A name and its password's hash, which is never shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The name. Placeholders are expanded.
    pub username: String,
    /// The hash.
    pub password: Hidden<String>,
}

/// Caddy's defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Empty {}

/// The longest body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestBody {
    /// In bytes.
    pub max_size: u64,
}

/// How answers are compressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Encode {
    /// In which ways.
    pub encodings: Encodings,
    /// Which is taken first where the client has no wish.
    pub prefer: [&'static str; 2],
}

/// Ways to compress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Encodings {
    /// gzip.
    pub gzip: Empty,
    /// Zstandard.
    pub zstd: Empty,
}

/// Changes of an answer's header fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResponseOps {
    /// Which.
    #[serde(flatten)]
    pub ops: HeaderOps,
    /// Made only when the answer is written, so that they hold for what the upstream sends.
    pub deferred: bool,
}

/// What an upstream is asked instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProxyRewrite {
    /// The method; with `GET` no body is sent.
    pub method: &'static str,
    /// Path and query. Placeholders are expanded.
    pub uri: String,
}

/// What becomes of an upstream's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResponseHandler {
    /// Of which answers; `None` is all.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub matcher: Option<ResponseMatcher>,
    /// It is passed on with this status instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    /// It is dropped, and these routes go on with the request, then the handlers behind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
}

/// Which answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResponseMatcher {
    /// Those of these statuses; one digit is a class.
    pub status_code: Vec<u16>,
}
