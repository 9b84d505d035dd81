//! Why no Caddy runs, and how that is said.

use std::path::Path;

use tracing::{error, warn};

use crate::supervise::{ExitCause, Listener};

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
                warn!(
                    epoch,
                    status, before_up, last_words, "Caddy ended; starting it again."
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
