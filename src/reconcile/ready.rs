//! Who is ready, and who is stopping: the trials of new containers, and drains.
//!
//! A new container takes no requests before it has shown that it can. One that is told to stop
//! takes no more from that moment, while its requests under way finish: `kill` comes seconds
//! before `die`, and is the one event whose content counts.

mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info};

use self::trial::try_again;
use super::crashes::CrashLog;
use super::health::{Changed, HealthChecks};
use super::{Loop, at};
use crate::caddy::admin::Admin;
use crate::discovery::{Engine, EngineError, StopRule};
use crate::model::{Container, ContainerId, ContainerState, SharedSet, Snapshot};
use crate::probe::Probe;
use crate::routes::{Built, Gates, Trial};
use crate::state::Store;

/// How long a load waits for a trial that has just begun.
const TRIAL_PATIENCE: Duration = Duration::from_millis(30);
/// Inspects under way at once: each is half a millisecond of the engine's time, or hangs on a
/// container that is starting.
const INSPECTS_MAX: usize = 4;
/// What a container gets beyond its stop timeout before it is taken to live on.
const DRAIN_MARGIN: Duration = Duration::from_secs(1);
/// SIGKILL, which no container survives.
const KILL: i32 = 9;

/// The trials under way, and what is known of stops.
#[derive(Default)]
pub(super) struct Readiness {
    pub(super) gates: Gates,
    /// The trials under way; each ends with its task.
    tasks: JoinSet<Trial>,
    running: BTreeMap<Trial, Running>,
    /// Containers that were tried, and have not been ready since.
    tried: BTreeSet<ContainerId>,
    rules: BTreeMap<ContainerId, StopRule>,
    /// Containers of which it must be looked whether their rule is still to be learnt.
    untold: BTreeSet<ContainerId>,
    inspecting: BTreeSet<ContainerId>,
    inspects: FuturesUnordered<BoxFuture<'static, (ContainerId, Result<StopRule, EngineError>)>>,
    /// Containers that died, and have not been seen to start since.
    died: BTreeSet<ContainerId>,
    /// When a container that was told to stop is taken to live on.
    drains: BTreeMap<ContainerId, Instant>,
    pub(super) health: HealthChecks,
    crashes: CrashLog,
}

/// A trial under way.
struct Running {
    task: AbortHandle,
    began: Instant,
}

/// What comes of trials and inspects.
pub(super) enum News {
    Shown(Trial),
    Rule(ContainerId, Result<StopRule, EngineError>),
    Survived(ContainerId),
    Health(Changed),
    RanLongEnough,
}

impl Readiness {
    /// Waits for the next news. May be dropped at any await.
    pub(super) async fn next(&mut self) -> News {
        let survivor = self.drains.iter().min_by_key(|(_, at)| **at);
        let survivor = survivor.map(|(id, at)| (id.clone(), *at));
        let ran = self.crashes.deadline(&self.gates.crashing);
        tokio::select! {
            trial = ended(&mut self.tasks) => News::Shown(trial),
            Some((id, rule)) = self.inspects.next() => News::Rule(id, rule),
            id = survived(survivor) => News::Survived(id),
            changed = self.health.next() => News::Health(changed),
            () = at(ran) => News::RanLongEnough,
        }
    }

    /// Forgets what was known of containers that no longer run.
    pub(super) fn keep_only(&mut self, snapshot: &Snapshot) {
        let runs = |id: &ContainerId| {
            let state = snapshot.get(id).map(|container| container.state);
            state == Some(ContainerState::Running)
        };
        self.gates.proven.retain(|(id, _)| runs(id));
        self.gates.draining.retain(runs);
        self.drains.retain(|id, _| runs(id));
        self.rules.retain(|id, _| snapshot.get(id).is_some());
        let untold = snapshot.containers().map(|container| &container.id);
        let untold = untold.filter(|id| runs(id) && !self.rules.contains_key(id));
        self.untold = untold.cloned().collect();
        self.died.retain(|id| snapshot.get(id).is_some());
        self.tried.retain(|id| snapshot.get(id).is_some());
        self.crashes.look(snapshot, Instant::now());
        self.note_crashes();
    }

