//! Whether a directory is one in which only we, or root, can have put something.
//!
//! Looks at the directory, what is directly in it, and every directory on the way to it: whoever
//! may write in one of those may put another in its place at any moment.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{User, own_gid, own_uid};

/// Why a place is not used.
#[derive(Debug, thiserror::Error)]
#[error("`{}` {found}", .path.display())]
pub struct Untrusted {
    /// What is wrong.
    pub path: PathBuf,
    /// What was found there, as it follows its name.
    found: String,
    help: String,
}

impl Untrusted {
    fn new(path: &Path, found: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            found: found.into(),
            help: help.into(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &str {
        &self.help
    }
}

/// Checks a directory that the agent is about to use, whether it is there yet or not. What is in
/// `caddys` may be anybody's: it is Caddy's own, who may have been another user.
///
/// # Errors
/// The first thing that is wrong.
pub fn check_place(directory: &Path, caddys: &str) -> Result<(), Untrusted> {
    let unreadable = |path: &Path, error: &io::Error| {
        Untrusted::new(
            path,
            format!("cannot be looked at: {error}"),
            "let the agent's user enter the folders above it, or choose another directory",
        )
    };
    let path = std::path::absolute(directory).map_err(|e| unreadable(directory, &e))?;
    for folder in way(&path) {
        match fs::symlink_metadata(&folder) {
            Ok(about) => check_owner(&folder, &about).and_then(|()| check_mode(&folder, &about))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unreadable(&folder, &error)),
        }
    }
    let about = match fs::symlink_metadata(&path) {
        Ok(about) => about,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(&path, &error)),
    };
    check_link(&path, &about)?;
    if !about.is_dir() {
        let help = "move it away, or choose another directory";
        return Err(Untrusted::new(&path, "is no directory", help));
    }
    check_owner(&path, &about)?;
    check_mode(&path, &about)?;
    let entries = fs::read_dir(&path).map_err(|e| unreadable(&path, &e))?;
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        let Ok(about) = fs::symlink_metadata(&path) else {
            continue;
        };
        check_link(&path, &about)?;
        let may_be_anybodys = own_uid() == 0 && entry.file_name() == caddys && about.is_dir();
        if !may_be_anybodys {
            check_owner(&path, &about)?;
        }
    }
    Ok(())
}

/// The first folder on the way to this one that the user cannot enter.
#[must_use]
pub fn closed_to(user: User, path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    way(&path).into_iter().find(|folder| {
        fs::metadata(folder).is_ok_and(|about| {
            let to_enter = if about.uid() == user.uid {
                0o100
            } else if about.gid() == user.gid {
                0o010
            } else {
                0o001
            };
            about.mode() & to_enter == 0
        })
    })
}

/// The folders above a path as it is written, and those where they really are; outer ones first.
fn way(path: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = path.ancestors().skip(1).map(Path::to_owned).collect();
    let real = folders
        .iter()
        .find_map(|folder| fs::canonicalize(folder).ok());
    folders.extend(
        real.iter()
            .flat_map(|real| real.ancestors().map(Path::to_owned)),
    );
    folders.sort();
    folders.dedup();
    folders
}

fn check_link(path: &Path, about: &Metadata) -> Result<(), Untrusted> {
    if !about.is_symlink() {
        return Ok(());
    }
    let target = fs::read_link(path).unwrap_or_default();
    Err(Untrusted::new(
        path,
        format!("is a symbolic link to `{}`", target.display()),
        format!(
            "remove it (`rm {}`) and name a real directory with `--state-dir` or `--runtime-dir`",
            path.display()
        ),
    ))
}

fn check_owner(path: &Path, about: &Metadata) -> Result<(), Untrusted> {
    let (uid, us) = (about.uid(), own_uid());
    if uid == 0 || uid == us {
        return Ok(());
    }
    Err(Untrusted::new(
        path,
        format!("belongs to user {uid}, expected user {us} or root"),
        format!(
            "if you put it there, `sudo chown -h {us} {}`; else choose another directory",
            path.display()
        ),
    ))
}

/// Whether others may put something there, or something else in the place of what is there. A sticky
/// directory, such as `/tmp`, lets everybody only add, which the checks of owners see.
fn check_mode(path: &Path, about: &Metadata) -> Result<(), Untrusted> {
    let mode = about.mode() & 0o7777;
    let is_foreign_group = about.gid() != 0 && about.gid() != own_gid();
    let is_open = mode & 0o002 != 0 || (mode & 0o020 != 0 && is_foreign_group);
    if !is_open || mode & 0o1000 != 0 || about.is_symlink() {
        return Ok(());
    }
    Err(Untrusted::new(
        path,
        format!(
            "can be written by others (mode {mode:04o}, group {})",
            about.gid()
        ),
        format!(
            "`sudo chmod go-w {}`, or choose another directory",
            path.display()
        ),
    ))
}
