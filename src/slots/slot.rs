//! What a slot is called, in the file system and in Caddy's config.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::model::PoolKey;

/// A slot of a pool. `Display` is the name of its file: `9f86d081884c7d65.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// Whose.
    pub pool: PoolKey,
    /// Its place in the pool's assignment, from 0 on.
    pub number: usize,
}

impl Slot {
    /// What Caddy's config names as the dial address, `{file.<path>}`: Caddy reads the file anew
    /// for each request and each retry.
    #[must_use]
    pub fn placeholder(self, runtime_dir: &Path) -> String {
        let path = self.path(&slots_folder(runtime_dir));
        format!("{{file.{}}}", path.display())
    }

    /// The slot whose file has this name; `None` for any other text.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (pool, number) = name.split_once('.')?;
        let (pool, number) = (PoolKey::parse(pool)?, number.parse().ok()?);
        let slot = Self { pool, number };
        (slot.to_string() == name).then_some(slot)
    }

    pub(super) fn path(self, folder: &Path) -> PathBuf {
        folder.join(self.to_string())
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.pool, self.number)
    }
}

/// The folder of the slots' files.
#[must_use]
pub fn slots_folder(runtime_dir: &Path) -> PathBuf {
    runtime_dir.join("slots")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_named_alike_in_the_folder_and_in_the_config() {
        let pool = PoolKey::parse("00000000000000ab").expect("16 digits");
        let slot = Slot { pool, number: 12 };
        assert_eq!(
            slot.placeholder(Path::new("/run/sh0-agent")),
            "{file./run/sh0-agent/slots/00000000000000ab.12}"
        );
        assert_eq!(Slot::parse(&slot.to_string()), Some(slot));
        for name in ["00000000000000ab", "00000000000000ab.012", "ab.1", ".new"] {
            assert_eq!(Slot::parse(name), None, "{name}");
        }
    }
}
