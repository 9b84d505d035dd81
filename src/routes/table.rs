//! The table itself: plain data in the order in which requests are matched.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde::Serialize;

use crate::model::{
    Conditions, ContainerRef, FileName, Handling, Hostname, LbPolicy, NewPath, PassiveChecks,
    PathMatch, PoolKey, Port, RouteId, Scheme, SharedMap, TlsVersion, Weight,
};

/// Which requests a route answers. `Ord` puts the more specific first, by its rank: exact host before
/// wildcard before `*`, then what its labels put first, then whole paths before longer prefixes before
/// patterns before none, then what asks for more, because Caddy takes the first match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteKey {
    /// The host.
    pub host: Hostname,
    /// The paths.
    pub path: PathMatch,
    /// What stands first among the routes of one host: the higher. 0 by default.
    pub priority: i32,
    /// What else must hold.
    pub matching: Conditions,
}

impl Ord for RouteKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.rank().cmp(&other.rank()))
            .then_with(|| self.path.cmp(&other.path))
            .then_with(|| self.matching.cmp(&other.matching))
    }
}

/// See [`RouteKey`].
type Rank<'a> = (u8, &'a Hostname, Reverse<i32>, (u8, usize), Reverse<usize>);

impl RouteKey {
    fn rank(&self) -> Rank<'_> {
        (
            self.host.openness(),
            &self.host,
            Reverse(self.priority),
            self.path.rank(),
            Reverse(self.matching.count()),
        )
    }

    /// The key of every request to this host.
    #[must_use]
    pub fn whole(host: Hostname) -> Self {
        Self {
            host,
            path: PathMatch::Every,
            priority: 0,
            matching: Conditions::default(),
        }
    }

    /// Whether it is one of [`Self::whole`].
    fn is_whole(&self) -> bool {
        self.path == PathMatch::Every && self.priority == 0 && self.matching.is_empty()
    }

    /// Everything but the host, as it is shown: the path prefix, `=` and a whole path or `~` and a
    /// pattern, then what else must hold and the priority.
    #[must_use]
    pub fn beyond_host(&self) -> String {
        if self.is_whole() {
            return String::new();
        }
        let priority = match self.priority {
            0 => String::new(),
            priority => format!(" priority={priority}"),
        };
        format!("{}{}{priority}", self.path, *self.matching)
    }
}

impl PartialOrd for RouteKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.host, self.beyond_host())
    }
}

/// Where a host's certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// A public authority, by ACME.
    Public,
    /// The agent's own authority.
    Internal,
    /// One of the two, by the name, at the first handshake for it.
    OnDemand,
    /// None: the host is served on the HTTP port only.
    Off,
}

/// What holds for a host, whatever its routes are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct HostPolicy {
    /// Where its certificate comes from.
    pub mode: TlsMode,
    /// The oldest TLS version.
    pub min: TlsVersion,
    /// The file with the authorities of client certificates; `None` is that clients need none.
    pub client_ca: Option<FileName>,
    /// The `Strict-Transport-Security` header of its answers over HTTPS.
    pub hsts: Option<String>,
    /// Whether plain HTTP is sent to HTTPS. Never without TLS.
    pub redirects_http: bool,
}

impl HostPolicy {
    /// What holds without labels but the certificate's.
    #[must_use]
    pub fn new(mode: TlsMode) -> Self {
        Self {
            mode,
            min: TlsVersion::default(),
            client_ca: None,
            hsts: None,
            redirects_http: mode != TlsMode::Off,
        }
    }

    /// Whether it is served over HTTPS.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        self.mode != TlsMode::Off
    }
}

/// How the certificate of an `https` container is checked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum UpstreamTls {
    /// Against this name, by the host's trust store.
    Verify(Hostname),
    /// Not at all.
    SkipVerify,
}

/// One container that serves a pool.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Upstream {
    /// The address to dial.
    pub address: SocketAddr,
    /// Whose it is.
    pub container: ContainerRef,
    /// Its share of the requests.
    pub weight: Weight,
}

/// [`Pool::hold`] where the labels do not say it: longer than most containers take to come back.
pub(super) const HOLD: Duration = Duration::from_secs(30);
/// [`Pool::retry`] where the labels do not say it: bridges a server that restarts inside its
/// container.
pub(super) const RETRY: Duration = Duration::from_secs(5);

/// The ready containers that serve one route, and how they are spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pool {
    /// Names its slots.
    #[serde(skip)]
    pub key: PoolKey,
    /// Whether one of its containers is on its way: it runs, and is not ready yet.
    pub is_starting: bool,
    /// How many of its containers are ready, or may become so without anybody's doing.
    pub expected: usize,
    /// Whether any of its containers, ready or not, has another weight than 1.
    pub is_weighted: bool,
    /// The protocol.
    pub scheme: Scheme,
    /// How the container's certificate is checked; `Some` exactly with [`Scheme::Https`].
    pub tls: Option<UpstreamTls>,
    /// How long requests wait while nobody is ready; zero is not at all.
    pub hold: Duration,
    /// How long a request is tried again when its container cannot be dialled; zero is not at all.
    pub retry: Duration,
    /// How requests are shared.
    pub policy: LbPolicy,
    /// Sorted by address, without duplicates, ready ones only. When it is empty the route answers
    /// 503.
    pub upstreams: Vec<Upstream>,
    /// How it is watched, and who is not well.
    pub health: PoolHealth,
    /// How long its containers may take.
    pub timeouts: Timeouts,
    /// The authority in the certificate directory that signed its containers' certificates; `None`
    /// is the host's trust store.
    pub authority: Option<FileName>,
}

