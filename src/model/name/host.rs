//! Host names as requests name them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{FOUND_CHARS_MAX, NameError};
use crate::model::shown;

/// Longest host name in bytes (RFC 1035, section 2.3.4, less the two of the wire form).
const HOST_BYTES_MAX: usize = 253;
/// Longest label of a host name in bytes (RFC 1035, section 2.3.4).
const HOST_LABEL_BYTES_MAX: usize = 63;

/// A host that a request may name: lowercase ASCII, without port or trailing dot. Exact
/// (`app.example.com`, an IP address), a wildcard for one label (`*.example.com`), or `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hostname(Arc<str>);

impl Hostname {
    const EXPECTED: &'static str =
        "a host name such as `app.example.com` or `*.example.com`, without scheme, port or path";

    /// Parses what a user wrote: any case, with or without a trailing dot, Unicode or punycode.
    ///
    /// # Errors
    /// What was found instead of a host name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let wrong = |found: String| NameError::new(Self::EXPECTED, found);
        let text = text.trim();
        Self::reject_url_parts(text).map_err(wrong)?;
        if text == "*" {
            return Ok(Self("*".into()));
        }
        if let Some(ip) = parse_ip(text) {
            return Ok(Self(ip.to_string().into()));
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        // Said here and not after the mapping, whose time grows faster than the text.
        let chars = text.chars().count();
        if chars > HOST_BYTES_MAX {
            return Err(wrong(too_long(chars)));
        }
        let (wildcard, rest) = match text.strip_prefix("*.") {
            Some(rest) => ("*.", rest),
            None => ("", text),
        };
        if rest.contains('*') {
            return Err(wrong(
                "a `*` that is not the whole leftmost label".to_owned(),
            ));
        }
        let ascii = idna::domain_to_ascii(rest)
            .map_err(|_| wrong("characters that no host name may have".to_owned()))?;
        // The mapping knows other full stops (`。`), also as the last character.
        let ascii = ascii.strip_suffix('.').unwrap_or(&ascii);
        Self::check_labels(ascii, wildcard.len()).map_err(wrong)?;
        Ok(Self(format!("{wildcard}{ascii}").into()))
    }

    fn reject_url_parts(text: &str) -> Result<(), String> {
        if text.is_empty() {
            return Err("nothing".to_owned());
        }
        if text.contains("://") {
            return Err("a URL with its scheme".to_owned());
        }
        if text.contains('/') {
            return Err("a path (write it as the label `path`)".to_owned());
        }
        if text.contains(char::is_whitespace) {
            return Err("a space (write several hosts with commas between)".to_owned());
        }
        let is_ip = parse_ip(text).is_some();
        if !is_ip && text.contains(':') {
            return Err("a port (the agent's own ports are settings of the agent)".to_owned());
        }
        Ok(())
    }

    fn check_labels(ascii: &str, prefix_bytes: usize) -> Result<(), String> {
        let bytes = ascii.len() + prefix_bytes;
        if bytes > HOST_BYTES_MAX {
            return Err(too_long(bytes));
        }
        for label in ascii.split('.') {
            if label.is_empty() {
                return Err("an empty part between two dots".to_owned());
            }
            if label.len() > HOST_LABEL_BYTES_MAX {
                let bytes = label.len();
                return Err(format!(
                    "a part of {bytes} characters, at most {HOST_LABEL_BYTES_MAX} are allowed"
                ));
            }
            if label.starts_with('-') || label.ends_with('-') {
                let label = shown(label, FOUND_CHARS_MAX);
                return Err(format!("the part `{label}`, which begins or ends with `-`"));
            }
            let allowed =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
            if let Some(bad) = label.chars().find(|&c| !allowed(c)) {
                return Err(format!("the character `{}`", bad.escape_debug()));
            }
        }
        if ascii
            .split('.')
            .next_back()
            .is_some_and(|l| l.chars().all(|c| c.is_ascii_digit()))
        {
            return Err("a last part of digits only, which is no IP address either".to_owned());
        }
        Ok(())
    }

    /// The normalised text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How much it leaves open; smaller is more specific.
    #[must_use]
    pub fn openness(&self) -> u8 {
        match &*self.0 {
            "*" => 2,
            text if text.starts_with("*.") => 1,
            _ => 0,
        }
    }

    /// Whether it is `*`.
    #[must_use]
    pub fn is_catch_all(&self) -> bool {
        self.openness() == 2
    }

