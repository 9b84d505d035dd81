//! A host name as a label, a setting or a request may have it.
//!
//! The input is one text. What is taken is in its one normal form; what is refused is said briefly.

use sh0_agent::labels::HostPattern;
use sh0_agent::model::Hostname;

/// The longest that is said about one name.
const SAID_BYTES_MAX: usize = 400;

pub(crate) fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Hostname::parse(&text) {
        Ok(host) => taken(&text, &host),
        Err(error) => {
            let said = error.found;
            assert!(!said.contains(char::is_control), "{said:?}");
            assert!(said.len() <= SAID_BYTES_MAX, "{} bytes: {said}", said.len());
        }
    }
}

fn taken(text: &str, host: &Hostname) {
    let shown = host.to_string();
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.*:".contains(c);
    assert!(shown.chars().all(is_plain), "{shown}");
    assert!((1..=253).contains(&shown.len()), "{shown}");
    for spelling in [
        shown.clone(),
        shown.to_ascii_uppercase(),
        format!(" {shown} "),
    ] {
        assert_eq!(Hostname::parse(&spelling).as_ref(), Ok(host), "{spelling}");
    }
    if text.is_ascii() {
        let upper = Hostname::parse(&text.to_ascii_uppercase());
        assert_eq!(upper.as_ref(), Ok(host), "{text}");
    }
    let json = serde_json::to_string(host).expect("a text");
    assert_eq!(
        serde_json::from_str::<Hostname>(&json).expect("it is one"),
        *host
    );
    let pattern = HostPattern::parse(&shown).expect("every host is a pattern");
    assert_eq!(pattern.to_string(), shown);
    if host.has_server_name() {
        same_in_unicode(host);
        let dotted = format!("{shown}.");
        assert_eq!(Hostname::parse(&dotted).as_ref(), Ok(host), "{dotted}");
    }
    if let Some(cover) = host.covering_wildcard() {
        covers(&cover, host);
    }
}

/// The name that people read is the same host, where there is one: punycode of what looks like
/// punycode itself is a name for machines alone.
fn same_in_unicode(host: &Hostname) {
    let (unicode, read) = idna::domain_to_unicode(host.as_str());
    if read.is_ok() && !unicode.split('.').any(|label| label.starts_with("xn--")) {
        assert_eq!(Hostname::parse(&unicode).as_ref(), Ok(host), "{unicode}");
    }
}

fn covers(cover: &Hostname, host: &Hostname) {
    assert!(cover.is_wildcard() && !host.is_wildcard());
    assert_eq!(Hostname::parse(cover.as_str()).as_ref(), Ok(cover));
    assert_eq!(cover.covering_wildcard(), None);
    let (_, rest) = host.as_str().split_once('.').expect("it has a dot");
    assert_eq!(cover.as_str().strip_prefix("*."), Some(rest));
}
