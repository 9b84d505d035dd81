//! What the loop remembers of the containers, and a start with it while the engine is silent.
//!
//! Remembered containers go the way of a look: table, slots, config. But they decide nothing that
//! lasts: no claim, no good form, no question to a container comes of them, and the first look
//! takes their place whole. Their addresses count only while nobody else can have got them: under
//! the same boot, and after a short absence of the agent.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{ADOPTION_WAIT, Loop, at, done};
use crate::caddy::admin::Admin;
use crate::discovery::{Engine, EngineProcess};
use crate::model::{Container, ContainerId, Snapshot};
use crate::probe::Probe;
use crate::routes::Gates;
use crate::state::{Recalled, Remembered, StateError, Store};
use crate::status::RememberedStatus;
use crate::telemetry::chain;

/// From a change to its being written: changes come in groups.
const SETTLE: Duration = Duration::from_millis(100);
/// From one write to the next at least.
const WRITE_PAUSE: Duration = Duration::from_secs(1);
/// The pause is so many times as long as the write took, if that is longer: a twentieth of the
/// disk's time is enough, however many containers there are.
const WRITE_PAUSE_FACTOR: u32 = 20;
/// From a write that failed to the next.
const RETRY_PAUSE: Duration = Duration::from_secs(10);
/// What does not change is written so often, for the time in it.
const CONFIRM_INTERVAL: Duration = Duration::from_mins(5);
/// How long an agent may have been away, in seconds, for remembered addresses to count. Docker gives
/// the address of a container that is removed to the next one that is started, so a longer absence
/// may have made them other sites'. An upgrade of the machine's packages takes less.
const AWAY_SECONDS_MAX: u64 = 900;

/// What is remembered, and when it is written.
#[derive(Default)]
pub(super) struct Memory {
    recalling: Option<BoxFuture<'static, (Option<Recalled>, EngineProcess)>>,
    writing: Option<BoxFuture<'static, Result<(), StateError>>>,
    /// What is being written, and since when.
    sent: Option<(Arc<Remembered>, Instant)>,
    written: Option<Arc<Remembered>>,
    /// When it is looked whether there is something to write.
    due: Option<Instant>,
    /// No write before that.
    free_at: Option<Instant>,
    is_failing: bool,
    /// The loop's snapshot is a remembered one, since then.
    recalled: Option<Instant>,
}

/// What comes of it.
pub(super) enum Step {
    Recalled(Option<Recalled>, EngineProcess),
    Due,
    Written(Result<(), StateError>),
}

impl Memory {
    /// Waits for the next step. May be dropped at any await.
    pub(super) async fn next(&mut self) -> Step {
        let due = self.due.filter(|_| self.writing.is_none());
        tokio::select! {
            (recalled, engine) = done(&mut self.recalling) => Step::Recalled(recalled, engine),
            written = done(&mut self.writing) => Step::Written(written),
            () = at(due) => Step::Due,
        }
    }

    /// Something may have changed.
    pub(super) fn note(&mut self, now: Instant) {
        let soon = self.free_at.map_or(now + SETTLE, |at| at.max(now + SETTLE));
        self.due = Some(self.due.map_or(soon, |due| due.min(soon)));
    }

    /// Whether it is not known yet if there is something to start with.
    pub(super) fn is_recalling(&self) -> bool {
        self.recalling.is_some()
    }

    /// Whether the loop's snapshot is a remembered one.
    pub(super) fn is_recalled(&self) -> bool {
        self.recalled.is_some()
    }
}

