//! What `sh0-agent pause` and `sh0-agent stop` ask for an app: its requests do not reach its
//! containers, which are left alone.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::AppKey;
use super::moment::utc;
use super::shown;

/// Characters of a message that are shown in one line.
const MESSAGE_CHARS_SHOWN: usize = 60;
/// Characters of a user's name that are shown.
const USER_CHARS_SHOWN: usize = 64;

/// An app that takes no requests because a person said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// What becomes of its requests.
    #[serde(flatten)]
    pub kind: HaltKind,
    /// Since when, in seconds since 1970.
    pub since: u64,
    /// The user who said so, by name or by number.
    pub by: String,
}

/// What becomes of the requests of a halted app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum HaltKind {
    /// They wait.
    Paused {
        /// For how long each waits at most, in milliseconds; then it gets 503.
        max_millis: u64,
    },
    /// They get 503 and a page.
    Stopped {
        /// What the page says; `None` is a text of ours.
        message: Option<HaltMessage>,
    },
}

/// The halted apps.
pub type Halts = BTreeMap<AppKey, Halt>;

impl HaltKind {
    /// For how long each request of a paused app waits by default: as long as for a container that is
    /// recreated.
    pub const MAX_DEFAULT: Duration = Duration::from_secs(30);
    /// The shortest time that can be said.
    pub const MAX_LEAST: Duration = Duration::from_secs(1);
    /// The longest time that can be said: no client waits for longer.
    pub const MAX_MOST: Duration = Duration::from_hours(1);

    /// Paused with this bound, if it lies between the shortest and the longest.
    #[must_use]
    pub fn paused(max: Duration) -> Option<Self> {
        let is_within = (Self::MAX_LEAST..=Self::MAX_MOST).contains(&max);
        let max_millis = u64::try_from(max.as_millis()).ok();
        max_millis
            .filter(|_| is_within)
            .map(|max_millis| Self::Paused { max_millis })
    }

    /// The word for it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Paused { .. } => "paused",
            Self::Stopped { .. } => "stopped",
        }
    }

    /// The command that asks for it.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Paused { .. } => "pause",
            Self::Stopped { .. } => "stop",
        }
    }
}

impl fmt::Display for HaltKind {
    /// What becomes of requests, in words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paused { max_millis } => {
                let max = Duration::from_millis(*max_millis);
                write!(f, "requests wait up to {max:?}, then get 503")
            }
            Self::Stopped { message: None } => f.write_str("requests get 503"),
            Self::Stopped {
                message: Some(message),
            } => {
                let message = shown(message.as_str(), MESSAGE_CHARS_SHOWN);
                write!(f, "requests get 503 and \"{message}\"")
            }
        }
    }
}

impl Halt {
    /// In a table: since when, by whom, and what becomes of requests.
    #[must_use]
    pub fn in_short(&self) -> String {
        let (word, since, by) = (self.kind.as_str(), utc(self.since), self.shown_by());
        format!("{word} since {since} UTC by {by}: {}", self.kind)
    }

    /// In a sentence: the command as well.
    #[must_use]
    pub fn in_full(&self) -> String {
        let (word, verb) = (self.kind.as_str(), self.kind.verb());
        let (since, by) = (utc(self.since), self.shown_by());
        format!(
            "{word} by `sh0-agent {verb}` since {since} UTC, by {by}: {}",
            self.kind
        )
    }

    /// What makes the app take requests again.
    #[must_use]
    pub fn help(app: &AppKey) -> String {
        format!("`sh0-agent resume {app}`")
    }

    fn shown_by(&self) -> String {
        shown(&self.by, USER_CHARS_SHOWN)
    }
}

/// What the page of a stopped app says: 1 to 1,000 characters in one or more lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HaltMessage(String);

impl HaltMessage {
    /// The longest message, in characters: more than a page for people needs.
    pub const CHARS_MAX: usize = 1_000;

    /// A message without blanks around it.
    ///
    /// # Errors
    /// What is wrong with it: it says nothing, is too long, or has control characters.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let is_wrong = |c: char| c.is_control() && c != '\n' && c != '\t';
        if text.is_empty() {
            return Err("expected a text, found nothing".to_owned());
        }
        if text.chars().count() > Self::CHARS_MAX {
            return Err(format!("expected at most {} characters", Self::CHARS_MAX));
        }
        if text.contains(is_wrong) {
            return Err("expected no control characters but line ends".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HaltMessage {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<HaltMessage> for String {
    fn from(message: HaltMessage) -> Self {
        message.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Owner;

    fn halt(kind: HaltKind) -> Halt {
        Halt {
            kind,
            since: 1_764_158_769,
            by: "root".to_owned(),
        }
    }

    #[test]
    fn a_halt_says_since_when_by_whom_and_what_becomes_of_requests() {
        let paused = HaltKind::paused(Duration::from_millis(1_500)).expect("within");
        assert_eq!(
            halt(paused).in_short(),
            "paused since 2025-11-26 12:06:09 UTC by root: requests wait up to 1.5s, then get 503"
        );
        let message = HaltMessage::parse("Back\nat \"five\"").ok();
        let stopped = halt(HaltKind::Stopped { message });
        assert_eq!(
            stopped.in_full(),
            "stopped by `sh0-agent stop` since 2025-11-26 12:06:09 UTC, by root: requests get 503 \
             and \"Back\\nat \"five\"\""
        );
        let plain = halt(HaltKind::Stopped { message: None });
        assert!(plain.in_short().ends_with("by root: requests get 503"));
        let app = AppKey {
            owner: Owner::Project("shop".into()),
            name: "web".into(),
        };
        assert_eq!(Halt::help(&app), "`sh0-agent resume shop/web`");
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let message = HaltMessage::parse("soon").ok();
        for kind in [
            HaltKind::Paused { max_millis: 30_000 },
            HaltKind::Stopped { message: None },
            HaltKind::Stopped { message },
        ] {
            let halt = halt(kind);
            let json = serde_json::to_string(&halt).expect("text and numbers");
            assert_eq!(
                serde_json::from_str::<Halt>(&json).ok(),
                Some(halt),
                "{json}"
            );
        }
    }

    #[test]
    fn bounds_are_kept() {
        let ms = Duration::from_millis;
        for (max, is_right) in [
            (ms(999), false),
            (ms(1_000), true),
            (ms(3_600_000), true),
            (ms(3_600_001), false),
            (Duration::MAX, false),
        ] {
            assert_eq!(HaltKind::paused(max).is_some(), is_right, "{max:?}");
        }
        for (text, is_right) in [
            ("", false),
            (" \n ", false),
            ("a\u{1b}[31m", false),
            ("two\nlines", true),
            (&"é".repeat(1_000), true),
            (&"é".repeat(1_001), false),
        ] {
            assert_eq!(HaltMessage::parse(text).is_ok(), is_right, "{text:?}");
        }
        assert_eq!(
            HaltMessage::parse("  Back at five. ").map(String::from),
            Ok("Back at five.".to_owned())
        );
    }
}
