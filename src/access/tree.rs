//! Owners and modes of what is in a folder.
//!
//! Owns the two walks. What is in a folder of Caddy's may be changed by it at any moment, so each
//! file is changed by a handle, not by its name.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, lchown};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, Uid};

use super::{SHARED_FILE, SHARED_SOCKET, User};

/// Lets the group read the files and connect to the sockets of a folder of ours. Nobody else writes
/// there, so names are enough.
pub(super) fn share(folder: &Path, uid: u32, gid: u32) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let about = fs::symlink_metadata(&path)?;
        let mode = match about.file_type() {
            kind if kind.is_file() => SHARED_FILE,
            kind if kind.is_socket() => SHARED_SOCKET,
            _ => continue,
        };
        if (about.uid(), about.gid()) != (uid, gid) {
            lchown(&path, Some(uid), Some(gid))?;
        }
        if about.mode() & 0o7777 != mode {
            fs::set_permissions(&path, Permissions::from_mode(mode))?;
        }
    }
    Ok(())
}

/// Gives everything below the folder to this user. Modes stay.
pub(super) fn give(folder: OwnedFd, path: &Path, owner: User) -> io::Result<()> {
    let mut folders = vec![(folder, path.to_owned())];
    while let Some((folder, path)) = folders.pop() {
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if [c".", c".."].contains(&name) {
                continue;
            }
            let path = path.join(name.to_string_lossy().as_ref());
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let handle = match rustix::fs::openat(&folder, name, flags, Mode::empty()) {
                // Removed meanwhile.
                Err(rustix::io::Errno::NOENT) => continue,
                opened => opened?,
            };
            give_one(&handle, &path, owner)?;
            let kind = FileType::from_raw_mode(rustix::fs::fstat(&handle)?.st_mode);
            if kind == FileType::Directory {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let opened = rustix::fs::openat(&handle, c".", flags, Mode::empty())?;
                folders.push((opened, path));
            }
        }
    }
    Ok(())
}

fn give_one(handle: &OwnedFd, path: &Path, owner: User) -> io::Result<()> {
    let about = rustix::fs::fstat(handle)?;
    if (about.st_uid, about.st_gid) == (owner.uid, owner.gid) {
        return Ok(());
    }
    let kind = FileType::from_raw_mode(about.st_mode);
    if kind != FileType::Directory && about.st_nlink > 1 {
        return Err(io::Error::other(format!(
            "`{}` has {} names, and the others may be elsewhere: expected one; copy it over itself",
            path.display(),
            about.st_nlink
        )));
    }
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    rustix::fs::chownat(handle, c"", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?;
    Ok(())
}
