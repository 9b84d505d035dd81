//! What is known about containers beyond what the engine lists: who has shown that it is ready, who
//! is well, who has been told to stop, and who ends again and again.
//!
//! Plain data; the loop learns it from probes and from events, the table is built with it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::upstream::NotReady;
use crate::model::{
    ContainerId, ContainerRef, HealthCheck, Hostname, RouteId, Scheme, SharedMap, SharedSet,
    StatusSet,
};

/// After which time a container that is not ready is said, unless its labels say another.
pub const READY_TIMEOUT: Duration = Duration::from_mins(1);

/// By container, the routes whose requests it took when the table was last built, and where, sorted.
/// Only containers whose health is known are named.
pub type ReadyLast = SharedMap<ContainerId, Vec<(RouteId, SocketAddr)>>;

/// What keeps a running container from taking requests, or lets it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gates {
    /// Addresses at which a container has shown that it is ready. A container that comes back at
    /// another address must show it anew.
    pub proven: SharedSet<(ContainerId, SocketAddr)>,
    /// Containers that have been told to stop and still run.
    pub draining: BTreeSet<ContainerId>,
    /// Watched containers that fail their active checks, each with the reason.
    pub failing: BTreeMap<Watch, String>,
    /// Who took requests last: they go on when nobody of a route is well.
    pub ready_last: ReadyLast,
    /// Containers that ended again and again soon after their start, and must run for a while
    /// before they are asked whether they are ready.
    pub crashing: BTreeMap<ContainerId, Crashes>,
    /// Nobody needs to show anything, and who fails its HEALTHCHECK was ready before: for plans,
    /// which ask nobody, and for the agent's start.
    pub is_open: bool,
    /// The containers are remembered, and their addresses may be others' by now: nobody serves
    /// before the engine has been asked.
    pub is_outdated: bool,
}

impl Gates {
    /// Gates at which nobody is asked anything.
    #[must_use]
    pub fn open() -> Self {
        Self {
            is_open: true,
            ..Self::default()
        }
    }

    /// The address at which a container takes requests, unless it is known that it must not.
    pub(super) fn admit(
        &self,
        id: &ContainerId,
        ip: Result<IpAddr, NotReady>,
    ) -> Result<IpAddr, NotReady> {
        let has_address = ip.as_ref().err().is_none_or(NotReady::has_address);
        match self.crashing.get(id) {
            _ if self.is_outdated => Err(NotReady::Remembered),
            _ if has_address && self.draining.contains(id) => Err(NotReady::Draining),
            Some(crashes) if has_address => Err(NotReady::Crashing(*crashes)),
            Some(_) | None => ip,
        }
    }

    /// Whether this container has shown at this address that it is ready.
    pub(super) fn is_proven(&self, id: &ContainerId, address: SocketAddr) -> bool {
        self.is_open || self.proven.contains(&(id.clone(), address))
    }

    /// What this container has shown counts no more.
    pub(crate) fn forget_proven(&mut self, id: &ContainerId) {
        let first = (id.clone(), SocketAddr::from(([0, 0, 0, 0], 0)));
        let own = self.proven.range_from(&first);
        let own = own.take_while(|(proven, _)| proven == id);
        let own: Vec<_> = own.cloned().collect();
        self.proven.replace(own, []);
    }

    /// Whether this container took requests of this route, there, when the table was last built.
    pub(super) fn was_ready(&self, id: &ContainerId, route: &RouteId, address: SocketAddr) -> bool {
        let routes = self.ready_last.get(id);
        self.is_open || routes.is_some_and(|all| all.contains(&(route.clone(), address)))
    }

    /// Whether this container took requests of any route.
    pub(super) fn was_ready_anywhere(&self, id: &ContainerId) -> bool {
        self.is_open || self.ready_last.contains_key(id)
    }
}

/// A container that must show that it is ready, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trial {
    /// Who.
    pub container: ContainerRef,
    /// Where.
    pub address: SocketAddr,
    /// What it must show.
    pub check: TrialCheck,
    /// The protocol for a path.
    pub scheme: Scheme,
    /// The host that a path is asked of.
    pub host: Hostname,
    /// After which time it is said that it is not ready yet.
    pub timeout: Duration,
}

/// What a container must show.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrialCheck {
    /// It accepts a connection at its port.
    Port,
    /// It answers a path.
    Path {
        /// Path with or without a query; begins with `/`.
        path: String,
        /// The answers that are good.
        status: StatusSet,
        /// How long one answer may take.
        limit: Duration,
    },
}

/// A container that takes requests and is asked again and again whether it is well.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Watch {
    /// Who.
    pub container: ContainerRef,
    /// Where.
    pub address: SocketAddr,
    /// The protocol.
    pub scheme: Scheme,
    /// The host that is asked for.
    pub host: Hostname,
    /// What is asked, and how often.
    pub check: HealthCheck,
}

/// A container that ended several times in a row soon after its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crashes {
    /// How often.
    pub exits: u32,
    /// For how long it must run now before it counts again.
    pub hold_down: Duration,
}
