//! What the files and sockets of a pool are named by.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::{AppKey, Owner, Scheme};

/// Names the containers that serve one port of an app together.
///
/// 64 bits of a hash, so that no text of a label ever becomes part of a file name, and the names
/// are of one length. `Display` is 16 lowercase hex digits. The same in every run of the agent: a
/// Caddy that it takes over still reads the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PoolKey(u64);

impl PoolKey {
    /// The key of an app's port. `port` is what says which one it is: a number, or a word for the
    /// one port that each container exposes, which may be another number from replica to replica.
    #[must_use]
    pub fn new(app: &AppKey, scheme: Scheme, port: &str) -> Self {
        let (kind, owner) = match &app.owner {
            Owner::Project(name) => ("project", name),
            Owner::App(name) => ("app", name),
        };
        let scheme = match scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::H2c => "h2c",
        };
        let mut hash = Sha256::new();
        for part in [kind, owner, &app.name, scheme, port] {
            // With their lengths, so that no two lists of parts make the same bytes.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        let first = digest.iter().take(8);
        Self(first.fold(0, |key, byte| (key << 8) | u64::from(*byte)))
    }

    /// The key that `Display` shows as this; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let key = u64::from_str_radix(text, 16).map(Self).ok()?;
        (key.to_string() == text).then_some(key)
    }
}

impl Serialize for PoolKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PoolKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("no key of a pool"))
    }
}

impl fmt::Display for PoolKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(owner: Owner, name: &str, scheme: Scheme, port: &str) -> PoolKey {
        PoolKey::new(
            &AppKey {
                owner,
                name: name.into(),
            },
            scheme,
            port,
        )
    }

    /// A Caddy that outlives its agent reads the files of the one before: the name must stay.
    #[test]
    fn a_key_is_the_same_for_ever() {
        let shop = || Owner::Project("shop".into());
        let web = key(shop(), "web", Scheme::Http, "80");
        assert_eq!(web.to_string(), "986c94aad42ac2b8");
    }

    #[test]
    fn whatever_differs_gives_another_key() {
        let project = |name: &str| Owner::Project(name.into());
        let app = |name: &str| Owner::App(name.into());
        let keys = [
            key(project("shop"), "web", Scheme::Http, "80"),
            key(app("shop"), "web", Scheme::Http, "80"),
            key(project("shopw"), "eb", Scheme::Http, "80"),
            key(project("shop"), "web", Scheme::H2c, "80"),
            key(project("shop"), "web", Scheme::Https, "80"),
            key(project("shop"), "web", Scheme::Http, "8"),
            key(project("shop"), "../../etc/passwd", Scheme::Http, "80"),
        ];
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }

    #[test]
    fn a_shown_key_is_read_back_and_nothing_else_is() {
        let shown = key(Owner::App("a".into()), "a", Scheme::Http, "").to_string();
        assert_eq!(shown.len(), 16);
        assert_eq!(
            PoolKey::parse(&shown).map(|key| key.to_string()),
            Some(shown)
        );
        for text in [
            "",
            "0",
            "+000000000000001",
            "00000000000000AB",
            "000000000000000g",
        ] {
            assert_eq!(PoolKey::parse(text), None, "{text}");
        }
    }
}
