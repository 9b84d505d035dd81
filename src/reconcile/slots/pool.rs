//! The slots of one pool, and its waiting socket.

use std::time::Duration;

use tokio::time::Instant;

use crate::metrics::Metrics;
use crate::model::{HaltKind, PoolKey};
use crate::routes::Pool;
use crate::slots::{
    Assignment, Content, Demand, Gap, GapState, Hold, HoldError, Replica, Slot, SlotCount,
    SlotFiles, SlotsError, Target,
};

#[derive(Debug)]
pub(super) struct PoolState {
    pub(super) count: SlotCount,
    pub(super) assignment: Assignment,
    /// The waiting socket, while nobody takes requests.
    pub(super) gap: Option<Gap>,
    /// Whether any container was ready when it was looked last, also of a halted app.
    pub(super) had_ready: bool,
    /// Until when requests wait for a return: counted from the moment the last ready one was lost.
    pub(super) hold_until: Instant,
    /// How long one request waits at most.
    pub(super) hold: Duration,
    /// When the number of its slots changes by itself, as it is noted.
    pub(super) due: Option<Instant>,
}

impl PoolState {
    pub(super) fn new(pool: &Pool, now: Instant) -> Self {
        Self {
            count: SlotCount::first(Demand::of(pool)),
            assignment: Assignment::default(),
            gap: None,
            had_ready: false,
            hold_until: now,
            hold: pool.hold,
            due: None,
        }
    }

    /// Whether any slot leads to a container.
    pub(super) fn is_reached(&self) -> bool {
        self.assignment
            .targets()
            .any(|target| *target != Target::Hold)
    }

    /// Counts the wait for a return from the loss of the last ready container.
    pub(super) fn note_ready(&mut self, ready: &[Replica], hold: Duration, now: Instant) {
        if self.had_ready {
            self.hold_until = now + hold;
        }
        self.had_ready = !ready.is_empty();
    }

    /// Opens the waiting socket when nobody takes requests, and says for how long to wait.
    pub(super) fn open_gap(
        &mut self,
        key: PoolKey,
        pool: &Pool,
        halt: Option<&HaltKind>,
        hold: &mut Hold,
        now: Instant,
    ) -> Result<(), HoldError> {
        if self.is_reached() {
            return Ok(());
        }
        let state = match (halt, pool.is_starting, now < self.hold_until) {
            (Some(HaltKind::Paused { .. }), _, _) => GapState::Waiting { until: None },
            (Some(HaltKind::Stopped { .. }), _, _) => GapState::GivenUp,
            _ if pool.hold.is_zero() => GapState::GivenUp,
            (None, true, _) => GapState::Waiting { until: None },
            (None, false, true) => GapState::Waiting {
                until: Some(self.hold_until),
            },
            (None, false, false) => GapState::GivenUp,
        };
        self.hold = match halt {
            Some(HaltKind::Paused { max_millis }) => Duration::from_millis(*max_millis),
            Some(HaltKind::Stopped { .. }) | None => pool.hold,
        };
        self.set_gap(key, hold, state)
    }

    pub(super) fn set_gap(
        &mut self,
        key: PoolKey,
        hold: &mut Hold,
        state: GapState,
    ) -> Result<(), HoldError> {
        match &self.gap {
            Some(gap) => {
                gap.wait_at_most(self.hold);
                gap.set(state);
            }
            None => self.gap = Some(hold.open(key, self.hold, state)?),
        }
        Ok(())
    }

    pub(super) fn write(
        &self,
        key: PoolKey,
        files: &mut SlotFiles,
        metrics: &Metrics,
    ) -> Result<(), SlotsError> {
        for (number, target) in self.assignment.targets().enumerate() {
            let content = match (target, &self.gap) {
                (Target::Container { address, .. }, _) => Content::Address(*address),
                (Target::Hold, Some(gap)) => Content::Socket(gap.path().to_owned()),
                // No socket could be made; what the slot said before stands.
                (Target::Hold, None) => continue,
            };
            if files.write(Slot { pool: key, number }, &content)? {
                metrics.slot_writes.increment();
            }
        }
        Ok(())
    }

    /// Lets those who wait through to the ready ones, after the slots lead there already.
    pub(super) fn close_gap(&mut self, ready: &[Replica]) -> Option<Gap> {
        if ready.is_empty() {
            return None;
        }
        let gap = self.gap.take()?;
        let addresses = ready.iter().map(|replica| replica.address).collect();
        gap.set(GapState::Ready(addresses));
        Some(gap)
    }
}