impl<E, A, S, P> Loop<E, A, S, P>
where
    E: Engine + Clone,
    A: Admin + Clone,
    S: Store + Clone,
    P: Probe + Clone,
{
    /// The first look takes long: reads what there is to start with.
    pub(super) fn recall(&mut self) {
        if self.awaits_adoption {
            self.first_look_by = Some(Instant::now() + ADOPTION_WAIT);
            return;
        }
        self.first_look_by = None;
        info!(
            "Docker still lists the containers; no site that is new since the last start is served before it has."
        );
        // A Caddy that was taken over serves what was true when the last agent ended, in its slots
        // too; what is remembered may be a second older.
        if self.loads.adopted.is_some() {
            return;
        }
        let (store, engine) = (self.world.store.clone(), self.world.engine.clone());
        self.memory.recalling = Some(Box::pin(async move {
            (store.recall().await, engine.process().await)
        }));
    }

    pub(super) fn on_memory(&mut self, step: Step) {
        match step {
            Step::Recalled(recalled, engine) => self.on_recalled(recalled, &engine),
            Step::Due => self.remember(false),
            Step::Written(written) => self.on_remembered(written),
        }
    }

    fn on_recalled(&mut self, recalled: Option<Recalled>, engine: &EngineProcess) {
        if self.snapshot.is_some() {
            return;
        }
        let recalled = recalled.filter(|recalled| !recalled.remembered.containers.is_empty());
        let Some(recalled) = recalled else {
            self.offer_start_config();
            return;
        };
        let now = (self.world.wall_clock)();
        let outdated = outdated(&recalled, now, engine);
        let is_outdated = outdated.is_some();
        let containers = recalled.remembered.containers.len();
        let seconds_ago = now.saturating_sub(recalled.at);
        if let Some(reason) = outdated {
            warn!(
                containers,
                seconds_ago,
                reason,
                "Docker does not answer; the sites of the remembered containers take no requests before it says where they are."
            );
        } else {
            warn!(
                containers,
                seconds_ago, "Docker does not answer; serving the containers as they were last."
            );
        }
        let instant = Instant::now();
        self.memory.recalled = Some(instant);
        self.memory.free_at = Some(instant);
        self.memory.written = Some(Arc::new(recalled.remembered.clone()));
        self.status.docker.remembered = Some(RememberedStatus {
            since: now,
            at: recalled.at,
            is_outdated,
        });
        let remembered = recalled.remembered;
        self.restart.live_restore = remembered.live_restore;
        self.restart.process = engine.clone();
        self.readiness.gates = Gates {
            proven: remembered.proven,
            draining: remembered.draining,
            is_outdated,
            ..Gates::default()
        };
        self.snapshot = Some(Snapshot::new(remembered.containers));
        self.take_ailing_as_ready();
        self.rebuild();
    }

    /// A look succeeded: whether a remembered snapshot has served until now, which is forgotten
    /// with all that was remembered beside it.
    pub(super) fn forget_remembered(&mut self) -> bool {
        let Some(since) = self.memory.recalled.take() else {
            return false;
        };
        let served_for = since.elapsed();
        info!(
            ?served_for,
            "Docker answers; what it says takes the place of the remembered containers."
        );
        self.status.docker.remembered = None;
        self.readiness.forget_remembered();
        true
    }

    /// Writes what is to be remembered, if that has changed or must be confirmed.
    fn remember(&mut self, confirm: bool) {
        let memory = &mut self.memory;
        memory.due = None;
        let gates = &self.readiness.gates;
        let Some(snapshot) = self.snapshot.as_ref().filter(|_| !gates.is_outdated) else {
            return;
        };
        let now = Instant::now();
        let mut remembered = remembered(snapshot, gates, &self.options.prefix);
        remembered.live_restore = self.restart.live_restore;
        if let EngineProcess::Known(process) = &self.restart.process {
            remembered.engine = Some(process.clone());
        }
        let confirm_at = memory.free_at.map_or(now, |at| at + CONFIRM_INTERVAL);
        let is_same = memory.written.as_deref() == Some(&remembered);
        if is_same && !confirm && now < confirm_at {
            memory.due = Some(confirm_at);
            return;
        }
        let remembered = Arc::new(remembered);
        memory.sent = Some((Arc::clone(&remembered), now));
        let (store, at) = (self.world.store.clone(), (self.world.wall_clock)());
        memory.writing = Some(Box::pin(
            async move { store.remember(remembered, at).await },
        ));
    }

    fn on_remembered(&mut self, written: Result<(), StateError>) {
        let memory = &mut self.memory;
        let now = Instant::now();
        let (sent, began) = memory
            .sent
            .take()
            .map_or((None, now), |(s, at)| (Some(s), at));
        match written {
            Ok(()) => {
                let pause = now.saturating_duration_since(began) * WRITE_PAUSE_FACTOR;
                let free_at = now + pause.max(WRITE_PAUSE);
                memory.free_at = Some(free_at);
                memory.due = Some(memory.due.unwrap_or(now + CONFIRM_INTERVAL).max(free_at));
                memory.written = sent;
                memory.is_failing = false;
            }
            Err(error) => {
                let error = chain(&error);
                if memory.is_failing {
                    debug!(%error, "The containers still cannot be written down.");
                } else {
                    warn!(%error, "The containers were not written down; an agent that is started while Docker is silent will not know them.");
                }
                memory.is_failing = true;
                memory.free_at = Some(now + RETRY_PAUSE);
                memory.due = memory.free_at;
            }
        }
    }

    /// Lets a write under way end, and writes the last there is to remember.
    pub(super) async fn remember_last(&mut self) {
        if self.memory.writing.is_some() {
            let written = done(&mut self.memory.writing).await;
            self.on_remembered(written);
        }
        self.remember(true);
        if self.memory.writing.is_some() {
            let written = done(&mut self.memory.writing).await;
            self.on_remembered(written);
        }
    }
}

/// Why the remembered addresses may be others' by now; `None` when they cannot.
fn outdated(recalled: &Recalled, now: u64, engine: &EngineProcess) -> Option<&'static str> {
    if !recalled.is_same_boot {
        return Some("the machine was started anew since");
    }
    if now.abs_diff(recalled.at) > AWAY_SECONDS_MAX {
        return Some("that is too long ago");
    }
    let remembered = &recalled.remembered;
    let is_same_engine = match engine {
        // Nobody can give an address to anybody.
        EngineProcess::Absent => true,
        EngineProcess::Known(process) => remembered.engine.as_ref() == Some(process),
        EngineProcess::Unknown => false,
    };
    let may_move = !is_same_engine && !remembered.live_restore;
    may_move.then_some("Docker may have been restarted since")
}

/// The containers with labels of ours and those that lend them a network.
fn remembered(snapshot: &Snapshot, gates: &Gates, prefix: &str) -> Remembered {
    let labelled = |container: &&Container| container.has_prefix(prefix);
    let mut lenders: BTreeSet<&ContainerId> = BTreeSet::new();
    let borrowing = snapshot
        .containers()
        .filter(|container| container.lender().is_some());
    let mut next: Vec<&ContainerId> = borrowing
        .filter(labelled)
        .filter_map(Container::lender)
        .collect();
    while let Some(lender) = next.pop() {
        if lenders.insert(lender) {
            next.extend(snapshot.get(lender).and_then(Container::lender));
        }
    }
    let is_kept = |container: &&Container| labelled(container) || lenders.contains(&container.id);
    let kept = snapshot
        .all_shared()
        .filter(|container| is_kept(&&***container));
    let draining = { gates.draining.iter() }.filter(|id| snapshot.get(id).is_some());
    Remembered {
        proven: gates.proven.clone(),
        draining: draining.cloned().collect(),
        containers: kept.cloned().collect(),
        engine: None,
        live_restore: false,
    }
}
