//! The small files from which Caddy reads an upstream's address at each request, and the sockets
//! that keep requests waiting while a pool has no ready container.
//!
//! Owns which address is in which slot ([`assign`]), how many slots a pool has ([`SlotCount`]), the
//! folder of their files ([`SlotFiles`]), the waiting sockets ([`Hold`]) and what those are told who
//! do not get through while a person halts their app ([`Notices`]). Deliberately knows
//! nothing of labels, of Caddy's config beyond the text that names a file, or of which containers
//! are ready: it is told.

mod assign;
mod count;
mod files;
mod hold;
mod notices;
mod slot;

pub use self::assign::{Assignment, Replica, Target, assign};
pub use self::count::{Demand, GROW_AFTER, SHRINK_AFTER, SLOTS_MAX, SlotCount, WEIGHTED_SLOTS};
pub use self::files::{Content, SlotFiles, SlotsError, contents};
pub use self::hold::{
    Gap, GapState, Hold, HoldBounds, HoldError, HoldOptions, Tally, WaitingRoom, hold_folder,
};
pub use self::notices::{Notices, NoticesError, notices_folder};
pub use self::slot::{Slot, slots_folder};
