//! Every pattern that a label may hold is one for Caddy, too.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sh0_agent::caddy::render::{render, render_unavailable};
use sh0_agent::model::PathRegexp;

use super::matching::{container, table};
use crate::child::{CaddyChild, place};

/// How many patterns are tried: a load of so many takes Caddy a moment.
const PATTERNS: usize = 400;

/// What stands in patterns, and what looks like it.
#[rustfmt::skip]
const PARTS: &[&str] = &[
    "a", "/", "ü", "-", "_", "]", "}", "{", ",", "<", "&&", "--", "~~", ":", "#", "{,5}", "{a}",
    ".", "^", "$", "|", "(", ")", "(?:", "(?i)", "(?i:", "(?s)", "(?U)", "(?P<n>", "(?<n>", "(?=",
    "*", "+", "?", "*?", "+?", "{2}", "{2,}", "{1,3}", "{1,3}?", "{0}", "{1000}", "{env.HOME}",
    "[", "[^", "a-z", "[a-]", "[-a]", "[]a]", "[^]a]", "[a-b-c]", "[[:alpha:]]", "[[:^digit:]_]",
    "[[:word:]]", "[[:foo:]]", "[.*$^|(){}?+]", "[\\]\\-]", "[\\d\\s.]", "[^\\W]",
    "\\.", "\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\b", "\\B", "\\A", "\\z", "\\Z", "\\/",
    "\\-", "\\_", "\\<", "\\>", "\\{", "\\}", "\\[", "\\]", "\\~", "\\&", "\\%", "\\#", "\\\"",
    "\\'", "\\`", "\\:", "\\@", "\\=", "\\!", "\\,", "\\;", "\\\\", "\\ü", "\\x41", "\\u0041",
    "\\pL", "\\p{Greek}", "\\Q", "\\E", "\\C", "\\K", "\\G", "\\n", "\\t", "\\a", "\\v", "\\0",
    "\\1", "\\b{start}",
];

/// Mostly wrong ones: parts in a row, any text, and some that are well-formed.
fn pattern() -> impl Strategy<Value = String> {
    let parts = proptest::collection::vec(select(PARTS), 1..8);
    let leaf = select(PARTS).prop_map(str::to_owned);
    let well_formed = leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}{b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}|{b}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.clone().prop_map(|a| format!("(?i:{a})*")),
            inner.clone().prop_map(|a| format!("(?:{a}){{2,7}}")),
            inner.prop_map(|a| format!("[{a}]+")),
        ]
    });
    prop_oneof![
        2 => parts.prop_map(|parts| parts.concat()),
        3 => well_formed,
        1 => "\\PC{1,12}",
    ]
}

/// Patterns that a label may hold, each another; each part alone is among them.
fn patterns() -> BTreeSet<String> {
    let mut runner = TestRunner::deterministic();
    let mut patterns: BTreeSet<String> = PARTS.iter().map(|part| (*part).to_owned()).collect();
    patterns.retain(|pattern| PathRegexp::parse(pattern).is_ok());
    while patterns.len() < PATTERNS {
        let pattern = pattern().new_tree(&mut runner).expect("there are some");
        let pattern = pattern.current();
        if let Ok(right) = PathRegexp::parse(&pattern) {
            patterns.insert(right.as_str().to_owned());
        }
    }
    patterns
}

#[tokio::test]
async fn caddy_takes_every_pattern_that_a_label_may_hold() {
    let (dir, options) = place();
    let unavailable = render_unavailable(&options);
    let caddy = CaddyChild::start(dir.path(), &unavailable.json).await;
    let of_pattern = |(number, pattern): (usize, &String)| {
        let host = format!("p{number}.example");
        let labels = [("host", host.as_str()), ("path.regexp", pattern)];
        container(&format!("p{number}"), "127.0.0.1:1", &labels)
    };
    let patterns = patterns();
    let containers = patterns.iter().enumerate().map(of_pattern).collect();
    let rendered = render(&table(containers, &BTreeMap::new()), &options);
    assert_eq!(rendered.places.len(), PATTERNS);
    // Its words name the pattern that it does not take.
    let loaded = caddy.load(rendered.json).await;
    loaded.expect("Caddy takes all of them");
}
