//! Feeds the state machine with what happens, and does what it says.
//!
//! Owns the running [`Process`], the reading of its log and the published [`Phase`]. It deliberately holds no rules: when to
//! start, ask, wait or signal is decided in [`state`](super::state).

mod event;
mod reading;
mod why;

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::select;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use self::event::{Event, at, changed, exit, finished};
use self::why::Why;
use super::adopt::{self, Adopted};
use super::child::{self, Child};
use super::obtaining::Jobs;
use super::output::LastWords;
use super::process::{Exit, Process};
use super::record::{Binary, record};
use super::state::{Action, Answer, Input, Stage, State, Then};
use super::tail::Tail;
use super::{ChildOptions, ExitCause, Listener, Phase, Ping, StartConfig, SuperviseError};
use super::{ports, stale};

/// Runs Caddy until asked to stop.
///
/// Takes over the Caddy that an earlier agent left, if it is ours and answers. Else waits for the
/// first config, then keeps one Caddy running that was started with the newest. `stop` ends it
/// gracefully (SIGTERM, then SIGKILL after [`Timing::stop_timeout`]), `abort` at once; `leave` ends
/// only the supervisor, and leaves a Caddy that serves to the next one. Dropping the future leaves
/// Caddy running, whatever it does. `None` in `config` after a config is ignored.
///
/// [`Timing::stop_timeout`]: super::Timing::stop_timeout
///
/// # Errors
/// When the system does not say whether the child lives.
pub async fn supervise(
    options: ChildOptions,
    ping: impl Ping,
    config: watch::Receiver<Option<StartConfig>>,
    phase: watch::Sender<Phase>,
    stop: CancellationToken,
    abort: CancellationToken,
    leave: CancellationToken,
) -> Result<(), SuperviseError> {
    child::raise_open_files_limit();
    let (state, first) = State::begin();
    let mut driver = Driver {
        options: &options,
        ping: &ping,
        config,
        phase,
        state,
        process: None,
        slow_at: None,
        tail: Tail::open(&options.log_file, options.pid_file.with_extension("taken")),
        words: LastWords::default(),
        jobs: Jobs::default(),
        newest: None,
        tried: None,
        why: None,
        looking: None,
        preparing: None,
        asking: None,
    };
    for action in first {
        driver.obey(action).await;
    }
    while !driver.state.is_over() {
        let event = driver.next(&stop, &abort, &leave).await?;
        driver.take(event).await;
    }
    if driver.state.stage == Stage::Stopped {
        driver.tail.remove();
    }
    // A stale Caddy that is being removed must not outlive us; that is bounded.
    if let Some(preparing) = driver.preparing.take() {
        abort.run_until_cancelled(preparing).await;
    }
    Ok(())
}

struct Driver<'a, P> {
    // Inboxes.
    config: watch::Receiver<Option<StartConfig>>,
    looking: Option<BoxFuture<'a, Option<(Adopted, StartConfig)>>>,
    preparing: Option<BoxFuture<'a, Option<Listener>>>,
    asking: Option<BoxFuture<'a, Answer>>,
    // State.
    state: State,
    process: Option<Process>,
    tail: Tail,
    /// When it is said that this process takes long to serve; `None` once said.
    slow_at: Option<Instant>,
    /// What the log says of the end of this process.
    words: LastWords,
    /// What the log says of certificates.
    jobs: Jobs,
    newest: Option<StartConfig>,
    /// The config of the last spawn, or what the process that was taken over served.
    tried: Option<Arc<str>>,
    why: Option<Why>,
    // Surroundings.
    options: &'a ChildOptions,
    ping: &'a P,
    phase: watch::Sender<Phase>,
}

