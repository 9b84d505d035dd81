//! Docker's wire types to our own: every optional field is decided here.
//!
//! Pure. Whatever a list entry lacks becomes the value that routes nothing; only an entry without
//! an id is an error, because leaving it out would make the list look whole when it is not.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bollard::models::{
    ContainerInspectResponse, ContainerSummaryHealthStatusEnum, ContainerSummaryStateEnum,
    EventMessage, EventMessageTypeEnum, PortSummaryTypeEnum,
};

use super::listed::{Listed, ListedEndpoint, ListedPort, Pairs, Text};
use super::{StopRule, signal};
use crate::model::{
    Address, Container, ContainerId, ContainerState, Health, Labels, NetworkMode, is_read,
};

/// Why an entry of the list is no container.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotListed {
    /// It is not of the form that the API promises.
    #[error("an entry of the container list cannot be read")]
    Form(#[source] serde_json::Error),
    /// It names none.
    #[error("expected an `Id` in every entry of the container list, found none in one of them")]
    NoId,
}

/// The names that many entries of one list have in common: labels' keys and networks.
#[derive(Debug, Default)]
pub(super) struct Common(BTreeSet<Arc<str>>);

impl Common {
    fn share(&mut self, name: &str) -> Arc<str> {
        if let Some(shared) = self.0.get(name) {
            return Arc::clone(shared);
        }
        let shared: Arc<str> = name.into();
        self.0.insert(Arc::clone(&shared));
        shared
    }
}

/// An entry of the container list, with the labels that are read where our own begin with
/// `<prefix>.`: most of what a list holds is labels of others.
pub(super) fn container(
    entry: &[u8],
    prefix: &str,
    common: &mut Common,
) -> Result<Container, NotListed> {
    let listed: Listed<'_> = serde_json::from_slice(entry).map_err(NotListed::Form)?;
    let id = listed.id.and_then(|Text(id)| ContainerId::new(id));
    let id = id.ok_or(NotListed::NoId)?;
    let status = listed
        .status
        .map_or_else(Default::default, |Text(text)| text);
    let told = listed.health.and_then(|health| health.status);
    let mode = listed.host_config.and_then(|config| config.network_mode);
    let networks = listed.network_settings.and_then(|all| all.networks);
    let labels = listed.labels.map_or_else(Vec::new, |Pairs(labels)| labels);
    Ok(Container {
        name: name(&listed.names.unwrap_or_default(), &id).into(),
        id,
        labels: { labels.into_iter() }
            .filter(|(Text(key), _)| is_read(key, prefix))
            .map(|(Text(key), Text(value))| (common.share(&key), value))
            .collect(),
        state: state(listed.state),
        health: told.map_or_else(|| health_of_status(&status), health),
        created: listed.created.unwrap_or_default(),
        network_mode: mode.map_or(NetworkMode::Attached, |Text(mode)| network_mode(&mode)),
        networks: { networks.into_iter() }
            .flat_map(|Pairs(networks)| networks)
            .map(|(Text(name), endpoint)| (common.share(&name), address(&endpoint)))
            .collect(),
        ports: tcp_ports(&listed.ports.unwrap_or_default()),
    })
}

