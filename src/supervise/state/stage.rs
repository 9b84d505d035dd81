//! The words of the state machine: where it is, what happens to it, and what it asks for.

use std::time::Duration;
use tokio::time::Instant;

/// Where we are. A child is ours in `Starting`, `Up`, `Stopping` and `Left`, and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::supervise) enum Stage {
    /// It is looked whether an earlier agent left a child that can be taken over; `ends` when we
    /// were asked to stop meanwhile.
    Looking { ends: bool },
    /// There was no config yet.
    Idle,
    /// The way is being cleared: a stale Caddy removed, the ports looked at.
    Preparing,
    /// Spawned, and not yet serving.
    Starting {
        /// Until when it may go on without an answer.
        silent_until: Instant,
        /// Until when it must serve.
        ready_by: Instant,
        asking: Asking,
    },
    /// Serving.
    Up {
        since: Instant,
        asking: Asking,
        unanswered: u32,
    },
    /// Between two attempts.
    Waiting {
        until: Instant,
        delay: Duration,
        before_up: bool,
    },
    /// A signal was sent and the exit is awaited; `kill_at` is `None` once SIGKILL was sent.
    Stopping {
        kill_at: Option<Instant>,
        then: Then,
    },
    /// Asked to stop, and no child is left.
    Stopped,
    /// Asked to leave the child to the next agent.
    Left,
}

/// What follows when a child that is being stopped is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::supervise) enum Then {
    /// It did not answer: another takes its place.
    Restart { before_up: bool },
    /// We were asked to stop.
    End,
}

/// When to ask the child next, and whether an answer is still awaited (never two asks at once).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::supervise) struct Asking {
    pub(super) next: Instant,
    pub(super) open: bool,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::supervise) enum Input {
    /// A child of an earlier agent is ours now, and serves.
    Adopted,
    /// There is none that can be taken over.
    NoneToAdopt,
    /// A config that was not tried yet is there.
    Config,
    /// The way is clear.
    Clear,
    /// Somebody else listens on one of our ports.
    PortTaken,
    /// The process could not be spawned.
    SpawnFailed,
    /// What the child answered to the last ask.
    Answered(Answer),
    /// The child ended, for whatever reason, and was reaped.
    Exited,
    /// A deadline passed.
    Time,
    /// Stop gracefully.
    Stop,
    /// Stop at once.
    Abort,
    /// End, and leave a child that serves to the next agent.
    Leave,
}

/// What a child answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::supervise) enum Answer {
    /// Nothing.
    Nothing,
    /// That it lives; while it starts, that it does not serve yet.
    Alive,
    /// That it serves.
    Serving,
}

/// What the driver has to do, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::supervise) enum Action {
    /// Look for a child of an earlier agent; answer with `Adopted` or `NoneToAdopt`.
    Look,
    /// Clear the way; answer with `Clear` or `PortTaken`.
    Prepare,
    /// Spawn the process of this epoch with the newest config.
    Spawn { epoch: u64 },
    /// Ask whether the first config is served; answer with `Answered`.
    AskServing,
    /// Ask for a sign of life; answer with `Answered`.
    AskAlive,
    /// Send SIGTERM.
    Terminate,
    /// Send SIGKILL.
    Kill,
}

impl Asking {
    pub(super) fn open(next: Instant) -> Self {
        Self { next, open: true }
    }

    pub(super) fn closed(next: Instant) -> Self {
        Self { next, open: false }
    }

    pub(super) fn is_due(self, now: Instant) -> bool {
        !self.open && self.next <= now
    }
}
