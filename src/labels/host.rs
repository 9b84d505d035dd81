//! What a route's labels say about its hosts, whoever serves them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::spec::TlsSetting;
use super::value;
use crate::model::{FileName, Hostname, NameError, TlsVersion};

/// Whose certificates clients must show.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientCa {
    /// Those of the authorities in this file of the certificate directory.
    File(FileName),
    /// The label is wrong, so that nobody can show the right one: the host is served to nobody.
    Unusable,
}

impl fmt::Display for ClientCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(name) => name.fmt(f),
            Self::Unusable => f.write_str("(wrong)"),
        }
    }
}

/// The longest time that HSTS is asked for, in seconds: ten years.
const HSTS_SECONDS_MAX: u32 = 315_360_000;

/// The `Strict-Transport-Security` header (RFC 6797, section 6.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hsts {
    /// None is sent.
    #[default]
    Off,
    /// Its value.
    Header(String),
}

impl Hsts {
    const EXPECTED: &'static str =
        "`true`, `false` or a text such as `max-age=31536000; includeSubDomains`";

    /// Parses a bool, or the header's text with `max-age`, `includeSubDomains` and `preload`. The
    /// text is written anew from its parts, so that nothing else reaches a response.
    ///
    /// # Errors
    /// What was found instead.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let wrong = || value::not_one_of(Self::EXPECTED, text);
        match value::boolean(text) {
            Ok(true) => return Ok(Self::Header("max-age=31536000".to_owned())),
            Ok(false) => return Ok(Self::Off),
            Err(_) => {}
        }
        let (mut age, mut flags) = (None, [("includeSubDomains", false), ("preload", false)]);
        for part in text.split(';').map(str::trim) {
            if let Some((name, seconds)) = part.split_once('=') {
                let is_new = name.trim().eq_ignore_ascii_case("max-age") && age.is_none();
                let seconds = seconds.trim().parse::<u32>().ok();
                let seconds = seconds.filter(|seconds| is_new && *seconds <= HSTS_SECONDS_MAX);
                age = Some(seconds.ok_or_else(wrong)?);
                continue;
            }
            let mut flags = flags.iter_mut();
            let flag = flags.find(|(name, is_set)| !is_set && part.eq_ignore_ascii_case(name));
            flag.ok_or_else(wrong)?.1 = true;
        }
        let mut written = format!("max-age={}", age.ok_or_else(wrong)?);
        for (name, _) in flags.iter().filter(|(_, is_set)| *is_set) {
            written.push_str("; ");
            written.push_str(name);
        }
        Ok(Self::Header(written))
    }

    /// The header's value, if it is sent.
    #[must_use]
    pub fn header(&self) -> Option<&str> {
        match self {
            Self::Off => None,
            Self::Header(value) => Some(value),
        }
    }
}

impl fmt::Display for Hsts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.header().unwrap_or("false"))
    }
}

/// What is asked for a host; one owner's default route decides it. Kept in the state directory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HostRules {
    /// Where its certificate comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSetting>,
    /// The oldest TLS version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_min: Option<TlsVersion>,
    /// Whose certificates clients must show; `None` is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<ClientCa>,
    /// Whether browsers are told to keep to HTTPS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hsts: Option<Hsts>,
    /// Whether plain HTTP is sent to HTTPS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_https: Option<bool>,
}

/// What one route says about its hosts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostSpec {
    /// What it asks for them.
    pub rules: HostRules,
    /// Hosts that are sent to the route's first exact one.
    pub redirect_from: Vec<Hostname>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hsts_is_written_from_its_parts() {
        for (text, written) in [
            ("true", Some("max-age=31536000")),
            ("no", None),
            ("max-age=0", Some("max-age=0")),
            (
                " PRELOAD ;Max-Age = 60; includesubdomains",
                Some("max-age=60; includeSubDomains; preload"),
            ),
        ] {
            let hsts = Hsts::parse(text).expect(text);
            assert_eq!(hsts.header(), written, "{text}");
        }
        for wrong in [
            "",
            "max-age",
            "max-age=x",
            "max-age=-1",
            "max-age=1; max-age=2",
            "max-age=999999999999",
            "preload",
            "max-age=1; preload; preload",
            "max-age=1; {env.HOME}",
            "max-age=1\r\nX: y",
            "max-age=1;",
        ] {
            assert!(Hsts::parse(wrong).is_err(), "{wrong}");
        }
    }
}
