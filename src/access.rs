//! Who may enter the agent's folders: the agent, and a Caddy that runs as another user.
//!
//! Owns the modes and owners of folders, and the checks before they are used. A folder is ours
//! (closed to all others), shared (Caddy's group enters and reads it), or Caddy's own. Modes are
//! set, not asked for, so that no `umask` matters, and nothing follows a symbolic link.
//! Deliberately knows no folder by its name.

mod place;
mod tree;
mod user;

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Mode, OFlags, Uid};
use rustix::process::{getegid, geteuid};

pub use self::place::{Untrusted, check_place, closed_to};
pub use self::user::{User, UserError, UserName};

/// The mode of files that Caddy reads.
pub const SHARED_FILE: u32 = 0o640;
/// Sockets to which Caddy connects.
const SHARED_SOCKET: u32 = 0o660;
/// Sockets that only this user may connect to.
const OWN_SOCKET: u32 = 0o600;

/// How folders are shared with Caddy. The default is a Caddy of the same user, with which nothing
/// needs to be shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Access {
    caddy: Option<User>,
}

impl Access {
    /// For a Caddy that runs as this user; `None` is the agent's own.
    #[must_use]
    pub fn of(caddy: Option<User>) -> Self {
        Self { caddy }
    }

    /// The user that Caddy runs as, unless it is the agent's own.
    #[must_use]
    pub fn caddy(self) -> Option<User> {
        self.caddy
    }

    /// Makes a folder through which Caddy may go, or puts right the one that is there. Folders above
    /// it that are missing are made for everybody to enter.
    ///
    /// # Errors
    /// When it cannot be made, opened or changed; also when it is no folder, but a symbolic link.
    pub fn entered(self, path: &Path) -> io::Result<()> {
        make_above(path)?;
        match self.caddy {
            Some(caddy) => settle(path, own_uid(), caddy.gid, 0o750).map(drop),
            None => settle(path, own_uid(), own_gid(), 0o700).map(drop),
        }
    }

    /// Makes a folder whose files Caddy reads, or puts right the one that is there: what is made in
    /// it has Caddy's group.
    ///
    /// # Errors
    /// As for [`Access::entered`].
    pub fn shared(self, path: &Path) -> io::Result<()> {
        match self.caddy {
            Some(caddy) => settle(path, own_uid(), caddy.gid, 0o2750).map(drop),
            None => settle(path, own_uid(), own_gid(), 0o700).map(drop),
        }
    }

    /// The same, and its files as well: they may be of a time when Caddy was another user.
    ///
    /// # Errors
    /// As for [`Access::entered`], for the folder or a file.
    pub fn shared_with_files(self, path: &Path) -> io::Result<()> {
        self.shared(path)?;
        let gid = self.caddy.map_or_else(own_gid, |caddy| caddy.gid);
        tree::share(path, own_uid(), gid)
    }

    /// Makes a folder of Caddy's own, or puts right the one that is there.
    ///
    /// # Errors
    /// As for [`Access::entered`].
    pub fn owned(self, path: &Path) -> io::Result<()> {
        let owner = self.owner();
        settle(path, owner.uid, owner.gid, 0o700).map(drop)
    }

    /// The same, and gives Caddy everything in it: it may be of a time when Caddy was another user.
    /// Only root can.
    ///
    /// # Errors
    /// As for [`Access::entered`], and for a file that has more than one name: the other may be in
    /// somebody else's folder.
    pub fn owned_with_files(self, path: &Path) -> io::Result<()> {
        let owner = self.owner();
        let folder = settle(path, owner.uid, owner.gid, 0o700)?;
        if own_uid() != 0 {
            return Ok(());
        }
        tree::give(folder, path, owner)
    }

    fn owner(self) -> User {
        let own = || User {
            uid: own_uid(),
            gid: own_gid(),
        };
        self.caddy.unwrap_or_else(own)
    }
}

/// Opens a file of ours to write it anew; never what a symbolic link leads to, nor a pipe.
///
/// # Errors
/// When it cannot be opened, or is no plain file.
pub fn write_anew(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(mode);
    let file = options.custom_flags(plain_flags()).open(path)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    Ok(file)
}

/// Flags for opening what should be a plain file: no symbolic link, and no wait for the other end of
/// a pipe.
#[must_use]
pub fn plain_flags() -> i32 {
    (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()
}

/// Lets only this user connect to a socket that was just made in a folder of ours.
///
/// # Errors
/// When its mode cannot be set.
pub fn close_socket(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(OWN_SOCKET))
}

/// Lets Caddy connect to a socket that was just made in a shared folder.
///
/// # Errors
/// When its mode cannot be set.
pub fn share_socket(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(SHARED_SOCKET))
}

/// Whether this user is the agent's own, or root.
#[must_use]
pub fn is_own_or_root(uid: u32) -> bool {
    uid == 0 || uid == own_uid()
}

/// The name of a user, for people; the number where `/etc/passwd` has none.
#[must_use]
pub fn user_name(uid: u32) -> String {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    user::name_in(&passwd, uid)
}

fn own_uid() -> u32 {
    geteuid().as_raw()
}

fn own_gid() -> u32 {
    getegid().as_raw()
}

/// Makes what is missing above a folder.
fn make_above(path: &Path) -> io::Result<()> {
    let above: Vec<PathBuf> = path.ancestors().skip(1).map(Path::to_owned).collect();
    for folder in above
        .iter()
        .rev()
        .filter(|path| !path.as_os_str().is_empty())
    {
        match DirBuilder::new().create(folder) {
            Ok(()) => fs::set_permissions(folder, Permissions::from_mode(0o755))?,
            // Whether it is fit for use is a matter of the check, or of who makes the next one.
            Err(_) if folder.is_dir() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes the folder if it is missing, and sets owner and mode by a handle, which cannot be another
/// folder meanwhile.
fn settle(path: &Path, uid: u32, gid: u32, mode: u32) -> io::Result<OwnedFd> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rustix::fs::open(path, flags, Mode::empty())?;
    let about = rustix::fs::fstat(&folder)?;
    // The group of a folder that is closed to it does not matter, and may not be ours to change.
    let is_other_group = mode & 0o070 != 0 && about.st_gid != gid;
    if about.st_uid != uid || is_other_group {
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        rustix::fs::fchown(&folder, Some(uid), Some(gid))?;
    }
    if about.st_mode & 0o7777 != mode {
        rustix::fs::fchmod(&folder, Mode::from_bits_truncate(mode))?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests;
