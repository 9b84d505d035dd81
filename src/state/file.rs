//! Reading and replacing one file of the state directory, whatever is found there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use tracing::warn;

use crate::access::{SHARED_FILE, write_anew};

/// More than this is nothing of ours: ten thousand containers take some 20 MB.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What the file says, as `parse` understands it; `None` when there is none. What cannot be read
/// or understood is put aside as `<name>.unreadable` and said, so that it is in nobody's way and a
/// person can look at it.
pub(super) fn read_or_put_aside<T>(
    path: &Path,
    parse: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Option<T> {
    let reason = match read(path) {
        Ok(None) => return None,
        Ok(Some(bytes)) => match parse(&bytes) {
            Ok(value) => return Some(value),
            Err(reason) => reason,
        },
        Err(error) => error.to_string(),
    };
    let mut aside = path.as_os_str().to_owned();
    aside.push(".unreadable");
    let help = match fs::rename(path, &aside) {
        Ok(()) => format!(
            "nothing needs to be done; it was put aside as `{}`, which may be removed",
            aside.display()
        ),
        Err(error) => format!("remove it, for it could not be put aside: {error}"),
    };
    warn!(path = %path.display(), %reason, %help, "A file of the state directory is not usable; starting without it.");
    None
}

/// The file's bytes; `None` when there is no such file.
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut options = OpenOptions::new();
    options.read(true);
    // A pipe in the file's place must not make us wait for its writer.
    options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    read_bounded(&file).map(Some)
}

fn read_bounded(file: &File) -> io::Result<Vec<u8>> {
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    if about.len() > BYTES_MAX {
        let limit = BYTES_MAX / (1024 * 1024);
        return Err(io::Error::other(format!("it is larger than {limit} MB")));
    }
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes a file so that a reader, or a crash, sees the old content or the new, never a part.
/// Nobody but this user may read it.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, 0o600)
}

/// The same for a file that Caddy reads.
pub(crate) fn replace_shared_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, SHARED_FILE)
}

fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = write_anew(&beside, mode)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&beside, path)
}
