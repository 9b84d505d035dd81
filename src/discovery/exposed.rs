//! The exposed ports that the container list does not tell, remembered by container.
//!
//! A container in another's network or the host's shows no ports in the list; an inspect knows
//! what its image exposes, which never changes while the container lives. Owns which containers
//! to inspect and what was learnt; deliberately pure, the asking is `docker`'s.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Container, ContainerId, ContainerState, NetworkMode};

/// Inspects of one look, all at once. An inspect waits for a container's lock while that container
/// starts, so a look must not queue up behind many of them; the rest comes with the next look.
const INSPECTS_PER_LOOK_MAX: usize = 8;

/// Failed inspects of one container before it counts as exposing nothing: one that never answers
/// must not slow every look down for ever.
const ATTEMPTS_MAX: u8 = 5;

/// What inspects have told so far.
#[derive(Debug, Default)]
pub(super) struct ExposedPorts {
    answers: BTreeMap<ContainerId, Answer>,
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Known(BTreeSet<u16>),
    Failed { attempts: u8 },
}

impl ExposedPorts {
    /// Forgets all containers but these.
    pub(super) fn keep_only(&mut self, containers: &[Container]) {
        if self.answers.is_empty() {
            return;
        }
        let ids: BTreeSet<&ContainerId> = containers.iter().map(|c| &c.id).collect();
        self.answers.retain(|id, _| ids.contains(id));
    }

    /// The containers to inspect now.
    pub(super) fn wanted(&self, containers: &[Container], prefix: &str) -> Vec<ContainerId> {
        containers
            .iter()
            .filter(|container| is_untold(container, prefix) && self.may_be_asked(&container.id))
            .map(|container| container.id.clone())
            .take(INSPECTS_PER_LOOK_MAX)
            .collect()
    }

    fn may_be_asked(&self, id: &ContainerId) -> bool {
        match self.answers.get(id) {
            None => true,
            Some(Answer::Known(_)) => false,
            Some(Answer::Failed { attempts }) => *attempts < ATTEMPTS_MAX,
        }
    }

    /// Remembers what an inspect told; `None` when it failed.
    pub(super) fn learn(&mut self, id: ContainerId, ports: Option<BTreeSet<u16>>) {
        let attempts = match self.answers.get(&id) {
            Some(Answer::Failed { attempts }) => *attempts,
            Some(Answer::Known(_)) | None => 0,
        };
        let answer = ports.map_or(
            Answer::Failed {
                attempts: attempts.saturating_add(1),
            },
            Answer::Known,
        );
        self.answers.insert(id, answer);
    }

    /// Fills in what is known.
    pub(super) fn fill(&self, containers: &mut [Container]) {
        for container in containers {
            if let Some(Answer::Known(ports)) = self.answers.get(&container.id)
                && container.ports.is_empty()
            {
                container.ports.clone_from(ports);
            }
        }
    }
}

/// Whether the list cannot say which ports this container exposes, and somebody may want to know.
fn is_untold(container: &Container, prefix: &str) -> bool {
    let runs = match container.state {
        ContainerState::Running | ContainerState::Paused => true,
        ContainerState::Created
        | ContainerState::Restarting
        | ContainerState::Removing
        | ContainerState::Exited
        | ContainerState::Dead => false,
    };
    let elsewhere = match container.network_mode {
        NetworkMode::Attached => false,
        NetworkMode::Host | NetworkMode::Container(_) => true,
    };
    runs && elsewhere && container.ports.is_empty() && container.has_prefix(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Few, Health, Labels};

    fn guest(id: &str) -> Container {
        Container {
            id: ContainerId::new(id).expect("not empty"),
            name: id.into(),
            labels: Labels::from([("sh0.host".to_owned(), "a.example".to_owned())]),
            state: ContainerState::Running,
            health: Health::None,
            created: 0,
            network_mode: NetworkMode::Host,
            networks: Few::default(),
            ports: BTreeSet::new(),
        }
    }

    #[test]
    fn a_container_is_inspected_once() {
        let mut exposed = ExposedPorts::default();
        let mut containers = [guest("a"), guest("b")];
        let wanted = exposed.wanted(&containers, "sh0");
        assert_eq!(wanted.len(), 2);
        for id in wanted {
            exposed.learn(id, Some(BTreeSet::from([8080])));
        }
        assert!(exposed.wanted(&containers, "sh0").is_empty());
        exposed.fill(&mut containers);
        assert!(containers.iter().all(|c| c.ports == BTreeSet::from([8080])));
    }

    #[test]
    fn only_labelled_running_containers_without_own_network_are_inspected() {
        let exposed = ExposedPorts::default();
        let containers = [
            Container {
                labels: Labels::new(),
                ..guest("unlabelled")
            },
            Container {
                state: ContainerState::Exited,
                ..guest("exited")
            },
            Container {
                network_mode: NetworkMode::Attached,
                ..guest("attached")
            },
            Container {
                ports: BTreeSet::from([80]),
                ..guest("told")
            },
        ];
        assert!(exposed.wanted(&containers, "sh0").is_empty());
    }

    #[test]
    fn inspects_are_bounded_in_number_and_attempts() {
        let mut exposed = ExposedPorts::default();
        let many: Vec<Container> = (0..20).map(|n| guest(&format!("c{n}"))).collect();
        assert_eq!(exposed.wanted(&many, "sh0").len(), INSPECTS_PER_LOOK_MAX);
        let one = [guest("a")];
        for _ in 0..ATTEMPTS_MAX {
            let wanted = exposed.wanted(&one, "sh0");
            assert_eq!(wanted.len(), 1);
            exposed.learn(one[0].id.clone(), None);
        }
        assert!(exposed.wanted(&one, "sh0").is_empty());
        exposed.keep_only(&[]);
        assert!(
            exposed.answers.is_empty(),
            "a container that is gone is forgotten"
        );
    }
}
