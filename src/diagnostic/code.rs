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
    /// Two routes want different certificates for one host.
    TlsDiffers = "E009", Error, "another value of `tls` is in force for the host";
    /// Caddy does not accept the route.
    RefusedByCaddy = "E010", Error, "Caddy refused the route";
    /// A label that protects is wrong, or the route cannot be served as protected as it asks to be.
    Closed = "E011", Error, "the route is closed: it cannot be protected as it asks to be";
    /// The agent's settings do not allow it.
    NotAllowed = "E012", Error, "a label needs a setting of the agent";
    /// A key under our prefix that has no meaning.
    UnknownKey = "W001", Warning, "a label is not known";
    /// A key that changes nothing as the others stand.
    NoEffect = "W002", Warning, "a label has no effect";
    /// Ready replicas of one app describe different routes.
    ReplicasDiffer = "W003", Warning, "replicas of one app have different labels";
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
        let code = Self::ALL.iter().find(|code| code.id() == id);
        { code.copied() }.ok_or_else(|| D::Error::custom(format!("`{id}` is no code")))
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
}
