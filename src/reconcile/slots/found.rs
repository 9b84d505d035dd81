//! What an earlier agent left in the slots, for a Caddy that goes on reading them.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::time::Instant;

use super::PoolState;
use crate::model::PoolKey;
use crate::slots::{Assignment, Content, Replica, SlotCount, SlotFiles, Target};

/// The slots of one pool as they were found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// By number; a gap in the numbers is `None`.
    contents: Vec<Option<Content>>,
    /// How long the youngest of them has said what it says.
    age: Duration,
}

/// All slots that an earlier agent left.
pub(super) fn found(files: &SlotFiles) -> BTreeMap<PoolKey, Found> {
    let mut pools = BTreeMap::<PoolKey, Found>::new();
    for (slot, content) in files.slots() {
        let age = files.age(slot).unwrap_or_default();
        let is_new = !pools.contains_key(&slot.pool);
        let pool = pools.entry(slot.pool).or_default();
        pool.age = if is_new { age } else { pool.age.min(age) };
        let numbers = pool.contents.len().max(slot.number + 1);
        pool.contents.resize(numbers, None);
        if let Some(place) = pool.contents.get_mut(slot.number) {
            *place = Some(content.clone());
        }
    }
    pools
}

impl Found {
    /// Goes on with them: as many slots as Caddy's config names, each replica in its own, and a
    /// wait that began goes on for the rest of its time.
    pub(super) fn into_state(self, ready: &[Replica], hold: Duration, now: Instant) -> PoolState {
        let count = NonZeroUsize::new(self.contents.len()).unwrap_or(NonZeroUsize::MIN);
        let leads = |content: &Option<Content>| matches!(content, Some(Content::Address(_)));
        // Whoever went away while no agent ran did so at an unknown time: now, as far as we know.
        let waited = if self.contents.iter().any(leads) {
            Duration::ZERO
        } else {
            self.age
        };
        let target = |content: Option<Content>| {
            let Some(Content::Address(address)) = content else {
                return Target::Hold;
            };
            let mut same = ready.iter().filter(|replica| replica.address == address);
            same.next()
                .map_or(Target::Hold, |replica| Target::Container {
                    id: replica.container.clone(),
                    address,
                })
        };
        let assignment = Assignment::of(self.contents.into_iter().map(target));
        let had_ready = { assignment.targets() }.any(|target| *target != Target::Hold);
        PoolState {
            count: SlotCount::found(count),
            assignment,
            had_ready,
            gap: None,
            hold_until: now + hold.saturating_sub(waited),
            hold,
            due: None,
        }
    }
}
