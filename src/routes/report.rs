//! What every container gets: one row for each of its routes, or one that says why it has none.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::upstream::NotReady;
use crate::model::{AppKey, ContainerRef, ContainerState, PoolKey, RouteName};

/// What became of one container under one route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowState {
    /// It takes requests.
    Routed,
    /// It will, when it is ready; nobody needs to do anything.
    Waiting,
    /// It cannot, until a person changes something.
    Refused,
    /// It does not want to.
    Off,
}

impl RowState {
    /// The word in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Routed => "routed",
            Self::Waiting => "waiting",
            Self::Refused => "refused",
            Self::Off => "off",
        }
    }
}

/// What keeps a container from its route, or lets it serve in another form than its labels say, where
/// that is not a fault of its labels. A word for programs; [`Row::reason`] says it to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// Its labels say that it takes no part.
    Disabled,
    /// It is a one-off container of docker-compose.
    OneOff,
    /// It was never started.
    Created,
    /// It has ended.
    Exited,
    /// It is paused.
    Paused,
    /// It is between two runs, or being removed, or cannot be.
    NotRunning,
    /// It ends again and again.
    Crashing,
    /// It is attached to the network, but has no address there yet.
    NoAddress,
    /// It is not attached to the network.
    NotOnNetwork,
    /// It uses the network of a container that is not there.
    LenderGone,
    /// Nothing says which port it listens on.
    NoPort,
    /// Its port on the host's network is Caddy's own.
    OwnPort,
    /// Its HEALTHCHECK has not passed yet.
    Starting,
    /// Its HEALTHCHECK fails.
    Unhealthy,
    /// It fails the agent's checks.
    Failing,
    /// It has not shown yet that it is ready.
    Unproven,
    /// It has been told to stop.
    Draining,
    /// It is remembered, and the engine has not been asked since.
    Remembered,
    /// Its own labels do not describe the route that its app has.
    OtherRoute,
    /// It is not well, and serves because nobody else is ready.
    Ailing,
    /// It serves by the route's last good form.
    LastGood,
}

/// What a container must show before it takes requests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Awaited {
    /// Where it is asked.
    pub address: SocketAddr,
    /// The path that it must answer; `None` is that it accepts a connection.
    pub path: Option<String>,
}

/// One row of the report. `Ord` sorts by host, path, then container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Row {
    /// The host; empty when the container has no route.
    pub host: String,
    /// The path prefix; empty for every path.
    pub path: String,
    /// The container's app, where its labels say one.
    pub app: Option<AppKey>,
    /// Which of its routes.
    pub route: Option<RouteName>,
    /// The container.
    pub container: ContainerRef,
    /// The address that requests go to.
    pub address: Option<SocketAddr>,
    /// What became of it.
    pub state: RowState,
    /// Why it is not routed, or why in another form than its labels say.
    pub reason: Option<String>,
    /// The same as a word, where its labels are not at fault.
    pub obstacle: Option<Obstacle>,
    /// What it must show first, while it has not.
    pub awaited: Option<Awaited>,
    /// The pool that it is in, where its route is in the table.
    pub pool: Option<PoolKey>,
}

impl Row {
    pub(super) fn off(container: ContainerRef, obstacle: Obstacle, reason: &str) -> Self {
        Self {
            obstacle: Some(obstacle),
            ..Self::without_route(container, RowState::Off, reason)
        }
    }

    pub(super) fn refused(container: ContainerRef, reason: &str) -> Self {
        Self::without_route(container, RowState::Refused, reason)
    }

    fn without_route(container: ContainerRef, state: RowState, reason: &str) -> Self {
        Self {
            host: String::new(),
            path: String::new(),
            app: None,
            route: None,
            container,
            address: None,
            state,
            reason: Some(reason.to_owned()),
            obstacle: None,
            awaited: None,
            pool: None,
        }
    }
}

impl From<&NotReady> for Obstacle {
    fn from(why: &NotReady) -> Self {
        match why {
            NotReady::NotRunning(ContainerState::Created) => Self::Created,
            NotReady::NotRunning(ContainerState::Exited) => Self::Exited,
            NotReady::NotRunning(ContainerState::Paused) => Self::Paused,
            NotReady::NotRunning(
                ContainerState::Running
                | ContainerState::Restarting
                | ContainerState::Removing
                | ContainerState::Dead,
            ) => Self::NotRunning,
            NotReady::Starting => Self::Starting,
            NotReady::Unhealthy(_) => Self::Unhealthy,
            NotReady::Failing(_) => Self::Failing,
            NotReady::Crashing(_) => Self::Crashing,
            NotReady::Draining => Self::Draining,
            NotReady::Unproven => Self::Unproven,
            NotReady::Remembered => Self::Remembered,
            NotReady::NoAddress { .. } => Self::NoAddress,
            NotReady::NotOnNetwork { .. } => Self::NotOnNetwork,
            NotReady::LenderGone => Self::LenderGone,
            NotReady::NoPort => Self::NoPort,
            NotReady::OwnPort(_) => Self::OwnPort,
            NotReady::OtherRoute => Self::OtherRoute,
        }
    }
}

impl From<&NotReady> for RowState {
    fn from(why: &NotReady) -> Self {
        if why.is_passing() {
            Self::Waiting
        } else {
            Self::Refused
        }
    }
}
