//! Names of files in the certificate directory.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::NameError;
use crate::model::{FOUND_CHARS_MAX, shown};

/// Longest name in bytes: well under what file systems take.
const FILE_NAME_BYTES_MAX: usize = 128;

/// The name of a PEM file of authorities in the certificate directory, such as `partners.pem`:
/// never a path, never hidden.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(String);

impl FileName {
    const EXPECTED: &'static str = "the name of a file such as `partners.pem`";

    /// Parses what a user wrote.
    ///
    /// # Errors
    /// What was found instead of a file's name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let found = match text {
            "" => "nothing".to_owned(),
            _ if text.contains('/') => "a path; the file lies in the certificate directory".into(),
            _ if text.len() > FILE_NAME_BYTES_MAX => {
                format!(
                    "{} characters, at most {FILE_NAME_BYTES_MAX} are allowed",
                    text.len()
                )
            }
            _ if text.starts_with('.')
                || text.strip_suffix(".pem").is_none()
                || !text.bytes().all(is_plain) =>
            {
                format!("`{}`", shown(text, FOUND_CHARS_MAX))
            }
            _ => return Ok(Self(text.to_owned())),
        };
        Err(NameError::new(Self::EXPECTED, found))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for FileName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).map_err(|error| error.found)
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0
    }
}
