//! Compose files: from their text to services with labels, networks and ports, and where each of
//! them is written.
//!
//! Owns what compose does with files before it makes containers: variables, aliases and merges,
//! `extends`, `include`, files laid over each other, lists and maps that mean the same. It reads
//! what decides about routes, passes over the rest, and says what compose would refuse of it.
//! Deliberately touches no file and no environment: whoever asks gives both.

mod extends;
mod fill;
mod include;
mod load;
mod node;
mod outline;
mod service;
mod values;
mod variables;
mod yaml;

use std::path::Path;

use crate::diagnostic::Severity;

pub use load::{Loaded, Options, Source, load};
pub use node::Place;
pub use outline::Outline;
pub use service::{Label, Project, Service};
pub use variables::Variables;

/// Gives the text of a file, or why there is none.
pub type Read<'a> = &'a dyn Fn(&Path) -> Result<String, String>;

/// What is wrong with a file itself, whatever its labels say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// Whether compose refuses it.
    pub severity: Severity,
    /// The service, where one is concerned.
    pub service: Option<String>,
    /// The label, where one is.
    pub label: Option<String>,
    /// What is wrong; lowercase, without a full stop.
    pub message: String,
    /// What to type.
    pub help: String,
}
