//! Whether a container can take requests, and at which address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::gates::Crashes;
use crate::model::{Container, ContainerState, Health, NetworkMode, Port, Scheme, Snapshot};

/// Why a container cannot take requests now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotReady {
    /// Its process does not run.
    NotRunning(ContainerState),
    /// Its HEALTHCHECK has not passed yet.
    Starting,
    /// Its HEALTHCHECK fails. This is its address.
    Unhealthy(IpAddr),
    /// It fails the agent's checks, for this reason.
    Failing(String),
    /// It ends again and again.
    Crashing(Crashes),
    /// It has been told to stop.
    Draining,
    /// It has not shown yet that it is ready.
    Unproven,
    /// It is remembered from long ago or from before a reboot, and the engine has not been asked
    /// since.
    Remembered,
    /// It is attached to the network, but has no address there yet.
    NoAddress { network: String },
    /// It is not attached to the network.
    NotOnNetwork {
        network: String,
        attached: Vec<String>,
        /// The container whose network it uses, where that is another.
        lender: Option<String>,
    },
    /// It uses the network of a container that is not there.
    LenderGone,
    /// Nothing says which port it listens on.
    NoPort,
    /// Its port on the host's network is Caddy's own.
    OwnPort(u16),
    /// Its own labels do not describe this route, or with another scheme.
    OtherRoute,
}

impl NotReady {
    /// The reason in a few words, for a table.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::NotRunning(ContainerState::Created) => "the container was not started".to_owned(),
            Self::NotRunning(ContainerState::Exited) => "the container has exited".to_owned(),
            Self::NotRunning(state) => format!("the container is {}", state.as_str()),
            Self::Starting => "its HEALTHCHECK has not passed yet".to_owned(),
            Self::Unhealthy(_) => "its HEALTHCHECK fails".to_owned(),
            Self::Failing(reason) => format!("its health check fails: {reason}"),
            Self::Crashing(Crashes { exits, hold_down }) => format!(
                "it has ended {exits} times in a row soon after its start, and must run for \
                 {hold_down:?} first"
            ),
            Self::Draining => "it is stopping".to_owned(),
            Self::Unproven => "it does not answer at its port yet".to_owned(),
            Self::Remembered => "Docker has not said yet whether and where it runs".to_owned(),
            Self::NoAddress { network } => {
                format!("it has no address on the network `{network}` yet")
            }
            Self::NotOnNetwork { network, .. } => {
                format!("it is not attached to the network `{network}`")
            }
            Self::LenderGone => "the container whose network it uses is not there".to_owned(),
            Self::NoPort => "the port is not known".to_owned(),
            Self::OwnPort(port) => format!("port {port} of the host's network is Caddy's own"),
            Self::OtherRoute => "its own labels describe this route differently".to_owned(),
        }
    }

    /// Whether it has an address already, so that the engine also says its exposed ports.
    pub(super) fn has_address(&self) -> bool {
        match self {
            Self::Starting
            | Self::Unhealthy(_)
            | Self::Failing(_)
            | Self::Crashing(_)
            | Self::Draining
            | Self::Unproven
            | Self::Remembered
            | Self::NoPort
            | Self::OwnPort(_)
            | Self::OtherRoute => true,
            Self::NotRunning(_)
            | Self::NoAddress { .. }
            | Self::NotOnNetwork { .. }
            | Self::LenderGone => false,
        }
    }

    /// Whether it only needs time, not a person.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::NotRunning(_)
            | Self::Starting
            | Self::Unhealthy(_)
            | Self::Failing(_)
            | Self::Crashing(_)
            | Self::Draining
            | Self::Unproven
            | Self::Remembered
            | Self::NoAddress { .. } => true,
            Self::NotOnNetwork { .. }
            | Self::LenderGone
            | Self::NoPort
            | Self::OwnPort(_)
            | Self::OtherRoute => false,
        }
    }
}

/// Where a container on the host's network takes requests.
pub(super) const ON_HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// How many containers may lend each other one network, one after the other: Docker chains them
/// without a limit, people do not, and a circle ends here.
const LENDERS_MAX: usize = 8;

/// The address at which the container takes requests. `waits_for_health` is whether a HEALTHCHECK
/// that has not passed yet keeps it from taking any; one that fails always does. What only a person can mend is said first,
/// so that it does not hide behind a HEALTHCHECK which it may be the cause of.
pub(super) fn address(
    container: &Container,
    network: &str,
    snapshot: &Snapshot,
    waits_for_health: bool,
) -> Result<IpAddr, NotReady> {
    if container.state != ContainerState::Running {
        return Err(NotReady::NotRunning(container.state));
    }
    let ip = network_address(container, lender(container, snapshot)?, network)?;
    match container.health {
        Health::Starting if waits_for_health => Err(NotReady::Starting),
        Health::None | Health::Healthy | Health::Starting => Ok(ip),
        Health::Unhealthy => Err(NotReady::Unhealthy(ip)),
    }
}

/// The container whose interfaces this one uses: mostly its own.
fn lender<'a>(container: &'a Container, snapshot: &'a Snapshot) -> Result<&'a Container, NotReady> {
    let mut lender = container;
    for _ in 0..LENDERS_MAX {
        match &lender.network_mode {
            NetworkMode::Attached | NetworkMode::Host => return Ok(lender),
            NetworkMode::Container(id) => lender = snapshot.get(id).ok_or(NotReady::LenderGone)?,
        }
    }
    Err(NotReady::LenderGone)
}

fn network_address(
    container: &Container,
    lender: &Container,
    network: &str,
) -> Result<IpAddr, NotReady> {
    if lender.network_mode == NetworkMode::Host {
        return Ok(ON_HOST);
    }
    let network = network.to_owned();
    if let Some(address) = lender.networks.get(&network) {
        address.preferred().ok_or(NotReady::NoAddress { network })
    } else {
        let attached = lender.networks.keys().map(ToString::to_string).collect();
        let is_lent = lender.id != container.id;
        Err(NotReady::NotOnNetwork {
            network,
            attached,
            lender: is_lent.then(|| lender.name.to_string()),
        })
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

/// Address and port together. On the host's network the port must not be one of Caddy's own:
/// requests would come back to it for ever.
pub(super) fn socket(
    ip: IpAddr,
    port: Option<Port>,
    own_ports: [u16; 2],
) -> Result<SocketAddr, NotReady> {
    let port = port.ok_or(NotReady::NoPort)?.get();
    if ip.is_loopback() && own_ports.contains(&port) {
        return Err(NotReady::OwnPort(port));
    }
    Ok(SocketAddr::new(ip, port))
}
