//! Whether the binary is a Caddy that we can work with.
//!
//! Owns the reading of `caddy version` and the oldest version. It deliberately does not search for
//! a better binary.

use std::cmp::Ordering;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::child;
use crate::access::{User, UserError};

/// The oldest Caddy that works, and the one that the tests run. 2.11.4 knows no limit for clients
/// that stall, refuses a config that names one, and hands on header fields with dots, which PHP
/// takes for others (GHSA-49wc-4hcv-v58q); earlier ones also allocate 1 MB for each request whose
/// upstream address is read from a file.
pub const OLDEST_CADDY: CaddyVersion = CaddyVersion {
    major: 2,
    minor: 11,
    patch: 7,
    is_pre_release: false,
};

/// Starting a static binary of 50 MB from a cold disk takes a second or two.
const VERSION_MAX: Duration = Duration::from_secs(10);

/// So much of what a wrong binary prints is worth showing.
const FOUND_BYTES_MAX: usize = 80;

/// What `setpriv` ends with when it may not run the binary, or finds none.
const SETPRIV_DENIED: i32 = 126;
const SETPRIV_MISSING: i32 = 127;

/// `ENOEXEC`: the file is executable, but no program.
const ENOEXEC: i32 = 8;

/// The version of a Caddy binary; ordered, a pre-release before its release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaddyVersion {
    /// `2` of `v2.11.7`.
    pub major: u32,
    /// `11` of `v2.11.7`.
    pub minor: u32,
    /// `7` of `v2.11.7`.
    pub patch: u32,
    /// Whether something like `-beta.1` follows.
    pub is_pre_release: bool,
}

impl CaddyVersion {
    /// Reads the first word of what `caddy version` prints: `v2.11.7 h1:…`.
    fn parse(text: &str) -> Option<Self> {
        let version = text.split_whitespace().next()?.strip_prefix('v')?;
        let version = version.split('+').next()?;
        let (numbers, is_pre_release) = match version.split_once('-') {
            Some((numbers, _)) => (numbers, true),
            None => (version, false),
        };
        let mut parts = numbers.split('.').map(|number| number.parse().ok());
        let (major, minor, patch) = (parts.next()??, parts.next()??, parts.next()??);
        parts.next().is_none().then_some(Self {
            major,
            minor,
            patch,
            is_pre_release,
        })
    }
}

impl Ord for CaddyVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |version: &Self| {
            (
                version.major,
                version.minor,
                version.patch,
                !version.is_pre_release,
            )
        };
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for CaddyVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for CaddyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = { self.is_pre_release.then_some(" (pre-release)") }.unwrap_or_default();
        write!(f, "{}.{}.{}{suffix}", self.major, self.minor, self.patch)
    }
}

