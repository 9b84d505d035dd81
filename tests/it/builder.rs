//! A table of which only what may differ from the last is built is the same as one built from
//! nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use sh0_agent::labels::{Permits, TlsSetting};
use sh0_agent::model::{Container, ContainerId, Hostname, Snapshot};
use sh0_agent::routes::{
    Absent, Builder, Built, Claims, Crashes, Gates, Inputs, LastGood, Refused, build,
};

use crate::fixture::{self, Agent};
use crate::properties::containers;

/// What happens between two builds.
#[derive(Debug, Clone)]
struct Step {
    /// What becomes of each container, by its place: gone, or as another is.
    containers: Vec<(usize, Option<Container>)>,
    seconds: u64,
    /// Who is told to stop, and who ends again and again.
    draining: Option<usize>,
    crashing: Option<usize>,
    /// Whether the agent learns from the build, as it does not from remembered containers.
    learns: bool,
    /// Whether Caddy accepts it, refuses the first of its good forms, or has not answered.
    answer: Answer,
    shared: Option<Shared>,
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Accepted,
    Refused,
    None,
}

/// What everything depends on.
#[derive(Debug, Clone, Copy)]
enum Shared {
    Permits,
    Certificate,
    Outdated,
    Open,
}

fn step() -> impl Strategy<Value = Step> {
    let places = || option::weighted(0.2, 0..8_usize);
    let changed = (0..8_usize, option::weighted(0.8, containers()));
    let changed = changed.prop_map(|(place, all)| {
        let one = all.and_then(|all| all.into_iter().next());
        (place, one)
    });
    let answers = select(vec![
        Answer::Accepted,
        Answer::Accepted,
        Answer::None,
        Answer::Refused,
    ]);
    let seconds = select(vec![0, 0, 1, 30, 700]);
    let shared = vec![
        Shared::Permits,
        Shared::Certificate,
        Shared::Outdated,
        Shared::Open,
    ];
    let shared = option::weighted(0.1, select(shared));
    (
        vec(changed, 0..3),
        seconds,
        (places(), places()),
        prop::bool::weighted(0.9),
        answers,
        shared,
    )
        .prop_map(
            |(containers, seconds, (draining, crashing), learns, answer, shared)| Step {
                containers,
                seconds,
                draining,
                crashing,
                learns,
                answer,
                shared,
            },
        )
}

fn id(place: usize) -> ContainerId {
    ContainerId::new(format!("c{place}")).expect("not empty")
}

/// What an agent has and knows between two builds.
#[derive(Default)]
struct World {
    builder: Builder,
    containers: BTreeMap<usize, Container>,
    claims: Claims,
    last_good: LastGood,
    absent: Absent,
    refused: Refused,
    gates: Gates,
    permits: Permits,
    certificates: BTreeSet<Hostname>,
    now: u64,
}

impl World {
    fn change(&mut self, step: &Step) {
        for (place, container) in &step.containers {
            let placed = container.clone().map(|container| Container {
                id: id(*place),
                name: format!("web-c{place}").into(),
                ..container
            });
            match placed {
                Some(container) => drop(self.containers.insert(*place, container)),
                None => drop(self.containers.remove(place)),
            }
        }
        self.now += step.seconds;
        let gates = &mut self.gates;
        gates.draining = step.draining.map(id).into_iter().collect();
        let crashes = Crashes {
            exits: 3,
            hold_down: Duration::from_secs(8),
        };
        gates.crashing = step
            .crashing
            .map(|place| (id(place), crashes))
            .into_iter()
            .collect();
        match step.shared {
            Some(Shared::Permits) => self.permits.catch_all ^= true,
            Some(Shared::Certificate) => {
                let wildcard = Hostname::parse("*.a.example").expect("a host");
                if !self.certificates.remove(&wildcard) {
                    self.certificates.insert(wildcard);
                }
            }
            Some(Shared::Outdated) => gates.is_outdated ^= true,
            Some(Shared::Open) => gates.is_open ^= true,
            None => {}
        }
    }

