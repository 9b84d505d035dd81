//! The containers that compose would make of a project, as the agent would see them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::changes::RunningRow;
use super::others::others;
use super::{Remembered, Rules};
use crate::compose::{Project, Service};
use crate::labels::{HostPattern, Standing, parse};
use crate::model::{
    Address, Container, ContainerId, ContainerState, ForwardTarget, Health, Labels, NetworkMode,
    Owner, Snapshot,
};
use crate::routes::{Built, Row};

/// Profiles that are looked at one by one; with more all services count as running together.
const PROFILES_MAX: usize = 32;

/// The host of apps of other projects: they exist, or not, where the project will run.
const ELSEWHERE: &str = "elsewhere.invalid";

/// Containers, and which service each belongs to.
pub(super) struct Crowd {
    containers: Vec<Container>,
    services: BTreeMap<ContainerId, usize>,
    owner: Owner,
    has_others: bool,
}

/// Which services run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Running {
    /// Those without a profile, and those of these profiles.
    With(BTreeSet<String>),
    /// All.
    All,
}

impl Running {
    pub(super) fn has(&self, service: &Service) -> bool {
        match self {
            Self::All => true,
            Self::With(profiles) => {
                service.profiles.is_empty()
                    || profiles.contains("*")
                    || !service.profiles.is_disjoint(profiles)
            }
        }
    }
}

/// What may run together: the services of each profile with those that always run. Two services of
/// different profiles are often one thing in two forms, which never meet.
pub(super) fn profiles(project: &Project) -> Vec<Running> {
    let all = project.services.iter();
    let all: BTreeSet<&String> = all.flat_map(|service| &service.profiles).collect();
    if all.len() > PROFILES_MAX {
        return vec![Running::All];
    }
    let each = all.into_iter().map(|profile| [profile.clone()].into());
    let mut profiles: Vec<Running> = each.map(Running::With).collect();
    if profiles.is_empty() {
        profiles.push(Running::With(BTreeSet::new()));
    }
    profiles
}

/// The names of hosts elsewhere, as a setting.
pub(super) fn elsewhere() -> Option<HostPattern> {
    HostPattern::parse(&format!("*.{ELSEWHERE}")).ok()
}

impl Crowd {
    /// The containers of the services that run.
    pub(super) fn of(project: &Project, rules: &Rules, running: &Running) -> Self {
        let all = project.services.iter().enumerate();
        let present: Vec<_> = all.filter(|(_, service)| running.has(service)).collect();
        let mut services = BTreeMap::new();
        let mut containers = Vec::new();
        for (index, service) in present {
            let container = container(project, service, index, rules);
            services.insert(container.id.clone(), index);
            containers.push(container);
        }
        let others = containers.iter();
        let others: Vec<Container> = others.flat_map(|own| asked(own, project, rules)).collect();
        containers.extend(others);
        Self {
            containers,
            services,
            owner: Owner::Project(project.name.as_str().into()),
            has_others: false,
        }
    }

    /// With those of other projects that have a host which was asked for.
    pub(super) fn with_others(
        mut self,
        built: &Built,
        rules: &Rules,
        remembered: &Remembered,
        rows: &[RunningRow],
    ) -> Self {
        let is_own = |row: &&Arc<Row>| row.app.as_ref().is_some_and(|app| app.owner == self.owner);
        let asked = built
            .rows
            .iter()
            .filter(is_own)
            .map(|row| row.host.as_str());
        let others = others(&asked.collect(), &self.owner, rules, remembered, rows);
        self.has_others = !others.is_empty();
        self.containers.extend(others);
        self
    }

    /// Whether there are containers of others that an agent has seen.
    pub(super) fn has_others(&self) -> bool {
        self.has_others
    }

    /// All of them, as the agent sees them.
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.containers.iter().cloned())
    }

    /// The service of a container; `None` for one of another project.
    pub(super) fn service<'a>(
        &self,
        project: &'a Project,
        id: &ContainerId,
    ) -> Option<&'a Service> {
        let index = self.services.get(id)?;
        project.services.get(*index)
    }
}