/// Why a binary cannot be used as Caddy. Fatal at start: no waiting mends it.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// No such file.
    #[error("there is no Caddy binary `{}`", binary.display())]
    Missing {
        /// What was looked for.
        binary: PathBuf,
    },
    /// A file, but not one that we may run.
    #[error("the Caddy binary `{}` is not executable", binary.display())]
    NotExecutable {
        /// The file.
        binary: PathBuf,
    },
    /// A file that we may run, and the user of `--caddy-user` may not.
    #[error("the user {user} may not run the Caddy binary `{}`", binary.display())]
    NotForUser {
        /// The file.
        binary: PathBuf,
        /// The user.
        user: User,
    },
    /// Something else runs, or nothing does.
    #[error("`{}` is not a Caddy: expected `version` to print a version like `v{OLDEST_CADDY}`, found {found}", binary.display())]
    NotCaddy {
        /// The file.
        binary: PathBuf,
        /// What it did or printed, cut to a bounded length.
        found: String,
    },
    /// A Caddy that lacks what we need.
    #[error("Caddy {found} at `{}` is too old: expected {OLDEST_CADDY} or newer", binary.display())]
    TooOld {
        /// The file.
        binary: PathBuf,
        /// Its version.
        found: CaddyVersion,
    },
    /// A Caddy that was built without something that the settings need.
    #[error("the Caddy at `{}` was built without the module `{module}`", binary.display())]
    NoModule {
        /// The file.
        binary: PathBuf,
        /// The module's whole name.
        module: String,
    },
    /// The system could not run it now.
    #[error("cannot run the Caddy binary `{}`", binary.display())]
    Run {
        /// The file.
        binary: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl BinaryError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Missing { .. } => format!(
                "install Caddy {OLDEST_CADDY} or newer and name it with `--caddy` or `SH0_CADDY`"
            ),
            Self::NotExecutable { binary } => {
                format!("make it executable: `chmod +x {}`", binary.display())
            }
            Self::NotForUser { binary, .. } => format!(
                "make it executable for all (`chmod o+rx {}`), and let the user enter the folders \
                 above it",
                binary.display()
            ),
            Self::NotCaddy { .. } => {
                "name the `caddy` binary itself with `--caddy` or `SH0_CADDY`".to_owned()
            }
            Self::TooOld { .. } => format!(
                "install Caddy {OLDEST_CADDY} or newer (Debian's own package is older), or name another binary with `--caddy` or `SH0_CADDY`"
            ),
            Self::NoModule { .. } => {
                "name a Caddy that has it (`caddy list-modules` says so) with \
                                      `--caddy` or `SH0_CADDY`, or correct the setting"
                    .to_owned()
            }
            Self::Run { .. } => "see the cause, then start the agent again".to_owned(),
        }
    }
}

/// Asks the binary, run as this user, for its version; takes at most 10 s.
///
/// # Errors
/// When it is missing, not executable, not a Caddy, too old, or cannot be run.
pub async fn caddy_version(binary: &Path, user: Option<User>) -> Result<CaddyVersion, BinaryError> {
    let said = child::output(binary, user, "version", VERSION_MAX).await;
    let said = said.map_err(|source| explain(binary.to_owned(), source))?;
    let (status, text) = (said.status, said.stdout);
    if let Some(user) = user {
        let binary = binary.to_owned();
        match status.code() {
            Some(SETPRIV_DENIED) => return Err(BinaryError::NotForUser { binary, user }),
            Some(SETPRIV_MISSING) => return Err(BinaryError::Missing { binary }),
            Some(_) | None => {}
        }
    }
    match CaddyVersion::parse(&text).filter(|_| status.success()) {
        Some(found) if found < OLDEST_CADDY => Err(BinaryError::TooOld {
            binary: binary.to_owned(),
            found,
        }),
        Some(found) => Ok(found),
        None => {
            let first_line = text.lines().next().unwrap_or_default();
            let end = first_line.floor_char_boundary(FOUND_BYTES_MAX);
            let found = format!(
                "{status} and `{}`",
                first_line.get(..end).unwrap_or_default()
            );
            Err(BinaryError::NotCaddy {
                binary: binary.to_owned(),
                found,
            })
        }
    }
}

/// Asks the binary whether it has a module; takes at most 10 s. Caddy would refuse every config that
/// names one it lacks.
///
/// # Errors
/// When it has not, or cannot be run.
pub async fn require_module(
    binary: &Path,
    user: Option<User>,
    module: &str,
) -> Result<(), BinaryError> {
    let said = { child::output(binary, user, "list-modules", VERSION_MAX).await }
        .map_err(|source| explain(binary.to_owned(), source))?;
    if said.stdout.lines().any(|line| line.trim() == module) {
        return Ok(());
    }
    Err(BinaryError::NoModule {
        binary: binary.to_owned(),
        module: module.to_owned(),
    })
}

/// Checks that Caddy can be started as this user: that `setpriv` is there, knows how, and may; takes
/// at most 10 s.
///
/// # Errors
/// When it cannot.
pub async fn check_user(user: User) -> Result<(), UserError> {
    let setpriv = Path::new(child::SETPRIV);
    let said = child::output(setpriv, Some(user), "--version", VERSION_MAX).await;
    let said = said.map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            return UserError::NoSetpriv;
        }
        let said = error.to_string();
        UserError::Setpriv { user, said }
    })?;
    if said.status.success() {
        return Ok(());
    }
    let first = said.stderr.lines().next().unwrap_or_default();
    let first = first.strip_prefix("setpriv: ").unwrap_or(first);
    let end = first.floor_char_boundary(FOUND_BYTES_MAX);
    Err(UserError::Setpriv {
        user,
        said: first.get(..end).unwrap_or_default().to_owned(),
    })
}

