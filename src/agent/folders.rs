//! The agent's folders, before anything is done in them: which there are, whether they can be
//! trusted, and who may enter which.
//!
//! | folder | whose | Caddy as another user |
//! |---|---|---|
//! | runtime directory | ours | goes through |
//! | `slots`, `hold` in it | ours | reads, connects |
//! | `caddy` in it: admin socket and log | Caddy's | writes |
//! | state directory | ours | goes through |
//! | `certificates` in it: copies | ours | reads |
//! | `caddy` in it: storage | Caddy's | writes |

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::geteuid;

use super::StartError;
use crate::access::{Access, User, UserError, UserName, check_place, closed_to, write_anew};
use crate::discovery::unix_socket;
use crate::settings::{Settings, UpstreamsMode};
use crate::slots::{hold_folder, slots_folder};
use crate::supervise::check_user;

/// The name of Caddy's own folder, in the runtime directory and in the state directory.
pub(crate) const CADDYS: &str = "caddy";

/// Who Caddy runs as, and that it can.
pub(super) async fn access(settings: &Settings) -> Result<Access, StartError> {
    let Some(name) = &settings.caddy_user else {
        return Ok(Access::default());
    };
    let wrong = |source| StartError::CaddyUser {
        name: name.clone(),
        source,
    };
    let user = resolve(name, settings).map_err(wrong)?;
    check_user(user).await.map_err(wrong)?;
    Ok(Access::of(Some(user)))
}

fn resolve(name: &UserName, settings: &Settings) -> Result<User, UserError> {
    let us = geteuid();
    if !us.is_root() {
        return Err(UserError::NotRoot { uid: us.as_raw() });
    }
    // One that is not there has nobody in it.
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let user = name.resolve(&read("/etc/passwd"), &read("/etc/group"))?;
    let may_use = |about: fs::Metadata| {
        (about.gid() == user.gid && about.mode() & 0o020 != 0) || about.uid() == user.uid
    };
    if let Some(socket) = unix_socket(settings.docker.as_deref())
        && fs::metadata(&socket).is_ok_and(may_use)
    {
        let gid = user.gid;
        return Err(UserError::DockerGroup { gid, socket });
    }
    for place in [&settings.runtime_dir, &settings.state_dir] {
        if let Some(folder) = closed_to(user, place) {
            let folder = folder.display().to_string();
            return Err(UserError::Closed { user, folder });
        }
    }
    Ok(user)
}

/// Checks and makes the runtime directory, in which the lock is.
pub(super) fn runtime(settings: &Settings, access: Access) -> Result<(), StartError> {
    let path = &settings.runtime_dir;
    check("runtime", path)?;
    made(
        "runtime",
        path,
        access.entered(path).and_then(|()| written(path)),
    )
}

/// Checks the state directory and makes all other folders. Only for who has the lock: Caddy's
/// folders may change hands.
pub(super) fn others(settings: &Settings, access: Access) -> Result<(), StartError> {
    let (runtime, state) = (&settings.runtime_dir, &settings.state_dir);
    if settings.upstreams == UpstreamsMode::Slots {
        for folder in [slots_folder(runtime), hold_folder(runtime)] {
            made("runtime", &folder, access.shared_with_files(&folder))?;
        }
    }
    let own = settings.caddy_dir();
    made("runtime", &own, access.owned_with_files(&own))?;
    check("state", state)?;
    made(
        "state",
        state,
        access.entered(state).and_then(|()| written(state)),
    )?;
    let copies = settings.certificate_copies();
    made("state", &copies, access.shared_with_files(&copies))?;
    let storage = settings.storage_dir();
    made("state", &storage, access.owned_with_files(&storage))
}

/// The folders of the runtime directory again, after somebody removed it.
pub(super) fn runtime_again(dir: &Path, access: Access) -> std::io::Result<()> {
    access.entered(dir)?;
    access.owned(&dir.join(CADDYS))
}

fn check(what: &'static str, path: &Path) -> Result<(), StartError> {
    check_place(path, CADDYS).map_err(|source| StartError::Untrusted { what, source })
}

/// Whether a directory of ours can be written.
fn written(path: &Path) -> std::io::Result<()> {
    let probe = path.join(".writable");
    write_anew(&probe, 0o600)?;
    fs::remove_file(&probe)
}

fn made(what: &'static str, path: &Path, made: std::io::Result<()>) -> Result<(), StartError> {
    made.map_err(|source| StartError::Directory {
        what,
        path: path.to_owned(),
        source,
    })
}
