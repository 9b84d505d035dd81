//! What to do with the child next: a pure state machine.
//!
//! Owns the rules of starting, asking, waiting and stopping. It deliberately does nothing itself:
//! it has no process, no socket and no clock, so every rule is tested without them. The
//! [driver](super::driver) feeds it what happened and obeys the actions it gives back.

mod stage;

use std::time::Duration;

use tokio::time::Instant;

pub(super) use self::stage::{Action, Answer, Input, Stage, Then};

use self::stage::Asking;
use super::Timing;

/// While a Caddy starts, it is asked this often whether it serves: routes should not wait for us,
/// and an ask over a Unix socket costs well under a millisecond.
const READY_POLL: Duration = Duration::from_millis(15);

/// The whole state: which process it is about, how the last ones fared, and what is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    /// Number of the last process that was spawned; 0 before the first.
    pub(super) epoch: u64,
    /// Where we are.
    pub(super) stage: Stage,
    /// How many attempts ended without proof that the child lives long; sets the wait.
    attempts: u32,
    /// When the last process was spawned.
    spawned_at: Option<Instant>,
}

type Stepped = (State, Vec<Action>);

impl State {
    /// The beginning, and what is to be done then.
    pub(super) fn begin() -> Stepped {
        let state = Self {
            epoch: 0,
            stage: Stage::Looking { ends: false },
            attempts: 0,
            spawned_at: None,
        };
        (state, vec![Action::Look])
    }

