//! What those are told who ask for an app that a person halted.
//!
//! Owns the folder `<runtime>/notices`: for each pool of such an app a page for browsers and a text
//! for all others. Caddy reads them when a waiting socket closes a request, so a new message needs no
//! load, and is answered while no agent runs. Deliberately whole files without placeholders: what a
//! person wrote is escaped here, once.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::files::make_folder;
use crate::access::{Access, SHARED_FILE, write_anew};
use crate::model::{HaltKind, PoolKey};

/// The kinds of files.
const ENDINGS: [&str; 2] = ["html", "txt"];

/// What went wrong with the folder.
#[derive(Debug, thiserror::Error)]
#[error("the notices in `{}` cannot be used", .path.display())]
pub struct NoticesError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// The folder of the notices: Caddy's config names it.
#[must_use]
pub fn notices_folder(runtime_dir: &Path) -> PathBuf {
    runtime_dir.join("notices")
}

/// The notices that are there. They have one writer: this value, which is not `Clone`.
#[derive(Debug)]
pub struct Notices {
    folder: PathBuf,
    access: Access,
    written: BTreeMap<PoolKey, HaltKind>,
}

impl Notices {
    /// Makes the folder; what an earlier agent left in it stays until [`Notices::remove_others`].
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(runtime_dir: &Path, access: Access) -> Result<Self, NoticesError> {
        let folder = notices_folder(runtime_dir);
        let made = make_folder(&folder, access);
        made.map_err(|source| NoticesError {
            path: folder.clone(),
            source,
        })?;
        Ok(Self {
            folder,
            access,
            written: BTreeMap::new(),
        })
    }

    /// What the pool's clients are told from now on; `None` is nothing of ours.
    ///
    /// # Errors
    /// When it cannot be written or removed; the same may be tried again.
    pub fn set(&mut self, pool: PoolKey, halt: Option<&HaltKind>) -> Result<(), NoticesError> {
        if self.written.get(&pool) == halt {
            return Ok(());
        }
        let done = match halt {
            Some(halt) => self.write(pool, halt),
            None => self.remove(pool),
        };
        done.map_err(|source| self.failed(source))?;
        match halt {
            Some(halt) => drop(self.written.insert(pool, halt.clone())),
            None => drop(self.written.remove(&pool)),
        }
        Ok(())
    }

