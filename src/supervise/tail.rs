//! Reads the file to which Caddy writes its log.
//!
//! Owns the place in that file up to which lines were taken, kept elsewhere for the next agent: the
//! file is in a folder of Caddy's, who may be another user, and nothing there is followed. A file is
//! what outlives an agent: what is logged while none runs is in the next one's log (as far
//! as it was kept; Caddy moves the file aside at 1 MB and keeps one of those), and a slow agent
//! never makes Caddy wait, as a full pipe would. Caddy's `net` writer to a socket of ours lost all
//! lines of ten seconds in which the agent was away for one: it does not dial again before
//! (`redialerConn` in modules/logging/netwriter.go).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use crate::access::{plain_flags, write_anew};

use super::output::{LineCutter, READ_BYTES};

/// From one look at the file to the next: soon enough for people, and nothing for the machine.
const PACE: Duration = Duration::from_millis(100);

/// Up to where the lines of which file were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    device: u64,
    inode: u64,
    offset: u64,
}

impl Place {
    fn is_in(self, file: &fs::Metadata) -> bool {
        (self.device, self.inode) == (file.dev(), file.ino())
    }
}

/// Follows the file. One reader only.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    /// Where the place is kept.
    kept: PathBuf,
    /// The file that is read, which may have been moved aside by now.
    file: Option<(File, Place)>,
    /// After the last whole line that was taken.
    taken: Option<Place>,
    cutter: LineCutter,
    look_at: Instant,
}

impl Tail {
    /// Goes on where the last agent stopped.
    pub(super) fn open(path: &Path, kept: PathBuf) -> Self {
        let taken = fs::read(&kept).ok();
        let taken: Option<Place> = taken.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let mut tail = Self {
            path: path.to_owned(),
            kept,
            file: None,
            taken: None,
            cutter: LineCutter::default(),
            look_at: Instant::now(),
        };
        tail.file = taken.and_then(|place| tail.reopen(place).ok().flatten());
        tail
    }

    /// Waits until there may be more to read. May be dropped and called again.
    pub(super) async fn wait(&self) {
        sleep_until(self.look_at).await;
    }

    /// Takes what there is, at most [`READ_BYTES`] at once.
    pub(super) fn read(&mut self, emit: &mut dyn FnMut(&[u8])) {
        let count = self.advance(emit).unwrap_or_else(|error| {
            debug!(%error, "Could not read the log of Caddy.");
            0
        });
        let pace = if count == 0 { PACE } else { Duration::ZERO };
        self.look_at = Instant::now() + pace;
    }

    /// Takes all that there is, to be called when nobody writes any more.
    pub(super) fn drain(&mut self, emit: &mut dyn FnMut(&[u8])) {
        while let Ok(1..) = self.advance(emit) {}
        self.cutter.finish(emit);
    }

    /// Removes the file, those that were moved aside, and the place.
    pub(super) fn remove(self) {
        for path in self.all().into_iter().chain([self.kept.clone()]) {
            // Somebody else's deed when it is gone; harmless when it stays.
            drop(fs::remove_file(path));
        }
    }

    fn advance(&mut self, emit: &mut dyn FnMut(&[u8])) -> io::Result<usize> {
        let mut buffer = vec![0; READ_BYTES];
        let mut count = self.fill(&mut buffer)?;
        if count == 0 && self.follow()? {
            self.cutter.finish(emit);
            count = self.fill(&mut buffer)?;
        }
        let chunk = buffer.get(..count).unwrap_or_default();
        self.cutter.push(chunk, emit);
        let line_end = chunk.iter().rposition(|byte| *byte == b'\n');
        if let (Some((_, place)), Some(end)) = (&mut self.file, line_end) {
            let rest = (count - end - 1) as u64;
            let offset = place.offset - rest;
            let place = Place { offset, ..*place };
            self.keep(place);
        }
        Ok(count)
    }

    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((file, place)) = &mut self.file else {
            return Ok(0);
        };
        let count = file.read(buffer)?;
        place.offset += count as u64;
        Ok(count)
    }

    /// Opens what is at the path now, if that is another file than the one that was read to its
    /// end, or the same but shorter.
    fn follow(&mut self) -> io::Result<bool> {
        let now = match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            now => now?,
        };
        let is_same = |(_, place): &(File, Place)| place.is_in(&now) && place.offset <= now.len();
        if self.file.as_ref().is_some_and(is_same) {
            return Ok(false);
        }
        let file = open(&self.path)?;
        let opened = file.metadata()?;
        let place = Place {
            device: opened.dev(),
            inode: opened.ino(),
            offset: 0,
        };
        self.file = Some((file, place));
        Ok(true)
    }

    /// The file in which this place is, from there on; also when it was moved aside.
    fn reopen(&self, place: Place) -> io::Result<Option<(File, Place)>> {
        let is_there =
            |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|file| place.is_in(&file));
        let Some(path) = self.all().into_iter().find(is_there) else {
            return Ok(None);
        };
        let mut file = open(&path)?;
        if file.metadata()?.len() < place.offset {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(place.offset))?;
        Ok(Some((file, place)))
    }

    /// The file, and those that were moved aside: `caddy-2026-01-31T12-00-00.000-size.log` for
    /// `caddy.log`.
    fn all(&self) -> Vec<PathBuf> {
        let stem = self.path.file_stem().unwrap_or_default();
        let mut aside = stem.to_owned();
        aside.push("-");
        let is_aside = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            name.starts_with(aside.as_encoded_bytes()) && path.extension() == self.path.extension()
        };
        let folder = self.path.parent().map(fs::read_dir);
        let entries = folder.into_iter().flatten().flatten().flatten();
        let found = entries.map(|entry| entry.path()).filter(is_aside);
        found.chain([self.path.clone()]).collect()
    }

    /// Keeps the place for the next agent.
    fn keep(&mut self, place: Place) {
        if self.taken == Some(place) {
            return;
        }
        self.taken = Some(place);
        let draft = self.kept.with_extension("taken.new");
        let bytes = serde_json::to_vec(&place).expect("three numbers");
        if let Err(error) = replace(&draft, &bytes, &self.kept) {
            debug!(%error, "Could not keep the place in the log of Caddy.");
        }
    }
}

fn replace(draft: &Path, bytes: &[u8], path: &Path) -> io::Result<()> {
    write_anew(draft, 0o600)?.write_all(bytes)?;
    fs::rename(draft, path)
}

/// Opens a file of Caddy's; nothing that only stands in its place.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(plain_flags()).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::other("it is no file"))
}

#[cfg(test)]
mod tests;
