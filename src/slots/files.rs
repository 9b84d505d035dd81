//! The folder of slot files.
//!
//! Owns `<runtime>/slots`: nobody else writes there. A file is replaced by a rename, so that Caddy
//! reads the old address or the new one; an empty or missing file would be a plain 500 that is not
//! tried again. Nothing is synced to disk: the runtime directory does not outlive the machine's
//! run (`/run` is memory), and where it does, every file is written anew before a config names it.
//! A write takes some 20 µs in memory and 70 on a disk, so these are plain calls, for one task.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::count::SLOTS_MAX;
use super::slot::{Slot, slots_folder};
use crate::access::{Access, SHARED_FILE, write_anew};
use crate::model::PoolKey;

/// What a slot's file says. `Display` is its very text, in Caddy's form of a dial address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// `10.0.0.1:80` or `[fd00::1]:80`.
    Address(SocketAddr),
    /// A Unix socket by its absolute path: `unix//run/…`.
    Socket(PathBuf),
}

impl Content {
    fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("unix/") {
            Some(path) => Some(Self::Socket(path.into())),
            None => text.parse().ok().map(Self::Address),
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Socket(path) => write!(f, "unix/{}", path.display()),
        }
    }
}

/// What went wrong with the folder.
#[derive(Debug, thiserror::Error)]
pub enum SlotsError {
    /// Its path cannot stand in a placeholder of Caddy's.
    #[error("the path `{}` is not absolute, not UTF-8, or has one of `{{}}\\|` in it", .path.display())]
    Path {
        /// The folder.
        path: PathBuf,
    },
    /// It could not be made or read.
    #[error("the folder of slots `{}` cannot be used", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A slot could not be written; its file says what it said before.
    #[error("the slot `{}` cannot be written", .path.display())]
    Write {
        /// The slot's file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that nobody needs could not be removed.
    #[error("the file `{}` cannot be removed", .path.display())]
    Remove {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The folder and what is in its files. It has one writer: this value, which is not `Clone`.
#[derive(Debug)]
pub struct SlotFiles {
    folder: PathBuf,
    access: Access,
    /// What the files say, as far as we wrote or found them.
    written: BTreeMap<Slot, Content>,
    /// The folder as it was when all files were last seen in it, but for our own writes since;
    /// `None` when it is to be looked.
    seen: Option<Stamp>,
    /// How often it was not looked since, because nothing had happened.
    passed_over: u32,
}

/// Of so many calls of [`SlotFiles::repair`] one looks at every file, whatever the folder says.
const LOOK_EVERY: u32 = 60;

/// Changes when a file is added to a folder, removed from it or replaced, and with the folder.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    inode: (u64, u64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(folder: &Metadata) -> Self {
        Self {
            inode: (folder.dev(), folder.ino()),
            changed: (folder.mtime(), folder.mtime_nsec()),
        }
    }
}

impl SlotFiles {
    /// Makes `slots` in the runtime directory, for a Caddy with this access, or opens it with all that an earlier agent left in
    /// it.
    ///
    /// # Errors
    /// When the folder cannot be made or read, or Caddy could not read a file by its path.
    pub fn open(runtime_dir: &Path, access: Access) -> Result<Self, SlotsError> {
        let folder = slots_folder(runtime_dir);
        let is_usable = |text: &str| !text.contains(['{', '}', '\\', '|']);
        if !folder.is_absolute() || !folder.to_str().is_some_and(is_usable) {
            return Err(SlotsError::Path { path: folder });
        }
        let failed = |source| SlotsError::Folder {
            path: folder.clone(),
            source,
        };
        make_folder(&folder, access).map_err(failed)?;
        let written = read_all(&folder).map_err(failed)?;
        Ok(Self {
            folder,
            access,
            written,
            seen: None,
            passed_over: 0,
        })
    }

    /// What the slot's file says; `None` when there is none.
    #[must_use]
    pub fn content(&self, slot: Slot) -> Option<&Content> {
        self.written.get(&slot)
    }

    /// Every slot that has a file.
    pub fn slots(&self) -> impl Iterator<Item = (Slot, &Content)> {
        self.written.iter().map(|(slot, content)| (*slot, content))
    }

    /// How long the slot's file has said what it says; `None` when there is none, or the clock was
    /// set back.
    #[must_use]
    pub fn age(&self, slot: Slot) -> Option<Duration> {
        let file = fs::metadata(slot.path(&self.folder)).ok()?;
        file.modified().ok()?.elapsed().ok()
    }

