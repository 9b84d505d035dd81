//! A Caddy in memory: remembers its config, ignores an equal one, forgets it when it restarts,
//! and writes down what was loaded when.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use sh0_agent::caddy::admin::{Admin, AdminError};
use tokio::time::{Instant, sleep};

/// What becomes of a config that nothing speaks against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is served.
    Served,
    /// No answer comes within the time of the real client.
    TimesOut { served: bool },
    /// It is said to be served and is not: no Caddy does, an agent with a broken seam would
    /// believe it.
    Lie,
}

/// The real client's patience with a load.
const LOAD_LIMIT: Duration = Duration::from_secs(30);

/// Decides about a config before it is applied; `None` accepts it.
type Verdict = Box<dyn Fn(&[u8]) -> Option<AdminError> + Send>;

/// A handle; clones speak of the same Caddy. It starts up and without a config.
#[derive(Clone)]
pub(crate) struct FakeCaddy(Arc<Mutex<State>>);

struct State {
    up: bool,
    epoch: u64,
    config: Option<Arc<[u8]>>,
    loads: Vec<(Instant, Arc<[u8]>)>,
    refusals: usize,
    pace: Duration,
    starts: Vec<Start>,
    asked: usize,
    verdict: Verdict,
    answer: Answer,
}

/// One process that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) at: Instant,
    pub(crate) config: Arc<[u8]>,
    /// Whether it took its config.
    pub(crate) is_up: bool,
}

impl FakeCaddy {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            up: true,
            epoch: 1,
            config: None,
            loads: Vec::new(),
            refusals: 0,
            pace: Duration::ZERO,
            starts: Vec::new(),
            asked: 0,
            verdict: Box::new(|_| None),
            answer: Answer::Served,
        })))
    }

    /// A Caddy that an earlier agent left with this config.
    pub(crate) fn left(config: &[u8]) -> Self {
        let caddy = Self::new();
        caddy.state().config = Some(config.into());
        caddy
    }

    /// From now on this decides about configs.
    pub(crate) fn judge(&self, verdict: impl Fn(&[u8]) -> Option<AdminError> + Send + 'static) {
        self.state().verdict = Box::new(verdict);
    }

    /// From now on this becomes of configs that nothing speaks against.
    pub(crate) fn answer(&self, answer: Answer) {
        self.state().answer = answer;
    }

    /// From now on nobody answers.
    pub(crate) fn crash(&self) {
        let mut state = self.state();
        state.up = false;
        state.config = None;
    }

    /// A new process, with a new epoch and the config it starts with.
    pub(crate) fn restart(&self, config: Option<Arc<[u8]>>) {
        let mut state = self.state();
        state.up = true;
        state.epoch += 1;
        state.config = config;
    }

    /// Caddy's words if it refused this config, as a first one or as a load.
    pub(crate) fn refusal(&self, json: &[u8]) -> Option<AdminError> {
        let fault = fault(json).map(|message| AdminError::Rejected { message });
        fault.or_else(|| (self.state().verdict)(json))
    }

    /// The number of the process that runs, or ran last.
    pub(crate) fn epoch(&self) -> u64 {
        self.state().epoch
    }

    /// The config that is served.
    pub(crate) fn config(&self) -> Option<Arc<[u8]>> {
        self.state().config.clone()
    }

    /// Every load that changed something, with its (virtual) time.
    pub(crate) fn loads(&self) -> Vec<(Instant, Arc<[u8]>)> {
        self.state().loads.clone()
    }

    /// How many loads were refused.
    pub(crate) fn refusals(&self) -> usize {
        self.state().refusals
    }

    /// From now on a load takes so long.
    pub(crate) fn set_pace(&self, pace: Duration) {
        self.state().pace = pace;
    }

    /// How many loads were asked for, whatever became of them.
    pub(crate) fn asked(&self) -> usize {
        self.state().asked
    }

    /// Notes that a process was started with this config.
    pub(crate) fn note_start(&self, config: Arc<[u8]>, is_up: bool) {
        let at = Instant::now();
        self.state().starts.push(Start { at, config, is_up });
    }

    /// Every process so far.
    pub(crate) fn starts(&self) -> Vec<Start> {
        self.state().starts.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics with the lock in hand")
    }

    /// What becomes of this config now.
    fn take(&self, json: Arc<[u8]>) -> Result<Answer, AdminError> {
        self.state().asked += 1;
        let mut state = self.up()?;
        if state.config.as_ref() == Some(&json) {
            return Ok(Answer::Served);
        }
        let fault = fault(&json).map(|message| AdminError::Rejected { message });
        if let Some(error) = fault.or_else(|| (state.verdict)(&json)) {
            state.refusals += 1;
            return Err(error);
        }
        if !matches!(
            state.answer,
            Answer::Lie | Answer::TimesOut { served: false }
        ) {
            state.loads.push((Instant::now(), Arc::clone(&json)));
            state.config = Some(json);
        }
        Ok(state.answer)
    }

    fn up(&self) -> Result<MutexGuard<'_, State>, AdminError> {
        let state = self.state();
        if state.up {
            return Ok(state);
        }
        Err(AdminError::Unreachable {
            socket: PathBuf::from("/fake/admin.sock"),
            source: io::Error::from(io::ErrorKind::ConnectionRefused).into(),
        })
    }
}

impl fmt::Debug for FakeCaddy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeCaddy").finish_non_exhaustive()
    }
}

impl Admin for FakeCaddy {
    async fn load(&self, json: Arc<[u8]>) -> Result<(), AdminError> {
        tokio::task::yield_now().await;
        let pace = self.state().pace;
        if !pace.is_zero() {
            sleep(pace).await;
        }
        let answer = self.take(json)?;
        if let Answer::TimesOut { .. } = answer {
            sleep(LOAD_LIMIT).await;
            return Err(AdminError::Timeout {
                operation: "POST /load",
                limit: LOAD_LIMIT,
            });
        }
        Ok(())
    }

    async fn ping(&self) -> Result<(), AdminError> {
        tokio::task::yield_now().await;
        self.up().map(drop)
    }

    async fn stop(&self) -> Result<(), AdminError> {
        self.ping().await?;
        self.crash();
        Ok(())
    }
}

/// What Caddy would refuse whatever the routes are.
fn fault(json: &[u8]) -> Option<String> {
    let config = match serde_json::from_slice::<serde_json::Value>(json) {
        Ok(config) => config,
        Err(error) => return Some(format!("loading config: decoding request body: {error}")),
    };
    let mut fields = config.as_object()?.keys();
    let unknown =
        fields.find(|key| !["admin", "apps", "logging", "storage"].contains(&key.as_str()));
    unknown.map(|key| format!("loading config: loading new config: json: unknown field \"{key}\""))
}
