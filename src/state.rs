//! What must outlive the agent: who claimed which host, and the last good form of each route.
//!
//! Owns the file `state.json` in the state directory. Deliberately forgiving when it reads: a file
//! that is cut, foreign or of a newer version is put aside with a warning, never an end.

use std::future::Future;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::model::{Labels, RouteId};
use crate::routes::{Claims, LastGood};

/// The version of the file's form. A file of another version is not read.
const VERSION: u32 = 1;

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Who owns which host.
    pub claims: Claims,
    /// The labels by which each route was last accepted.
    pub last_good: LastGood,
}

/// The file's form.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    claims: Claims,
    last_good: Vec<StoredForm>,
}

#[derive(Serialize, Deserialize)]
struct StoredForm {
    route: RouteId,
    labels: Labels,
}

/// What went wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It could not be written.
    #[error("the state file `{path}` cannot be written")]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// The seam to the state directory.
pub trait Store: Send + Sync + 'static {
    /// Replaces what is kept.
    ///
    /// # Errors
    /// When it could not be written; what was kept before is still there.
    fn save(&self, state: &State) -> impl Future<Output = Result<(), StateError>> + Send;
}

/// The state file.
#[derive(Debug, Clone)]
pub struct StateFile {
    path: PathBuf,
}

impl StateFile {
    /// The file in this directory.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        Self {
            path: directory.join("state.json"),
        }
    }

    /// Reads what is kept. Nothing there is an empty state; something unreadable is put aside as
    /// `state.json.unreadable`, said, and an empty state too.
    #[must_use]
    pub fn load(&self) -> State {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) => {
                if error.kind() != std::io::ErrorKind::NotFound {
                    warn!(path = %self.path.display(), %error, "Could not read the state file; starting without it.");
                }
                return State::default();
            }
        };
        match parse(&bytes) {
            Ok(state) => state,
            Err(reason) => {
                let aside = self.path.with_extension("json.unreadable");
                let kept = std::fs::rename(&self.path, &aside).is_ok();
                warn!(path = %self.path.display(), %reason, kept_as_unreadable = kept, "The state file is not usable; starting without it.");
                State::default()
            }
        }
    }

    /// Reads what is kept, or an empty state; changes nothing and says nothing.
    #[must_use]
    pub fn peek(&self) -> State {
        let bytes = std::fs::read(&self.path).ok();
        bytes
            .and_then(|bytes| parse(&bytes).ok())
            .unwrap_or_default()
    }
}

fn parse(bytes: &[u8]) -> Result<State, String> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let Version { version } = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    if version != VERSION {
        return Err(format!(
            "it has version {version}, this agent reads {VERSION}"
        ));
    }
    let stored: Stored = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    let last_good = stored
        .last_good
        .into_iter()
        .map(|form| (form.route, form.labels))
        .collect();
    Ok(State {
        claims: stored.claims,
        last_good,
    })
}

fn print(state: &State) -> Vec<u8> {
    let form = |(route, labels): (&RouteId, &Labels)| StoredForm {
        route: route.clone(),
        labels: labels.clone(),
    };
    let last_good = state.last_good.iter().map(form).collect();
    let stored = Stored {
        version: VERSION,
        claims: state.claims.clone(),
        last_good,
    };
    serde_json::to_vec_pretty(&stored).expect("strings and numbers always serialise")
}

impl Store for StateFile {
    async fn save(&self, state: &State) -> Result<(), StateError> {
        let bytes = print(state);
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || replace_file(&path, &bytes)).await;
        let written = written.unwrap_or_else(|end| Err(std::io::Error::other(end)));
        written.map_err(|source| StateError::Write {
            path: self.path.clone(),
            source,
        })
    }
}

/// Writes a file so that a reader, or a crash, sees the old content or the new, never a part.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::labels::TlsSetting;
    use crate::model::{AppKey, ContainerId, Hostname, Owner, RouteName};
    use crate::routes::Claim;

    fn state() -> State {
        let owner = Owner::Project("shop".to_owned());
        let app = AppKey {
            owner: owner.clone(),
            name: "web".to_owned(),
        };
        let host = Hostname::parse("a.example").expect("a host");
        let claim = Claim {
            owner,
            since: 5,
            released: Some(7),
            share: ["blog".to_owned()].into(),
            tls: Some(TlsSetting::Internal),
            containers: ContainerId::new("c1").into_iter().collect(),
        };
        let labels = BTreeMap::from([("sh0.host".to_owned(), "a.example".to_owned())]);
        let route = RouteName::Named("api".to_owned());
        State {
            claims: BTreeMap::from([(host, claim)]),
            last_good: BTreeMap::from([(RouteId { app, route }, labels)]),
        }
    }

    #[tokio::test]
    async fn what_is_saved_is_loaded() {
        let directory = tempfile::tempdir().expect("a folder");
        let file = StateFile::in_directory(directory.path());
        assert_eq!(file.load(), State::default());
        file.save(&state()).await.expect("saved");
        assert_eq!(file.load(), state());
    }

    #[test]
    fn an_unusable_file_is_put_aside() {
        let directory = tempfile::tempdir().expect("a folder");
        let file = StateFile::in_directory(directory.path());
        let whole = print(&state());
        let cut = whole.get(..whole.len() / 2).expect("shorter").to_vec();
        for bytes in [
            cut,
            b"garbage".to_vec(),
            br#"{"version":2}"#.to_vec(),
            Vec::new(),
        ] {
            std::fs::write(directory.path().join("state.json"), bytes).expect("written");
            assert_eq!(file.load(), State::default());
            assert!(directory.path().join("state.json.unreadable").exists());
            assert!(!directory.path().join("state.json").exists());
        }
    }
}