    /// Makes the slot say this, for the next request on; whether that is a change. When the folder
    /// is gone, it and all its files are made anew.
    ///
    /// # Errors
    /// When it cannot be written. What it said before stands, and the same may be tried again.
    pub fn write(&mut self, slot: Slot, content: &Content) -> Result<bool, SlotsError> {
        if self.written.get(&slot) == Some(content) {
            return Ok(false);
        }
        let is_as_seen = self.seen.is_some() && self.stamp().ok() == self.seen;
        self.seen = None;
        match self.replace(slot, content) {
            Err(SlotsError::Write { source, .. }) if source.kind() == ErrorKind::NotFound => {
                self.written.insert(slot, content.clone());
                self.repair()?;
            }
            done => done?,
        }
        if is_as_seen {
            self.seen = self.stamp().ok();
        }
        self.written.insert(slot, content.clone());
        Ok(true)
    }

    fn stamp(&self) -> io::Result<Stamp> {
        Ok(Stamp::of(&fs::metadata(&self.folder)?))
    }

    /// Writes again what is missing, such as after somebody emptied the runtime directory; how many
    /// files that were. Cheap when nothing but our own writes happened to the folder since the last
    /// time, so that it may be called every second. What somebody does in the very moment of such a
    /// write is found by every sixtieth call.
    ///
    /// # Errors
    /// When the folder cannot be made, or a file not written.
    pub fn repair(&mut self) -> Result<usize, SlotsError> {
        let failed = |source| SlotsError::Folder {
            path: self.folder.clone(),
            source,
        };
        make_folder(&self.folder, self.access).map_err(failed)?;
        let stamp = self.stamp().map_err(failed)?;
        if self.seen.as_ref() == Some(&stamp) && self.passed_over < LOOK_EVERY {
            self.passed_over += 1;
            return Ok(0);
        }
        self.passed_over = 0;
        let mut missing = 0;
        for (slot, content) in &self.written {
            if !is_whole(&slot.path(&self.folder), content) {
                self.replace(*slot, content)?;
                missing += 1;
            }
        }
        self.seen = (missing == 0).then_some(stamp);
        Ok(missing)
    }

    /// Removes every file but those of these slots, which a config names; how many.
    ///
    /// # Errors
    /// When the folder cannot be read, or a file not removed. All others are removed all the same.
    pub fn remove_stale(&mut self, keep: &BTreeSet<Slot>) -> Result<usize, SlotsError> {
        let failed = |source| SlotsError::Folder {
            path: self.folder.clone(),
            source,
        };
        let (mut removed, mut result) = (0, Ok(()));
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let slot = entry.file_name().to_str().and_then(Slot::parse);
            if slot.is_some_and(|slot| keep.contains(&slot)) {
                continue;
            }
            self.seen = None;
            match fs::remove_file(entry.path()) {
                Ok(()) => removed += 1,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(source) => {
                    let path = entry.path();
                    result = Err(SlotsError::Remove { path, source });
                    continue;
                }
            }
            slot.map(|slot| self.written.remove(&slot));
        }
        result.map(|()| removed)
    }

    /// Replaces the file. One name beside it is enough: there is one writer.
    fn replace(&self, slot: Slot, content: &Content) -> Result<(), SlotsError> {
        let (path, beside) = (slot.path(&self.folder), self.folder.join(".new"));
        let replaced = write_new(&beside, &content.to_string());
        let replaced = replaced.and_then(|()| fs::rename(&beside, &path));
        replaced.map_err(|source| SlotsError::Write { path, source })
    }
}

/// What the slots of a pool say in this runtime directory, in the order of their numbers: for who
/// looks from outside, while their one writer goes on.
#[must_use]
pub fn contents(runtime_dir: &Path, pool: PoolKey) -> Vec<String> {
    let folder = slots_folder(runtime_dir);
    let content = |number| fs::read_to_string(Slot { pool, number }.path(&folder)).ok();
    (0..SLOTS_MAX).map_while(content).collect()
}

/// Makes a folder in the runtime directory, which Caddy may read, also when that is gone.
pub(super) fn make_folder(folder: &Path, access: Access) -> io::Result<()> {
    if let Some(runtime_dir) = folder.parent().filter(|dir| !dir.exists()) {
        access.entered(runtime_dir)?;
    }
    access.shared(folder)
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    write_anew(path, SHARED_FILE)?.write_all(text.as_bytes())
}

fn is_whole(path: &Path, content: &Content) -> bool {
    let length = content.to_string().len() as u64;
    fs::symlink_metadata(path).is_ok_and(|file| file.is_file() && file.len() == length)
}

/// What the files in the folder say; others than slots are passed over.
fn read_all(folder: &Path) -> io::Result<BTreeMap<Slot, Content>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let slot = entry.file_name().to_str().and_then(Slot::parse);
        let text = fs::read_to_string(entry.path()).ok();
        let content = text.and_then(|text| Content::parse(&text));
        found.extend(slot.zip(content));
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
