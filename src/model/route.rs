//! The words in which a route is described, by labels and in the table alike.

use std::fmt;
use std::num::NonZeroU8;

use serde::{Deserialize, Serialize};

use super::{AppKey, FOUND_CHARS_MAX, NameError, Token, shown};

/// The name of a route within its app: `default` for the keys directly under the prefix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteName {
    /// The route of the keys directly under the prefix.
    Default,
    /// A route of `routes.<name>.…`.
    Named(String),
}

impl fmt::Display for RouteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// One route of one app: the name under which its form is remembered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RouteId {
    /// Whose route it is.
    pub app: AppKey,
    /// Its name within the app.
    pub route: RouteName,
}

impl RouteId {
    /// The first of an app's, in their order.
    pub(crate) fn first_of(app: &AppKey) -> Self {
        Self {
            app: app.clone(),
            route: RouteName::Default,
        }
    }
}

impl fmt::Display for RouteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.app, self.route)
    }
}

/// The protocol towards the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// HTTP/1.1 in clear text.
    #[default]
    Http,
    /// HTTP over TLS.
    Https,
    /// HTTP/2 in clear text.
    H2c,
}

/// What a new container must show before it takes requests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadyCheck {
    /// Its HEALTHCHECK passes.
    Health,
    /// It accepts a connection at its port.
    Tcp,
    /// It answers this path with 2xx or 3xx.
    Http(String),
    /// Nothing: it takes requests as soon as it runs.
    None,
}

/// How requests are shared among the containers of a pool.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LbPolicy {
    /// The one with the fewest requests under way.
    #[default]
    LeastConn,
    /// Any.
    Random,
    /// Each in turn.
    RoundRobin,
    /// The first that can be dialled.
    First,
    /// By the client's address.
    ClientIpHash,
    /// By the request's path and query.
    UriHash,
    /// By the value of this request header.
    Header(Token),
    /// By a cookie of this name, set at the first answer.
    Cookie(Token),
}

/// A container's share of its app's requests, in relation to the other replicas' shares: 1 to 100,
/// 1 by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Weight(NonZeroU8);

impl Weight {
    /// The largest: shares below 1 % are no canary any more.
    pub const MAX: u8 = 100;

    /// `None` when it is out of range.
    #[must_use]
    pub fn new(weight: u8) -> Option<Self> {
        { NonZeroU8::new(weight) }
            .filter(|weight| weight.get() <= Self::MAX)
            .map(Self)
    }

    /// Parses what a user wrote.
    ///
    /// # Errors
    /// What was found instead of a number from 1 to 100.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let weight = text.parse().ok().filter(|_| is_number).and_then(Self::new);
        weight.ok_or_else(|| NameError {
            expected: "a number from 1 to 100",
            found: match text {
                "" => "nothing".to_owned(),
                _ => format!("`{}`", shown(text, FOUND_CHARS_MAX)),
            },
        })
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0.get()
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self(NonZeroU8::MIN)
    }
}
