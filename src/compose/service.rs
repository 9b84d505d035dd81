//! What decides about routes, taken from the files laid together.

use std::collections::{BTreeMap, BTreeSet};

use super::load::Loader;
use super::node::{Entry, Node, Open, Place, Text, Value};
use super::values;
use super::variables::Wrong;
use crate::diagnostic::Severity;
use crate::model::shown;

/// Characters of a name that are shown.
const NAME_CHARS_MAX: usize = 120;

/// A project as compose would make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// Its services, in the order of the files.
    pub services: Vec<Service>,
}

/// What is known of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Where its name stands.
    pub place: Place,
    /// The labels of its containers, those of files and of the image it builds included.
    pub labels: BTreeMap<String, Label>,
    /// Labels under `deploy`, which no container has.
    pub deploy_labels: BTreeMap<String, Place>,
    /// The networks it is on, by the names that Docker knows; empty with a `network_mode`.
    pub networks: Vec<String>,
    /// Whether it is on one whose name is not known.
    pub has_unknown_network: bool,
    /// Where it says its networks.
    pub networks_place: Option<Place>,
    /// `network_mode`, such as `host` or `service:web`.
    pub network_mode: Option<String>,
    /// The TCP ports that the file says; the image's own are not known.
    pub ports: BTreeSet<u16>,
    /// The profiles it belongs to; none is that it always runs.
    pub profiles: BTreeSet<String>,
    /// `container_name`.
    pub container_name: Option<String>,
}

/// A label's value, and where it and its key are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The value, variables filled in.
    pub value: String,
    /// Where the key stands.
    pub key_place: Place,
    /// Where the value stands.
    pub value_place: Place,
    /// The variable that is not set, for which the value is not known.
    pub unset: Option<String>,
}

/// The networks of the file: the name that Docker knows each by.
type Networks = BTreeMap<String, NetworkName>;

/// What Docker calls a network.
enum NetworkName {
    /// This.
    Known(String),
    /// What this variable says, which is not set.
    Unset(String),
}

/// The networks that a service is on.
#[derive(Default)]
struct On {
    names: Vec<String>,
    /// Whether there is one whose name is not known.
    is_unknown: bool,
}