    /// The same for these containers, at which alone it was looked.
    pub(super) fn keep_running(&mut self, snapshot: &Snapshot, ids: &BTreeSet<ContainerId>) {
        for id in ids {
            let container = snapshot.get(id);
            if container.is_none_or(|c| c.state != ContainerState::Running) {
                self.gates.forget_proven(id);
                self.gates.draining.remove(id);
                self.drains.remove(id);
            }
            if container.is_none() {
                self.rules.remove(id);
                self.died.remove(id);
                self.tried.remove(id);
            } else {
                self.untold.insert(id.clone());
            }
            self.crashes.look_at(id, container, Instant::now());
        }
        self.note_crashes();
    }

    fn note_crashes(&mut self) {
        self.gates.crashing = self.crashes.crashing(Instant::now());
    }

    /// The engine reported a death or a start. Whoever died and runs again must show itself anew,
    /// also when no look came between the two. A start alone may be an old one: a new event stream
    /// begins some seconds back. The number of exits in a row is given when it is to be said.
    pub(super) fn hear(&mut self, action: &str, id: &ContainerId) -> Option<u32> {
        let now = Instant::now();
        let mut exits = None;
        match action {
            "die" => {
                self.died.insert(id.clone());
                exits = self.crashes.died(id, now);
            }
            "start" => {
                if self.died.remove(id) {
                    self.begin_anew(id);
                }
                self.crashes.started(id, now);
            }
            _ => {}
        }
        self.note_crashes();
        exits
    }

    /// What the container showed before counts no more.
    fn begin_anew(&mut self, id: &ContainerId) {
        self.gates.forget_proven(id);
        self.gates.draining.remove(id);
        self.gates.ready_last.remove(id);
        self.drains.remove(id);
        self.health.forget(id, &mut self.gates.failing);
    }

    /// Forgets what was remembered; stops that were heard of since count.
    pub(super) fn forget_remembered(&mut self) {
        let drains = &self.drains;
        self.gates.draining.retain(|id| drains.contains_key(id));
        self.gates.proven = SharedSet::default();
    }

    /// Containers that take requests as the agent starts are taken as ready.
    pub(super) fn trust(&mut self, built: &Built) {
        let upstreams = built
            .table
            .routes
            .values()
            .flat_map(|route| &route.pool.upstreams);
        let proven = upstreams.map(|upstream| (upstream.container.id.clone(), upstream.address));
        self.gates.proven.extend(proven);
        self.gates.ready_last = built.ready_last.clone();
    }

    /// Runs just the trials and checks of this table, and notes who takes requests by it.
    pub(super) fn run<P: Probe + Clone>(&mut self, built: &Built, prober: &P) {
        let trials = &built.trials;
        self.gates.ready_last = built.ready_last.clone();
        self.health
            .run(&built.watches, &mut self.gates.failing, prober);
        self.running.retain(|trial, running| {
            let goes_on = trials.contains(trial);
            if !goes_on {
                running.task.abort();
            }
            goes_on
        });
        for trial in trials {
            if !self.running.contains_key(trial) {
                let is_first = self.tried.insert(trial.container.id.clone());
                let task = try_again(prober.clone(), trial.clone(), is_first);
                let task = self.tasks.spawn(task);
                let began = Instant::now();
                self.running.insert(trial.clone(), Running { task, began });
            }
        }
    }

    /// Until when a load may wait for trials that have just begun: most containers answer at
    /// once, and one load is better than two.
    pub(super) fn patience(&self) -> Option<Instant> {
        let youngest = self.running.values().map(|running| running.began).max();
        youngest.map(|began| began + TRIAL_PATIENCE)
    }

    fn is_stop(&self, id: &ContainerId, signal: i32) -> bool {
        let rule = self.rules.get(id).copied().unwrap_or_default();
        signal == KILL || signal == rule.signal
    }
}

/// What the next task gives that ends; aborted ones are passed over.
pub(super) async fn ended<T: 'static>(tasks: &mut JoinSet<T>) -> T {
    loop {
        match tasks.join_next().await {
            Some(Ok(value)) => return value,
            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Some(Err(_)) => {}
            None => pending().await,
        }
    }
}

