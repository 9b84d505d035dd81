//! The loop that owns all mutable state and brings Caddy to what the containers ask for.
//!
//! Start-up, event, resync, Caddy's restart and retry are one path: look, build, render, apply if
//! different. What wakes the loop is one closed `Event`; events carry no data that is trusted.
//! Deliberately sees only the core and the seams (engine, admin socket, state file): never bollard,
//! an HTTP client or a process. Trouble with routes is logged, shown and retried; it never ends
//! the loop.

mod access;
mod apply;
mod backoff;
mod crashes;
mod debounce;
mod good;
mod halts;
mod health;
mod in_force;
mod look;
mod measure;
mod memory;
mod overdue;
mod process;
mod ready;
mod refuse;
mod removal;
mod rendered;
mod report;
mod restart;
mod slots;
mod world;

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use tokio::time::{Instant, Interval, MissedTickBehavior};

pub use self::debounce::DebounceOptions;
pub(crate) use self::report::say_certificate_problems;
pub use self::slots::{Slots, SlotsStartError};
pub use self::world::{Channels, Options, World};

use self::apply::{Desired, Loads};
use self::look::{Looks, Subscription};
use self::measure::Measured;
use self::memory::Memory;
use self::overdue::Overdue;
use self::ready::{News, Readiness};
use self::refuse::Refusals;
use self::rendered::Sendable;
use self::restart::Restart;
use crate::caddy::admin::{Admin, AdminError};
use crate::caddy::render::render_unavailable;
use crate::discovery::{DockerRequest, Engine, EngineError, Notice};
use crate::model::Snapshot;
use crate::probe::Probe;
use crate::routes::Builder;
use crate::state::{State, StateError, Store};
use crate::status::control::Command;
use crate::status::{CaddyStatus, Status};
use crate::supervise::Phase;

/// How long the first look may take before Caddy is started with the containers as they were last,
/// or, when none are remembered, without routes, answering 503: a browser that asks meanwhile gets
/// an answer instead of a refused connection.
const FIRST_LOOK_WAIT: Duration = Duration::from_secs(1);
/// How long the first look waits for word whether a Caddy was taken over, whose slots are then kept
/// as they are. A few milliseconds are usual.
const ADOPTION_WAIT: Duration = Duration::from_secs(1);
/// How long a load under way may still take when the agent stops.
const LAST_LOAD_WAIT: Duration = Duration::from_secs(5);

/// Why the loop looks at the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// The agent has just started, or the event stream was opened anew.
    Subscribed,
    /// An event said so.
    Notice,
    /// The resync interval has passed.
    Resync,
    /// SIGHUP.
    Asked,
    /// The last look failed.
    Retry,
    /// A container is missing, and no event had announced it.
    Missing,
}

/// Everything that can wake the loop.
enum Event {
    Subscribe,
    Notice(Option<Result<Notice, EngineError>>),
    Look(Reason),
    LookAtNoticed,
    Looked(Result<Snapshot, EngineError>),
    NetworkChecked(Result<bool, EngineError>),
    AccessChecked,
    Certificates,
    Obtainings,
    Phase,
    Pulse,
    Readiness(News),
    Command(Command),
    SlotsDue,
    LoadDue,
    Loaded(Result<(), AdminError>),
    Saved(Result<(), StateError>),
    Memory(memory::Step),
    Restart(restart::Step),
    NoFirstLook,
    Overdue,
}

struct Loop<E, A, S, P> {
    world: World<E, A, S, P>,
    options: Options,
    channels: Channels,
    state: State,
    saving: Option<BoxFuture<'static, Result<(), StateError>>>,
    save_wanted: bool,
    /// Who is told when what was done for them is saved.
    unsaved: Vec<halts::Unsaved>,
    looks: Looks,
    subscription: Subscription,
    network_check: Option<BoxFuture<'static, Result<bool, EngineError>>>,
    access_check: Option<BoxFuture<'static, ()>>,
    /// The requests that a proxy before the engine was said to block.
    blocked: BTreeMap<DockerRequest, u16>,
    snapshot: Option<Snapshot>,
    memory: Memory,
    restart: Restart,
    readiness: Readiness,
    refusals: Refusals,
    builder: Builder,
    desired: Option<Arc<Desired>>,
    /// The config that Caddy accepted last.
    accepted: Option<Arc<Desired>>,
    loads: Loads,
    unavailable: Sendable,
    first_look_by: Option<Instant>,
    /// Whether it is not known yet if an earlier agent left a Caddy that can be taken over.
    awaits_adoption: bool,
    overdue: Overdue,
    /// When the first route ends that outlives its containers.
    linger_until: Option<Instant>,
    measured: Measured,
    status: Status,
}

/// Runs the loop until it is asked to stop. What is kept in the state directory comes in as
/// `state`.
pub async fn reconcile<E, A, S, P>(
    mut world: World<E, A, S, P>,
    options: Options,
    state: State,
    channels: Channels,
) where
    E: Engine + Clone,
    A: Admin + Clone,
    S: Store + Clone,
    P: Probe + Clone,
{
    let mut resync = tokio::time::interval(options.resync_interval);
    resync.set_missed_tick_behavior(MissedTickBehavior::Delay);
    resync.reset();
    let now = Instant::now();
    let awaits_adoption = *channels.phase.borrow() == Phase::Looking;
    let first_look = now + ADOPTION_WAIT * u32::from(awaits_adoption);
    let settings = report::settings(&options, world.slots.is_some());
    let caddy_version = options.caddy_version.clone();
    if let Some(slots) = &mut world.slots {
        slots.count_in(&channels.metrics);
    }
    let mut this = Loop {
        unavailable: render_unavailable(&options.render).into(),
        loads: Loads::new(options.debounce),
        world,
        options,
        channels,
        state,
        saving: None,
        save_wanted: false,
        unsaved: Vec::new(),
        looks: Looks::default(),
        subscription: Subscription::due(first_look),
        network_check: None,
        access_check: None,
        blocked: BTreeMap::new(),
        snapshot: None,
        memory: Memory::default(),
        restart: Restart::new(now),
        readiness: Readiness::default(),
        refusals: Refusals::default(),
        builder: Builder::default(),
        desired: None,
        accepted: None,
        first_look_by: Some(now + FIRST_LOOK_WAIT),
        awaits_adoption,
        overdue: Overdue::default(),
        linger_until: None,
        measured: Measured::default(),
        status: Status {
            settings: Arc::new(settings),
            caddy: CaddyStatus {
                version: caddy_version,
                ..CaddyStatus::default()
            },
            ..Status::default()
        },
    };
    this.halt_again();
    let stop = this.channels.stop.clone();
    while let Some(event) = stop.run_until_cancelled(this.next(&mut resync)).await {
        this.handle(event);
    }
    this.finish().await;
}

