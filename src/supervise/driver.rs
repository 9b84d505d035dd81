//! Feeds the state machine with what happens, and does what it says.
//!
//! Owns the running [`Child`] and the published [`Phase`]. It deliberately holds no rules: when to
//! start, ask, wait or signal is decided in [`state`](super::state).

use std::future::pending;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::select;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::child::{self, Child};
use super::ports;
use super::stale;
use super::state::{Action, Input, Stage, State, Then};
use super::{ChildOptions, ExitCause, Listener, Phase, Ping, StartConfig, SuperviseError};

/// An answer that takes longer is none, whatever the implementor does.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Runs Caddy until asked to stop.
///
/// Waits for the first config, then keeps one Caddy running that was started with the newest.
/// `stop` ends it gracefully (SIGTERM, then SIGKILL after [`Timing::stop_timeout`]), `abort` at
/// once. Dropping the future leaves Caddy running. `None` in `config` after a config is ignored.
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
) -> Result<(), SuperviseError> {
    child::raise_open_files_limit();
    let mut driver = Driver {
        options: &options,
        ping: &ping,
        config,
        phase,
        state: State::new(),
        child: None,
        newest: None,
        tried: None,
        why: None,
        preparing: None,
        asking: None,
    };
    driver.look_for_config().await;
    while driver.state.stage != Stage::Stopped {
        let event = driver.next(&stop, &abort).await?;
        driver.take(event).await;
    }
    // A stale Caddy that is being removed must not outlive us; that is bounded.
    if let Some(preparing) = driver.preparing.take() {
        abort.run_until_cancelled(preparing).await;
    }
    Ok(())
}

/// Everything that can wake the driver.
enum Event {
    Abort,
    Stop,
    Exited(ExitStatus),
    Prepared(Option<Listener>),
    Answered(bool),
    Config,
    Time,
}

/// Why no Caddy runs.
#[derive(Debug, PartialEq, Eq)]
enum Why {
    Ended(ExitCause),
    PortTaken(Listener),
}

