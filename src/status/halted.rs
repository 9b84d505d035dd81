//! Apps whose requests a person holds back, as others see them.
//!
//! Pure.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::HappeningKind;
use crate::model::{AppKey, Halt};

/// An app whose requests a person holds back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halted {
    /// Which.
    pub app: AppKey,
    /// How.
    #[serde(flatten)]
    pub halt: Halt,
}

/// The halt of an app, if it is among these.
#[must_use]
pub fn halt_of<'a>(halted: &'a [Halted], app: &AppKey) -> Option<&'a Halt> {
    let found = halted.iter().find(|halted| halted.app == *app);
    found.map(|halted| &halted.halt)
}

/// What people told the agent to do, as happenings.
pub(super) fn told(
    before: &Arc<Vec<Halted>>,
    after: &Arc<Vec<Halted>>,
) -> Vec<(HappeningKind, String, String)> {
    if Arc::ptr_eq(before, after) {
        return Vec::new();
    }
    let new = { after.iter() }.filter(|halted| !before.contains(halted));
    let new =
        new.map(|Halted { app, halt }| (HappeningKind::Down, app.to_string(), halt.in_full()));
    let over = { before.iter() }.filter(|halted| halt_of(after, &halted.app).is_none());
    let over = over.map(|halted| {
        let text = "takes requests again".to_owned();
        (HappeningKind::Live, halted.app.to_string(), text)
    });
    new.chain(over).collect()
}
