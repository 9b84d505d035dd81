//! The containers as they were last: what Caddy is started with while the engine does not answer.
//!
//! Containers and not routes are kept, so that a start without an engine goes the same way as any
//! other: labels that are wrong stay wrong, and claims decide. Addresses count only as long as
//! nobody else can have got them meanwhile.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Container, ContainerId, SharedSet};

/// The version of the file's form. A file of another version is not read.
const VERSION: u32 = 1;

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remembered {
    /// The containers with labels of ours, and those whose network they use; by id.
    pub containers: Vec<Arc<Container>>,
    /// Who had shown at which address that it is ready.
    pub proven: SharedSet<(ContainerId, SocketAddr)>,
    /// Who had been told to stop.
    pub draining: BTreeSet<ContainerId>,
    /// The engine's process, if it is known.
    pub engine: Option<String>,
    /// Whether containers outlive a restart of the engine.
    pub live_restore: bool,
}

/// What an earlier agent remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recalled {
    /// What.
    pub remembered: Remembered,
    /// When that was so, in seconds since 1970.
    pub at: u64,
    /// Whether the machine has not been started anew since.
    pub is_same_boot: bool,
}

/// The file's form.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    version: u32,
    boot_id: Cow<'a, str>,
    at: u64,
    containers: Cow<'a, [Arc<Container>]>,
    proven: Cow<'a, SharedSet<(ContainerId, SocketAddr)>>,
    draining: Cow<'a, BTreeSet<ContainerId>>,
    engine: Option<Cow<'a, str>>,
    live_restore: bool,
}

/// Names the run of the machine; empty when the system does not say.
pub(super) fn boot_id(file: &Path) -> String {
    let id = std::fs::read_to_string(file).unwrap_or_default();
    id.trim().to_owned()
}

/// What the bytes of `containers.json` say, on the run of the machine with this id.
///
/// # Errors
/// Why they are not usable.
pub fn parse(bytes: &[u8], boot_id: &str) -> Result<Recalled, String> {
    super::check_version(bytes, VERSION)?;
    let stored: Stored<'_> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    Ok(Recalled {
        remembered: Remembered {
            containers: stored.containers.into_owned(),
            proven: stored.proven.into_owned(),
            draining: stored.draining.into_owned(),
            engine: stored.engine.map(Cow::into_owned),
            live_restore: stored.live_restore,
        },
        at: stored.at,
        is_same_boot: !boot_id.is_empty() && stored.boot_id == boot_id,
    })
}

/// The bytes of `containers.json`.
///
/// # Panics
/// Never: strings and numbers always serialise.
#[must_use]
pub fn print(remembered: &Remembered, at: u64, boot_id: &str) -> Vec<u8> {
    let stored = Stored {
        version: VERSION,
        boot_id: Cow::Borrowed(boot_id),
        at,
        containers: Cow::Borrowed(&remembered.containers),
        proven: Cow::Borrowed(&remembered.proven),
        draining: Cow::Borrowed(&remembered.draining),
        engine: remembered.engine.as_deref().map(Cow::Borrowed),
        live_restore: remembered.live_restore,
    };
    serde_json::to_vec(&stored).expect("strings and numbers always serialise")
}