struct Driver<'a, P> {
    // Inboxes.
    config: watch::Receiver<Option<StartConfig>>,
    preparing: Option<BoxFuture<'a, Option<Listener>>>,
    asking: Option<BoxFuture<'a, bool>>,
    // State.
    state: State,
    child: Option<Child>,
    newest: Option<StartConfig>,
    /// The config of the last spawn.
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
    ) -> Result<Event, SuperviseError> {
        let (ends, is_killed) = match self.state.stage {
            Stage::Stopping { kill_at, then } => (then == Then::End, kill_at.is_none()),
            Stage::Idle
            | Stage::Preparing
            | Stage::Starting { .. }
            | Stage::Up { .. }
            | Stage::Waiting { .. }
            | Stage::Stopped => (false, false),
        };
        let deadline = self.state.deadline();
        let event = select! { biased;
            () = abort.cancelled(), if !(ends && is_killed) => Event::Abort,
            () = stop.cancelled(), if !ends => Event::Stop,
            status = exit(&mut self.child) => Event::Exited(status?),
            listener = finished(&mut self.preparing) => Event::Prepared(listener),
            answered = finished(&mut self.asking) => Event::Answered(answered),
            () = changed(&mut self.config) => Event::Config,
            () = at(deadline) => Event::Time,
        };
        Ok(event)
    }

    async fn take(&mut self, event: Event) {
        match event {
            Event::Abort => self.step(Input::Abort).await,
            Event::Stop => self.step(Input::Stop).await,
            Event::Exited(status) => {
                self.bury(status).await;
                self.step(Input::Exited).await;
                // One that came while the old one was starting ends the wait like a later one.
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
            Event::Answered(answered) => {
                self.asking = None;
                self.step(Input::Answered(answered)).await;
            }
            Event::Config => self.look_for_config().await,
            Event::Time => self.step(Input::Time).await,
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
            Action::Prepare => self.preparing = Some(prepare(self.options, ping).boxed()),
            Action::Spawn { epoch } => return self.spawn(epoch).await,
            Action::AskServing => self.asking = Some(bounded(ping.serving()).boxed()),
            Action::AskAlive => self.asking = Some(bounded(ping.ping()).boxed()),
            Action::Terminate => self.child.iter().for_each(Child::terminate),
            Action::Kill => self.child.iter().for_each(Child::kill),
        }
        None
    }

    async fn spawn(&mut self, epoch: u64) -> Option<Input> {
        let config = self
            .newest()
            .expect("nothing is spawned before the first config");
        self.tried = Some(Arc::clone(&config.id));
        let options = self.options;
        let mut child = match Child::spawn(&options.binary, &options.home_dir, epoch) {
            Ok(child) => child,
            Err(error) => {
                self.note(Why::Ended(ExitCause::SpawnFailed {
                    message: error.to_string(),
                }));
                return Some(Input::SpawnFailed);
            }
        };
        let pid = child.pid;
        if let Err(error) = stale::record(&options.pid_file, pid).await {
            warn!(pid, %error, "Could not record the pid of Caddy.");
        }
        child.feed(config.json);
        info!(epoch, pid, config = %config.id, "Started Caddy.");
        self.child = Some(child);
        None
    }

    /// Takes leave of the child that was just reaped.
    async fn bury(&mut self, status: ExitStatus) {
        self.asking = None;
        let Some(child) = self.child.take() else {
            return;
        };
        let (epoch, pid) = (self.state.epoch, child.pid);
        stale::tidy(&self.options.pid_file, &self.options.admin_socket).await;
        let last_words = child.last_words().await;
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
            | Stage::Idle
            | Stage::Preparing
            | Stage::Waiting { .. }
            | Stage::Stopped => {
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
        match &why {
            _ if self.why.as_ref() == Some(&why) => debug!(epoch, "Caddy failed as before."),
            Why::Ended(ExitCause::Exited {
                status,
                before_up,
                last_words,
            }) => {
                warn!(
                    epoch,
                    status, before_up, last_words, "Caddy ended; starting it again."
                );
            }
            Why::Ended(ExitCause::DidNotAnswer { before_up }) => {
                warn!(
                    epoch,
                    before_up, "Caddy did not answer and was killed; starting it again."
                );
            }
            Why::Ended(ExitCause::SpawnFailed { message }) => {
                let binary = self.options.binary.display();
                error!(epoch, %binary, message, "Could not start Caddy; trying again.");
            }
            Why::PortTaken(Listener {
                address,
                pid,
                program,
            }) => {
                let program = program.as_deref().unwrap_or("unknown");
                error!(
                    %address, pid, program,
                    "Another process listens where Caddy should; stop it, or choose other ports."
                );
            }
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
            Stage::Idle => Some(Phase::Idle),
            Stage::Preparing => None,
            Stage::Starting { .. } => Some(Phase::Starting { epoch, id }),
            Stage::Up { .. } => self.child.as_ref().map(|child| Phase::Up {
                epoch,
                pid: child.pid,
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

async fn bounded(answer: impl Future<Output = bool>) -> bool {
    timeout(ANSWER_MAX, answer).await.unwrap_or(false)
}

async fn exit(child: &mut Option<Child>) -> Result<ExitStatus, SuperviseError> {
    match child {
        Some(child) => {
            let pid = child.pid;
            child
                .wait()
                .await
                .map_err(|source| SuperviseError::Wait { pid, source })
        }
        None => pending().await,
    }
}

async fn finished<T>(future: &mut Option<BoxFuture<'_, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

/// A sender that is gone sends nothing more, which is no reason to stop Caddy.
async fn changed(config: &mut watch::Receiver<Option<StartConfig>>) {
    if config.changed().await.is_err() {
        pending::<()>().await;
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests;
