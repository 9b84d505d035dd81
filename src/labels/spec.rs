//! What a container asks for, once its labels are read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::host::HostSpec;
use super::value;
use crate::diagnostic::Diagnostic;
use crate::model::{
    AppKey, ContainerRef, ExactPath, FileName, Handling, HealthRules, Hostname, LbPolicy, Matching,
    NameError, NewPath, PathMatch, PathPrefix, PathRegexp, Port, Protection, ReadyCheck, RouteName,
    Scheme, Weight,
};

/// Where a host's certificate is asked to come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsSetting {
    /// A public authority, or the internal one for names that nobody certifies.
    #[default]
    Auto,
    /// The internal authority.
    Internal,
    /// As `Auto`, but only at the first handshake for a name.
    OnDemand,
    /// No certificate: plain HTTP only.
    Off,
}

impl TlsSetting {
    /// Parses `auto`, `internal`, `on_demand` or `off`.
    ///
    /// # Errors
    /// What was found instead.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match text.trim().to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "internal" => Ok(Self::Internal),
            "on_demand" => Ok(Self::OnDemand),
            "off" => Ok(Self::Off),
            _ => Err(value::not_one_of(
                "`auto`, `internal`, `on_demand` or `off`",
                text,
            )),
        }
    }

    /// The word a user writes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Internal => "internal",
            Self::OnDemand => "on_demand",
            Self::Off => "off",
        }
    }
}

/// What one route of a container asks for. Every value is right in itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteSpec {
    /// At least one, in the order written.
    pub hosts: Vec<Hostname>,
    /// Empty means every path.
    pub paths: Vec<PathPrefix>,
    /// `None` means the exposed port.
    pub port: Option<Port>,
    /// The protocol towards the container.
    pub scheme: Scheme,
    /// What a new container must show; `None` is its HEALTHCHECK, else an open port.
    pub ready: Option<ReadyCheck>,
    /// After which time one that is not ready is said; `None` is a minute.
    pub ready_timeout: Option<Duration>,
    /// How long requests wait while nobody is ready; `None` is the default.
    pub hold: Option<Duration>,
    /// How long requests are tried again; `None` is the default.
    pub retry: Option<Duration>,
    /// How health is watched.
    pub health: HealthRules,
    /// How requests are shared.
    pub policy: LbPolicy,
    /// Whether the matched prefix is removed.
    pub strip: bool,
    /// What else happens to its requests.
    pub handling: Handling,
    /// What it says about its hosts, whoever serves them.
    pub host: HostSpec,
    /// The name in the container's certificate; `None` means the first host.
    pub upstream_server_name: Option<Hostname>,
    /// Whether any certificate of the container will do.
    pub upstream_skip_verify: bool,
    /// Which requests it answers beyond prefixes, and how the container is spoken to.
    pub matching: MatchingSpec,
}

impl RouteSpec {
    /// The paths it answers, each a route of its own.
    #[must_use]
    pub fn path_matches(&self) -> Vec<PathMatch> {
        let exact = self.matching.exact.iter().cloned().map(PathMatch::Exact);
        let prefixes = self.paths.iter().cloned().map(PathMatch::Prefix);
        let pattern = self.matching.regexp.iter().cloned().map(PathMatch::Regexp);
        if self.takes_every_path() {
            vec![PathMatch::Every]
        } else {
            exact.chain(prefixes).chain(pattern).collect()
        }
    }

    /// Whether it names no path.
    #[must_use]
    pub fn takes_every_path(&self) -> bool {
        let MatchingSpec { exact, regexp, .. } = &self.matching;
        self.paths.is_empty() && exact.is_empty() && regexp.is_none()
    }
}

/// Which requests a route answers beyond prefixes, and how its container is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MatchingSpec {
    /// Whole paths.
    pub exact: Vec<ExactPath>,
    /// A pattern of paths.
    pub regexp: Option<PathRegexp>,
    /// What else must hold.
    pub conditions: Matching,
    /// What stands first among the routes of one host.
    pub priority: i32,
    /// What stands in the place of the matched path prefix.
    pub rewrite: Option<NewPath>,
    /// Whether requests are logged.
    pub log: bool,
    /// How long the container may take to accept a connection; `None` is the default.
    pub connect_timeout: Option<Duration>,
    /// How long the container may take to begin its answer; `None` is for ever.
    pub response_timeout: Option<Duration>,
    /// The authority of the container's certificate; `None` is the host's trust store.
    pub authority: Option<FileName>,
}

/// What became of the labels of one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// All of them are right.
    Right(Arc<RouteSpec>),
    /// Some are wrong, and none of them protects.
    Wrong,
    /// Some are wrong, and some protect, or were meant to: the route must not be served with less.
    Closed(Box<Closed>),
}

impl Reading {
    /// What the route asks for, where all is right.
    #[must_use]
    pub fn right(&self) -> Option<&RouteSpec> {
        match self {
            Self::Right(spec) => Some(spec),
            Self::Wrong | Self::Closed(_) => None,
        }
    }

    /// What the route asks for, where all is right.
    #[must_use]
    pub fn into_right(self) -> Option<Arc<RouteSpec>> {
        match self {
            Self::Right(spec) => Some(spec),
            Self::Wrong | Self::Closed(_) => None,
        }
    }
}

/// A route that is answered 503 because of its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// What could be read, for the requests that are meant; hosts may be missing, even all.
    pub spec: RouteSpec,
    /// Whether all its paths are known; else the requests that are meant may be any.
    pub paths_are_known: bool,
    /// What protects it, where just other labels are wrong.
    pub protection: Option<Protection>,
    /// What is wrong, lowercase and without a full stop.
    pub why: String,
}

/// What one container asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSpec {
    /// Whose labels these are.
    pub container: ContainerRef,
    /// The app it belongs to.
    pub app: AppKey,
    /// The network it is reached on, where the labels say it.
    pub network: Option<String>,
    /// Projects that may add paths under its hosts.
    pub share: Vec<String>,
    /// Its share of requests in relation to the other replicas'.
    pub weight: Weight,
    /// Its routes.
    pub routes: BTreeMap<RouteName, Reading>,
    /// What routes whose labels are wrong ask for their hosts: it protects other routes of them, and
    /// keeps their claims.
    pub spoiled: BTreeMap<RouteName, (Vec<Hostname>, HostSpec)>,
    /// Why none of its routes may be served, also those that are not named here: a label that
    /// protects is wrong in a way that does not tell whose it is.
    pub closed: Option<Box<str>>,
    /// Whether something was not understood, so that routes may be missing here which were meant.
    pub doubtful: bool,
}

/// Whether a container takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It has no label under the prefix, or none with a meaning.
    NotOurs,
    /// It says `enable=false`.
    Disabled,
    /// It is a one-off container (`docker-compose run`).
    OneOff,
    /// It asks for routes.
    Asks(Box<ContainerSpec>),
}

/// What was read, and everything that is wrong with it, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// Whether the container takes part, and with what.
    pub standing: Standing,
    /// What its labels do wrong.
    pub diagnostics: Vec<Diagnostic>,
}
