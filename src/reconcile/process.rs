//! Caddy's process as the loop sees it: a new one serves the config it was started with, and one
//! that never served may have ended because of it.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::error;

use super::Loop;
use super::apply::{Desired, START_TRIES_MAX};
use super::in_force::By;
use crate::caddy::Fingerprint;
use crate::caddy::admin::{Admin, blames_config, is_environment};
use crate::discovery::Engine;
use crate::metrics::LoadReason;
use crate::probe::Probe;
use crate::state::Store;
use crate::supervise::{ExitCause, Phase};

impl Desired {
    /// Whether an id that was made of Caddy's own words for its config is that of this one.
    pub(super) fn means(&self, id: &str) -> bool {
        let meaning = Fingerprint::of_meaning(&self.rendered.json);
        meaning.is_some_and(|meaning| meaning.to_string() == id)
    }
}

impl<E, A, S, P> Loop<E, A, S, P>
where
    E: Engine + Clone,
    A: Admin + Clone,
    S: Store + Clone,
    P: Probe + Clone,
{
    /// The supervisor's phase changed: a new process, or none.
    pub(super) fn on_phase(&mut self) {
        let phase = self.channels.phase.borrow_and_update().clone();
        let was = self.loads.serving.take();
        if self.awaits_adoption && phase != Phase::Looking {
            self.adoption_is_decided(&phase);
        }
        match &phase {
            Phase::Up { epoch, id, .. } => match was {
                Some((known, serving)) if known == *epoch => {
                    self.loads.serving = Some((known, serving));
                }
                Some(_) | None => self.on_new_process(*epoch, id),
            },
            Phase::Waiting { id, cause, .. } => self.on_ended(id, cause),
            Phase::Looking
            | Phase::Idle
            | Phase::Starting { .. }
            | Phase::PortTaken(_)
            | Phase::Stopping { .. }
            | Phase::Stopped => {}
        }
        if self.loads.serving.is_none() {
            self.status.applied = None;
        }
        self.note_phase(&phase);
        self.publish();
    }

    /// An earlier agent left a Caddy that was taken over, or it did not.
    fn adoption_is_decided(&mut self, phase: &Phase) {
        self.awaits_adoption = false;
        match (phase, &mut self.world.slots) {
            (Phase::Up { id, .. }, _) => self.loads.adopted = Some(id.to_string()),
            (_, Some(slots)) => slots.forget_found(),
            (_, None) => {}
        }
        self.subscription.hasten(Instant::now());
    }

    /// Whether there is something better to start Caddy with soon, or already: the first look, the
    /// containers as they were last, or what a Caddy serves that was taken over.
    pub(super) fn waits_for_a_table(&self) -> bool {
        let is_adopted = self.loads.adopted.is_some() && self.loads.start_failures == 0;
        self.first_look_by.is_some() || self.memory.is_recalling() || is_adopted
    }

    /// If this is the config that the Caddy that was taken over serves, it is accepted already.
    pub(super) fn recognise(&mut self, desired: &Arc<Desired>) {
        let Some(id) = self.loads.adopted.take_if(|id| desired.means(id)) else {
            return;
        };
        if let Some((_, serving)) = &mut self.loads.serving
            && *serving == id
        {
            *serving = desired.id();
            self.accept(desired, &By::Process);
        }
    }

    fn on_new_process(&mut self, epoch: u64, id: &str) {
        self.loads.serving = Some((epoch, id.to_owned()));
        self.loads.failures = 0;
        self.loads.retry_at = None;
        // Only after a first look that did not wait for it.
        if let Some(desired) = self.desired.clone().filter(|desired| desired.means(id)) {
            self.recognise(&desired);
            return;
        }
        let accepted = self.accepted.clone();
        let known = [accepted, self.desired.clone()].into_iter().flatten();
        let started_with = { known }.find(|desired| desired.id() == id);
        match started_with {
            Some(desired) => self.accept(&desired, &By::Process),
            None => self.accepted = None,
        }
        let is_current = { self.desired.as_ref() }.is_some_and(|desired| desired.id() == id);
        if is_current && self.refusals.is_searching() {
            self.on_tried(false);
        }
        if !is_current {
            self.measured.expect(LoadReason::NewProcess);
            self.loads.debounce.change(Instant::now());
        }
    }

    /// Caddy ended. If it never served its config, the config may be to blame.
    fn on_ended(&mut self, id: &str, cause: &ExitCause) {
        let last_words = match cause {
            ExitCause::Exited {
                before_up: true,
                last_words,
                ..
            } => last_words.as_str(),
            ExitCause::DidNotAnswer { before_up: true } => "it did not answer in time",
            ExitCause::Exited { .. }
            | ExitCause::DidNotAnswer { .. }
            | ExitCause::SpawnFailed { .. } => return,
        };
        // Without such words any route would be innocent: one kill must not cost a site.
        let blames_config = blames_config(last_words) && !is_environment(last_words);
        let sent = self.desired.clone().filter(|desired| desired.id() == id);
        let sent = sent.filter(|_| blames_config);
        let is_found = sent.as_ref().map(|sent| {
            self.leave_out_named(sent, last_words) || self.leave_out_unproved(sent, last_words)
        });
        // A route that Caddy does not name is searched for by loads: they are quicker than starts.
        self.loads.start_failures += 1;
        if is_found == Some(false) {
            self.loads.start_failures = self.loads.start_failures.max(START_TRIES_MAX);
        }
        if self.loads.start_failures == START_TRIES_MAX {
            error!(reason = %last_words, "Caddy does not start with its config; starting it with 503 answers, to go on by loads.");
        }
        if self
            .accepted
            .as_ref()
            .is_some_and(|accepted| accepted.id() == id)
        {
            self.accepted = None;
        }
        self.offer_start_config();
    }
}
