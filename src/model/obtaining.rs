//! A certificate on its way.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::utc;

/// A certificate that Caddy is getting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obtaining {
    /// Since when, in seconds since 1970.
    pub since: u64,
    /// Why the last try failed, in an authority's words, so untrusted; `None` before the first
    /// failure.
    pub error: Option<String>,
}

/// The certificates that Caddy is getting, by host.
pub type Obtainings = BTreeMap<String, Obtaining>;

impl Obtaining {
    /// In words, as of a host, with the time of day.
    pub(crate) fn text(&self) -> String {
        self.text_with(&format!(" since {} UTC", utc(self.since)))
    }

    /// The same; `when` says since when, or for how long.
    pub(crate) fn text_with(&self, when: &str) -> String {
        let text = format!("its certificate is being obtained{when}");
        match &self.error {
            Some(error) => format!("{text}; the last try failed: {error}"),
            None => text,
        }
    }
}
