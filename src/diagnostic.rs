//! What a user wrote, and how to fix it.
//!
//! Owns the one table of codes and the one way a diagnostic is shown. Deliberately separate from
//! errors, which say what the world did: a diagnostic is a value, it never fails a call.

mod code;
mod explain;
mod render;

pub use code::{Code, Severity};

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::ContainerRef;

/// A label as the user wrote it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LabelRef {
    /// The whole key, prefix included.
    pub key: Arc<str>,
    /// The value, whole; it is cut only when shown.
    pub value: Arc<str>,
}

/// One finding about one container. `Ord` sorts by container, then by what is wrong there, so that
/// a report never depends on the order in which things were found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Whose label it is.
    pub container: ContainerRef,
    /// What kind of finding.
    pub code: Code,
    /// The label, where one is to blame.
    pub label: Option<LabelRef>,
    /// What is wrong: what was expected and what was found; lowercase, without a full stop.
    pub message: String,
    /// What to type.
    pub help: String,
}
