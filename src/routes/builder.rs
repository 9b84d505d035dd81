//! Builds tables one after the other, and of each only what may differ from the last.
//!
//! Apps that ask for the same hosts, or ask each other about requests, hang together, with those
//! hosts; nothing else does. So the containers fall into islands, and what one comes to depends on
//! its own containers, claims and good forms alone. When something changes, the islands that it
//! touches are taken apart, what is left of them falls into islands anew, and these are built; all
//! others stay as they are. A first build is the same, with everything changed.

mod islands;
mod merge;
mod region;
mod side_by_side;
mod touched;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use self::islands::{Island, Islands};
use self::merge::{Change, New};
use self::region::{Component, Region};
use super::build::{Built, Inputs, LastGood, Refused};
use super::gates::Gates;
use super::part::Part;
use crate::labels::{Permits, TlsSetting};
use crate::model::{FileName, Hostname, Snapshot};

/// So many islands are built at once. They have nothing to do with each other, but a map for one
/// takes as much time to make as a map for a dozen.
const BUILT_TOGETHER: usize = 48;
/// So many are worth a thread.
const BUILT_PER_THREAD: usize = 4 * BUILT_TOGETHER;

/// Builds tables, and keeps of the last one what the next may have in common with it.
#[derive(Debug, Default)]
pub struct Builder {
    kept: Option<Kept>,
}

/// The last build.
#[derive(Debug)]
struct Kept {
    shared: Shared,
    seen: Seen,
    islands: Islands,
    built: Built,
}

/// What the last build was made of.
#[derive(Debug, Default)]
struct Seen {
    snapshot: Snapshot,
    gates: Gates,
    last_good: LastGood,
    refused: Refused,
}

/// What every island depends on.
#[derive(Debug, PartialEq, Eq)]
struct Shared {
    prefix: String,
    network: String,
    default_tls: TlsSetting,
    permits: Permits,
    own_ports: [u16; 2],
    certificate_names: BTreeSet<Hostname>,
    authorities: BTreeMap<FileName, PathBuf>,
    has_dns_provider: bool,
    linger_seconds: u64,
    gates_are_open: bool,
    is_outdated: bool,
}

impl Shared {
    fn of(inputs: &Inputs<'_>) -> Self {
        Self {
            prefix: inputs.prefix.to_owned(),
            network: inputs.network.to_owned(),
            default_tls: inputs.default_tls,
            permits: inputs.permits.clone(),
            own_ports: inputs.own_ports,
            certificate_names: inputs.certificate_names.clone(),
            authorities: inputs.authorities.clone(),
            has_dns_provider: inputs.has_dns_provider,
            linger_seconds: inputs.linger_seconds,
            gates_are_open: inputs.gates.is_open,
            is_outdated: inputs.gates.is_outdated,
        }
    }
}

impl Seen {
    /// All that is large is shared.
    fn of(inputs: &Inputs<'_>) -> Self {
        Self {
            snapshot: inputs.snapshot.clone(),
            gates: inputs.gates.clone(),
            last_good: inputs.last_good.clone(),
            refused: inputs.refused.clone(),
        }
    }
}

impl Builder {
    /// Builds the table: the same as [`super::build`] does from nothing. Never fails.
    #[must_use]
    pub fn build(&mut self, inputs: &Inputs<'_>) -> Built {
        let is_first = self.kept.is_none();
        let built = self.build_changed(inputs);
        debug_assert!(
            is_first || built == Self::default().build_changed(inputs),
            "what did not change is as it would be anew"
        );
        built
    }

    fn build_changed(&mut self, inputs: &Inputs<'_>) -> Built {
        let shared = Shared::of(inputs);
        let kept = self.kept.take().filter(|kept| kept.shared == shared);
        let mut kept = kept.unwrap_or_else(|| Kept {
            shared,
            seen: Seen::default(),
            islands: Islands::default(),
            built: Built::default(),
        });
        let touched = kept.touched(inputs);
        let region = Region::of(touched, &mut kept.islands, inputs);
        let mut change = Change::without(region.dissolved, region.off);
        let of_part = |components| built_of(components, inputs);
        for (islands, new) in side_by_side::in_parts(region.components, BUILT_PER_THREAD, of_part) {
            for (island, is_timed) in islands {
                kept.islands.add(island, is_timed);
            }
            change.add(new);
        }
        kept.islands.index();
        change.apply(&mut kept.built);
        kept.seen = Seen::of(inputs);
        let built = kept.built.clone();
        self.kept = Some(kept);
        built
    }
}

/// What these come to: islands, each with whether it changes by itself, and what is in them.
fn built_of(components: Vec<Component<'_>>, inputs: &Inputs<'_>) -> (Vec<(Island, bool)>, New) {
    let mut components = components.into_iter();
    let (mut all, mut new) = (Vec::with_capacity(components.len()), New::default());
    while components.len() > 0 {
        let (mut together, mut members) = (Vec::new(), Vec::new());
        for Component { island, own } in components.by_ref().take(BUILT_TOGETHER) {
            together.push(island);
            members.extend(own);
        }
        let hosts = together.iter().flat_map(|island| &island.hosts);
        let part = Part::of(members, hosts.cloned(), inputs);
        all.extend(islands::settled(together, &part));
        new.add(part);
    }
    new.sort();
    (all, new)
}
