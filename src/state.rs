//! What must outlive the agent: who claimed which host, the last good form of each route, which apps
//! a person halted, and the containers as they were last.
//!
//! Owns the files `state.json` and `containers.json` in the state directory. Deliberately forgiving
//! when it reads: a file that is cut, foreign or of a newer version is put aside with a warning,
//! never an end.

mod file;
#[doc(hidden)]
pub mod remembered;
#[doc(hidden)]
pub mod stored;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use tokio::task::spawn_blocking;

pub(crate) use self::file::{replace_file, replace_shared_file};
pub use self::remembered::{Recalled, Remembered};
use self::stored::{parse, print};
use crate::model::Halts;
use crate::routes::{Absent, Claims, LastGood};

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Who owns which host.
    pub claims: Claims,
    /// The labels by which each route was last accepted.
    pub last_good: LastGood,
    /// The apps among them that have no container, and since when.
    pub absent: Absent,
    /// The apps that a person halted.
    pub halts: Arc<Halts>,
    /// Those of them that have neither container nor route, and since when, in seconds since 1970.
    pub deserted: Absent,
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

    /// Replaces what is remembered of the containers; `at` is now, in seconds since 1970.
    ///
    /// # Errors
    /// When it could not be written; what was remembered before is still there.
    fn remember(
        &self,
        remembered: Arc<Remembered>,
        at: u64,
    ) -> impl Future<Output = Result<(), StateError>> + Send;

    /// What an earlier agent remembered; `None` when there is nothing, or nothing usable.
    fn recall(&self) -> impl Future<Output = Option<Recalled>> + Send;
}

/// The two files.
#[derive(Debug, Clone)]
pub struct StateFile {
    path: PathBuf,
    containers: PathBuf,
    boot_id: PathBuf,
}

impl StateFile {
    /// The files in this directory.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        Self {
            path: directory.join("state.json"),
            containers: directory.join("containers.json"),
            boot_id: PathBuf::from("/proc/sys/kernel/random/boot_id"),
        }
    }

    /// With another file that names the run of the machine. Default
    /// `/proc/sys/kernel/random/boot_id`, which is the host's in a container, too.
    #[must_use]
    pub fn with_boot_id(self, boot_id: PathBuf) -> Self {
        Self { boot_id, ..self }
    }

    /// Reads what is kept. Nothing there is an empty state; something unreadable is put aside as
    /// `state.json.unreadable`, said, and an empty state too.
    #[must_use]
    pub fn load(&self) -> State {
        file::read_or_put_aside(&self.path, parse).unwrap_or_default()
    }

    /// Reads what is kept, or an empty state; changes nothing and says nothing.
    #[must_use]
    pub fn peek(&self) -> State {
        let bytes = file::read(&self.path).ok().flatten();
        bytes
            .and_then(|bytes| parse(&bytes).ok())
            .unwrap_or_default()
    }
}

/// Fails unless the file says that it has this version.
fn check_version(bytes: &[u8], expected: u32) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let Version { version } = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    if version == expected {
        return Ok(());
    }
    Err(format!(
        "it has version {version}, this agent reads {expected}"
    ))
}

impl StateFile {
    async fn replace(
        &self,
        path: &Path,
        print: impl FnOnce() -> Vec<u8> + Send + 'static,
    ) -> Result<(), StateError> {
        let to = path.to_owned();
        let written = spawn_blocking(move || replace_file(&to, &print())).await;
        let written = written.unwrap_or_else(|end| Err(std::io::Error::other(end)));
        written.map_err(|source| StateError::Write {
            path: path.to_owned(),
            source,
        })
    }
}

impl Store for StateFile {
    async fn save(&self, state: &State) -> Result<(), StateError> {
        let state = state.clone();
        self.replace(&self.path, move || print(&state)).await
    }

    async fn remember(&self, remembered: Arc<Remembered>, at: u64) -> Result<(), StateError> {
        let boot_id = self.boot_id.clone();
        let print = move || remembered::print(&remembered, at, &remembered::boot_id(&boot_id));
        self.replace(&self.containers, print).await
    }

