//! Which address is in which slot.
//!
//! Pure: the assignment of before and the ready replicas give the next. Nothing moves that need not
//! move, because clients may be bound to a slot (by a cookie or a hash), and because each moved slot
//! is a cold connection.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::num::NonZeroUsize;

use crate::model::{ContainerId, Weight};
use crate::routes::Pool;

/// A ready container of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Which one.
    pub container: ContainerId,
    /// Where it takes requests.
    pub address: SocketAddr,
    /// Its share in relation to the others'.
    pub weight: Weight,
}

impl Replica {
    /// The ready containers of a pool, in the order of the table.
    #[must_use]
    pub fn of(pool: &Pool) -> Vec<Self> {
        let replica = |upstream: &crate::routes::Upstream| Self {
            container: upstream.container.id.clone(),
            address: upstream.address,
            weight: upstream.weight,
        };
        pool.upstreams.iter().map(replica).collect()
    }
}

/// What a slot leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A ready container.
    Container {
        /// Which one.
        id: ContainerId,
        /// Where it takes requests.
        address: SocketAddr,
    },
    /// The pool's waiting socket: none is ready.
    Hold,
}

/// What each slot of a pool leads to; never an empty slot. [`Assignment::default`] has no slots, and
/// is what a new pool had before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Assignment {
    slots: Vec<Slot>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Slot {
    target: Target,
    /// Whose the slot is. Another container may have it on loan while the owner is away; when the
    /// owner returns, everybody gets back what was theirs.
    owner: Option<ContainerId>,
}

impl Assignment {
    /// An assignment that was found, such as one that an earlier agent left.
    #[must_use]
    pub fn of(targets: impl IntoIterator<Item = Target>) -> Self {
        let slot = |target| {
            let owner = match &target {
                Target::Container { id, .. } => Some(id.clone()),
                Target::Hold => None,
            };
            Slot { target, owner }
        };
        Self {
            slots: targets.into_iter().map(slot).collect(),
        }
    }

    /// What the slots lead to, in the order of their numbers.
    pub fn targets(&self) -> impl ExactSizeIterator<Item = &Target> {
        self.slots.iter().map(|slot| &slot.target)
    }
}

/// Which replica is in which slot from now on.
///
/// - Every ready replica gets its share: an even one, or by weight (largest remainder, but at least
///   one slot). Where shares cannot be equal, who has more already keeps more.
/// - A replica keeps its slots as far as its share goes, also with a new address.
/// - A slot that becomes free goes to a replica that has too few, first to one that has none.
/// - With more replicas than slots, those without one are spares; `ready` is sorted by age, the
///   oldest first, and the older get a slot first.
/// - All slots lead to the waiting socket when nobody is ready.
///
/// A container that is named twice in `ready` counts once, with what is said of it first.
#[must_use]
pub fn assign(before: &Assignment, ready: &[Replica], slots: NonZeroUsize) -> Assignment {
    let mut next = Vec::with_capacity(slots.get());
    next.extend(before.slots.iter().take(slots.get()).cloned());
    next.resize_with(slots.get(), || Slot {
        target: Target::Hold,
        owner: None,
    });
    let members = members(&next, ready);
    let shares = shares(&next, &members);
    release(&mut next, &members, &shares);
    fill(&mut next, &members, &shares);
    Assignment { slots: next }
}

/// How many slots each container has, or is to have.
type Counts<'a> = BTreeMap<&'a ContainerId, usize>;

/// The replicas that get slots, oldest first: who has one that remains, then the oldest.
fn members<'a>(slots: &[Slot], ready: &'a [Replica]) -> Vec<&'a Replica> {
    let mut seen = BTreeSet::new();
    let mut members: Vec<&Replica> = ready
        .iter()
        .filter(|replica| seen.insert(&replica.container))
        .collect();
    if members.len() > slots.len() {
        let held = held(slots);
        members.sort_by_key(|replica| !held.contains_key(&replica.container));
        members.truncate(slots.len());
    }
    members
}

fn held(slots: &[Slot]) -> Counts<'_> {
    let mut held = Counts::new();
    for slot in slots {
        if let Target::Container { id, .. } = &slot.target {
            *held.entry(id).or_default() += 1;
        }
    }
    held
}

