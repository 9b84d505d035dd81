//! What every container gets: one row for each of its routes, or one that says why it has none.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::upstream::NotReady;
use crate::model::{AppKey, ContainerRef, RouteName};

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
}

impl Row {
    pub(super) fn off(container: ContainerRef, reason: &str) -> Self {
        Self::without_route(container, RowState::Off, reason)
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
