//! Readers of single values. Each says what was expected and what was found.

mod protection;

use std::ops::RangeInclusive;
use std::time::Duration;

use super::limits::LIST_ITEMS_MAX;
use crate::model::{
    FOUND_CHARS_MAX, Hostname, NameError, PathPrefix, ReadyCheck, Scheme, StatusSet, TlsVersion,
    Token, shown,
};

pub(crate) use protection::size;
pub(super) use protection::{accounts, address_ranges, error_status, page};

/// `true` or `false`, as YAML and compose users write them.
pub(super) fn boolean(text: &str) -> Result<bool, NameError> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(not_one_of("`true` or `false`", text)),
    }
}

/// A comma-separated list: at least one item, none empty. Items equal to an earlier one are
/// dropped.
pub(super) fn list<T: PartialEq>(
    text: &str,
    item: impl Fn(&str) -> Result<T, NameError>,
) -> Result<Vec<T>, NameError> {
    let mut items = Vec::new();
    for (index, part) in text.split(',').map(str::trim).enumerate() {
        let parsed = item(part).map_err(|error| in_list(text, part, error))?;
        if index == LIST_ITEMS_MAX {
            let count = text.split(',').count();
            return Err(NameError {
                expected: "a comma-separated list",
                found: format!("{count} items, at most {LIST_ITEMS_MAX} are allowed"),
            });
        }
        if !items.contains(&parsed) {
            items.push(parsed);
        }
    }
    Ok(items)
}

/// Host names.
pub(super) fn hosts(text: &str) -> Result<Vec<Hostname>, NameError> {
    list(text, Hostname::parse)
}

/// A host name without a wildcard.
pub(super) fn exact_host(text: &str) -> Result<Hostname, NameError> {
    let host = Hostname::parse(text)?;
    match host.openness() {
        0 => Ok(host),
        _ => Err(NameError {
            expected: "an exact host name such as `backend.example.com`",
            found: format!("`{host}`"),
        }),
    }
}

/// The names of a list that are right, where others are wrong.
pub(super) fn right_hosts(text: &str) -> Vec<Hostname> {
    let parts = text.split(',').take(LIST_ITEMS_MAX);
    parts
        .filter_map(|part| Hostname::parse(part).ok())
        .collect()
}

/// Path prefixes; empty when one of them is `/`, which matches everything.
pub(super) fn paths(text: &str) -> Result<Vec<PathPrefix>, NameError> {
    let paths = list(text, PathPrefix::parse)?;
    Ok(paths
        .into_iter()
        .collect::<Option<Vec<_>>>()
        .unwrap_or_default())
}

/// Names of projects.
pub(super) fn names(text: &str) -> Result<Vec<String>, NameError> {
    list(text, |part| {
        Token::parse(part).map(|name| name.as_str().to_owned())
    })
}

/// The protocol towards the container.
pub(super) fn scheme(text: &str) -> Result<Scheme, NameError> {
    match text.trim().to_ascii_lowercase().as_str() {
        "http" => Ok(Scheme::Http),
        "https" => Ok(Scheme::Https),
        "h2c" => Ok(Scheme::H2c),
        _ => Err(not_one_of("`http`, `https` or `h2c`", text)),
    }
}

/// The oldest TLS version.
pub(super) fn tls_version(text: &str) -> Result<TlsVersion, NameError> {
    match text.trim() {
        "1.2" => Ok(TlsVersion::V12),
        "1.3" => Ok(TlsVersion::V13),
        _ => Err(not_one_of("`1.2` or `1.3`", text)),
    }
}

/// The statuses that HTTP has (RFC 9110, section 15).
const STATUSES: RangeInclusive<u16> = 100..=599;
/// The most failures that are counted: above it nobody's requests are spared.
const FAILURES_MAX: u32 = 1_000;
/// Longest path that a container is asked for, in bytes.
const CHECK_PATH_BYTES_MAX: usize = 1024;

/// What a new container must show.
pub(super) fn ready(text: &str) -> Result<ReadyCheck, NameError> {
    let text = text.trim();
    match text {
        "health" => return Ok(ReadyCheck::Health),
        "tcp" => return Ok(ReadyCheck::Tcp),
        "none" => return Ok(ReadyCheck::None),
        _ => {}
    }
    let path = text.strip_prefix("http:");
    let path = path.filter(|path| is_asked(path));
    let path = path.map(|path| ReadyCheck::Http(path.to_owned()));
    path.ok_or_else(|| not_one_of("`health`, `tcp`, `http:/path` or `none`", text))
}