/// A container's own name. Legacy links add names such as `/other/alias`.
fn name(names: &[Text<'_>], id: &ContainerId) -> String {
    names
        .iter()
        .map(|Text(name)| name.trim_start_matches('/'))
        .find(|name| !name.is_empty() && !name.contains('/'))
        .map_or_else(|| id.to_string(), str::to_owned)
}

fn state(told: Option<ContainerSummaryStateEnum>) -> ContainerState {
    match told {
        Some(ContainerSummaryStateEnum::CREATED) => ContainerState::Created,
        Some(ContainerSummaryStateEnum::RUNNING) => ContainerState::Running,
        Some(ContainerSummaryStateEnum::PAUSED) => ContainerState::Paused,
        Some(ContainerSummaryStateEnum::RESTARTING) => ContainerState::Restarting,
        Some(ContainerSummaryStateEnum::REMOVING) => ContainerState::Removing,
        Some(ContainerSummaryStateEnum::DEAD) => ContainerState::Dead,
        // Podman says `stopping` of one that has got its stop signal. What is not known to run
        // must not be routed.
        Some(
            ContainerSummaryStateEnum::EXITED
            | ContainerSummaryStateEnum::STOPPING
            | ContainerSummaryStateEnum::EMPTY,
        )
        | None => ContainerState::Exited,
    }
}

fn health(told: ContainerSummaryHealthStatusEnum) -> Health {
    match told {
        ContainerSummaryHealthStatusEnum::EMPTY | ContainerSummaryHealthStatusEnum::NONE => {
            Health::None
        }
        ContainerSummaryHealthStatusEnum::STARTING => Health::Starting,
        ContainerSummaryHealthStatusEnum::HEALTHY => Health::Healthy,
        ContainerSummaryHealthStatusEnum::UNHEALTHY => Health::Unhealthy,
    }
}

/// Before API 1.52 the list tells health only as the end of a text for people (moby,
/// container/state.go, `State.String`). Of a paused container it does not tell.
fn health_of_status(status: &str) -> Health {
    let verdict = status.strip_suffix(')').and_then(|s| s.rsplit_once('('));
    match verdict.map(|(_, verdict)| verdict) {
        Some("healthy") => Health::Healthy,
        Some("unhealthy") => Health::Unhealthy,
        Some("health: starting") => Health::Starting,
        Some(_) | None => Health::None,
    }
}

fn network_mode(mode: &str) -> NetworkMode {
    match mode.split_once(':') {
        None if mode == "host" => NetworkMode::Host,
        Some(("container", id)) => {
            ContainerId::new(id).map_or(NetworkMode::Attached, NetworkMode::Container)
        }
        Some(_) | None => NetworkMode::Attached,
    }
}

/// The engine shows a network without addresses while a container is not running.
fn address(endpoint: &ListedEndpoint<'_>) -> Address {
    let ipv4 = endpoint.ip_address.as_ref();
    let ipv6 = endpoint.global_ipv6_address.as_ref();
    Address {
        ipv4: ipv4.and_then(|Text(text)| text.parse().ok()),
        ipv6: ipv6.and_then(|Text(text)| text.parse().ok()),
    }
}

fn tcp_ports(ports: &[ListedPort]) -> BTreeSet<u16> {
    ports
        .iter()
        .filter(|port| port.protocol == Some(PortSummaryTypeEnum::TCP) && port.private_port != 0)
        .map(|port| port.private_port)
        .collect()
}

/// How the container is stopped; what the engine does not say is Docker's default.
pub(super) fn stop_rule(inspected: ContainerInspectResponse) -> StopRule {
    let default = StopRule::default();
    let Some(config) = inspected.config else {
        return default;
    };
    let seconds = config
        .stop_timeout
        .and_then(|seconds| u64::try_from(seconds).ok());
    StopRule {
        signal: config
            .stop_signal
            .and_then(|text| signal::number(&text))
            .unwrap_or(default.signal),
        timeout: seconds.map_or(default.timeout, Duration::from_secs),
    }
}

/// The TCP ports of an inspected container's `Config.ExposedPorts`, written `8080/tcp`.
pub(super) fn exposed_ports(inspected: ContainerInspectResponse) -> BTreeSet<u16> {
    let exposed = inspected.config.and_then(|config| config.exposed_ports);
    exposed
        .unwrap_or_default()
        .iter()
        .filter_map(|port| port.strip_suffix("/tcp")?.parse().ok())
        .filter(|port| *port != 0)
        .collect()
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// A container.
    Container,
    /// A network, and a container on it.
    Network,
    /// Anything else; the filters of the request let none through.
    Other,
}

/// An event, as far as we care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// What it is about.
    pub(super) subject: Subject,
    /// The engine's word for what happened.
    pub(super) action: String,
    /// Which container it happened to.
    pub(super) container: Option<ContainerId>,
    /// A container's labels, its name, its image and more, all in one map.
    pub(super) attributes: Labels,
}

