//! Who a container belongs to: its app, and the owner that claims hosts.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::shown;

/// Characters of a name that are shown. Projects and services are named by labels of any length.
const SHOWN_NAME_CHARS_MAX: usize = 128;

/// Who claims a host: a compose project, or an app that belongs to no project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// A compose project.
    Project(Arc<str>),
    /// A container or swarm service outside any project, by its app's name.
    App(Arc<str>),
}

impl Owner {
    /// The bare name, as `share` names it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Project(name) | Self::App(name) => name,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Project(name) => write!(f, "project `{}`", shown(name, SHOWN_NAME_CHARS_MAX)),
            Self::App(name) => write!(f, "app `{}`", shown(name, SHOWN_NAME_CHARS_MAX)),
        }
    }
}

/// The containers that serve one thing together. Two apps of one name in two projects are two
/// apps, so nobody joins another project's app by a label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AppKey {
    /// Who claims its hosts.
    pub owner: Owner,
    /// Its name within the owner.
    pub name: Arc<str>,
}

impl AppKey {
    /// The compose project it is of; `None` outside any.
    #[must_use]
    pub fn project(&self) -> Option<&str> {
        match &self.owner {
            Owner::Project(project) => Some(project),
            Owner::App(_) => None,
        }
    }
}

impl fmt::Display for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(project) = self.project() {
            write!(f, "{}/", shown(project, SHOWN_NAME_CHARS_MAX))?;
        }
        f.write_str(&shown(&self.name, SHOWN_NAME_CHARS_MAX))
    }
}