/// A path that a container is asked for, with or without a query.
pub(super) fn asked_path(text: &str) -> Result<String, NameError> {
    let path = Some(text.trim()).filter(|path| is_asked(path));
    let path = path.map(str::to_owned);
    path.ok_or_else(|| not_one_of("a path such as `/healthz`", text))
}

/// With `//` in front it is meant as a URL, or is one to some of its readers.
fn is_asked(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    let is_path = path.starts_with('/') && !path.starts_with("//");
    is_path && path.len() <= CHECK_PATH_BYTES_MAX && path.bytes().all(is_plain)
}

/// HTTP statuses: `200`, `2xx`, `200-299`, or a list of them.
pub(super) fn statuses(text: &str) -> Result<StatusSet, NameError> {
    list(text, status_range).map(StatusSet::new)
}

fn status_range(text: &str) -> Result<RangeInclusive<u16>, NameError> {
    let status = |text: &str| {
        let is_number = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| is_number);
        number.filter(|number| STATUSES.contains(number))
    };
    let hundred = text.to_ascii_lowercase();
    let hundred = hundred.strip_suffix("xx").map(|digit| format!("{digit}00"));
    let range = match (hundred, text.split_once('-')) {
        (Some(hundred), _) => status(&hundred).map(|first: u16| first..=first + 99),
        (None, Some((first, last))) => match (status(first.trim()), status(last.trim())) {
            (Some(first), Some(last)) if first <= last => Some(first..=last),
            (_, _) => None,
        },
        (None, None) => status(text).map(|status| status..=status),
    };
    range.ok_or_else(|| not_one_of("statuses such as `200`, `2xx` or `200-299`", text))
}

/// A time from `min` on.
pub(super) fn at_least(
    text: &str,
    min: Duration,
    expected: &'static str,
) -> Result<Duration, NameError> {
    let time = duration(text)?;
    if time < min {
        return Err(not_one_of(expected, text));
    }
    Ok(time)
}

/// So many failures.
pub(super) fn failures(text: &str) -> Result<u32, NameError> {
    let number = text.trim().parse().ok();
    let number = number.filter(|number| (1..=FAILURES_MAX).contains(number));
    number.ok_or_else(|| not_one_of("a number from 1 to 1000", text))
}

/// The longest time: far above any that makes sense, and no clock overflows with it.
const DURATION_MAX: Duration = Duration::from_hours(8_760);

/// A time: `500ms`, `5s`, `2m` or `1h`.
///
/// # Errors
/// What was found instead.
pub fn duration(text: &str) -> Result<Duration, NameError> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let parts = text.split_at_checked(digits);
    let parsed = parts.and_then(|(number, unit)| {
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(milliseconds)
    });
    let expected = "a time such as `500ms`, `5s`, `2m` or `1h`";
    let time = parsed.map(Duration::from_millis);
    let time = time.ok_or_else(|| not_one_of(expected, text))?;
    if time > DURATION_MAX {
        return Err(not_one_of("at most `8760h`, a year", text));
    }
    Ok(time)
}

/// The longest time that a request is kept by the agent or by Caddy: nobody waits longer for an
/// answer, and most clients give up after a minute or two.
const PATIENCE_MAX: Duration = Duration::from_mins(10);

/// How long a request may be kept.
pub(super) fn patience(text: &str) -> Result<Duration, NameError> {
    let time = duration(text)?;
    if time > PATIENCE_MAX {
        return Err(not_one_of("at most `10m`", text));
    }
    Ok(time)
}

/// The error of a value that is none of a few words.
pub(super) fn not_one_of(expected: &'static str, text: &str) -> NameError {
    let found = match text.trim() {
        "" => "nothing".to_owned(),
        word => format!("`{}`", shown(word, FOUND_CHARS_MAX)),
    };
    NameError { expected, found }
}

/// Names the item of a list that is wrong; a single item needs no naming.
fn in_list(text: &str, part: &str, error: NameError) -> NameError {
    if text.trim() == part {
        return error;
    }
    let found = match part {
        "" => "a comma with nothing before or after it".to_owned(),
        _ => format!(
            "{} in the item `{}`",
            error.found,
            shown(part, FOUND_CHARS_MAX)
        ),
    };
    NameError { found, ..error }
}