fn id(service: &str, index: usize) -> ContainerId {
    ContainerId::new(service)
        .or_else(|| ContainerId::new(index.to_string()))
        .expect("a number is not empty")
}

fn address(index: usize) -> Address {
    let place = u32::try_from(index).unwrap_or(0) & 0x00ff_ffff;
    Address {
        ipv4: Some(Ipv4Addr::from(0x0a00_0001 + place)),
        ipv6: None,
    }
}

fn container(project: &Project, service: &Service, index: usize, rules: &Rules) -> Container {
    let labels = service.labels.iter();
    let mut labels: Labels = labels
        .map(|(key, label)| (key.clone(), label.value.clone()))
        .collect();
    for (key, value) in [("project", &project.name), ("service", &service.name)] {
        labels.insert(format!("com.docker.compose.{key}"), value.clone());
    }
    let mode = service.network_mode.as_deref();
    let of_service = |mode: &str| mode.strip_prefix("service:").map(str::to_owned);
    let network_mode = match mode {
        Some("host") => NetworkMode::Host,
        Some(mode) => of_service(mode).map_or(NetworkMode::Attached, |lender| {
            NetworkMode::Container(id(&lender, index))
        }),
        None => NetworkMode::Attached,
    };
    // `bridge`, `none`, or a network by its name.
    let of_mode = mode.map(|mode| {
        // Nothing is known of that container.
        let is_unknown = mode.starts_with("container:");
        if is_unknown { &rules.network } else { mode }.to_owned()
    });
    // As it was meant, probably.
    let unknown = service.has_unknown_network.then(|| rules.network.clone());
    let networks = service.networks.iter().cloned();
    let networks = networks.chain(of_mode).chain(unknown);
    let networks = networks.map(|name| (name, address(index)));
    // What the image exposes is not known; one port is what most images have.
    let ports = if service.ports.is_empty() {
        [80].into()
    } else {
        service.ports.clone()
    };
    let name = match &service.container_name {
        Some(name) => name.clone(),
        None => format!("{}-{}-1", project.name, service.name),
    };
    Container {
        id: id(&service.name, index),
        name: name.into(),
        labels,
        state: ContainerState::Running,
        health: Health::None,
        created: i64::try_from(index).unwrap_or(i64::MAX),
        network_mode,
        networks: networks.collect(),
        ports,
    }
}

/// The apps of other projects that a container asks who somebody is. Whether they are there is not
/// known here, so they are.
fn asked(own: &Container, project: &Project, rules: &Rules) -> Vec<Container> {
    let Standing::Asks(spec) = parse(own, &rules.prefix).standing else {
        return Vec::new();
    };
    let mut containers = Vec::new();
    for route in spec.routes.values().filter_map(|reading| reading.right()) {
        let forward = route.handling.protection.forward.as_ref();
        let Some(ForwardTarget::App {
            name,
            project: Some(other),
            port,
        }) = forward.map(|forward| &forward.target)
        else {
            continue;
        };
        if *other == project.name {
            continue;
        }
        let index = containers.len();
        let prefix = &rules.prefix;
        let port = port.map_or("80".to_owned(), |port| port.to_string());
        let labels = [
            ("com.docker.compose.project".to_owned(), other.clone()),
            ("com.docker.compose.service".to_owned(), name.clone()),
            (
                format!("{prefix}.host"),
                format!("a{index}-{}.{ELSEWHERE}", own.created),
            ),
            (format!("{prefix}.port"), port),
        ];
        containers.push(Container {
            id: id(&format!("elsewhere/{}/{index}", own.id.as_str()), index),
            name: name.as_str().into(),
            labels: labels.into(),
            state: ContainerState::Running,
            health: Health::None,
            created: 0,
            network_mode: NetworkMode::Attached,
            networks: [(rules.network.clone(), address(index))].into(),
            ports: [80].into(),
        });
    }
    containers
}