fn explain(binary: PathBuf, source: io::Error) -> BinaryError {
    let found = |text: &str| BinaryError::NotCaddy {
        binary: binary.clone(),
        found: text.into(),
    };
    if source.raw_os_error() == Some(ENOEXEC) {
        return found("a file that is no program");
    }
    if source.kind() == io::ErrorKind::TimedOut {
        return found(&format!("no answer within {VERSION_MAX:?}"));
    }
    if source.kind() == io::ErrorKind::NotFound && binary.exists() {
        return found("a file whose interpreter is missing");
    }
    if source.kind() == io::ErrorKind::NotFound {
        return BinaryError::Missing { binary };
    }
    if source.kind() == io::ErrorKind::PermissionDenied {
        return BinaryError::NotExecutable { binary };
    }
    BinaryError::Run { binary, source }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn versions_are_read_and_ordered() {
        let parse = |text: &str| CaddyVersion::parse(text);
        for (text, is_new_enough) in [
            (
                "v2.11.7 h1:yj0Y4fYZGPkSvibBJ1sTWE33xC0fxztVyXEW5iIdUT4=\n",
                Some(true),
            ),
            ("v2.11.6", Some(false)),
            ("v2.12.0-beta.1 h1:x", Some(true)),
            ("v3.0.0+build", Some(true)),
            ("v2.11.7-beta.1", Some(false)),
            ("v2.6.2 h1:x", Some(false)),
            ("2.11.7", None),
            ("v2.11", None),
            ("v2.11.7.1", None),
            ("(devel)", None),
            ("", None),
        ] {
            assert_eq!(
                parse(text).map(|found| OLDEST_CADDY <= found),
                is_new_enough,
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn each_kind_of_wrong_binary_is_told_apart_with_its_fix() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str, mode: u32| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("ours");
            path
        };
        let rows = [
            (
                folder.path().join("none"),
                "there is no Caddy binary `none`",
            ),
            (
                file("plain", "", 0o644),
                "the Caddy binary `plain` is not executable",
            ),
            (
                folder.path().to_owned(),
                "the Caddy binary `` is not executable",
            ),
            (
                file("text", "hello", 0o755),
                "`text` is not a Caddy: expected `version` to print a version like `v2.11.7`, found a file that is no program",
            ),
            (
                file("lost", "#!/no/such/shell\n", 0o755),
                "`lost` is not a Caddy: expected `version` to print a version like `v2.11.7`, found a file whose interpreter is missing",
            ),
            (
                file("other", "#!/bin/sh\necho hello; exit 3\n", 0o755),
                "`other` is not a Caddy: expected `version` to print a version like `v2.11.7`, found exit status: 3 and `hello`",
            ),
            (
                file("old", "#!/bin/sh\necho v2.6.2 h1:x\n", 0o755),
                "Caddy 2.6.2 at `old` is too old: expected 2.11.7 or newer",
            ),
        ];
        for (binary, expected) in rows {
            let error = caddy_version(&binary, None)
                .await
                .expect_err("a wrong binary");
            let prefix = format!("{}/", folder.path().display());
            let text = error.to_string().replace(&prefix, "");
            assert_eq!(
                text.replace(folder.path().to_str().expect("text"), ""),
                expected
            );
            assert!(!error.help().is_empty());
        }
    }

    #[tokio::test]
    async fn a_module_must_be_in_the_list() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("caddy");
        fs::write(
            &path,
            "#!/bin/sh\necho dns.providers.one\necho '  Standard: 1'\n",
        )
        .expect("ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("ours");
        let ask = |module| require_module(&path, None, module);
        assert!(ask("dns.providers.one").await.is_ok());
        let error = ask("dns.providers.on").await.expect_err("it is not there");
        assert!(matches!(error, BinaryError::NoModule { .. }), "{error}");
    }
}