    /// Builds twice: what changed, and from nothing.
    fn build(&mut self) -> (Built, Built) {
        let inputs = Inputs {
            snapshot: &Snapshot::new(self.containers.values().cloned()),
            claims: &self.claims,
            last_good: &self.last_good,
            absent: &self.absent,
            refused: &self.refused,
            prefix: "sh0",
            network: "sh0-net",
            default_tls: TlsSetting::Auto,
            permits: &self.permits,
            own_ports: [80, 443],
            certificate_names: &self.certificates,
            authorities: &BTreeMap::new(),
            has_dns_provider: false,
            gates: &self.gates,
            linger_seconds: 60,
            now: self.now,
        };
        (self.builder.build(&inputs), build(&inputs))
    }

    fn learn(&mut self, built: &Built, step: &Step) {
        if step.learns {
            self.claims = built.claims.clone();
            self.absent.clone_from(&built.absent);
            self.gates.ready_last = built.ready_last.clone();
            // All but the last of those that are tried pass.
            let trials = built.trials.iter().rev().skip(1);
            let proven = trials.map(|trial| (trial.container.id.clone(), trial.address));
            self.gates.proven.extend(proven);
            let failing = { built.watches.iter() }.skip(1).cloned();
            self.gates.failing = failing
                .map(|watch| (watch, "it failed".to_owned()))
                .collect();
        }
        match step.answer {
            Answer::Accepted => {
                self.last_good.extend(fixture::entries(&built.good));
            }
            Answer::Refused => {
                let first = built.good.iter().next();
                let forms = first.map(|(id, labels)| (id.clone(), labels.clone()));
                self.refused = forms
                    .map(|(id, labels)| (id, BTreeMap::from([(labels, "no".to_owned())])))
                    .into_iter()
                    .collect();
            }
            Answer::None => {}
        }
    }
}

/// As many as are asked for by `PROPTEST_CASES`, or as take a few seconds.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").map_or(100, |_| ProptestConfig::default().cases)
}

proptest! {
    // Each builds up to a dozen tables three times.
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn what_did_not_change_is_as_it_would_be_anew(steps in vec(step(), 1..12)) {
        let mut world = World::default();
        for (number, step) in steps.iter().enumerate() {
            world.change(step);
            let (changed, anew) = world.build();
            prop_assert_eq!(&changed, &anew, "after step {}", number);
            world.learn(&changed, step);
        }
    }
}

/// What nothing happened to is not even copied, so that whoever compares two tables passes over it.
#[test]
fn what_did_not_change_is_the_very_same() {
    let text = |ip: &str| {
        format!("shop/web\n  sh0.host=a.example\nblog/web ip={ip}\n  sh0.host=b.example\n")
    };
    let mut agent = Agent::default();
    let mut builder = Builder::default();
    let before = agent.build_by(&mut builder, &fixture::snapshot(&text("10.0.0.2")));
    agent.claims = before.claims.clone();
    let same = agent.build_by(&mut builder, &fixture::snapshot(&text("10.0.0.2")));
    assert!(Arc::ptr_eq(&before.table, &same.table));
    assert!(before.rows.is_clone_of(&same.rows));
    let after = agent.build_by(&mut builder, &fixture::snapshot(&text("10.0.0.9")));
    let of = |built: &Built, host: &str| {
        let mut routes = built.table.routes.iter();
        let found = routes.find(|(key, _)| key.host.as_str() == host);
        found
            .map(|(_, route)| Arc::clone(route))
            .expect("it is routed")
    };
    assert!(Arc::ptr_eq(
        &of(&before, "a.example"),
        &of(&after, "a.example")
    ));
    assert_ne!(of(&before, "b.example"), of(&after, "b.example"));
    assert!(before.claims.is_clone_of(&after.claims));
    assert!(before.table.hosts.is_clone_of(&after.table.hosts));
}