impl<P: Ping> Driver<'_, P> {
    /// Waits for the next event. May be dropped at any await.
    async fn next(
        &mut self,
        stop: &CancellationToken,
        abort: &CancellationToken,
        leave: &CancellationToken,
    ) -> Result<Event, SuperviseError> {
        let (ends, is_killed) = match self.state.stage {
            Stage::Stopping { kill_at, then } => (then == Then::End, kill_at.is_none()),
            Stage::Looking { ends } => (ends, ends),
            Stage::Idle
            | Stage::Preparing
            | Stage::Starting { .. }
            | Stage::Up { .. }
            | Stage::Waiting { .. }
            | Stage::Stopped
            | Stage::Left => (false, false),
        };
        let deadline = self.state.deadline();
        // Lines belong to an epoch, which is not known yet.
        let is_looking = matches!(self.state.stage, Stage::Looking { .. });
        let event = select! { biased;
            () = abort.cancelled(), if !(ends && is_killed) => Event::Abort,
            () = stop.cancelled(), if !ends => Event::Stop,
            () = leave.cancelled(), if !ends => Event::Leave,
            status = exit(&mut self.process) => Event::Exited(status?),
            found = finished(&mut self.looking) => Event::Looked(found),
            listener = finished(&mut self.preparing) => Event::Prepared(listener),
            answer = finished(&mut self.asking) => Event::Answered(answer),
            () = changed(&mut self.config) => Event::Config,
            () = at(deadline) => Event::Time,
            () = self.tail.wait(), if !is_looking => Event::Log,
        };
        Ok(event)
    }

    async fn take(&mut self, event: Event) {
        match event {
            Event::Abort => self.step(Input::Abort).await,
            Event::Stop => self.step(Input::Stop).await,
            Event::Leave => self.leave().await,
            Event::Exited(status) => {
                self.bury(status).await;
                self.step(Input::Exited).await;
                // One that came while the old one was starting ends the wait like a later one.
                self.look_for_config().await;
            }
            Event::Looked(found) => {
                self.looking = None;
                let input = match found {
                    Some((process, served)) => self.adopt(process, served),
                    None => Input::NoneToAdopt,
                };
                self.step(input).await;
                self.look_for_config().await;
            }
            Event::Prepared(listener) => {
                self.preparing = None;
                let input = listener.map_or(Input::Clear, |listener| {
                    self.note(Why::PortTaken(listener));
                    Input::PortTaken
                });
                self.step(input).await;
            }
            Event::Answered(answer) => {
                self.asking = None;
                self.say_if_slow(answer);
                self.step(Input::Answered(answer)).await;
            }
            Event::Config => self.look_for_config().await,
            Event::Time => self.step(Input::Time).await,
            Event::Log => self.read_log(Tail::read),
        }
    }

    /// Makes a Caddy that an earlier agent started ours.
    fn adopt(&mut self, mut process: Adopted, served: StartConfig) -> Input {
        let (pid, epoch) = (process.pid, self.state.epoch + 1);
        process.drain(epoch);
        info!(epoch, pid, config = %served.id, "Took over the Caddy of an earlier agent.");
        self.process = Some(Process::Adopted(process));
        self.tried = Some(Arc::clone(&served.id));
        self.newest = Some(served);
        Input::Adopted
    }

    async fn leave(&mut self) {
        let pid = self.process.as_ref().map(Process::pid);
        self.step(Input::Leave).await;
        if self.state.stage == Stage::Left {
            info!(pid, "Leaving Caddy to the next agent.");
        }
    }

    async fn look_for_config(&mut self) {
        let newest = self.newest().map(|config| config.id);
        if newest.is_some() && newest != self.tried {
            self.step(Input::Config).await;
        }
    }

    /// What the watch holds, or held before it became `None`.
    fn newest(&mut self) -> Option<StartConfig> {
        if let Some(config) = self.config.borrow_and_update().as_ref() {
            self.newest = Some(config.clone());
        }
        self.newest.clone()
    }

    async fn step(&mut self, input: Input) {
        let mut next = Some(input);
        while let Some(input) = next.take() {
            let (state, actions) = self.state.step(&self.options.timing, input, Instant::now());
            self.state = state;
            for action in actions {
                next = self.obey(action).await.or(next);
            }
        }
        self.publish();
    }

    /// Does what the state machine says; what that led to at once is its next input.
    async fn obey(&mut self, action: Action) -> Option<Input> {
        let ping = self.ping;
        match action {
            Action::Look => self.looking = Some(adopt::find(self.options, ping).boxed()),
            Action::Prepare => self.preparing = Some(prepare(self.options, ping).boxed()),
            Action::Spawn { epoch } => return self.spawn(epoch).await,
            Action::AskServing => self.asking = Some(event::serving(ping).boxed()),
            Action::AskAlive => self.asking = Some(event::alive(ping).boxed()),
            Action::Terminate => self.process.iter().for_each(Process::terminate),
            Action::Kill => self.process.iter().for_each(Process::kill),
        }
        None
    }

    async fn spawn(&mut self, epoch: u64) -> Option<Input> {
        let config = self
            .newest()
            .expect("nothing is spawned before the first config");
        self.tried = Some(Arc::clone(&config.id));
        let options = self.options;
        // Before the start: whoever replaces the file in between makes the record wrong for the
        // next agent, which then starts another Caddy, and not the old one right for it.
        let binary = Binary::named(&options.binary);
        let mut child = match Child::spawn(&options.binary, options.user, &options.home_dir, epoch)
        {
            Ok(child) => child,
            Err(error) => {
                self.note(Why::Ended(ExitCause::SpawnFailed {
                    message: error.to_string(),
                }));
                return Some(Input::SpawnFailed);
            }
        };
        let pid = child.pid;
        if let Err(error) = record(&options.pid_file, pid, binary).await {
            warn!(pid, %error, "Could not record the pid of Caddy.");
        }
        child.feed(config.json);
        info!(epoch, pid, config = %config.id, "Started Caddy.");
        self.slow_at = Some(Instant::now() + options.timing.slow_after);
        self.words = LastWords::default();
        self.jobs = Jobs::default();
        self.options.obtainings.send_replace(Arc::default());
        self.process = Some(Process::Spawned(child));
        None
    }

    /// Takes leave of the process that just ended.
    async fn bury(&mut self, status: Exit) {
        self.asking = None;
        let Some(process) = self.process.take() else {
            return;
        };
        let (epoch, pid) = (self.state.epoch, process.pid());
        stale::tidy(&self.options.pid_file, &self.options.admin_socket).await;
        self.read_log(Tail::drain);
        let words = std::mem::take(&mut self.words).into_text();
        let mut last_words = vec![words, process.last_words().await];
        last_words.retain(|words| !words.is_empty());
        let last_words = last_words.join("\n");
        let before_up = matches!(self.state.stage, Stage::Starting { .. });
        match self.state.stage {
            Stage::Stopping {
                then: Then::End, ..
            } => info!(epoch, pid, %status, "Stopped Caddy."),
            Stage::Stopping {
                then: Then::Restart { before_up },
                ..
            } => {
                self.note(Why::Ended(ExitCause::DidNotAnswer { before_up }));
            }
            Stage::Starting { .. }
            | Stage::Up { .. }
            | Stage::Looking { .. }
            | Stage::Idle
            | Stage::Preparing
            | Stage::Waiting { .. }
            | Stage::Stopped
            | Stage::Left => {
                let status = status.to_string();
                self.note(Why::Ended(ExitCause::Exited {
                    status,
                    before_up,
                    last_words,
                }));
            }
        }
    }

    /// Keeps why no Caddy runs, and logs it once as long as it stays the same.
    fn note(&mut self, why: Why) {
        let epoch = self.state.epoch;
        if self.why.as_ref() == Some(&why) {
            debug!(epoch, "Caddy failed as before.");
        } else {
            why.say(epoch, &self.options.binary);
        }
        self.why = Some(why);
    }

    fn publish(&mut self) {
        let Some(phase) = self.to_phase() else { return };
        if let Phase::Up { epoch, pid, id } = &phase
            && *self.phase.borrow() != phase
        {
            self.why = None;
            info!(epoch, pid, config = %id, "Caddy serves.");
        }
        self.phase.send_if_modified(|published| {
            let is_new = *published != phase;
            *published = phase;
            is_new
        });
    }

    /// What to publish; `None` while the way is cleared, where the last phase still holds.
    fn to_phase(&self) -> Option<Phase> {
        let epoch = self.state.epoch;
        let id = self.tried.clone().unwrap_or_default();
        match self.state.stage {
            Stage::Looking { .. } => Some(Phase::Looking),
            Stage::Idle => Some(Phase::Idle),
            Stage::Preparing | Stage::Left => None,
            Stage::Starting { .. } => Some(Phase::Starting { epoch, id }),
            Stage::Up { .. } => self.process.as_ref().map(|process| Phase::Up {
                epoch,
                pid: process.pid(),
                id,
            }),
            Stage::Waiting { delay, .. } => match self.why.as_ref()? {
                Why::Ended(cause) => Some(Phase::Waiting {
                    epoch,
                    id,
                    cause: cause.clone(),
                    retry_in: delay,
                }),
                Why::PortTaken(listener) => Some(Phase::PortTaken(listener.clone())),
            },
            Stage::Stopping { .. } => Some(Phase::Stopping { epoch }),
            Stage::Stopped => Some(Phase::Stopped),
        }
    }
}

/// Clears the way for a start: no Caddy but the next, and nobody on its ports.
async fn prepare(options: &ChildOptions, ping: &impl Ping) -> Option<Listener> {
    stale::clear(&options.admin_socket, &options.pid_file, ping).await;
    let listen = options.listen.clone();
    spawn_blocking(move || ports::find_listener(&listen))
        .await
        .ok()
        .flatten()
}

#[cfg(test)]
mod tests;
