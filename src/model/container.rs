//! A container as the agent sees it, with every optional field of the engine already decided.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::few::Few;
use super::labels::Labels;
use super::shared_map::SharedMap;
use super::shown::shown;

/// Docker's own names are plain and short; other engines may take anything.
const NAME_CHARS_MAX: usize = 128;

/// The engine's id of a container: never empty. `Display` shows the first 12 characters, as
/// `docker ps` does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ContainerId(Arc<str>);

impl ContainerId {
    /// The id, or `None` when the text is empty.
    #[must_use]
    pub fn new(id: impl Into<Arc<str>>) -> Option<Self> {
        let id = id.into();
        (!id.is_empty()).then_some(Self(id))
    }

    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first: String = self.0.chars().take(12).collect();
        f.write_str(&shown(&first, 12))
    }
}

impl TryFrom<String> for ContainerId {
    type Error = &'static str;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        Self::new(id).ok_or("a container id is never empty")
    }
}

impl Serialize for ContainerId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Names one container to a person: `shop-web-1 (9f2c1e0b7a44)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContainerRef {
    /// Name without the leading slash.
    pub name: Arc<str>,
    /// The engine's id.
    pub id: ContainerId,
}

impl fmt::Display for ContainerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", shown(&self.name, NAME_CHARS_MAX), self.id)
    }
}

/// What the engine says a container is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContainerState {
    /// Made, never started.
    Created,
    /// Its process runs.
    Running,
    /// Its process is frozen (`docker pause`).
    Paused,
    /// Between two runs, by its restart policy.
    Restarting,
    /// Being removed.
    Removing,
    /// Its process has ended.
    Exited,
    /// Could not be removed.
    Dead,
}

impl ContainerState {
    /// The word that `docker ps` prints.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
        }
    }
}

/// What the container's HEALTHCHECK says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// It has no HEALTHCHECK.
    #[default]
    None,
    /// No verdict yet.
    Starting,
    /// The last check passed.
    Healthy,
    /// The last `retries` checks failed.
    Unhealthy,
}

/// How the container reaches a network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkMode {
    /// Own interfaces on the networks it is attached to.
    #[default]
    Attached,
    /// The host's interfaces (`network_mode: host`).
    Host,
    /// Another container's interfaces (`network_mode: service:x`, `container:x`).
    Container(ContainerId),
}

/// A container's addresses on one network. Both are `None` while the engine has not assigned any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Address {
    /// Its IPv4 address.
    pub ipv4: Option<Ipv4Addr>,
    /// Its global IPv6 address.
    pub ipv6: Option<Ipv6Addr>,
}

impl Address {
    /// IPv4, else global IPv6.
    #[must_use]
    pub fn preferred(self) -> Option<IpAddr> {
        self.ipv4.map(IpAddr::V4).or(self.ipv6.map(IpAddr::V6))
    }
}

/// One container, copied out of the engine's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// The engine's id.
    pub id: ContainerId,
    /// Its name without the leading slash.
    pub name: Arc<str>,
    /// All its labels.
    #[serde(default)]
    pub labels: Labels,
    /// What it is doing.
    pub state: ContainerState,
    /// What its HEALTHCHECK says.
    #[serde(default)]
    pub health: Health,
    /// When it was created, in seconds since 1970.
    #[serde(default)]
    pub created: i64,
    /// How it reaches a network.
    #[serde(default)]
    pub network_mode: NetworkMode,
    /// Its addresses by network name.
    #[serde(default)]
    pub networks: Few<Address>,
    /// The TCP ports that its image or its run command exposes.
    #[serde(default)]
    pub ports: BTreeSet<u16>,
}

impl Container {
    /// How a message names this container.
    #[must_use]
    pub fn reference(&self) -> ContainerRef {
        ContainerRef {
            name: Arc::clone(&self.name),
            id: self.id.clone(),
        }
    }

    /// The container whose network it uses, where that is another.
    #[must_use]
    pub fn lender(&self) -> Option<&ContainerId> {
        match &self.network_mode {
            NetworkMode::Container(lender) => Some(lender),
            NetworkMode::Attached | NetworkMode::Host => None,
        }
    }

    /// Whether any label begins with `<prefix>.`, that is, whether it may be ours.
    #[must_use]
    pub fn has_prefix(&self, prefix: &str) -> bool {
        has_prefix(self.labels.keys(), prefix)
    }
}

/// The labels of others that say whose a container is.
const CONTEXT_LABELS: [&str; 4] = [
    "com.docker.compose.project",
    "com.docker.compose.service",
    "com.docker.compose.oneoff",
    "com.docker.swarm.service.name",
];

/// Whether a label of this key is read at all: one under the prefix, or one that says whose the
/// container is.
pub(crate) fn is_read(key: &str, prefix: &str) -> bool {
    let own = key.strip_prefix(prefix);
    own.is_some_and(|rest| rest.starts_with('.')) || CONTEXT_LABELS.contains(&key)
}

/// Whether any of the keys begins with `<prefix>.`.
pub(crate) fn has_prefix<'a, K: AsRef<str> + 'a>(
    keys: impl IntoIterator<Item = &'a K>,
    prefix: &str,
) -> bool {
    keys.into_iter().any(|key| {
        let key = key.as_ref();
        key.strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

/// A complete list of containers, in any state: of all, or of some that were asked for. It comes only
/// from a listing that succeeded whole: an engine error can never become an empty snapshot.
/// A clone shares all of it until one of the two is updated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    containers: SharedMap<ContainerId, Arc<Container>>,
    /// By container, those that use its network.
    borrowers: Arc<BTreeMap<ContainerId, BTreeSet<ContainerId>>>,
}

impl Snapshot {
    /// The snapshot of these containers; of two with one id the later stays.
    #[must_use]
    pub fn new<C: Into<Arc<Container>>>(containers: impl IntoIterator<Item = C>) -> Self {
        let containers = containers.into_iter().map(Into::into);
        let mut snapshot = Self::default();
        snapshot.change(containers.map(|c: Arc<Container>| (c.id.clone(), Some(c))));
        snapshot
    }

    /// Takes over what a look at these containers alone has shown, in `seen`: those that it lacks
    /// are gone.
    pub fn update(&mut self, asked: &BTreeSet<ContainerId>, seen: &Self) {
        for gone in asked.iter().filter_map(|id| self.containers.get(id)) {
            let Some(lender) = gone.lender() else {
                continue;
            };
            let borrowers = Arc::make_mut(&mut self.borrowers);
            if let Some(of_lender) = borrowers.get_mut(lender) {
                of_lender.remove(&gone.id);
                if of_lender.is_empty() {
                    borrowers.remove(lender);
                }
            }
        }
        let gone = asked.iter().map(|id| (id.clone(), None));
        let seen = seen
            .containers
            .iter()
            .map(|(id, c)| (id.clone(), Some(Arc::clone(c))));
        self.change(gone.chain(seen));
    }

    /// Puts in these containers, and takes out those of which there is none.
    fn change(&mut self, containers: impl Iterator<Item = (ContainerId, Option<Arc<Container>>)>) {
        let borrowers = &mut self.borrowers;
        self.containers.apply(containers.inspect(|(id, container)| {
            if let Some(lender) = container.as_ref().and_then(|container| container.lender()) {
                let borrowers = Arc::make_mut(borrowers);
                let of_lender = borrowers.entry(lender.clone()).or_default();
                of_lender.insert(id.clone());
            }
        }));
    }

    /// The containers that are new, gone or different since an earlier snapshot.
    pub fn changed_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = &'a ContainerId> {
        let changes = self.containers.changes_since(&before.containers);
        changes.map(|(id, ..)| id)
    }

    /// The containers that use this one's network.
    pub fn borrowers(&self, lender: &ContainerId) -> impl Iterator<Item = &ContainerId> {
        self.borrowers.get(lender).into_iter().flatten()
    }

    /// All containers, by id.
    pub fn containers(&self) -> impl Iterator<Item = &Container> + Clone {
        self.all_shared().map(|container| &**container)
    }

    /// The same, to be kept.
    pub fn all_shared(&self) -> impl Iterator<Item = &Arc<Container>> + Clone {
        self.containers.values()
    }

    /// The container with this id.
    #[must_use]
    pub fn get(&self, id: &ContainerId) -> Option<&Container> {
        self.shared(id).map(|container| &**container)
    }

    /// The same, to be kept.
    #[must_use]
    pub fn shared(&self, id: &ContainerId) -> Option<&Arc<Container>> {
        self.containers.get(id)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.containers.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.containers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_never_empty_and_shows_twelve_characters() {
        assert_eq!(ContainerId::new(""), None);
        let id = ContainerId::new("9f2c1e0b7a4455aa").expect("not empty");
        assert_eq!(id.to_string(), "9f2c1e0b7a44");
        assert_eq!(ContainerId::new("ab").expect("not empty").to_string(), "ab");
    }

    #[test]
    fn ipv4_is_preferred_over_ipv6() {
        let v6 = "fd00::2".parse().ok();
        let both = Address {
            ipv4: Some(Ipv4Addr::new(10, 0, 0, 2)),
            ipv6: v6,
        };
        assert_eq!(
            both.preferred().map(|ip| ip.to_string()).as_deref(),
            Some("10.0.0.2")
        );
        let only = Address {
            ipv4: None,
            ipv6: v6,
        };
        assert_eq!(
            only.preferred().map(|ip| ip.to_string()).as_deref(),
            Some("fd00::2")
        );
        assert_eq!(Address::default().preferred(), None);
    }

    #[test]
    fn a_prefix_is_a_whole_word() {
        let keys = ["sh0x.host".to_owned(), "sh0".to_owned()];
        assert!(!has_prefix(&keys, "sh0"));
        assert!(has_prefix(&["sh0.host".to_owned()], "sh0"));
    }
}
