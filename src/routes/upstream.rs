//! Whether a container can take requests, and at which address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::model::{Container, ContainerState, Health, NetworkMode, Port, Scheme, Snapshot};

/// Why a container cannot take requests now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotReady {
    /// Its process does not run.
    NotRunning(ContainerState),
    /// Its HEALTHCHECK has not passed yet.
    Starting,
    /// Its HEALTHCHECK fails.
    Unhealthy,
    /// It is attached to the network, but has no address there yet.
    NoAddress { network: String },
    /// It is not attached to the network.
    NotOnNetwork {
        network: String,
        attached: Vec<String>,
    },
    /// It uses the network of a container that is not there.
    LenderGone,
    /// Nothing says which port it listens on.
    NoPort,
    /// Its replica's labels do not describe this route, or with another scheme.
    OtherRoute,
}

impl NotReady {
    /// The reason in a few words, for a table.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::NotRunning(state) => format!("the container is {}", state.as_str()),
            Self::Starting => "its HEALTHCHECK has not passed yet".to_owned(),
            Self::Unhealthy => "its HEALTHCHECK fails".to_owned(),
            Self::NoAddress { network } => {
                format!("it has no address on the network `{network}` yet")
            }
            Self::NotOnNetwork { network, .. } => {
                format!("it is not attached to the network `{network}`")
            }
            Self::LenderGone => "the container whose network it uses is not there".to_owned(),
            Self::NoPort => "the port is not known".to_owned(),
            Self::OtherRoute => "newer replicas have other labels".to_owned(),
        }
    }

    /// Whether it only needs time, not a person.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::NotRunning(_) | Self::Starting | Self::Unhealthy | Self::NoAddress { .. } => true,
            Self::NotOnNetwork { .. } | Self::LenderGone | Self::NoPort | Self::OtherRoute => false,
        }
    }
}

/// The address at which the container takes requests.
pub(super) fn address(
    container: &Container,
    network: &str,
    snapshot: &Snapshot,
) -> Result<IpAddr, NotReady> {
    if container.state != ContainerState::Running {
        return Err(NotReady::NotRunning(container.state));
    }
    match container.health {
        Health::None | Health::Healthy => {}
        Health::Starting => return Err(NotReady::Starting),
        Health::Unhealthy => return Err(NotReady::Unhealthy),
    }
    let lender = match &container.network_mode {
        NetworkMode::Attached | NetworkMode::Host => container,
        NetworkMode::Container(id) => snapshot.get(id).ok_or(NotReady::LenderGone)?,
    };
    if lender.network_mode == NetworkMode::Host {
        return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let network = network.to_owned();
    if let Some(address) = lender.networks.get(&network) {
        address.preferred().ok_or(NotReady::NoAddress { network })
    } else {
        let attached = lender.networks.keys().cloned().collect();
        Err(NotReady::NotOnNetwork { network, attached })
    }
}

/// The port among the exposed ones that a route means when it names none: the only one, or the
/// scheme's own among several.
pub(super) fn exposed_port(container: &Container, scheme: Scheme) -> Option<Port> {
    let mut ports = container.ports.iter().copied();
    match (ports.next(), ports.next()) {
        (Some(only), None) => Port::new(only),
        (None, _) => None,
        (Some(_), Some(_)) => {
            let usual = match scheme {
                Scheme::Https => 443,
                Scheme::Http | Scheme::H2c => 80,
            };
            container
                .ports
                .contains(&usual)
                .then(|| Port::new(usual))
                .flatten()
        }
    }
}

/// Address and port together.
pub(super) fn socket(ip: IpAddr, port: Port) -> SocketAddr {
    SocketAddr::new(ip, port.get())
}