impl<E, A, S, P> Loop<E, A, S, P>
where
    E: Engine + Clone,
    A: Admin + Clone,
    S: Store + Clone,
    P: Probe + Clone,
{
    /// Gathers: waits for whatever comes first. Nothing is decided here.
    async fn next(&mut self, resync: &mut Interval) -> Event {
        let load_due = self.load_due();
        let noticed = self.looks.can_look_at_noticed();
        let slots_due = self.world.slots.as_ref().map(Slots::deadline);
        tokio::select! {
            biased;
            Ok(()) = self.channels.phase.changed() => Event::Phase,
            () = self.channels.metrics.pulse.asked() => Event::Pulse,
            loaded = done(&mut self.loads.in_flight) => Event::Loaded(loaded),
            looked = done(&mut self.looks.in_flight) => Event::Looked(looked),
            () = at(load_due) => Event::LoadDue,
            notice = next_of(&mut self.subscription.notices) => Event::Notice(notice),
            // After all notices that are there already.
            () = std::future::ready(()), if noticed => Event::LookAtNoticed,
            news = self.readiness.next() => Event::Readiness(news),
            () = at(slots_due) => Event::SlotsDue,
            () = at(self.subscription.open_at) => Event::Subscribe,
            () = at(self.looks.retry_at) => Event::Look(Reason::Retry),
            Some(()) = self.channels.resync.recv() => Event::Look(Reason::Asked),
            Some(command) = self.channels.commands.recv() => Event::Command(command),
            Ok(()) = self.channels.certificates.changed() => Event::Certificates,
            Ok(()) = self.channels.obtainings.changed() => Event::Obtainings,
            saved = done(&mut self.saving) => Event::Saved(saved),
            step = self.restart.next() => Event::Restart(step),
            step = self.memory.next() => Event::Memory(step),
            checked = done(&mut self.network_check) => Event::NetworkChecked(checked),
            () = done(&mut self.access_check) => Event::AccessChecked,
            () = at(self.first_look_by) => Event::NoFirstLook,
            () = at(self.overdue.deadline()) => Event::Overdue,
            _ = resync.tick() => Event::Look(Reason::Resync),
        }
    }

    /// Decides: what an event means.
    fn handle(&mut self, event: Event) {
        match event {
            Event::Subscribe => self.subscribe(),
            Event::Notice(notice) => self.on_notice(notice),
            Event::Look(reason) => self.look(reason),
            Event::LookAtNoticed => self.look_at_noticed(),
            Event::Looked(looked) => self.on_looked(looked),
            Event::NetworkChecked(checked) => self.on_network_checked(&checked),
            Event::AccessChecked => self.note_access(),
            Event::Certificates => self.rebuild(),
            Event::Obtainings => self.note_obtainings(),
            Event::Phase => self.on_phase(),
            Event::Pulse => self.channels.metrics.pulse.answer(),
            Event::Readiness(news) => self.on_news(news),
            Event::Command(command) => self.on_command(command),
            Event::SlotsDue => self.on_slots_due(),
            Event::LoadDue => self.load(),
            Event::Loaded(loaded) => self.on_loaded(loaded),
            Event::Saved(saved) => self.on_saved(saved),
            Event::Memory(step) => self.on_memory(step),
            Event::Restart(step) => self.on_restart(step),
            Event::NoFirstLook => self.recall(),
            Event::Overdue => self.overdue.say(&self.status.rows, Instant::now()),
        }
    }

    /// Lets a load and a save under way end, within bounds.
    async fn finish(mut self) {
        let last = async {
            if self.loads.in_flight.is_some() {
                let loaded = done(&mut self.loads.in_flight).await;
                self.on_loaded(loaded);
            }
            while self.saving.is_some() {
                let saved = done(&mut self.saving).await;
                self.on_saved(saved);
            }
            self.remember_last().await;
        };
        if tokio::time::timeout(LAST_LOAD_WAIT, last).await.is_err() {
            tracing::warn!("Stopping with a load or a save still under way.");
        }
        if let Some(slots) = self.world.slots.take() {
            slots.shutdown().await;
        }
    }
}

/// The result of a future that may not be there; waits for ever then.
async fn done<T>(slot: &mut Option<impl Future<Output = T> + Unpin>) -> T {
    match slot {
        Some(future) => {
            let value = future.await;
            *slot = None;
            value
        }
        None => pending().await,
    }
}

/// The next item of a stream that may not be there; waits for ever then.
async fn next_of<T>(stream: &mut Option<impl futures::Stream<Item = T> + Unpin>) -> Option<T> {
    match stream {
        Some(stream) => stream.next().await,
        None => pending().await,
    }
}

/// Waits until then; for ever without a time.
async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => pending().await,
    }
}