    /// Writes again what somebody removed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn repair(&self) -> Result<(), NoticesError> {
        let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
        for (pool, halt) in &self.written {
            if !ENDINGS.iter().all(|end| is_there(&self.path(*pool, end))) {
                let written = self.write(*pool, halt);
                written.map_err(|source| self.failed(source))?;
            }
        }
        Ok(())
    }

    /// Removes what an earlier agent left and this one did not write.
    ///
    /// # Errors
    /// When the folder cannot be read, or a file not removed.
    pub fn remove_others(&self) -> Result<(), NoticesError> {
        let removed = self.remove_left();
        removed.map_err(|source| self.failed(source))
    }

    fn remove_left(&self) -> io::Result<()> {
        let entries = match fs::read_dir(&self.folder) {
            // It is made again with the next notice.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let pool = name.to_str().and_then(|name| name.split_once('.'));
            let pool = pool.and_then(|(pool, _)| PoolKey::parse(pool));
            if pool.is_none_or(|pool| !self.written.contains_key(&pool)) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    fn write(&self, pool: PoolKey, halt: &HaltKind) -> io::Result<()> {
        make_folder(&self.folder, self.access)?;
        for (end, text) in ENDINGS.into_iter().zip([page(halt), text(halt)]) {
            let beside = self.folder.join(".new");
            write_anew(&beside, SHARED_FILE)?.write_all(text.as_bytes())?;
            fs::rename(&beside, self.path(pool, end))?;
        }
        Ok(())
    }

    fn remove(&self, pool: PoolKey) -> io::Result<()> {
        let mut paths = ENDINGS.iter().map(|end| self.path(pool, end));
        paths.try_for_each(|path| remove(&path))
    }

    fn path(&self, pool: PoolKey, end: &str) -> PathBuf {
        self.folder.join(format!("{pool}.{end}"))
    }

    fn failed(&self, source: io::Error) -> NoticesError {
        NoticesError {
            path: self.folder.clone(),
            source,
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A title, what a person said, and what to do.
fn said(halt: &HaltKind) -> [&str; 3] {
    match halt {
        HaltKind::Paused { .. } => [
            "This site is paused",
            "It goes on soon.",
            "Please try again in a minute.",
        ],
        HaltKind::Stopped { message } => [
            "This site is down for maintenance",
            message
                .as_ref()
                .map_or("It comes back soon.", |message| message.as_str()),
            "Please try again later.",
        ],
    }
}

fn text(halt: &HaltKind) -> String {
    let [title, message, end] = said(halt);
    format!("{title}.\n\n{message}\n\n{end}\n")
}

fn page(halt: &HaltKind) -> String {
    let [title, message, end] = said(halt);
    let message = escaped(message);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;\
         padding:0 1rem}}p{{white-space:pre-line;overflow-wrap:anywhere}}</style>\n</head>\n<body>\n\
         <main>\n<h1>{title}</h1>\n<p>{message}</p>\n<p>{end}</p>\n</main>\n</body>\n</html>\n"
    )
}

/// Text as HTML shows it.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HaltMessage;

    fn pool(number: u64) -> PoolKey {
        PoolKey::parse(&format!("{number:016x}")).expect("16 digits")
    }

    fn stopped(message: &str) -> HaltKind {
        HaltKind::Stopped {
            message: HaltMessage::parse(message).ok(),
        }
    }

    fn read(folder: &Path, name: &str) -> String {
        let text = fs::read_to_string(notices_folder(folder).join(name));
        text.unwrap_or_default()
    }

    #[test]
    fn a_message_is_escaped_for_browsers_and_as_it_is_for_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut notices = Notices::open(folder.path(), Access::default()).expect("ours");
        let halt = stopped("<script>alert('a & \"b\"')</script>\nback at five");
        notices.set(pool(1), Some(&halt)).expect("written");
        let page = read(folder.path(), "0000000000000001.html");
        let escaped = "<p>&lt;script&gt;alert(&#39;a &amp; &quot;b&quot;&#39;)&lt;/script&gt;\n\
                       back at five</p>";
        assert!(page.contains(escaped), "{page}");
        assert!(!page.contains("<script"), "{page}");
        assert_eq!(
            read(folder.path(), "0000000000000001.txt"),
            "This site is down for maintenance.\n\n<script>alert('a & \"b\"')</script>\n\
             back at five\n\nPlease try again later.\n"
        );
    }

    #[test]
    fn notices_follow_the_halts_and_outlive_a_cleaner() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut earlier = Notices::open(folder.path(), Access::default()).expect("ours");
        for number in [1, 2] {
            earlier
                .set(pool(number), Some(&stopped("old")))
                .expect("written");
        }
        let mut notices = Notices::open(folder.path(), Access::default()).expect("ours");
        let paused = HaltKind::Paused { max_millis: 1_000 };
        notices.set(pool(1), Some(&paused)).expect("written");
        notices.remove_others().expect("removed");
        assert!(read(folder.path(), "0000000000000001.txt").contains("paused"));
        assert_eq!(read(folder.path(), "0000000000000002.txt"), "");
        fs::remove_dir_all(folder.path()).expect("it is there");
        notices.repair().expect("repaired");
        assert!(read(folder.path(), "0000000000000001.html").contains("paused"));
        notices.set(pool(1), None).expect("removed");
        notices.set(pool(1), None).expect("nothing to do");
        let left = fs::read_dir(notices_folder(folder.path())).expect("there");
        assert_eq!(left.count(), 0);
        fs::remove_dir_all(folder.path()).expect("it is there");
        notices.remove_others().expect("nobody misses it");
    }
}
