//! Which events are worth a look.
//!
//! Pure. An event that is wrongly let through costs one list call; one that is wrongly dropped
//! leaves a route wrong until the resync. So the rule drops only what cannot matter: events of
//! containers that carry none of our labels and whose network no labelled container uses.
//!
//! Network events carry no labels, only the container's id, and any network may be the one that a
//! container's labels choose; so they count by container and never by network. That container is
//! known from the last snapshot, or from its own `create` or `start`, which come before on the same
//! stream.

use std::collections::{BTreeMap, BTreeSet};

use super::Notice;
use super::convert::{Event, Subject};
use super::signal;
use crate::model::{Container, ContainerId, Snapshot, has_prefix};

/// The event filters of the request. `restart` is left out, as it only follows `start`. The many
/// `exec_*` events of health checks stay with the engine.
pub(super) fn filters() -> BTreeMap<&'static str, Vec<&'static str>> {
    BTreeMap::from([
        ("type", vec!["container", "network"]),
        (
            "event",
            vec![
                "create",
                "start",
                "stop",
                "die",
                "kill",
                "pause",
                "unpause",
                "rename",
                "destroy",
                "update",
                "health_status",
                "connect",
                "disconnect",
            ],
        ),
    ])
}

/// The containers of a snapshot whose events matter: those with our labels, and those that lend
/// them their network (`network_mode: service:x`).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Known(BTreeSet<ContainerId>);

impl Known {
    /// The containers of this snapshot that matter.
    pub(super) fn of(snapshot: &Snapshot, prefix: &str) -> Self {
        Self(mattering(snapshot, prefix).collect())
    }

    /// A look at these containers alone has shown these. Whoever lends a network to another stays
    /// until the next whole snapshot, or until it is gone.
    pub(super) fn update(&mut self, asked: &BTreeSet<ContainerId>, seen: &Snapshot, prefix: &str) {
        for gone in asked.iter().filter(|id| seen.get(id).is_none()) {
            self.0.remove(gone);
        }
        self.0.extend(mattering(seen, prefix));
    }
}

fn mattering<'a>(
    snapshot: &'a Snapshot,
    prefix: &'a str,
) -> impl Iterator<Item = ContainerId> + 'a {
    let labelled = snapshot.containers().filter(|c| c.has_prefix(prefix));
    let of_container =
        |container: &Container| [Some(container.id.clone()), container.lender().cloned()];
    labelled.flat_map(of_container).flatten()
}

/// Judges the events of one stream.
#[derive(Debug)]
pub(super) struct Relevance {
    prefix: String,
    /// Labelled containers that this stream told of and did not bury: they matter before any
    /// snapshot has them. Not more than there are labelled containers.
    announced: BTreeSet<ContainerId>,
}

impl Relevance {
    /// For labels that begin with `<prefix>.`.
    pub(super) fn new(prefix: String) -> Self {
        Self {
            prefix,
            announced: BTreeSet::new(),
        }
    }

    /// The notice of an event that matters. Before the first snapshot (`known` is `None`) nobody
    /// can say, so all do.
    pub(super) fn judge(&mut self, event: Event, known: Option<&Known>) -> Option<Notice> {
        let matters = match event.subject {
            Subject::Container => self.is_labelled(&event) || self.is_known(&event, known),
            Subject::Network => self.is_known(&event, known),
            Subject::Other => false,
        };
        if !matters {
            return None;
        }
        let signal = event
            .attributes
            .get("signal")
            .and_then(|text| signal::number(text));
        match (event.action.as_str(), event.container, signal) {
            ("kill", Some(container), Some(signal)) => Some(Notice::Kill { container, signal }),
            (_, container, _) => Some(Notice::LookAgain {
                action: event.action,
                container,
            }),
        }
    }

    fn is_labelled(&mut self, event: &Event) -> bool {
        let labelled = has_prefix(event.attributes.keys(), &self.prefix);
        if labelled && let Some(id) = &event.container {
            if event.action == "destroy" {
                self.announced.remove(id);
            } else {
                self.announced.insert(id.clone());
            }
        }
        labelled
    }