/// An event as the engine sends it.
pub(super) fn event(message: EventMessage) -> Event {
    let subject = match message.typ {
        Some(EventMessageTypeEnum::CONTAINER) => Subject::Container,
        Some(EventMessageTypeEnum::NETWORK) => Subject::Network,
        Some(_) | None => Subject::Other,
    };
    let actor = message.actor.unwrap_or_default();
    let attributes: Labels = actor.attributes.unwrap_or_default().into_iter().collect();
    let container = match subject {
        Subject::Container => actor.id.map(Arc::from),
        Subject::Network => attributes.get("container").cloned(),
        Subject::Other => None,
    };
    Event {
        subject,
        action: message.action.unwrap_or_default(),
        container: container.and_then(ContainerId::new),
        attributes,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Few;

    fn listed(entry: &serde_json::Value) -> Container {
        let entry = entry.to_string();
        container(entry.as_bytes(), "sh0", &mut Common::default()).expect("a list entry")
    }

    #[test]
    fn a_list_entry_of_engine_20_10_is_understood() {
        let container = listed(&json!({
            "Id": "9f2c1e0b7a4455aa", "Names": ["/proxy/shop", "/shop-web-1"],
            "Image": "shop", "ImageID": "sha256:1", "Command": "/web", "Created": 1_700_000_000,
            "Ports": [
                {"PrivatePort": 8080, "Type": "tcp"},
                {"IP": "0.0.0.0", "PrivatePort": 8080, "PublicPort": 80, "Type": "tcp"},
                {"IP": "::", "PrivatePort": 8080, "PublicPort": 80, "Type": "tcp"},
                {"PrivatePort": 53, "Type": "udp"}
            ],
            "Labels": {"sh0.host": "shop.example", "com.docker.compose.project": "shop",
                       "com.docker.compose.version": "2", "sh0x.host": "b.example"},
            "State": "running", "Status": "Up 3 minutes (healthy)",
            "HostConfig": {"NetworkMode": "sh0-net"},
            "NetworkSettings": {"Networks": {
                "sh0-net": {"IPAddress": "172.18.0.2", "GlobalIPv6Address": "fd00::2"},
                "other": {"IPAddress": "", "GlobalIPv6Address": ""}
            }},
            "Mounts": []
        }));
        assert_eq!(&*container.name, "shop-web-1");
        assert_eq!(container.state, ContainerState::Running);
        assert_eq!(container.health, Health::Healthy);
        assert_eq!(container.created, 1_700_000_000);
        assert_eq!(container.network_mode, NetworkMode::Attached);
        assert_eq!(container.ports, BTreeSet::from([8080]));
        assert_eq!(container.labels.len(), 2);
        let address = Address {
            ipv4: "172.18.0.2".parse().ok(),
            ipv6: "fd00::2".parse().ok(),
        };
        let networks: Few<Address> = Few::from([
            ("sh0-net".to_owned(), address),
            ("other".to_owned(), Address::default()),
        ]);
        assert_eq!(container.networks, networks);
    }

    #[test]
    fn an_entry_with_nothing_but_an_id_routes_nothing() {
        let container = listed(&json!({"Id": "9f2c1e0b7a4455aa", "Names": null, "Ports": null}));
        assert_eq!(&*container.name, "9f2c1e0b7a44");
        assert_eq!(container.state, ContainerState::Exited);
        assert_eq!(container.health, Health::None);
        assert!(container.networks.is_empty());
    }

    #[test]
    fn an_entry_without_an_id_is_an_error() {
        for entry in ["{}", r#"{"Id":null}"#, r#"{"Id":""}"#] {
            let error = container(entry.as_bytes(), "sh0", &mut Common::default());
            let error = error.expect_err("no id");
            assert!(matches!(error, NotListed::NoId), "{entry}");
        }
    }

    #[test]
    fn health_is_the_field_or_else_the_end_of_the_status() {
        let check = |status: &str, expected| {
            let entry = json!({"Id": "a", "State": "running", "Status": status});
            assert_eq!(listed(&entry).health, expected, "{status}");
        };
        check("Up 5 seconds (health: starting)", Health::Starting);
        check("Up 2 hours (unhealthy)", Health::Unhealthy);
        check("Up 2 hours (healthy)", Health::Healthy);
        check("Up 2 hours (Paused)", Health::None);
        check("Up 2 hours", Health::None);
        check("Exited (0) 5 minutes ago", Health::None);
        let entry = json!({"Id": "a", "Status": "Up 2 hours (healthy)",
                           "Health": {"Status": "starting", "FailingStreak": 0}});
        assert_eq!(listed(&entry).health, Health::Starting);
    }

    #[test]
    fn network_modes_are_host_another_container_or_attached() {
        let check = |mode: &str, expected: NetworkMode| {
            let entry = json!({"Id": "a", "HostConfig": {"NetworkMode": mode}});
            assert_eq!(listed(&entry).network_mode, expected, "{mode}");
        };
        let other = ContainerId::new("beef").expect("not empty");
        check("host", NetworkMode::Host);
        check("container:beef", NetworkMode::Container(other));
        check("container:", NetworkMode::Attached);
        check("default", NetworkMode::Attached);
        check("none", NetworkMode::Attached);
    }

    #[test]
    fn only_tcp_ports_of_an_inspect_count() {
        let inspected = serde_json::from_value(json!({
            "Config": {"ExposedPorts": {"8080/tcp": {}, "53/udp": {}, "x/tcp": {}}}
        }));
        let ports = exposed_ports(inspected.expect("an inspect"));
        assert_eq!(ports, BTreeSet::from([8080]));
    }

    #[test]
    fn events_name_their_container() {
        let check = |message: serde_json::Value, subject, container: Option<&str>| {
            let event = event(serde_json::from_value(message).expect("an event"));
            assert_eq!(event.subject, subject);
            assert_eq!(event.container, container.and_then(ContainerId::new));
        };
        let attributes = json!({"sh0.host": "a.example", "name": "web"});
        check(
            json!({"Type": "container", "Action": "start",
                   "Actor": {"ID": "beef", "Attributes": attributes}}),
            Subject::Container,
            Some("beef"),
        );
        check(
            json!({"Type": "network", "Action": "connect",
                   "Actor": {"ID": "net1", "Attributes": {"container": "beef"}}}),
            Subject::Network,
            Some("beef"),
        );
        check(
            json!({"Type": "image", "Action": "pull"}),
            Subject::Other,
            None,
        );
        check(json!({}), Subject::Other, None);
    }
}
