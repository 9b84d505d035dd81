//! Whatever our parser takes, Caddy takes.

use std::fmt::Write as _;

use sh0_agent::caddy::admin::Admin;
use sh0_agent::caddy::render::{render, render_unavailable};
use sh0_agent::routes::Serving;

use super::{backend, built, container};
use crate::child::{CaddyChild, place};

/// Values that mean something to somebody, not to us.
const ODD: [&str; 22] = [
    "{env.HOME}",
    "{file./etc/passwd}",
    "{http.request.host}",
    "{",
    "}",
    "}{",
    "\\{",
    "\\",
    "\\}{\\",
    "{{{{",
    "{}",
    "%zz",
    "%00",
    "$1",
    "*",
    "/",
    "//",
    "/a?b#c",
    "\"quoted\"",
    "'",
    "üñí 漢字",
    "\u{202e}rtl",
];

const KEYS: [&str; 12] = [
    "auth.basic",
    "auth.forward",
    "auth.forward.copy",
    "allow",
    "deny",
    "body_max",
    "compress",
    "headers.request.X-A",
    "headers.request.+X-A",
    "headers.response.X-A",
    "error.404",
    "headers.request.Host",
];

#[tokio::test]
async fn every_value_that_is_taken_is_taken_by_caddy() {
    let app = backend().await;
    let many = "{".repeat(2_000);
    let right = [
        ("body_max", "1"),
        ("body_max", "999"),
        ("body_max", "1GiB"),
        ("allow", "0.0.0.0/0, ::/0"),
        ("deny", "::ffff:10.0.0.0/96"),
        ("auth.forward", "z0/a?b=c&d"),
        ("error.599", "/x%20y?z"),
        ("auth.forward", "https://[::1]:8443/x"),
        ("headers.request.X-A", &many),
    ];
    let odd = KEYS
        .iter()
        .flat_map(|key| ODD.iter().map(move |value| (*key, *value)));
    let mut containers = vec![container("z0", app, &[("host", "z0.test")])];
    for (number, (key, value)) in odd.chain(right).enumerate() {
        let host = format!("h{number}.test");
        let one = container(&format!("h{number}"), app, &[("host", &host), (key, value)]);
        containers.push(one);
    }
    let (dir, options) = place();
    let caddy = CaddyChild::start(dir.path(), &render_unavailable(&options).json).await;
    let built = built(containers, &options);
    let rendered = render(&built.table, &options);
    if let Err(error) = caddy.admin.load(rendered.json.clone()).await {
        let mut told = error.to_string();
        write!(told, " {:?}", rendered.blame(&told)).expect("strings take everything");
        panic!("{told}");
    }
    let passed = built.table.routes.values();
    let passed = passed.filter(|route| matches!(route.serving, Serving::Passed(_)));
    assert!(
        passed.count() > 60,
        "most of the values of header fields are right"
    );
}
