//! Every request that is ever made of Docker, and what each is for.
//!
//! The one home of this list: messages, `--help`, `docs/docker-access.md` and the tests that hold
//! the agent to it read it here. Pure; the asking is `docker`'s.

use std::fmt;

/// A request to the engine. All are GET: nothing that the agent asks changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DockerRequest {
    /// Which API version both sides speak.
    Version,
    /// All containers.
    List,
    /// One container.
    Inspect,
    /// The event stream.
    Events,
    /// The engine's own settings.
    Info,
    /// The routing network.
    Network,
}

impl DockerRequest {
    /// All of them, in the order of their first use.
    pub const ALL: [Self; 6] = [
        Self::Version,
        Self::Events,
        Self::List,
        Self::Network,
        Self::Info,
        Self::Inspect,
    ];

    /// The path behind the version, with what differs in braces.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Version => "/version",
            Self::List => "/containers/json",
            Self::Inspect => "/containers/{id}/json",
            Self::Events => "/events",
            Self::Info => "/info",
            Self::Network => "/networks/{name}",
        }
    }

    /// What it tells.
    #[must_use]
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Version => "the newest API version that both sides speak",
            Self::List => "all containers with labels, state and addresses: the routes",
            Self::Inspect => {
                "signal and time-out of a container's stop; the exposed ports of containers with \
                 `network_mode`"
            }
            Self::Events => "when to look again, and which container is told to stop",
            Self::Info => "whether containers outlive a restart of Docker (`live-restore`)",
            Self::Network => "whether the routing network exists",
        }
    }

    /// What does not work without it.
    #[must_use]
    pub fn without(self) -> &'static str {
        match self {
            Self::Version => "requests go out without a version, which means the engine's newest",
            Self::List => "no container is seen; routes stay as they were last",
            Self::Inspect => {
                "containers are taken to stop by SIGTERM within 10s, and those with `network_mode` \
                 need the label `port`"
            }
            Self::Events => {
                "changes are found by looking every 5s, and a container that is told to stop gets \
                 requests until it is gone"
            }
            Self::Info => "requests wait whenever Docker restarts, also with `live-restore`",
            Self::Network => "it is not said when the routing network does not exist",
        }
    }

    /// The variable by which docker-socket-proxy lets it through.
    #[must_use]
    pub fn proxy_variable(self) -> &'static str {
        match self {
            Self::Version => "VERSION=1",
            Self::List | Self::Inspect => "CONTAINERS=1",
            Self::Events => "EVENTS=1",
            Self::Info => "INFO=1",
            Self::Network => "NETWORKS=1",
        }
    }

    /// Everything that docker-socket-proxy must be given.
    #[must_use]
    pub fn proxy_variables() -> String {
        let mut variables = Self::ALL.map(Self::proxy_variable).to_vec();
        variables.sort_unstable();
        variables.dedup();
        variables.join(" ")
    }
}

impl fmt::Display for DockerRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GET {}", self.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_short() {
        let all = DockerRequest::ALL.map(|request| request.to_string());
        expect_test::expect![[r"
            GET /version, GET /events, GET /containers/json, GET /networks/{name}, GET /info, GET /containers/{id}/json
            CONTAINERS=1 EVENTS=1 INFO=1 NETWORKS=1 VERSION=1"]]
        .assert_eq(&format!(
            "{}\n{}",
            all.join(", "),
            DockerRequest::proxy_variables()
        ));
    }
}