    async fn recall(&self) -> Option<Recalled> {
        let (path, boot_id) = (self.containers.clone(), self.boot_id.clone());
        let read = move || {
            let boot_id = remembered::boot_id(&boot_id);
            file::read_or_put_aside(&path, |bytes| remembered::parse(bytes, &boot_id))
        };
        spawn_blocking(read).await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::labels::{HostRules, TlsSetting};
    use crate::model::{
        Address, AppKey, Container, ContainerId, ContainerState, Few, Halt, HaltKind, Health,
        Hostname, Labels, NetworkMode, Owner, RouteId, RouteName,
    };
    use crate::routes::Claim;

    fn state() -> State {
        let owner = Owner::Project("shop".into());
        let app = AppKey {
            owner: owner.clone(),
            name: "web".into(),
        };
        let host = Hostname::parse("a.example").expect("a host");
        let claim = Claim {
            owner,
            since: 5,
            released: Some(7),
            share: ["blog".to_owned()].into(),
            rules: HostRules {
                tls: Some(TlsSetting::Internal),
                ..HostRules::default()
            },
            containers: ContainerId::new("c1").into_iter().collect(),
        };
        let labels = Labels::from([("sh0.host".to_owned(), "a.example".to_owned())]);
        let route = RouteName::Named("api".to_owned());
        let halt = Halt {
            kind: HaltKind::Paused { max_millis: 1_000 },
            since: 9,
            by: "root".to_owned(),
        };
        State {
            claims: [(host, claim)].into(),
            absent: BTreeMap::from([(app.clone(), 8)]),
            halts: BTreeMap::from([(app.clone(), halt)]).into(),
            deserted: BTreeMap::from([(app.clone(), 10)]),
            last_good: [(RouteId { app, route }, labels)].into(),
        }
    }

    #[test]
    fn a_file_of_an_agent_that_knew_no_halts_is_read() {
        let read = parse(br#"{"version":1,"claims":{},"last_good":[]}"#);
        assert_eq!(read, Ok(State::default()));
    }

    #[tokio::test]
    async fn what_is_saved_is_loaded() {
        let directory = tempfile::tempdir().expect("a folder");
        let file = StateFile::in_directory(directory.path());
        assert_eq!(file.load(), State::default());
        file.save(&state()).await.expect("saved");
        assert_eq!(file.load(), state());
    }

    fn remembered() -> Remembered {
        let web = ContainerId::new("c1").expect("not empty");
        let container = Container {
            id: web.clone(),
            name: "web".into(),
            labels: Labels::from([("sh0.host".to_owned(), "a.example".to_owned())]),
            state: ContainerState::Running,
            health: Health::Healthy,
            created: 5,
            network_mode: NetworkMode::Container(web.clone()),
            networks: Few::from([("sh0-net".to_owned(), Address::default())]),
            ports: [80].into(),
        };
        Remembered {
            containers: vec![container.into()],
            proven: [(web.clone(), ([10, 0, 0, 1], 80).into())].into(),
            draining: [web].into(),
            engine: Some("1 2".to_owned()),
            live_restore: true,
        }
    }

    #[tokio::test]
    async fn what_is_remembered_is_recalled_and_its_boot_is_known() {
        let directory = tempfile::tempdir().expect("a folder");
        let boot_id = directory.path().join("boot_id");
        let file = StateFile::in_directory(directory.path()).with_boot_id(boot_id.clone());
        assert_eq!(file.recall().await, None);
        for (before, now, is_same_boot) in [
            ("one\n", "one\n", true),
            ("one\n", "two\n", false),
            ("", "", false),
        ] {
            std::fs::write(&boot_id, before).expect("written");
            let saved = file.remember(Arc::new(remembered()), 7).await;
            saved.expect("saved");
            std::fs::write(&boot_id, now).expect("written");
            let expected = Recalled {
                remembered: remembered(),
                at: 7,
                is_same_boot,
            };
            assert_eq!(file.recall().await, Some(expected), "{before} {now}");
        }
        std::fs::remove_file(&boot_id).expect("it is there");
        let recalled = file.recall().await.expect("the rest is usable");
        assert!(!recalled.is_same_boot);
        file.save(&state()).await.expect("saved");
        for name in ["state.json", "containers.json"] {
            let about = std::fs::metadata(directory.path().join(name)).expect("written");
            assert_eq!(about.permissions().mode() & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn the_systems_boot_id_is_known() {
        let file = StateFile::in_directory(Path::new("/nonexistent"));
        assert_eq!(remembered::boot_id(&file.boot_id).len(), 36);
    }

    const UNUSABLE: [&str; 9] = [
        "cut",
        "garbage",
        "newer",
        "a list",
        "empty",
        "a directory",
        "a socket",
        "a circle of links",
        "huge",
    ];

    /// Makes something in the file's place that is not usable.
    fn spoil(path: &Path, what: &str) -> std::io::Result<()> {
        let whole = print(&state());
        match what {
            "cut" => std::fs::write(path, &whole[..whole.len() / 2]),
            "garbage" => std::fs::write(path, b"\0\xffgarbage"),
            "newer" => std::fs::write(path, r#"{"version":2}"#),
            "a list" => std::fs::write(path, "[1]"),
            "empty" => std::fs::write(path, ""),
            "a directory" => std::fs::create_dir(path),
            "a socket" => UnixListener::bind(path).map(drop),
            "a circle of links" => symlink(path, path),
            "huge" => std::fs::File::create(path)?.set_len(1 << 40),
            _ => unreachable!("{what}"),
        }
    }

    #[tokio::test]
    async fn what_is_unusable_is_put_aside_and_saved_anew() {
        let directory = tempfile::tempdir().expect("a folder");
        let file = StateFile::in_directory(directory.path());
        for name in ["state.json", "containers.json"] {
            let path = directory.path().join(name);
            let aside = directory.path().join(format!("{name}.unreadable"));
            for what in UNUSABLE {
                spoil(&path, what).expect("the folder is ours");
                assert_eq!(file.load(), State::default(), "{what}");
                assert_eq!(file.recall().await, None, "{what}");
                let about = std::fs::symlink_metadata(&aside);
                let about = about.unwrap_or_else(|_| panic!("{name} that is {what} is kept"));
                assert!(std::fs::symlink_metadata(&path).is_err(), "{what}");
                let removed = if about.is_dir() {
                    std::fs::remove_dir(&aside)
                } else {
                    std::fs::remove_file(&aside)
                };
                removed.expect("it is there");
            }
        }
        file.save(&state()).await.expect("saved");
        assert_eq!(file.load(), state());
    }
}