    /// Whether it is `*.something`.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.openness() == 1
    }

    /// Whether no public authority would certify it: `localhost`, `*.localhost`, `*.internal`,
    /// and IP addresses.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        let name = self.0.strip_prefix("*.").unwrap_or(&self.0);
        name == "localhost"
            || name.ends_with(".localhost")
            || name == "internal"
            || name.ends_with(".internal")
            || self.0.parse::<IpAddr>().is_ok()
    }

    /// Whether a TLS handshake can name it (RFC 6066, section 3): addresses and `*` it cannot.
    #[must_use]
    pub fn has_server_name(&self) -> bool {
        !self.is_catch_all() && self.0.parse::<IpAddr>().is_err()
    }

    /// The wildcard that covers this exact name: `*.example.com` for `app.example.com`.
    #[must_use]
    pub fn covering_wildcard(&self) -> Option<Self> {
        let (first, rest) = self.0.split_once('.')?;
        (first != "*" && self.0.parse::<IpAddr>().is_err())
            .then(|| Self(format!("*.{rest}").into()))
    }
}

fn too_long(chars: usize) -> String {
    format!("{chars} characters, at most {HOST_BYTES_MAX} are allowed")
}

fn parse_ip(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    match bare {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Hostname {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).map_err(|e| e.found)
    }
}

impl From<Hostname> for String {
    fn from(host: Hostname) -> Self {
        host.0.as_ref().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check_host(text: &str, expected: &Expect) {
        let shown = match Hostname::parse(text) {
            Ok(host) => host.to_string(),
            Err(error) => format!("found {}", error.found),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn hosts_are_normalised() {
        check_host("APP.Example.COM.", &expect!["app.example.com"]);
        check_host("bücher.example", &expect!["xn--bcher-kva.example"]);
        check_host("*.Example.com", &expect!["*.example.com"]);
        check_host("*", &expect!["*"]);
        check_host("127.0.0.1", &expect!["127.0.0.1"]);
        check_host("[::1]", &expect!["::1"]);
        check_host("my_app.local", &expect!["my_app.local"]);
        check_host("a。example。", &expect!["a.example"]);
    }

    #[test]
    fn wrong_hosts_say_what_was_found() {
        check_host("", &expect!["found nothing"]);
        check_host("https://a.example", &expect!["found a URL with its scheme"]);
        check_host(
            "a.example/x",
            &expect!["found a path (write it as the label `path`)"],
        );
        check_host(
            "a.example:8080",
            &expect!["found a port (the agent's own ports are settings of the agent)"],
        );
        check_host(
            "a.*.example",
            &expect!["found a `*` that is not the whole leftmost label"],
        );
        check_host(
            "a..example",
            &expect!["found an empty part between two dots"],
        );
        check_host("{env.HOME}.example", &expect!["found the character `{`"]);
        check_host(
            "-a.example",
            &expect!["found the part `-a`, which begins or ends with `-`"],
        );
        check_host(
            "a.-\u{1b}[2J.example",
            &expect![[r"found the part `-\u{1b}[2j`, which begins or ends with `-`"]],
        );
        check_host(
            "1.2.3.400",
            &expect!["found a last part of digits only, which is no IP address either"],
        );
        check_host(
            &format!("{}.example", "a".repeat(64)),
            &expect!["found a part of 64 characters, at most 63 are allowed"],
        );
        check_host(
            &format!("{}example", "a.".repeat(150)),
            &expect!["found 307 characters, at most 253 are allowed"],
        );
        check_host(
            "a.example b.example",
            &expect!["found a space (write several hosts with commas between)"],
        );
    }

    #[test]
    fn internal_hosts_are_those_that_nobody_certifies() {
        for internal in [
            "localhost",
            "a.localhost",
            "*.localhost",
            "db.internal",
            "10.0.0.1",
            "::1",
        ] {
            assert!(
                Hostname::parse(internal).expect("valid").is_internal(),
                "{internal}"
            );
        }
        assert!(
            !Hostname::parse("app.example.com")
                .expect("valid")
                .is_internal()
        );
    }

    #[test]
    fn the_covering_wildcard_replaces_one_label() {
        let covering = |text: &str| {
            Hostname::parse(text)
                .expect("valid")
                .covering_wildcard()
                .map(|h| h.to_string())
        };
        assert_eq!(covering("a.b.example"), Some("*.b.example".to_owned()));
        assert_eq!(covering("*.b.example"), None);
        assert_eq!(covering("localhost"), None);
        assert_eq!(covering("10.0.0.1"), None);
    }
}
