//! What can happen, and how often.

use std::time::Duration;

use proptest::prelude::*;

use crate::fakes::engine::{Delivery, Listing};

/// Names of containers in the model; few, so that steps meet.
pub(super) const CONTAINERS: u8 = 3;

/// What a container's labels ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A host, for which others may ask too.
    Plain { host: u8 },
    /// One of the replicas of an app.
    Replica,
    /// A host, with a HEALTHCHECK that has not passed yet.
    Checked { host: u8 },
    /// A host, with checks by the agent.
    Watched { host: u8 },
    /// A host, and a port that is none.
    Wrong { host: u8 },
    /// A host that Caddy refuses, saying which route it is.
    Refused,
    /// The same, saying nothing: of the first container only, so that there is never more than one.
    RefusedMutely,
}

/// How an agent ends before the next is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AgentEnd {
    /// Whether it was asked to, not killed.
    pub(super) in_peace: bool,
    /// Whether Caddy lives on.
    pub(super) leaves_caddy: bool,
}

/// What is wrong with Caddy for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ailment {
    /// Nothing.
    Well,
    /// Every new config meets a full disk, as a load and at a start.
    Environment,
    /// Loads are not answered in time, and applied or not.
    TimesOut { served: bool },
}

/// What can happen to one container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Stop,
    StartAgain,
    /// It ends by itself.
    Exit,
    Pause,
    Unpause,
    Rename,
    Disconnect,
    Connect,
    Health {
        healthy: bool,
    },
    /// A signal, and nothing more.
    Kill {
        signal: i32,
    },
}

/// One thing that happens.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A container is made anew, in place of the one of that name.
    Recreate {
        n: u8,
        kind: Kind,
    },
    Remove {
        n: u8,
    },
    /// Something happens to a container, if it is there and Docker lets it.
    Happens {
        n: u8,
        deed: Deed,
    },
    /// It answers nobody.
    Silent {
        n: u8,
    },
    /// It answers requests with 500.
    Fails {
        n: u8,
    },
    Notices(Delivery),
    Listings(Listing),
    CutStreams,
    RefuseStreams(bool),
    CaddyCrashes,
    CaddyAils(Ailment),
    AgentRestarts(AgentEnd),
    /// The state directory takes nothing, or does again.
    DiskFull(bool),
    /// The wall clock is set, by so many seconds.
    WallClock(i64),
    TimePasses(u64),
}

impl Step {
    /// Whether notices are lost from here on.
    pub(super) fn loses_notices(&self) -> bool {
        matches!(self, Self::Notices(Delivery::Lost))
    }

    /// Whether addresses that an agent remembers may count no more after it.
    pub(super) fn outdates_addresses(&self) -> bool {
        matches!(self, Self::WallClock(_))
    }
}

/// Something that Docker tells at once, and that needs no wait to be over.
pub(super) fn docker_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (names(), kind()).prop_map(|(n, kind)| Step::Recreate { n, kind }),
        1 => names().prop_map(|n| Step::Recreate { n, kind: Kind::RefusedMutely }),
        2 => names().prop_map(|n| Step::Remove { n }),
        2 => happens(Just(Deed::Stop)),
        2 => happens(Just(Deed::StartAgain)),
        1 => happens(Just(Deed::Pause)),
        1 => happens(Just(Deed::Unpause)),
        1 => happens(Just(Deed::Rename)),
        1 => happens(Just(Deed::Disconnect)),
        1 => happens(Just(Deed::Connect)),
        2 => happens(any::<bool>().prop_map(|healthy| Deed::Health { healthy })),
        4 => (1_u64..2_000).prop_map(Step::TimePasses),
    ]
}

/// Anything.
pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => docker_step(),
        1 => happens(Just(Deed::Exit)),
        1 => happens(prop_oneof![Just(1), Just(9), Just(15)].prop_map(|signal| Deed::Kill { signal })),
        1 => names().prop_map(|n| Step::Silent { n }),
        1 => names().prop_map(|n| Step::Fails { n }),
        2 => prop_oneof![
            Just(Delivery::AtOnce),
            Just(Delivery::After(Duration::from_secs(3))),
            Just(Delivery::Lost),
            Just(Delivery::Twice),
            Just(Delivery::Swapped),
        ].prop_map(Step::Notices),
        2 => prop_oneof![
            Just(Listing::Works),
            Just(Listing::Takes(Duration::from_millis(200))),
            Just(Listing::Takes(Duration::from_secs(3))),
            Just(Listing::Fails),
            Just(Listing::Hangs),
        ].prop_map(Step::Listings),
        1 => Just(Step::CutStreams),
        1 => any::<bool>().prop_map(Step::RefuseStreams),
        1 => Just(Step::CaddyCrashes),
        2 => prop_oneof![
            Just(Ailment::Well),
            Just(Ailment::Environment),
            any::<bool>().prop_map(|served| Ailment::TimesOut { served }),
        ].prop_map(Step::CaddyAils),
        2 => (any::<bool>(), any::<bool>()).prop_map(|(in_peace, leaves_caddy)| {
            Step::AgentRestarts(AgentEnd { in_peace, leaves_caddy })
        }),
        1 => any::<bool>().prop_map(Step::DiskFull),
        // Far from where a claim ends: that may not come between a look and a check.
        1 => prop_oneof![Just(5_000_i64), Just(-5_000), Just(100_000), Just(-100_000)]
            .prop_map(Step::WallClock),
    ]
}

fn happens(deed: impl Strategy<Value = Deed>) -> impl Strategy<Value = Step> {
    (names(), deed).prop_map(|(n, deed)| Step::Happens { n, deed })
}

fn names() -> impl Strategy<Value = u8> {
    1..=CONTAINERS
}

fn kind() -> impl Strategy<Value = Kind> {
    let host = || 1_u8..4;
    prop_oneof![
        4 => host().prop_map(|host| Kind::Plain { host }),
        2 => Just(Kind::Replica),
        1 => host().prop_map(|host| Kind::Checked { host }),
        1 => host().prop_map(|host| Kind::Watched { host }),
        1 => host().prop_map(|host| Kind::Wrong { host }),
        1 => Just(Kind::Refused),
    ]
}
