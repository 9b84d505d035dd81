//! Apps that a person pauses, stops and resumes: what the loop does at each verb, and for how long a
//! halt is kept.
//!
//! A halt is a matter of slots alone, so it takes effect with the next request, costs no load, and
//! changes nothing of a route's protection, its host's claim or its certificate.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::oneshot;
use tracing::{debug, info, warn};

use super::Loop;
use crate::caddy::admin::Admin;
use crate::discovery::Engine;
use crate::model::{AppKey, Halt};
use crate::probe::Probe;
use crate::routes::{Built, CLAIM_GRACE_SECONDS};
use crate::state::Store;
use crate::status::Halted;
use crate::status::apps::{app, routes_of};
use crate::status::control::{Command, Done, Refusal, RefusalKind, Verb};

/// Who is told what was done once it is saved.
#[derive(Debug)]
pub(super) struct Unsaved {
    done: Done,
    answer: oneshot::Sender<Result<Done, Refusal>>,
}

impl<E, A, S, P> Loop<E, A, S, P>
where
    E: Engine + Clone,
    A: Admin + Clone,
    S: Store + Clone,
    P: Probe + Clone,
{
    /// The halts that an earlier agent left, before anything is served.
    pub(super) fn halt_again(&mut self) {
        self.bring_halts();
        let halts = self.state.halts.len();
        if halts > 0 && self.world.slots.is_none() {
            warn!(
                halts,
                "Apps were paused or stopped, and are served all the same: that needs `--upstreams slots`."
            );
        }
        for (app, halt) in &*self.state.halts {
            info!(%app, "The app is still {}.", halt.in_full());
        }
    }

    /// Does what a person says; the answer comes once it is saved.
    pub(super) fn on_command(&mut self, command: Command) {
        let Command {
            verb,
            app: asked,
            by,
            answer,
        } = command;
        let done = app(&self.status, &asked).and_then(|app| self.done(&app, verb, &by));
        match done {
            Ok(done) if done.is_change() => {
                self.unsaved.push(Unsaved { done, answer });
                self.save();
            }
            done => tell(answer, done),
        }
    }

    fn done(&mut self, app: &AppKey, verb: Verb, by: &str) -> Result<Done, Refusal> {
        let before = self.state.halts.get(app).cloned();
        let halt = match verb {
            Verb::Resume => None,
            Verb::Halt(_) if self.world.slots.is_none() => return Err(needs_slots()),
            Verb::Halt(kind) => match &before {
                Some(before) if before.kind == kind => Some(before.clone()),
                Some(_) | None => Some(Halt {
                    kind,
                    since: (self.world.wall_clock)(),
                    by: by.to_owned(),
                }),
            },
        };
        let waiting = self.waiting_for(app);
        let done = Done {
            app: app.to_string(),
            routes: routes_of(&self.status, app),
            halt,
            before,
            waiting,
            warning: None,
        };
        if !done.is_change() {
            debug!(%app, by, "The app is as it was asked to be.");
            return Ok(done);
        }
        self.note_halt(app, done.halt.clone());
        if let Some(halt) = &done.halt {
            info!(%app, by, "The app is {}.", halt.in_full());
        } else {
            info!(%app, by, waiting, "The app takes requests again.");
        }
        Ok(Done {
            warning: self.unwritten(),
            waiting: match done.halt {
                Some(_) => self.waiting_for(app),
                None => waiting,
            },
            ..done
        })
    }

    /// Keeps a halt, or its end, and brings it to the slots.
    fn note_halt(&mut self, app: &AppKey, halt: Option<Halt>) {
        let halts = Arc::make_mut(&mut self.state.halts);
        match halt {
            Some(halt) => drop(halts.insert(app.clone(), halt)),
            None => drop(halts.remove(app)),
        }
        self.state.deserted.remove(app);
        self.bring_halts();
        self.rebuild();
        self.publish();
    }

    /// Brings the halts to the slots when the table is settled next, and shows them.
    fn bring_halts(&mut self) {
        if let Some(slots) = &mut self.world.slots {
            slots.halt(&self.state.halts);
        }
        let halted = self.state.halts.iter().map(|(app, halt)| Halted {
            app: app.clone(),
            halt: halt.clone(),
        });
        let is_in_force = self.world.slots.is_some();
        self.status.halts = Arc::new(halted.filter(|_| is_in_force).collect());
    }

    fn waiting_for(&self, app: &AppKey) -> usize {
        let slots = self.world.slots.as_ref();
        slots.map_or(0, |slots| slots.waiting_for(app))
    }

    fn unwritten(&self) -> Option<String> {
        let slots = self.world.slots.as_ref();
        slots.is_some_and(super::Slots::is_failing).then(|| {
            "the slots cannot be written, so it takes effect when they can: see the agent's log"
                .to_owned()
        })
    }

    /// What was done for people is saved, or could not be.
    pub(super) fn tell_saved(&mut self, error: Option<&str>) {
        for Unsaved { mut done, answer } in std::mem::take(&mut self.unsaved) {
            if let Some(error) = error {
                done.warning = Some(format!(
                    "it ends with this agent, for it was not saved: {error}"
                ));
            }
            tell(answer, Ok(done));
        }
    }

    /// Forgets the halts of apps that have had neither a container nor a route for as long as a
    /// host's claim outlives its owner.
    pub(super) fn forget_halts(&mut self, built: &Built) {
        if self.state.halts.is_empty() {
            return;
        }
        let now = (self.world.wall_clock)();
        let of_rows = built.rows.iter().filter_map(|row| row.app.as_ref());
        let of_table = built.table.routes.values().map(|route| &route.id.app);
        let known: BTreeSet<&AppKey> = of_rows.chain(of_table).collect();
        let mut deserted = self.state.deserted.clone();
        deserted.retain(|app, _| !known.contains(app));
        let gone = { self.state.halts.keys() }.filter(|app| !known.contains(app));
        for app in gone {
            deserted.entry(app.clone()).or_insert(now);
        }
        let is_over = |since: &u64| now >= since.saturating_add(CLAIM_GRACE_SECONDS);
        let over = { deserted.iter() }.filter(|(_, since)| is_over(since));
        let over: Vec<AppKey> = over.map(|(app, _)| app.clone()).collect();
        for app in &over {
            info!(%app, "The app is gone, and with it what it was told: it is not halted any more.");
            deserted.remove(app);
            Arc::make_mut(&mut self.state.halts).remove(app);
        }
        if deserted != self.state.deserted || !over.is_empty() {
            self.state.deserted = deserted;
            self.bring_halts();
            self.save();
        }
    }
}

fn tell(answer: oneshot::Sender<Result<Done, Refusal>>, done: Result<Done, Refusal>) {
    if answer.send(done).is_err() {
        debug!("Who told the agent to do something did not wait for the answer.");
    }
}

fn needs_slots() -> Refusal {
    Refusal::new(
        RefusalKind::Impossible,
        "this agent runs with `--upstreams direct`, where requests go straight to containers",
        "start it with `--upstreams slots`, which is the default",
    )
}
