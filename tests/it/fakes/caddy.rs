//! A Caddy in memory: remembers its config, ignores an equal one, forgets it when it restarts,
//! and writes down what was loaded when.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use sh0_agent::caddy::admin::{Admin, AdminError};
use tokio::time::{Instant, sleep};

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
    verdict: Verdict,
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
            verdict: Box::new(|_| None),
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics with the lock in hand")
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
        if self.up()?.config.as_ref() == Some(&json) {
            return Ok(());
        }
        let refusal = self.refusal(&json);
        let mut state = self.up()?;
        if let Some(error) = refusal {
            state.refusals += 1;
            return Err(error);
        }
        state.loads.push((Instant::now(), Arc::clone(&json)));
        state.config = Some(json);
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