/// How long a container may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Timeouts {
    /// To accept a connection.
    pub connect: Duration,
    /// To begin its answer; `None` is for ever. A request that waits for a container is under way.
    pub response: Option<Duration>,
}

/// [`Timeouts::connect`] where the labels do not say it: on a bridge of this machine a dial takes
/// less than a millisecond. The kernel repeats a dial that nobody answers after a second, and by
/// then the address may be that of another container, which would get the request. Caddy's own 3 s
/// let that happen at a restart of Docker; what is tried again is dialled where the slot leads by
/// then.
const CONNECT: Duration = Duration::from_millis(900);

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: CONNECT,
            response: None,
        }
    }
}

/// The health of a pool's containers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PoolHealth {
    /// When Caddy leaves an upstream out by itself; `None` is never.
    pub passive: Option<PassiveChecks>,
    /// How many of its containers left because they are not well. They are expected back.
    pub resting: usize,
}

/// What becomes of a route's requests. There is no way to pass them on without saying how they are
/// protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Serving {
    /// They are passed on, after all of this.
    Passed(Arc<Passed>),
    /// All are answered 503: the route cannot be protected as its labels ask.
    Closed,
}

/// What happens to the requests of most routes: one for all of them.
static PLAIN: LazyLock<Arc<Passed>> = LazyLock::new(Arc::default);

impl Serving {
    /// Passed on, after this.
    #[must_use]
    pub fn passed(passed: Passed) -> Self {
        if passed == **PLAIN {
            return Self::default();
        }
        Self::Passed(Arc::new(passed))
    }
}

impl Default for Serving {
    /// Passed on as they are.
    fn default() -> Self {
        Self::Passed(Arc::clone(&PLAIN))
    }
}

/// What happens to requests before they are passed on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Passed {
    /// What the labels say.
    pub handling: Handling,
    /// Who is asked first, where the labels say that somebody is.
    pub asked: Option<Asked>,
}

/// Who is asked about requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// The containers of another app.
    Pool(Box<Pool>),
    /// A server anywhere, by name or address.
    Server {
        /// Whether it is spoken to over TLS.
        is_https: bool,
        /// Its name or address.
        host: Hostname,
        /// Its port.
        port: Port,
    },
}

/// What is served under one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Whose route it is, and which.
    pub id: RouteId,
    /// Who answers.
    pub pool: Pool,
    /// Whether the matched path prefix is removed before the request is passed on.
    pub strip: bool,
    /// What stands in the place of the matched path prefix.
    pub rewrite: Option<NewPath>,
    /// Whether its requests are logged.
    pub log: bool,
    /// What happens to its requests. Never shown: it holds what protects the route.
    #[serde(skip)]
    pub serving: Serving,
}

/// All routes and redirects, and what holds for each of their hosts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteTable {
    /// In the order in which they are matched, but for [`RouteTable::in_order`].
    pub routes: SharedMap<RouteKey, Arc<Route>>,
    /// For every host in `routes` and `redirects`, no others.
    pub hosts: SharedMap<Hostname, HostPolicy>,
    /// Exact hosts without routes that are sent to another, exact one.
    pub redirects: SharedMap<Hostname, Hostname>,
    /// Hosts that belong to one owner and are covered by another's: what they do not answer is 404,
    /// before the routes of hosts that are this open are asked. Some have no routes.
    pub fenced: BTreeMap<Hostname, u8>,
}

impl RouteTable {
    /// The routes in the order in which they are matched: those of equal rank by app and route name,
    /// so that a name decides rather than the spelling of a pattern.
    #[must_use]
    pub fn in_order(&self) -> Vec<(&RouteKey, &Route)> {
        let routes = self.routes.iter().map(|(key, route)| (key, &**route));
        let mut routes: Vec<(&RouteKey, &Route)> = routes.collect();
        // The map has them by rank already.
        let is_equal = |(a, _): &(&RouteKey, _), (b, _): &(&RouteKey, _)| a.rank() == b.rank();
        for equal in routes.chunk_by_mut(is_equal) {
            equal.sort_by(|(_, a), (_, b)| a.id.cmp(&b.id));
        }
        routes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PathPrefix;

    #[test]
    fn the_more_specific_key_comes_first() {
        let key = |host: &str, path: &str| RouteKey {
            host: Hostname::parse(host).expect("a host"),
            path: { PathPrefix::parse(path).expect("a path") }
                .map_or(PathMatch::Every, PathMatch::Prefix),
            priority: 0,
            matching: Conditions::default(),
        };
        let mut keys = [
            key("*", "/"),
            key("*.example.com", "/"),
            key("b.example.com", "/"),
            key("a.example.com", "/"),
            key("a.example.com", "/a"),
            key("a.example.com", "/api"),
            key("*.example.com", "/long/path"),
        ];
        keys.sort();
        let shown: Vec<String> = keys.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "a.example.com/api",
                "a.example.com/a",
                "a.example.com",
                "b.example.com",
                "*.example.com/long/path",
                "*.example.com",
                "*",
            ]
        );
    }
}
