//! A restart of the engine: without live-restore it kills all containers and starts them anew,
//! with addresses dealt out afresh, before it answers its first question. Until it has said where
//! everybody is, the old addresses are those of other sites, so requests wait.
//!
//! A restart is suspected when the event stream broke and a look that follows, the first beside
//! another stream or one before it, is taken but not answered. An engine that is frozen keeps its stream, and is the process that it was.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;
use tracing::{debug, info};

use super::{Loop, at, done};
use crate::caddy::admin::Admin;
use crate::discovery::{Engine, EngineError, EngineProcess};
use crate::probe::Probe;
use crate::state::Store;

/// A look that takes longer is at an engine that is starting: one that runs answers in some
/// milliseconds, and one that starts needs a second until a container can listen.
const PATIENCE: Duration = Duration::from_millis(200);
/// With many containers a look takes longer; so many times the last one is too long.
const PATIENCE_FACTOR: u32 = 4;

/// What is known about the engine's life.
pub(super) struct Restart {
    asking: Option<BoxFuture<'static, Step>>,
    /// Whether containers outlive the engine's process. Not knowing it is like no.
    pub(super) live_restore: bool,
    /// The process that answered last.
    pub(super) process: EngineProcess,
    /// The event stream broke, and no look has succeeded since beside another one: an engine may
    /// have ended without being heard.
    is_cut: bool,
    look_began: Instant,
    look_took: Duration,
    /// When the look under way has taken too long.
    suspect_at: Option<Instant>,
}

/// What comes of it.
pub(super) enum Step {
    Asked(EngineProcess, Result<bool, EngineError>),
    Suspected,
    Listens(EngineProcess),
}

impl Restart {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            asking: None,
            live_restore: false,
            process: EngineProcess::Unknown,
            is_cut: true,
            look_began: now,
            look_took: Duration::ZERO,
            suspect_at: None,
        }
    }

    /// Waits for the next step. May be dropped at any await.
    pub(super) async fn next(&mut self) -> Step {
        tokio::select! {
            step = done(&mut self.asking) => step,
            () = at(self.suspect_at) => Step::Suspected,
        }
    }

    /// The event stream broke.
    pub(super) fn cut(&mut self) {
        self.is_cut = true;
    }

    /// Whether the event stream broke, and no look at all containers has succeeded since.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    pub(super) fn look_begins(&mut self, now: Instant) {
        self.look_began = now;
        let patience = PATIENCE.max(self.look_took * PATIENCE_FACTOR);
        self.suspect_at = self.is_cut.then_some(now + patience);
    }

    pub(super) fn look_failed(&mut self) {
        self.suspect_at = None;
    }

    /// Whether the event stream broke before this look; `is_subscribed` says whether there is one
    /// now.
    fn look_succeeded(&mut self, now: Instant, is_subscribed: bool) -> bool {
        self.suspect_at = None;
        self.look_took = now.saturating_duration_since(self.look_began);
        std::mem::replace(&mut self.is_cut, !is_subscribed)
    }
}

impl<E, A, S, P> Loop<E, A, S, P>
where
    E: Engine + Clone,
    A: Admin + Clone,
    S: Store + Clone,
    P: Probe + Clone,
{
    /// The engine says where everybody is. After a break of the stream it may be another process.
    pub(super) fn engine_answers(&mut self) {
        self.readiness.gates.is_outdated = false;
        let is_subscribed = self.subscription.notices.is_some();
        if self.restart.look_succeeded(Instant::now(), is_subscribed) {
            let engine = self.world.engine.clone();
            self.restart.asking = Some(Box::pin(async move {
                let process = engine.process().await;
                Step::Asked(process, engine.live_restore().await)
            }));
        }
    }

    pub(super) fn on_restart(&mut self, step: Step) {
        match step {
            Step::Asked(process, live_restore) => {
                self.restart.process = process;
                if let Err(error) = &live_restore {
                    debug!(%error, "Docker does not say whether containers outlive it.");
                }
                self.restart.live_restore = live_restore.unwrap_or(false);
                self.memory.note(Instant::now());
            }
            Step::Suspected => {
                self.restart.suspect_at = None;
                let is_harmless = self.restart.live_restore || self.snapshot.is_none();
                if !is_harmless && !self.readiness.gates.is_outdated {
                    let engine = self.world.engine.clone();
                    self.restart.asking =
                        Some(Box::pin(
                            async move { Step::Listens(engine.process().await) },
                        ));
                }
            }
            Step::Listens(process) => self.on_listener(&process),
        }
    }

    /// Who takes our question and does not answer it.
    fn on_listener(&mut self, process: &EngineProcess) {
        let is_same = match process {
            EngineProcess::Absent => true,
            EngineProcess::Known(_) => *process == self.restart.process,
            EngineProcess::Unknown => false,
        };
        if is_same || self.looks.in_flight.is_none() {
            return;
        }
        info!(
            "Docker was restarted and has not said yet where the containers are; requests wait until it does."
        );
        self.readiness.gates.is_outdated = true;
        self.rebuild();
        self.publish();
    }
}
