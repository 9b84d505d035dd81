//! What may stand behind each flag, and what is said of anything else.

use std::time::Duration;

use crate::access::UserName;
use crate::caddy::render::DnsProvider;
use crate::labels::{HostPattern, TlsSetting};
use crate::model::Cidr;

/// A duration as labels write it.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    crate::labels::duration(text).map_err(|error| format!("expected {}", error.expected))
}

/// A duration that a timer can repeat.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    let least = Duration::from_secs(1);
    match duration(text)? {
        interval if interval < least => Err("expected at least `1s`".to_owned()),
        interval => Ok(interval),
    }
}

/// The length of a header. Less than 1 KiB is shorter than what browsers send.
pub(super) fn header_bytes(text: &str) -> Result<u32, String> {
    let bytes = { crate::labels::size(text).ok() }
        .and_then(|bytes| u32::try_from(bytes).ok())
        .filter(|bytes| (1 << 10..=1 << 20).contains(bytes));
    bytes.ok_or_else(|| "expected a size from `1KiB` to `1MiB`".to_owned())
}

/// How many requests may wait: each takes two file descriptors, of which a process has about a
/// million at most.
pub(super) fn waiting(text: &str) -> Result<usize, String> {
    let most = 500_000;
    let count = text.parse().ok().filter(|count| *count <= most);
    count.ok_or_else(|| format!("expected a number from 0 to {most}"))
}

pub(super) fn port(text: &str) -> Result<u16, String> {
    let wrong = || "expected a number from 1 to 65535".to_owned();
    text.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)
}

pub(super) fn name(text: &str) -> Result<String, String> {
    crate::model::Token::parse(text)
        .map(|token| token.as_str().to_owned())
        .map_err(|error| format!("expected {}, found {}", error.expected, error.found))
}

pub(super) fn prefix(text: &str) -> Result<String, String> {
    let is_dotted = text.starts_with('.') || text.ends_with('.');
    if is_dotted {
        return Err("expected a prefix without a dot at its ends, such as `sh0`".to_owned());
    }
    name(text)
}

/// What `--caddy-user` stands for; nothing when it is empty, as compose files pass on a variable that
/// is not set.
#[derive(Debug, Clone)]
pub(super) struct CaddyUser(pub(super) Option<UserName>);

pub(super) fn caddy_user(text: &str) -> Result<CaddyUser, String> {
    if text.is_empty() {
        return Ok(CaddyUser(None));
    }
    text.parse().map(|user| CaddyUser(Some(user)))
}

/// What one word of `--trusted-proxies` stands for.
#[derive(Debug, Clone)]
pub(super) struct Proxies(pub(super) Vec<Cidr>);

pub(super) fn proxies(text: &str) -> Result<Proxies, String> {
    match text.trim() {
        "" => Ok(Proxies(Vec::new())),
        "private" => Ok(Proxies(Cidr::PRIVATE.to_vec())),
        range => { Cidr::parse(range) }
            .map(|range| Proxies(vec![range]))
            .map_err(|error| format!("expected {}, or `private`", error.expected)),
    }
}

/// One item of a list of hosts; nothing, where an environment variable is empty.
#[derive(Debug, Clone)]
pub(super) struct HostPatterns(pub(super) Option<HostPattern>);

pub(super) fn hosts(text: &str) -> Result<HostPatterns, String> {
    if text.trim().is_empty() {
        return Ok(HostPatterns(None));
    }
    let pattern = HostPattern::parse(text).map(Some).map(HostPatterns);
    pattern.map_err(|error| format!("expected {}, found {}", error.expected, error.found))
}

pub(super) fn tls(text: &str) -> Result<TlsSetting, String> {
    TlsSetting::parse(text).map_err(|error| format!("expected {}", error.expected))
}

/// A key in base64url without padding (RFC 8555, section 7.3.4), or nothing. It is not repeated.
pub(super) fn hmac(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    { text.bytes().all(is_plain) }
        .then(|| text.to_owned())
        .ok_or_else(|| "expected a key in base64url, without `=`".to_owned())
}

/// A provider as JSON, or the file with it.
pub(super) fn dns_provider(text: &str) -> Result<DnsProvider, String> {
    let read = |path| std::fs::read_to_string(path).map_err(|error| format!("no file: {error}"));
    let json = if text.trim_start().starts_with('{') {
        text.to_owned()
    } else {
        read(text)?
    };
    DnsProvider::parse(&json).map_err(|found| {
        format!("expected JSON such as `{{\"name\": \"cloudflare\"}}`, found {found}")
    })
}

pub(super) fn https_url(text: &str) -> Result<String, String> {
    let is_url = text
        .strip_prefix("https://")
        .is_some_and(|rest| !rest.is_empty());
    is_url
        .then(|| text.to_owned())
        .ok_or_else(|| "expected a URL with `https://`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        assert_eq!(duration("24h"), Ok(Duration::from_hours(24)));
        for wrong in [
            "",
            "5",
            "s",
            "-1s",
            "1.5s",
            "99999999999999999999h",
            "8761h",
            "5 s",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hosts_are_names_wildcards_or_all() {
        let shown = |text: &str| hosts(text).map(|h| h.0.map(|pattern| pattern.to_string()));
        for (text, pattern) in [
            ("App.Example.com.", Some("app.example.com")),
            (" *.apps.example.com", Some("*.apps.example.com")),
            ("*", Some("*")),
            ("", None),
        ] {
            assert_eq!(shown(text), Ok(pattern.map(str::to_owned)), "{text}");
        }
        let error = shown("https://a.example").expect_err("a URL");
        assert!(error.ends_with("found a URL with its scheme"), "{error}");
    }

    #[test]
    fn a_header_has_a_size_in_bounds() {
        assert_eq!(header_bytes("64KiB"), Ok(65_536));
        assert_eq!(header_bytes("1MiB"), Ok(1_048_576));
        for wrong in ["", "0", "1023", "2MiB", "-1", "8GB", "big"] {
            assert!(header_bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_trusted_proxy_is_an_address_a_range_or_all_private_ones() {
        let shown = |text: &str| {
            proxies(text).map(|proxies| {
                let ranges = proxies.0.iter().map(ToString::to_string);
                ranges.collect::<Vec<_>>().join(" ")
            })
        };
        for (text, ranges) in [
            ("192.0.2.7", "192.0.2.7/32"),
            (" 10.1.2.3/8 ", "10.0.0.0/8"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::ffff:10.0.0.1", "10.0.0.1/32"),
            (
                "private",
                "192.168.0.0/16 172.16.0.0/12 10.0.0.0/8 127.0.0.0/8 fd00::/8 ::1/128",
            ),
            // As compose files pass on a variable that is not set.
            ("", ""),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(ranges), "{text}");
        }
        for wrong in [
            "Private",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/",
            "10.0.0",
            "proxy.example.com",
            "0.0.0.0/0 10.0.0.1",
        ] {
            let error = shown(wrong).expect_err(wrong);
            assert_eq!(
                error, "expected an IP address or a range such as `10.0.0.0/8`, or `private`",
                "{wrong}"
            );
        }
    }
}