async fn survived(survivor: Option<(ContainerId, Instant)>) -> ContainerId {
    match survivor {
        Some((id, at)) => {
            sleep_until(at).await;
            id
        }
        None => pending().await,
    }
}

impl<E, A, S, P> Loop<E, A, S, P>
where
    E: Engine + Clone,
    A: Admin + Clone,
    S: Store + Clone,
    P: Probe + Clone,
{
    /// Takes the containers as ready that take requests when the agent starts: another agent, or
    /// nobody, has asked them before, and sites that work must not wait.
    pub(super) fn trust_those_that_run(&mut self) {
        let certificates = Arc::clone(&self.channels.certificates.borrow());
        if let Some(built) = self.build(&certificates, &Gates::open()) {
            self.readiness.trust(&built);
        }
    }

    /// The engine sent a container a signal. If it is the one that stops it, the container leaves
    /// its routes at once.
    pub(super) fn on_kill(&mut self, id: &ContainerId, signal: i32) {
        let container = self.snapshot.as_ref().and_then(|snapshot| snapshot.get(id));
        let runs = container.is_some_and(|c| c.state == ContainerState::Running);
        let is_stop = self.readiness.is_stop(id, signal);
        if is_stop {
            self.readiness.crashes.told_to_stop(id);
        }
        if !runs || !is_stop {
            debug!(container = %id, signal, "A signal that stops nothing.");
            return;
        }
        let rule = self.readiness.rules.get(id).copied().unwrap_or_default();
        self.readiness.gates.draining.insert(id.clone());
        self.channels.metrics.drains.increment();
        let over = Instant::now() + rule.timeout.saturating_add(DRAIN_MARGIN);
        self.readiness.drains.insert(id.clone(), over);
        self.rebuild();
    }

    pub(super) fn on_news(&mut self, news: News) {
        match news {
            News::Shown(trial) => {
                let running = self.readiness.running.remove(&trial);
                self.readiness.tried.remove(&trial.container.id);
                self.count_trial(running.map(|running| running.began.elapsed()));
                debug!(container = %trial.container, address = %trial.address, "The container is ready.");
                let proven = (trial.container.id, trial.address);
                self.readiness.gates.proven.extend([proven]);
                self.rebuild();
            }
            News::Rule(id, rule) => {
                self.readiness.inspecting.remove(&id);
                match rule {
                    Ok(rule) => {
                        self.readiness.rules.insert(id, rule);
                        self.learn_stop_rules();
                    }
                    Err(error) => {
                        debug!(container = %id, %error, "Cannot inspect the container.");
                        // With the next look.
                        self.readiness.untold.insert(id);
                    }
                }
            }
            News::Health(changed) => self.on_health(changed),
            News::RanLongEnough => {
                self.readiness.note_crashes();
                self.rebuild();
            }
            News::Survived(id) => {
                info!(container = %id, "The container was told to stop and goes on; it takes requests again when it is ready.");
                self.readiness.begin_anew(&id);
                self.rebuild();
            }
        }
    }

    /// Learns by which signal the running containers stop, a few at a time. One inspect each, for
    /// it blocks during a stop, when the answer is needed.
    pub(super) fn learn_stop_rules(&mut self) {
        let Some(snapshot) = &self.snapshot else {
            return;
        };
        let (prefix, readiness) = (&self.options.prefix, &mut self.readiness);
        let is_untold = |container: &Container| {
            container.state == ContainerState::Running && container.has_prefix(prefix)
        };
        while readiness.inspecting.len() < INSPECTS_MAX {
            let Some(id) = readiness.untold.pop_first() else {
                return;
            };
            let is_known = readiness.rules.contains_key(&id) || readiness.inspecting.contains(&id);
            if is_known || !snapshot.get(&id).is_some_and(is_untold) {
                continue;
            }
            readiness.inspecting.insert(id.clone());
            let engine = self.world.engine.clone();
            readiness.inspects.push(Box::pin(async move {
                let rule = engine.stop_rule(&id).await;
                (id, rule)
            }));
        }
    }
}
