//! The table of diagnostic codes. Ids are stable: they are documented and searched for.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Whether the route is affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The route (or this host of it) is left out, or its last good form stays.
    Error,
    /// The route works; something else is not as it seems.
    Warning,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $id:literal, $severity:ident, $title:literal;)+) => {
        /// The kinds of findings.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its stable id.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)+ }
            }

            /// How bad it is.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)+ }
            }

            /// What it is in a few words.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }

            /// What it means, why it is so, and labels that cause it and mend it: Markdown, whose
            /// lines fit a terminal. Each code has a file of its own.
            #[must_use]
            pub fn long(self) -> &'static str {
                match self { $(Self::$name => include_str!(concat!("long/", $id, ".md")),)+ }
            }
        }
    };
}

codes! {
    /// A value is not of the form that its key takes.
    BadValue = "E001", Error, "a label has a wrong value";
    /// Nothing says which port the container listens on.
    NoPort = "E002", Error, "the port is not known";
    /// The container is not attached to the routing network.
    NotOnNetwork = "E003", Error, "the container is not on the routing network";
    /// Another project claimed the host first.
    HostTaken = "E004", Error, "the host belongs to another project";
    /// Two routes of one owner ask for the same host and path.
    RouteTaken = "E005", Error, "two routes ask for the same host and path";
    /// Labels describe a route, but no label says its host.
    NoHost = "E006", Error, "the route has no host";
    /// A wildcard host needs a certificate that is not there.
    NoWildcardCertificate = "E007", Error, "there is no certificate for the wildcard host";
    /// `*` is not allowed by the agent's settings.
    CatchAll = "E008", Error, "a catch-all host is not allowed";
    /// Two routes want different things for one host.
    TlsDiffers = "E009", Error, "another value is in force for the host";
    /// Caddy does not accept the route.
    RefusedByCaddy = "E010", Error, "Caddy refused the route";
    /// A label that protects is wrong, or the route cannot be served as protected as it asks to be.
    Closed = "E011", Error, "the route is closed: it cannot be protected as it asks to be";
    /// The agent's settings do not allow it.
    NotAllowed = "E012", Error, "a label needs a setting of the agent";
    /// The agent's settings do not let labels claim the host.
    HostNotAllowed = "E013", Error, "the agent may not serve the host";
    /// A host whose clients must show certificates cannot ask for them.
    NoClientCa = "E014", Error, "client certificates cannot be asked for";
    /// A key under our prefix that has no meaning.
    UnknownKey = "W001", Warning, "a label is not known";
    /// A key that changes nothing as the others stand.
    NoEffect = "W002", Warning, "a label has no effect";
    /// Ready replicas of one app describe different routes.
    ReplicasDiffer = "W003", Warning, "replicas of one app have different labels";
}

/// How alike (0 to 1, Jaro-Winkler) a text must be to a code for it to be offered: `E01` and
/// `E0012` are, a word is not.
const LIKENESS_MIN: f64 = 0.8;

impl Code {
    /// The code of this id, in upper or lower case.
    #[must_use]
    pub fn find(id: &str) -> Option<Self> {
        let all = Self::ALL.iter().copied();
        { all }.find(|code| code.id().eq_ignore_ascii_case(id))
    }

    /// The code whose id is most like this text, where one is like it.
    #[must_use]
    pub fn nearest(text: &str) -> Option<Self> {
        // Longer than any code, so unlike all, and not worth a comparison.
        if text.len() > 16 {
            return None;
        }
        let text = text.to_ascii_uppercase();
        let likeness = |code: &Self| strsim::jaro_winkler(&text, code.id());
        // The last of equals is taken, which is to be the first in the table.
        let all = Self::ALL.iter().copied().rev();
        let nearest = all.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        nearest.filter(|code| likeness(code) >= LIKENESS_MIN)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        Self::find(&id).ok_or_else(|| D::Error::custom(format!("`{id}` is no code")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_say_the_severity() {
        let mut ids: Vec<&str> = Code::ALL.iter().map(|code| code.id()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), Code::ALL.len());
        for code in Code::ALL {
            let letter = if code.severity() == Severity::Error {
                'E'
            } else {
                'W'
            };
            assert!(code.id().starts_with(letter), "{code}");
        }
    }

    #[test]
    fn a_code_is_found_in_any_case_and_a_mistyped_one_gives_the_nearest() {
        assert_eq!(Code::find("e004"), Some(Code::HostTaken));
        assert_eq!(Code::find("E04"), None);
        assert_eq!(Code::nearest("e0004"), Some(Code::HostTaken));
        assert_eq!(Code::nearest("w0001"), Some(Code::UnknownKey));
        assert_eq!(Code::nearest("shop-web-1"), None);
        assert_eq!(Code::nearest(&"E001".repeat(1_000)), None);
    }
}
