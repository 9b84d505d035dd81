//! The words in which a route is described, by labels and in the table alike.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AppKey, Token};

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
