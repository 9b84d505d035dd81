//! What holds for every route table, whatever it was built of.

use sh0_agent::diagnostic::Diagnostic;
use sh0_agent::routes::Built;

/// The longest that is said about one label: a few lines of a terminal.
const SAID_BYTES_MAX: usize = 2_000;

/// The table is what the rest of the agent takes for granted.
pub(crate) fn check_table(built: &Built) {
    for (key, route) in &built.table.routes {
        let host = key.host.as_str();
        assert!(
            built.table.hosts.contains_key(&key.host),
            "no policy for {host}"
        );
        let path = key.path.plain().unwrap_or_default();
        let claim = built
            .claims
            .get(&key.host)
            .expect("a served host is claimed");
        let owner = &route.id.app.owner;
        let is_let_in = !path.is_empty() && claim.share.contains(owner.name());
        assert!(
            claim.owner == *owner || is_let_in,
            "{key} is served by {owner}"
        );
        let is_plain = |c: char| !c.is_control() && !"{}\"\\".contains(c);
        assert!(
            host.chars().chain(path.chars()).all(is_plain),
            "{host}{path}"
        );
        let addresses: Vec<_> = route.pool.upstreams.iter().map(|u| u.address).collect();
        let mut sorted = addresses.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(addresses, sorted);
    }
    for host in built.table.hosts.keys() {
        let is_redirected = built.table.redirects.contains_key(host);
        assert!(
            is_redirected || built.table.routes.keys().any(|key| key.host == *host),
            "{host} has no route"
        );
    }
    for diagnostic in &*built.diagnostics {
        check_said(diagnostic);
    }
}

/// What is said goes to a terminal: nothing in it moves the cursor, ends a line or turns the text,
/// and it is short.
#[track_caller]
pub(crate) fn check_said(diagnostic: &Diagnostic) {
    for text in [diagnostic.to_string(), diagnostic.one_line()] {
        let is_shown = |c: char| c == '\n' || !c.is_control() && !is_unseen(c);
        assert!(text.chars().all(is_shown), "{text:?}");
        assert!(text.len() < SAID_BYTES_MAX, "{} bytes: {text}", text.len());
    }
    assert!(!diagnostic.one_line().contains('\n'));
}

/// Characters that turn the direction of a text, or take no place in it.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
