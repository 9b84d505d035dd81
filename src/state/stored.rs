//! Claims, last good forms and halts as the bytes of `state.json`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::State;
use crate::model::{AppKey, Halt, Halts, Labels, RouteId};
use crate::routes::{Claims, LastGood};

/// The version of the file's form. A file of another version is not read.
const VERSION: u32 = 1;

/// The file's form.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    claims: Claims,
    last_good: Vec<StoredForm>,
    /// Not in files of the first agents.
    #[serde(default)]
    absent: Vec<StoredAbsence>,
    /// Nor is this.
    #[serde(default)]
    halts: Vec<StoredHalt>,
}

#[derive(Serialize, Deserialize)]
struct StoredForm {
    route: RouteId,
    labels: Labels,
}

#[derive(Serialize, Deserialize)]
struct StoredAbsence {
    app: AppKey,
    since: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredHalt {
    app: AppKey,
    #[serde(flatten)]
    halt: Halt,
    deserted_since: Option<u64>,
}

/// What the bytes of `state.json` say.
///
/// # Errors
/// Why they are not usable.
pub fn parse(bytes: &[u8]) -> Result<State, String> {
    super::check_version(bytes, VERSION)?;
    let stored: Stored = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    let last_good = stored
        .last_good
        .into_iter()
        .map(|form| (form.route, form.labels))
        .collect::<LastGood>();
    let deserted = |stored: &StoredHalt| Some((stored.app.clone(), stored.deserted_since?));
    let deserted = stored.halts.iter().filter_map(deserted).collect();
    let halts = stored.halts.into_iter();
    let halts: Halts = halts.map(|stored| (stored.app, stored.halt)).collect();
    Ok(State {
        halts: Arc::new(halts),
        deserted,
        claims: stored.claims,
        last_good,
        absent: { stored.absent.into_iter() }
            .map(|absence| (absence.app, absence.since))
            .collect(),
    })
}

/// The bytes of `state.json`.
///
/// # Panics
/// Never: strings and numbers always serialise.
#[must_use]
pub fn print(state: &State) -> Vec<u8> {
    let form = |(route, labels): (&RouteId, &Labels)| StoredForm {
        route: route.clone(),
        labels: labels.clone(),
    };
    let last_good = state.last_good.iter().map(form).collect();
    let halt = |(app, halt): (&AppKey, &Halt)| StoredHalt {
        app: app.clone(),
        halt: halt.clone(),
        deserted_since: state.deserted.get(app).copied(),
    };
    let stored = Stored {
        version: VERSION,
        claims: state.claims.clone(),
        last_good,
        absent: { state.absent.iter() }
            .map(|(app, since)| StoredAbsence {
                app: app.clone(),
                since: *since,
            })
            .collect(),
        halts: state.halts.iter().map(halt).collect(),
    };
    serde_json::to_vec_pretty(&stored).expect("strings and numbers always serialise")
}
