//! Why no Caddy runs or serves, and how that is said.

use std::path::Path;

use tokio::time::Instant;
use tracing::{error, info, warn};

use super::Driver;
use crate::supervise::state::{Answer, Stage};
use crate::supervise::{ExitCause, Listener, Ping};

/// What Caddy says at a port below 1024 without the right to it.
const MAY_NOT_LISTEN: &str = ": bind: permission denied";
const LISTEN_HELP: &str = "start the agent with the capability CAP_NET_BIND_SERVICE (with systemd \
                           `AmbientCapabilities=CAP_NET_BIND_SERVICE`), or choose ports from 1024 \
                           on with `--http-port` and `--https-port`";

/// Why no Caddy runs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Why {
    Ended(ExitCause),
    PortTaken(Listener),
}

impl Why {
    /// Logs it.
    pub(super) fn say(&self, epoch: u64, binary: &Path) {
        match self {
            Self::Ended(ExitCause::Exited {
                status,
                before_up,
                last_words,
            }) => {
                let help = last_words.contains(MAY_NOT_LISTEN).then_some(LISTEN_HELP);
                warn!(
                    epoch,
                    status, before_up, last_words, help, "Caddy ended; starting it again."
                );
            }
            Self::Ended(ExitCause::DidNotAnswer { before_up }) => {
                warn!(
                    epoch,
                    before_up, "Caddy did not answer and was killed; starting it again."
                );
            }
            Self::Ended(ExitCause::SpawnFailed { message }) => {
                let binary = binary.display();
                error!(epoch, %binary, message, "Could not start Caddy; trying again.");
            }
            Self::PortTaken(Listener {
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
    }
}

impl<P: Ping> Driver<'_, P> {
    /// Says once of a Caddy that lives, but has taken long to serve, that it is waited for.
    pub(super) fn say_if_slow(&mut self, answer: Answer) {
        let is_starting = matches!(self.state.stage, Stage::Starting { .. });
        let is_slow = self.slow_at.is_some_and(|at| at <= Instant::now());
        if !is_starting || !is_slow || answer != Answer::Alive {
            return;
        }
        self.slow_at = None;
        let within = self.options.timing.ready_within;
        info!(
            epoch = self.state.epoch,
            ?within,
            "Caddy is still taking its first config; waiting for it."
        );
    }
}
