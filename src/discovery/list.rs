//! The container list, read while it comes.
//!
//! With ten thousand containers the list is 10 MB, and six times as much as structures: so it is
//! taken apart into its entries as its bytes come, and each becomes a container of ours at once.
//! Pure: the bytes are fed in. Owns what makes a list whole; a part of one is never handed out.

use super::convert::{self, Common, NotListed};
use crate::model::Container;

/// More than this is no entry that an engine made: the labels of a container are a few KB. The
/// bound keeps whatever answers in an engine's place from filling the memory.
const ENTRY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Why a list is none, or not whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum ListError {
    /// It is something else.
    #[error("expected {expected} in the container list, found `{}`", .found.escape_ascii())]
    Other {
        /// What may stand there.
        expected: &'static str,
        /// What stands there.
        found: u8,
    },
    /// It ends too early.
    #[error("the container list ends before {expected}")]
    Cut {
        /// What is lacking.
        expected: &'static str,
    },
    /// An entry has no end.
    #[error(
        "expected at most {ENTRY_BYTES_MAX} bytes in each entry of the container list, found more"
    )]
    Long,
    /// An entry is no container.
    #[error(transparent)]
    Entry(NotListed),
}

/// A list on its way.
#[derive(Debug)]
pub(super) struct List<'a> {
    prefix: &'a str,
    entries: Entries,
    common: Common,
    containers: Vec<Container>,
}

impl<'a> List<'a> {
    /// Nothing of a list yet. Of its labels those are kept that are read where our own begin with
    /// `<prefix>.`.
    pub(super) fn new(prefix: &'a str) -> Self {
        Self {
            prefix,
            entries: Entries::default(),
            common: Common::default(),
            containers: Vec::new(),
        }
    }

    /// Takes the next piece, which may begin and end anywhere.
    ///
    /// # Errors
    /// When this can no longer become a list.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), ListError> {
        let Self {
            prefix,
            entries,
            common,
            containers,
        } = self;
        entries.push(piece, |entry| {
            let container = convert::container(entry, prefix, common);
            containers.push(container.map_err(ListError::Entry)?);
            Ok(())
        })
    }

    /// All containers, once nothing more comes.
    ///
    /// # Errors
    /// When something is lacking.
    pub(super) fn end(self) -> Result<Vec<Container>, ListError> {
        self.entries.end()?;
        Ok(self.containers)
    }
}

/// Takes a JSON array of objects apart. What is in an object is for its reader to check.
#[derive(Debug, Default)]
struct Entries {
    at: At,
    inside: Inside,
    /// What has come of an entry that is not at its end yet.
    begun: Vec<u8>,
}

/// Where the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum At {
    #[default]
    Start,
    First,
    Entry,
    Behind,
    Next,
    End,
}

impl At {
    fn expected(self) -> &'static str {
        match self {
            Self::Start => "`[`",
            Self::First => "`{` or `]`",
            Self::Entry => "the end of an entry",
            Self::Behind => "`,` or `]`",
            Self::Next => "`{`",
            Self::End => "nothing more",
        }
    }
}

impl Entries {
    fn push(
        &mut self,
        piece: &[u8],
        mut read: impl FnMut(&[u8]) -> Result<(), ListError>,
    ) -> Result<(), ListError> {
        let mut left = piece;
        while let Some((&byte, behind)) = left.split_first() {
            if self.at == At::Entry {
                left = self.entry(left, &mut read)?;
                continue;
            }
            self.at = match (self.at, byte) {
                (at, b' ' | b'\t' | b'\r' | b'\n') => at,
                (At::Start, b'[') => At::First,
                (At::Behind, b',') => At::Next,
                (At::First | At::Behind, b']') => At::End,
                (At::First | At::Next, b'{') => {
                    self.at = At::Entry;
                    continue;
                }
                (at, found) => {
                    let expected = at.expected();
                    return Err(ListError::Other { expected, found });
                }
            };
            left = behind;
        }
        Ok(())
    }

    /// Takes what belongs to the entry; gives what is behind it.
    fn entry<'a>(
        &mut self,
        piece: &'a [u8],
        read: &mut impl FnMut(&[u8]) -> Result<(), ListError>,
    ) -> Result<&'a [u8], ListError> {
        let last = piece.iter().position(|byte| self.inside.is_last(*byte));
        let length = last.map_or(piece.len(), |last| last + 1);
        let (own, behind) = piece.split_at(length);
        if self.begun.len() + own.len() > ENTRY_BYTES_MAX {
            return Err(ListError::Long);
        }
        match last {
            // Most entries come in one piece, and are read where they are.
            Some(_) if self.begun.is_empty() => read(own)?,
            Some(_) => {
                self.begun.extend_from_slice(own);
                read(&self.begun)?;
                self.begun.clear();
            }
            None => self.begun.extend_from_slice(own),
        }
        if last.is_some() {
            self.at = At::Behind;
        }
        Ok(behind)
    }

    fn end(&self) -> Result<(), ListError> {
        if self.at == At::End {
            return Ok(());
        }
        Err(ListError::Cut {
            expected: self.at.expected(),
        })
    }
}

/// How deep in an entry the next byte stands.
#[derive(Debug, Default)]
struct Inside {
    depth: usize,
    in_string: bool,
    is_escaped: bool,
}

impl Inside {
    /// Takes one more byte; whether it closes the entry.
    fn is_last(&mut self, byte: u8) -> bool {
        if self.in_string {
            self.in_string = self.is_escaped || byte != b'"';
            self.is_escaped = byte == b'\\' && !self.is_escaped;
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.depth == 0
    }
}

#[cfg(test)]
mod tests;
