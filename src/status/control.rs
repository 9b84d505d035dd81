//! What a person tells the agent to do with an app, and what it answers.
//!
//! Plain data: the control socket reads it and the loop does it. Deliberately nothing here touches a
//! container: a verb changes what becomes of requests.

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::model::{Halt, HaltKind};

/// What is to become of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Its requests wait, or get 503.
    Halt(HaltKind),
    /// They reach its containers.
    Resume,
}

/// One order to the loop.
#[derive(Debug)]
pub struct Command {
    /// What to do.
    pub verb: Verb,
    /// With which app: its name, one of its containers or one of its hosts, as a person wrote it.
    pub app: String,
    /// Who says so.
    pub by: String,
    /// Takes the answer; who does not wait for it any more is no error.
    pub answer: oneshot::Sender<Result<Done, Refusal>>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The app, as the table of routes shows it.
    pub app: String,
    /// Hosts and paths whose requests it is about.
    pub routes: Vec<String>,
    /// What holds now; `None` is that requests reach the app.
    pub halt: Option<Halt>,
    /// What held before.
    pub before: Option<Halt>,
    /// Requests that wait now.
    pub waiting: usize,
    /// What is not as it should be, although it was done.
    pub warning: Option<String>,
}

impl Done {
    /// Whether anything is different from before.
    #[must_use]
    pub fn is_change(&self) -> bool {
        let kind = |halt: &Option<Halt>| halt.as_ref().map(|halt| halt.kind.clone());
        kind(&self.halt) != kind(&self.before)
    }
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What is wrong; lowercase, without a full stop.
    pub error: String,
    /// What to type.
    pub help: String,
    /// Which kind of refusal.
    pub kind: RefusalKind,
}

/// Kinds of refusals, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The order cannot be read.
    Invalid,
    /// Another user may give orders.
    Forbidden,
    /// Nobody knows the app.
    Unknown,
    /// Several apps are meant.
    Ambiguous,
    /// This agent cannot do it.
    Impossible,
    /// The agent is ending.
    Ending,
}

impl Refusal {
    /// A refusal of this kind.
    pub fn new(kind: RefusalKind, error: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            help: help.into(),
            kind,
        }
    }
}
