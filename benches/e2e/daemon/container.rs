//! A container as Docker's list and inspect show it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};
use sh0_agent::caddy::Fingerprint;

use super::{NETWORK, NETWORK_ID};

/// When container number 0 was made, in seconds since 1970; the others follow, a second apart.
const FIRST_CREATED: i64 = 1_700_000_000;
const IMAGE: &str = "registry.example.com/shop/web:1.4.2";

/// What it is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Its process runs.
    Running,
    /// Its process is frozen.
    Paused,
    /// Its process has ended.
    Exited,
}

impl State {
    /// Docker's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Exited => "exited",
        }
    }
}

/// A container on the routing network.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    /// 64 hex digits.
    pub(crate) id: String,
    /// Without the slash.
    pub(crate) name: String,
    /// All of them.
    pub(crate) labels: BTreeMap<String, String>,
    /// What it is doing.
    pub(crate) state: State,
    /// Its address, while it runs.
    pub(crate) ip: Ipv4Addr,
    /// The one TCP port that it exposes.
    pub(crate) port: u16,
    /// Seconds since 1970.
    pub(crate) created: i64,
}

impl Container {
    /// The running service `web` of a compose project of its own, with the twelve labels that
    /// docker-compose writes and these.
    pub(crate) fn of_project(number: usize, labels: &[(&str, &str)]) -> Self {
        let project = format!("site-{number}");
        let mut all = compose_labels(&project);
        let own = labels.iter().map(|(key, value)| (*key, *value));
        all.extend(own.map(|(key, value)| (key.to_owned(), value.to_owned())));
        Self {
            id: hex(&project),
            name: format!("{project}-web-1"),
            labels: all,
            state: State::Running,
            ip: Ipv4Addr::LOCALHOST,
            port: 8080,
            created: FIRST_CREATED + i64::try_from(number).unwrap_or_default(),
        }
    }

    /// Its entry in a list.
    pub(super) fn listed(&self) -> Value {
        let status = match self.state {
            State::Running => "Up 2 hours",
            State::Paused => "Up 2 hours (Paused)",
            State::Exited => "Exited (0) 5 seconds ago",
        };
        let ports = match self.state {
            State::Exited => json!([]),
            State::Running | State::Paused => json!([{"PrivatePort": self.port, "Type": "tcp"}]),
        };
        json!({
            "Id": self.id,
            "Names": [format!("/{}", self.name)],
            "Image": IMAGE,
            "ImageID": format!("sha256:{}", hex(IMAGE)),
            "Command": "/web",
            "Created": self.created,
            "Ports": ports,
            "Labels": self.labels,
            "State": self.state.word(),
            "Status": status,
            "HostConfig": {"NetworkMode": NETWORK},
            "NetworkSettings": {"Networks": {NETWORK: self.endpoint()}},
            "Mounts": []
        })
    }

    /// What an inspect says, as far as somebody reads it.
    pub(super) fn inspected(&self) -> Value {
        let port = format!("{}/tcp", self.port);
        json!({
            "Id": self.id,
            "Created": "2026-01-01T00:00:00.000000001Z",
            "Path": "/web",
            "Args": [],
            "State": {
                "Status": self.state.word(),
                "Running": self.state != State::Exited,
                "Paused": self.state == State::Paused,
                "Restarting": false,
                "OOMKilled": false,
                "Dead": false,
                "Pid": 4242,
                "ExitCode": 0,
                "Error": "",
                "StartedAt": "2026-01-01T00:00:00.000000001Z",
                "FinishedAt": "0001-01-01T00:00:00Z"
            },
            "Image": format!("sha256:{}", hex(IMAGE)),
            "Name": format!("/{}", self.name),
            "RestartCount": 0,
            "Driver": "overlay2",
            "Platform": "linux",
            "HostConfig": {"NetworkMode": NETWORK, "PortBindings": {}},
            "Mounts": [],
            "Config": {
                "Hostname": self.id.get(..12),
                "ExposedPorts": keyed(&port, json!({})),
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                "Image": IMAGE,
                "Labels": self.labels
            },
            "NetworkSettings": {
                "Ports": keyed(&port, Value::Null),
                "Networks": {NETWORK: self.endpoint()}
            }
        })
    }

    /// A network without an address while it does not run, as Docker shows it.
    fn endpoint(&self) -> Value {
        let is_up = self.state != State::Exited;
        let up = |text: String| if is_up { text } else { String::new() };
        let [_, b, c, d] = self.ip.octets();
        json!({
            "IPAMConfig": {},
            "Links": null,
            "Aliases": ["web", self.id.get(..12)],
            "NetworkID": NETWORK_ID,
            "EndpointID": up(hex(&self.name)),
            "Gateway": up(Ipv4Addr::LOCALHOST.to_string()),
            "IPAddress": up(self.ip.to_string()),
            "IPPrefixLen": if is_up { 8 } else { 0 },
            "IPv6Gateway": "",
            "GlobalIPv6Address": "",
            "GlobalIPv6PrefixLen": 0,
            "MacAddress": up(format!("02:42:7f:{b:02x}:{c:02x}:{d:02x}")),
            "DriverOpts": null
        })
    }

    /// The attributes of its events: all its labels, its image and its name.
    pub(super) fn attributes(&self) -> BTreeMap<String, String> {
        let mut attributes = self.labels.clone();
        attributes.insert("image".to_owned(), IMAGE.to_owned());
        attributes.insert("name".to_owned(), self.name.clone());
        attributes
    }

    /// The image it is of.
    pub(super) fn image() -> &'static str {
        IMAGE
    }
}

fn keyed(key: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), value)]))
}

fn compose_labels(project: &str) -> BTreeMap<String, String> {
    let folder = format!("/srv/{project}");
    let label = |key: &str, value: &str| (format!("com.docker.compose.{key}"), value.to_owned());
    BTreeMap::from([
        label("config-hash", &hex(&folder)),
        label("container-number", "1"),
        label("depends_on", ""),
        label("image", &format!("sha256:{}", hex(IMAGE))),
        label("oneoff", "False"),
        label("project", project),
        label("project.config_files", &format!("{folder}/compose.yaml")),
        label("project.environment_file", &format!("{folder}/.env")),
        label("project.working_dir", &folder),
        label("replace", "web-1"),
        label("service", "web"),
        label("version", "2.40.3"),
    ])
}

/// 64 hex digits that are always the same for this text.
fn hex(text: &str) -> String {
    Fingerprint::of(text.as_bytes()).to_string()
}