impl Loader<'_> {
    /// The project that the files describe together.
    pub(super) fn project(&mut self, root: &Node, name: String) -> Project {
        let networks = networks(root, &name);
        let services = match root.get("services") {
            Some(services) => services.entries().to_vec(),
            None => Vec::new(),
        };
        let services = { services.iter() }
            .filter_map(|entry| self.service(&entry.key, &entry.node, &networks))
            .collect();
        Project { name, services }
    }

    fn service(&mut self, name: &Text, node: &Node, networks: &Networks) -> Option<Service> {
        if !matches!(&node.value, Value::Map(_)) {
            let message = format!(
                "the service `{}` takes a map, found {}",
                name.shown(),
                node.kind()
            );
            // What is not there stands nowhere.
            let place = match &node.value {
                Value::Null => name.place,
                Value::Scalar(_) | Value::List(_) | Value::Map(_) => node.place,
            };
            let help = "write for example `image: nginx` below it";
            self.say(place, Some(name), message, help);
            return None;
        }
        let text = |key: &str| node.get(key).and_then(|node| node.text());
        let mode = text("network_mode").filter(|mode| !mode.is_empty());
        let mode = mode.map(str::to_owned);
        let on = match mode {
            Some(_) => On::default(),
            None => self.on(name, node.get("networks").map(|node| &**node), networks),
        };
        let labels = self.labels(name, node);
        let deploy = node.get("deploy").and_then(|deploy| deploy.get("labels"));
        let deploy = deploy.map_or(&[][..], |labels| labels.entries()).iter();
        let mut ports = node
            .get("expose")
            .map(|node| values::ports(node))
            .unwrap_or_default();
        ports.extend(
            node.get("ports")
                .map(|node| values::ports(node))
                .unwrap_or_default(),
        );
        let profiles = node
            .get("profiles")
            .map(|node| node.texts())
            .unwrap_or_default();
        Some(Service {
            networks: on.names,
            has_unknown_network: on.is_unknown,
            networks_place: node.entry("networks").map(|entry| entry.key.place),
            name: name.text.clone(),
            place: name.place,
            labels,
            deploy_labels: deploy
                .map(|entry| (entry.key.text.clone(), entry.key.place))
                .collect(),
            container_name: text("container_name").map(str::to_owned),
            network_mode: mode,
            ports,
            profiles: profiles.into_iter().map(|profile| profile.text).collect(),
        })
    }

    /// The networks that a service is on.
    fn on(&mut self, service: &Text, node: Option<&Node>, networks: &Networks) -> On {
        let named = node.map_or(&[][..], Node::entries);
        let mut on = On::default();
        if let Some(NetworkName::Known(default)) = networks.get("default")
            && named.is_empty()
        {
            on.names.push(default.clone());
        }
        for entry in named {
            match networks.get(&entry.key.text) {
                Some(NetworkName::Known(name)) => {
                    on.names.push(name.clone());
                    continue;
                }
                Some(NetworkName::Unset(variable)) => {
                    self.unknown_network(service, &entry.key, variable);
                    on.is_unknown = true;
                    continue;
                }
                None => {}
            }
            let key = entry.key.shown();
            let message =
                format!("the network `{key}` is not declared, and compose refuses the file");
            let help = format!(
                "write these two lines for it: `networks:` and below it `  {key}: {{external: true}}`"
            );
            self.say(entry.key.place, Some(service), message, &help);
            // As it was meant.
            on.names.push(entry.key.text.clone());
        }
        on
    }

    fn unknown_network(&mut self, service: &Text, key: &Text, variable: &str) {
        let variable = shown(variable, NAME_CHARS_MAX);
        let message = format!(
            "the variable `{variable}` is not set, so it is not known which network `{}` is",
            key.shown()
        );
        let help = format!("set `{variable}` in the environment or in the file `.env`");
        self.say(key.place, Some(service), message, &help);
        if let Some(problem) = self.problems.last_mut() {
            problem.severity = Severity::Warning;
        }
    }

    /// The labels of a service's containers: its own win over those of its files, and these over
    /// those of the image that it builds.
    fn labels(&mut self, service: &Text, node: &Node) -> BTreeMap<String, Label> {
        let mut labels = BTreeMap::new();
        let of_image = node.get("build").and_then(|build| build.get("labels"));
        if let Some(of_image) = of_image {
            self.add(service, of_image, &mut labels);
        }
        let files = node
            .get("label_file")
            .map(|node| node.texts())
            .unwrap_or_default();
        for file in files {
            labels.extend(self.label_file(service, &file));
        }
        if let Some(own) = node.get("labels") {
            self.add(service, own, &mut labels);
        }
        labels
    }

    fn add(&mut self, service: &Text, node: &Node, labels: &mut BTreeMap<String, Label>) {
        if matches!(&node.value, Value::Scalar(_)) {
            let message = "`labels` takes a map or a list, found a single value".to_owned();
            let help = "write for example `labels: {sh0.host: app.example.com}`";
            self.say(node.place, Some(service), message, help);
        }
        for entry in node.entries() {
            let (value, unset) = match &entry.node.value {
                Value::Null => (String::new(), None),
                Value::Scalar(scalar) => match &scalar.open {
                    Some(Open::Wrong(wrong)) => {
                        self.wrong_variable(service, entry, wrong);
                        continue;
                    }
                    Some(Open::Unset(name)) => (scalar.rendered(), Some(name.clone())),
                    None => (scalar.rendered(), None),
                },
                Value::List(_) | Value::Map(_) => {
                    let key = match entry.key.shown() {
                        key if key.is_empty() => "an item of `labels`".to_owned(),
                        key => format!("the label `{key}`"),
                    };
                    let message =
                        format!("{key} takes a single value, found {}", entry.node.kind());
                    let help = "write for example `sh0.host: app.example.com`, or in a list \
                                `- sh0.host=app.example.com`";
                    self.say(entry.node.place, Some(service), message, help);
                    continue;
                }
            };
            // What has no value is pointed at by its key.
            let value_place = match &entry.node.value {
                Value::Null => entry.key.place,
                Value::Scalar(_) | Value::List(_) | Value::Map(_) => entry.node.place,
            };
            let label = Label {
                value,
                key_place: entry.key.place,
                value_place,
                unset,
            };
            labels.insert(entry.key.text.clone(), label);
        }
    }

    fn wrong_variable(&mut self, service: &Text, entry: &Entry, wrong: &Wrong) {
        let place = entry.node.place;
        let shown = |text: &str| shown(text, NAME_CHARS_MAX);
        match wrong {
            Wrong::Form(found) => {
                let message = format!("`{}` is no variable", shown(found));
                let help =
                    "write `$$` for a `$`, and `${NAME}` or `${NAME:-default}` for a variable";
                self.say(place, Some(service), message, help);
            }
            Wrong::Required { name, message } => {
                let name = shown(name);
                let why = match message.as_str() {
                    "" => String::new(),
                    message => format!(": {}", shown(message)),
                };
                let message = format!("the variable `{name}` must be set{why}");
                let help = format!("set `{name}` in the environment or in the file `.env`");
                self.say(place, Some(service), message, &help);
            }
        }
        if let Some(problem) = self.problems.last_mut() {
            problem.label = Some(entry.key.text.clone());
        }
    }

    /// Notes what compose refuses.
    pub(super) fn say(
        &mut self,
        place: Place,
        service: Option<&Text>,
        message: String,
        help: &str,
    ) {
        self.problems.push(super::Problem {
            place,
            severity: Severity::Error,
            service: service.map(|name| name.text.clone()),
            label: None,
            message,
            help: help.to_owned(),
        });
    }
}

/// The networks that the file declares, and the project's own.
fn networks(root: &Node, project: &str) -> Networks {
    let of_project = |key: &str| format!("{project}_{key}");
    let default = NetworkName::Known(of_project("default"));
    let mut networks = Networks::from([("default".to_owned(), default)]);
    let declared = root.get("networks").map_or(&[][..], |node| node.entries());
    for entry in declared {
        let (key, node) = (&entry.key.text, &entry.node);
        let external = node.get("external");
        let is_external = external.is_some_and(|node| node.text() != Some("false"));
        // The old form `external: {name: …}`.
        let old_name = external.and_then(|node| node.get("name"));
        let own = node.get("name").or(old_name).map(|node| &node.value);
        let name = match own {
            Some(Value::Scalar(scalar)) => match &scalar.open {
                Some(Open::Unset(variable)) => NetworkName::Unset(variable.clone()),
                Some(Open::Wrong(_)) | None => NetworkName::Known(scalar.text.clone()),
            },
            Some(_) | None if is_external => NetworkName::Known(key.clone()),
            Some(_) | None => NetworkName::Known(of_project(key)),
        };
        networks.insert(key.clone(), name);
    }
    networks
}
