//! What is known about containers beyond what the engine lists: who has shown that it is ready,
//! and who has been told to stop.
//!
//! Plain data; the loop learns it from probes and from `kill` events, the table is built with it.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::upstream::NotReady;
use crate::model::{ContainerId, ContainerRef, Hostname, ReadyCheck, Scheme};

/// After which time a container that is not ready is said, unless its labels say another.
pub const READY_TIMEOUT: Duration = Duration::from_mins(1);

/// What keeps a running container from taking requests, or lets it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gates {
    /// Addresses at which a container has shown that it is ready. A container that comes back at
    /// another address must show it anew.
    pub proven: BTreeSet<(ContainerId, SocketAddr)>,
    /// Containers that have been told to stop and still run.
    pub draining: BTreeSet<ContainerId>,
    /// Nobody needs to show anything: for plans, which ask nobody.
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
        match ip {
            _ if self.is_outdated => Err(NotReady::Remembered),
            Ok(_) if self.draining.contains(id) => Err(NotReady::Draining),
            ip => ip,
        }
    }

    /// Whether this container has shown at this address that it is ready.
    pub(super) fn is_proven(&self, id: &ContainerId, address: SocketAddr) -> bool {
        self.is_open || self.proven.contains(&(id.clone(), address))
    }
}

/// A container that must show that it is ready, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trial {
    /// Who.
    pub container: ContainerRef,
    /// Where.
    pub address: SocketAddr,
    /// What it must show: [`ReadyCheck::Tcp`] or [`ReadyCheck::Http`].
    pub check: ReadyCheck,
    /// The protocol for a path.
    pub scheme: Scheme,
    /// The host that a path is asked of.
    pub host: Hostname,
    /// After which time it is said that it is not ready yet.
    pub timeout: Duration,
}