    fn is_known(&self, event: &Event, known: Option<&Known>) -> bool {
        let Some(id) = &event.container else {
            return true;
        };
        known.is_none_or(|known| known.0.contains(id)) || self.announced.contains(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ContainerState, Few, Health, Labels, NetworkMode};

    fn id(text: &str) -> ContainerId {
        ContainerId::new(text).expect("not empty")
    }

    fn container(name: &str, labels: &[(&str, &str)], network_mode: NetworkMode) -> Container {
        Container {
            id: id(name),
            name: name.into(),
            labels: owned(labels),
            state: ContainerState::Running,
            health: Health::None,
            created: 0,
            network_mode,
            networks: Few::default(),
            ports: BTreeSet::new(),
        }
    }

    fn owned(labels: &[(&str, &str)]) -> Labels {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        labels.iter().map(owned).collect()
    }

    fn event(subject: Subject, action: &str, of: &str, attributes: &[(&str, &str)]) -> Event {
        Event {
            subject,
            action: action.to_owned(),
            container: ContainerId::new(of),
            attributes: owned(attributes),
        }
    }

    const OURS: &[(&str, &str)] = &[("sh0.host", "a.example"), ("name", "web")];
    const FOREIGN: &[(&str, &str)] = &[("sh0x.host", "a.example"), ("name", "db")];

    fn known() -> Known {
        let snapshot = Snapshot::new([
            container("web", OURS, NetworkMode::Attached),
            container("guest", OURS, NetworkMode::Container(id("vpn"))),
            container("vpn", FOREIGN, NetworkMode::Attached),
            container("db", FOREIGN, NetworkMode::Attached),
        ]);
        Known::of(&snapshot, "sh0")
    }

    #[test]
    fn labelled_containers_and_their_network_lenders_are_known() {
        assert_eq!(known(), Known([id("web"), id("guest"), id("vpn")].into()));
    }

    #[test]
    fn a_look_at_some_containers_brings_those_up_to_date() {
        let mut known = known();
        let asked = BTreeSet::from([id("web"), id("new"), id("vpn")]);
        let seen = Snapshot::new([
            container("new", OURS, NetworkMode::Container(id("vpn2"))),
            container("vpn", FOREIGN, NetworkMode::Attached),
        ]);
        known.update(&asked, &seen, "sh0");
        let expected = ["guest", "vpn", "new", "vpn2"].map(id);
        assert_eq!(known, Known(expected.into()));
    }

    #[test]
    fn events_matter_by_their_container() {
        let known = known();
        let check = |subject, action, of, attributes: &[_], expected: bool| {
            let event = event(subject, action, of, attributes);
            let notice = Relevance::new("sh0".to_owned()).judge(event, Some(&known));
            assert_eq!(notice.is_some(), expected, "{action} of {of}");
        };
        check(Subject::Container, "start", "new", OURS, true);
        check(Subject::Container, "die", "db", FOREIGN, false);
        check(Subject::Container, "die", "vpn", FOREIGN, true);
        check(Subject::Network, "connect", "web", &[], true);
        check(Subject::Network, "disconnect", "vpn", &[], true);
        check(Subject::Network, "connect", "db", &[], false);
        check(Subject::Network, "connect", "", &[], true);
        check(Subject::Other, "pull", "web", &[], false);
    }

    #[test]
    fn before_the_first_snapshot_every_container_may_matter() {
        let event = event(Subject::Container, "die", "db", FOREIGN);
        let notice = Relevance::new("sh0".to_owned()).judge(event, None);
        let expected = Notice::LookAgain {
            action: "die".to_owned(),
            container: Some(id("db")),
        };
        assert_eq!(notice, Some(expected));
    }

    #[test]
    fn a_container_just_started_is_known_before_any_snapshot_has_it() {
        let known = known();
        let mut relevance = Relevance::new("sh0".to_owned());
        let mut judge = |subject, action, attributes: &[_]| {
            let event = event(subject, action, "new", attributes);
            relevance.judge(event, Some(&known)).is_some()
        };
        assert!(!judge(Subject::Network, "connect", &[]));
        assert!(judge(Subject::Container, "start", OURS));
        assert!(judge(Subject::Network, "connect", &[]));
        assert!(judge(Subject::Container, "destroy", OURS));
        assert!(!judge(Subject::Network, "connect", &[]));
    }
}