/// How many slots each member is to have: by weight and largest remainder, at least one each. There
/// are as many slots as members, or more.
fn shares<'a>(slots: &[Slot], members: &[&'a Replica]) -> Counts<'a> {
    let held = held(slots);
    let mut shares = Counts::new();
    let (mut rest, mut free) = (members.to_vec(), slots.len());
    // Who would get less than one slot gets one; the others share what is left.
    while let Some(total) = total_weight(&rest) {
        let (small, large): (Vec<&Replica>, Vec<&Replica>) = rest
            .iter()
            .partition(|replica| free * weight(replica) < total);
        if small.is_empty() {
            break;
        }
        free -= small.len();
        shares.extend(small.into_iter().map(|replica| (&replica.container, 1)));
        rest = large;
    }
    let Some(total) = total_weight(&rest) else {
        return shares;
    };
    let quota = |replica: &Replica| free * weight(replica);
    let whole: usize = rest.iter().map(|replica| quota(replica) / total).sum();
    // Among equals who has more than its whole share already, then, by a stable sort, the older.
    rest.sort_by_key(|replica| {
        let has = held.get(&replica.container).copied().unwrap_or_default();
        std::cmp::Reverse((quota(replica) % total, has > quota(replica) / total))
    });
    for (place, replica) in rest.into_iter().enumerate() {
        let extra = usize::from(place < free - whole);
        shares.insert(&replica.container, quota(replica) / total + extra);
    }
    shares
}

fn weight(replica: &Replica) -> usize {
    usize::from(replica.weight.get())
}

/// `None` without replicas.
fn total_weight(replicas: &[&Replica]) -> Option<usize> {
    (!replicas.is_empty()).then(|| replicas.iter().map(|replica| weight(replica)).sum())
}

/// Leaves to each member what it has, its own slots first, up to its share; the rest becomes free.
fn release(slots: &mut [Slot], members: &[&Replica], shares: &Counts<'_>) {
    let addresses: BTreeMap<_, _> = members
        .iter()
        .map(|replica| (&replica.container, replica.address))
        .collect();
    let mut left = shares.clone();
    let is_own = |slot: &Slot| match &slot.target {
        Target::Container { id, .. } => slot.owner.as_ref() == Some(id),
        Target::Hold => false,
    };
    let mut order: Vec<&mut Slot> = slots.iter_mut().collect();
    order.sort_by_key(|slot| !is_own(slot));
    for slot in order {
        if let Target::Container { id, address } = &mut slot.target
            && let Some(left) = left.get_mut(id)
            && *left > 0
        {
            *left -= 1;
            *address = addresses.get(id).copied().unwrap_or(*address);
        } else {
            slot.target = Target::Hold;
        }
    }
}

/// Gives the free slots to who has too few: to their owners, then to whoever has the fewest.
fn fill(slots: &mut [Slot], members: &[&Replica], shares: &Counts<'_>) {
    let mut lacks = shares.clone();
    for slot in slots.iter() {
        if let Target::Container { id, .. } = &slot.target {
            lacks.entry(id).and_modify(|lacks| *lacks -= 1);
        }
    }
    let mut lacks: Vec<(&Replica, usize)> = members
        .iter()
        .map(|replica| {
            (
                *replica,
                lacks.get(&replica.container).copied().unwrap_or_default(),
            )
        })
        .collect();
    for (replica, lacks) in &mut lacks {
        let is_its = |slot: &&mut Slot| {
            slot.target == Target::Hold && slot.owner.as_ref() == Some(&replica.container)
        };
        for slot in slots.iter_mut().filter(is_its).take(*lacks) {
            slot.target = target(replica);
            *lacks -= 1;
        }
    }
    let has = |replica: &Replica, lacks: usize| {
        let share = shares.get(&replica.container).copied();
        share.unwrap_or_default() - lacks
    };
    let newcomers: BTreeSet<_> = lacks
        .iter()
        .filter(|(replica, lacks)| has(replica, *lacks) == 0)
        .map(|(replica, _)| &replica.container)
        .collect();
    for slot in slots.iter_mut().filter(|slot| slot.target == Target::Hold) {
        let wanting = lacks.iter_mut().filter(|(_, lacks)| *lacks > 0);
        let Some((replica, lacks)) = wanting.min_by_key(|(replica, lacks)| has(replica, *lacks))
        else {
            return;
        };
        *lacks -= 1;
        slot.target = target(replica);
        // Who has slots of its own only borrows another's.
        if slot.owner.is_none() || newcomers.contains(&replica.container) {
            slot.owner = Some(replica.container.clone());
        }
    }
}

fn target(replica: &Replica) -> Target {
    Target::Container {
        id: replica.container.clone(),
        address: replica.address,
    }
}

#[cfg(test)]
mod tests;