    /// Whether there is nothing more to do.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Stopped | Stage::Left)
    }

    /// Takes one input at one moment. An input that does not fit the stage changes nothing.
    pub(super) fn step(self, timing: &Timing, input: Input, now: Instant) -> Stepped {
        match input {
            Input::Adopted => self.on_adopted(timing, now),
            Input::NoneToAdopt => self.on_none_to_adopt(),
            Input::Config => self.on_config(timing, now),
            Input::Clear => self.on_clear(timing, now),
            Input::PortTaken => self.on_port_taken(timing, now),
            Input::Answered(answer) => self.on_answer(timing, answer, now),
            // A process that could not be spawned is one that ended before it was up.
            Input::SpawnFailed | Input::Exited => self.on_exit(timing, now),
            Input::Time => self.on_time(timing, now),
            Input::Stop => self.on_stop(timing, now),
            Input::Abort => self.on_abort(),
            Input::Leave => self.on_leave(timing, now),
        }
    }

    /// The next moment at which [`Input::Time`] is due, if any.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Starting {
                silent_until,
                ready_by,
                asking,
            } => {
                let next = (!asking.open).then_some(asking.next);
                let end = (*silent_until).min(*ready_by);
                Some(next.map_or(end, |next| next.min(end)))
            }
            Stage::Up { asking, .. } => (!asking.open).then_some(asking.next),
            Stage::Waiting { until, .. } => Some(*until),
            Stage::Stopping { kill_at, .. } => *kill_at,
            Stage::Looking { .. }
            | Stage::Idle
            | Stage::Preparing
            | Stage::Stopped
            | Stage::Left => None,
        }
    }

    /// A child that serves is as good as one that we started, and as one that was up for long: it
    /// proved itself to the last agent.
    fn on_adopted(mut self, timing: &Timing, now: Instant) -> Stepped {
        let Stage::Looking { ends } = self.stage else {
            return self.stay();
        };
        self.epoch += 1;
        let stage = Stage::Up {
            since: now,
            asking: Asking::closed(now + timing.ping_interval),
            unanswered: 0,
        };
        let up = Self { stage, ..self };
        if ends {
            return up.on_stop(timing, now);
        }
        up.stay()
    }

    fn on_none_to_adopt(self) -> Stepped {
        let Stage::Looking { ends } = self.stage else {
            return self.stay();
        };
        let stage = if ends { Stage::Stopped } else { Stage::Idle };
        self.enter(stage, vec![])
    }

    fn on_config(mut self, timing: &Timing, now: Instant) -> Stepped {
        if self.stage == Stage::Idle {
            return self.enter(Stage::Preparing, vec![Action::Prepare]);
        }
        // The config may have been to blame, so a new one need not sit out the wait; but two
        // spawns always lie `backoff_min` apart.
        let soonest = self.spawned_at.map_or(now, |at| at + timing.backoff_min);
        if let Stage::Waiting {
            until,
            before_up: true,
            ..
        } = &mut self.stage
        {
            *until = soonest.max(now).min(*until);
        }
        self.stay()
    }

    fn on_port_taken(self, timing: &Timing, now: Instant) -> Stepped {
        if self.stage != Stage::Preparing {
            return self.stay();
        }
        self.wait(timing, now, false)
    }

    fn on_clear(mut self, timing: &Timing, now: Instant) -> Stepped {
        if self.stage != Stage::Preparing {
            return self.stay();
        }
        self.epoch += 1;
        self.spawned_at = Some(now);
        let epoch = self.epoch;
        let asking = Asking::closed(now + READY_POLL);
        let stage = Stage::Starting {
            silent_until: now + timing.answer_within,
            ready_by: now + timing.ready_within,
            asking,
        };
        self.enter(stage, vec![Action::Spawn { epoch }])
    }

    fn on_answer(mut self, timing: &Timing, answer: Answer, now: Instant) -> Stepped {
        if let Stage::Starting {
            silent_until,
            asking,
            ..
        } = &mut self.stage
        {
            *asking = Asking::closed(now + READY_POLL);
            match answer {
                Answer::Nothing => {}
                // It is at work on its first config.
                Answer::Alive => *silent_until = now + timing.answer_within,
                Answer::Serving => {
                    self.stage = Stage::Up {
                        since: now,
                        asking: Asking::closed(now + timing.ping_interval),
                        unanswered: 0,
                    }
                }
            }
            return self.stay();
        }
        let answered = answer != Answer::Nothing;
        let (state, restarts) = self.ensure_running(timing, answered, now);
        (state, if restarts { vec![Action::Kill] } else { vec![] })
    }

    /// Judges a child that is up by the answer to the last ask; says whether it is restarted.
    ///
    /// One that was silent too often is killed without a SIGTERM before: a stopped process
    /// (SIGSTOP) would ignore it.
    fn ensure_running(mut self, timing: &Timing, answered: bool, now: Instant) -> (Self, bool) {
        let Stage::Up {
            since,
            asking,
            unanswered,
        } = &mut self.stage
        else {
            return (self, false);
        };
        asking.open = false;
        *unanswered = if answered { 0 } else { *unanswered + 1 };
        let restarts = timing.ping_failures_max <= *unanswered;
        if restarts {
            let since = *since;
            self.forgive(timing, since, now);
            let then = Then::Restart { before_up: false };
            self.stage = Stage::Stopping {
                kill_at: None,
                then,
            };
        }
        (self, restarts)
    }

    fn on_exit(mut self, timing: &Timing, now: Instant) -> Stepped {
        match self.stage {
            Stage::Starting { .. } => self.wait(timing, now, true),
            Stage::Up { since, .. } => {
                self.forgive(timing, since, now);
                self.wait(timing, now, false)
            }
            Stage::Stopping {
                then: Then::Restart { before_up },
                ..
            } => self.wait(timing, now, before_up),
            Stage::Stopping {
                then: Then::End, ..
            } => self.enter(Stage::Stopped, vec![]),
            Stage::Looking { .. }
            | Stage::Idle
            | Stage::Preparing
            | Stage::Waiting { .. }
            | Stage::Stopped
            | Stage::Left => self.stay(),
        }
    }

    fn on_time(mut self, timing: &Timing, now: Instant) -> Stepped {
        let mut actions = vec![];
        match &mut self.stage {
            Stage::Starting {
                silent_until,
                ready_by,
                ..
            } if (*silent_until).min(*ready_by) <= now => {
                let kill_at = Some(now + timing.stop_timeout);
                let then = Then::Restart { before_up: true };
                self.stage = Stage::Stopping { kill_at, then };
                actions.push(Action::Terminate);
            }
            Stage::Starting { asking, .. } if asking.is_due(now) => {
                *asking = Asking::open(now + READY_POLL);
                actions.push(Action::AskServing);
            }
            Stage::Up { asking, .. } if asking.is_due(now) => {
                *asking = Asking::open(now + timing.ping_interval);
                actions.push(Action::AskAlive);
            }
            Stage::Waiting { until, .. } if *until <= now => {
                self.stage = Stage::Preparing;
                actions.push(Action::Prepare);
            }
            Stage::Stopping { kill_at, .. } if kill_at.is_some_and(|kill_at| kill_at <= now) => {
                *kill_at = None;
                actions.push(Action::Kill);
            }
            Stage::Looking { .. }
            | Stage::Idle
            | Stage::Preparing
            | Stage::Starting { .. }
            | Stage::Up { .. }
            | Stage::Waiting { .. }
            | Stage::Stopping { .. }
            | Stage::Stopped
            | Stage::Left => {}
        }
        (self, actions)
    }

    fn on_stop(self, timing: &Timing, now: Instant) -> Stepped {
        match self.stage {
            Stage::Starting { .. } | Stage::Up { .. } => {
                let kill_at = Some(now + timing.stop_timeout);
                let stage = Stage::Stopping {
                    kill_at,
                    then: Then::End,
                };
                self.enter(stage, vec![Action::Terminate])
            }
            Stage::Stopping { kill_at, .. } => self.enter(
                Stage::Stopping {
                    kill_at,
                    then: Then::End,
                },
                vec![],
            ),
            // What is found is stopped, as if it had been ours already.
            Stage::Looking { .. } => self.enter(Stage::Looking { ends: true }, vec![]),
            Stage::Idle | Stage::Preparing | Stage::Waiting { .. } | Stage::Stopped => {
                self.enter(Stage::Stopped, vec![])
            }
            Stage::Left => self.stay(),
        }
    }

    fn on_abort(self) -> Stepped {
        match self.stage {
            Stage::Starting { .. } | Stage::Up { .. } | Stage::Stopping { .. } => {
                let stage = Stage::Stopping {
                    kill_at: None,
                    then: Then::End,
                };
                self.enter(stage, vec![Action::Kill])
            }
            // What is found is stopped, as if it had been ours already.
            Stage::Looking { .. } => self.enter(Stage::Looking { ends: true }, vec![]),
            Stage::Idle | Stage::Preparing | Stage::Waiting { .. } | Stage::Stopped => {
                self.enter(Stage::Stopped, vec![])
            }
            Stage::Left => self.stay(),
        }
    }

    /// A child that does not serve yet, or is being replaced, is of no use to the next agent.
    fn on_leave(self, timing: &Timing, now: Instant) -> Stepped {
        match self.stage {
            Stage::Up { .. } => self.enter(Stage::Left, vec![]),
            Stage::Looking { .. } => self.enter(Stage::Stopped, vec![]),
            Stage::Idle
            | Stage::Preparing
            | Stage::Starting { .. }
            | Stage::Waiting { .. }
            | Stage::Stopping { .. }
            | Stage::Stopped
            | Stage::Left => self.on_stop(timing, now),
        }
    }

    /// Goes to `Waiting`, longer with each attempt. There is no jitter: one agent restarts one
    /// child, and nobody else does it at the same moment.
    fn wait(mut self, timing: &Timing, now: Instant, before_up: bool) -> Stepped {
        let factor = 2u32.saturating_pow(self.attempts);
        let delay = timing
            .backoff_min
            .saturating_mul(factor)
            .min(timing.backoff_max);
        self.attempts = self.attempts.saturating_add(1);
        self.enter(
            Stage::Waiting {
                until: now + delay,
                delay,
                before_up,
            },
            vec![],
        )
    }

    /// Forgets earlier attempts when the child was up long enough to count as healthy.
    fn forgive(&mut self, timing: &Timing, since: Instant, now: Instant) {
        if timing.reset_after <= now.saturating_duration_since(since) {
            self.attempts = 0;
        }
    }

    fn stay(self) -> Stepped {
        (self, vec![])
    }

    fn enter(mut self, stage: Stage, actions: Vec<Action>) -> Stepped {
        self.stage = stage;
        (self, actions)
    }
}

#[cfg(test)]
mod tests;
