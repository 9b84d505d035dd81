//! Everything that an attacker may write on a container, and what becomes of it. Beside it stands
//! somebody else's site, of whose routes not one byte may change. With `UPDATE_EXPECT=1` the
//! outcomes are written anew.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use expect_test::{expect, expect_file};
use sh0_agent::caddy::render::render;
use sh0_agent::model::{Container, Labels, Snapshot};
use sh0_agent::routes::{Built, Serving};
use tokio::time::Instant;

use crate::built::check_said;
use crate::fixture::Agent;
use crate::hostile_rows::{FILES, container, is_row, of, rows};
use crate::render::options;

fn labels<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Labels {
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    pairs.into_iter().map(owned).collect()
}

/// Somebody else's site: a host, a part that is protected, a wildcard, names in two spellings.
pub(crate) fn victim() -> Container {
    let labels = labels([
        ("com.docker.compose.project", "shop"),
        ("com.docker.compose.service", "web"),
        ("sh0.host", "victim.example, *.wild.example, bücher.example"),
        ("sh0.tls", "internal"),
        ("sh0.routes.admin.path", "/admin"),
        ("sh0.routes.admin.allow", "10.0.0.0/8"),
    ]);
    of(0, "shop-web-1".to_owned(), labels)
}

/// The victim's routes in the config, as bytes.
fn routes_of_victim(built: &Built) -> Vec<String> {
    let rendered = render(&built.table, &options());
    let servers = rendered.config.apps.http.servers.values();
    let hosts = ["victim.example", "*.wild.example", "xn--bcher-kva.example"];
    let is_own = |id: &str| {
        hosts
            .iter()
            .any(|host| id == format!("https|{host}") || id == format!("https|{host}|admin"))
    };
    let own = servers
        .flat_map(|server| &server.routes)
        .filter(|route| route.id.as_deref().is_some_and(is_own));
    own.map(|route| serde_json::to_string(route).unwrap())
        .collect()
}

/// An agent that knows the victim.
fn agent() -> Agent {
    let mut agent = Agent::default();
    agent.look(&Snapshot::new([victim()]));
    agent.now += 60;
    agent
}

fn beside_victim(container: Container) -> Built {
    agent().build(&Snapshot::new([victim(), container]))
}

/// What becomes of it: the diagnostics' codes, and each route, with what it is reached by.
fn outcome(built: &Built) -> String {
    let codes: BTreeSet<String> = { built.diagnostics.iter() }
        .map(|diagnostic| diagnostic.code.to_string())
        .collect();
    let mut parts: Vec<String> = codes.into_iter().collect();
    for (key, route) in &built.table.routes {
        if route.id.to_string().contains("shop/web") {
            continue;
        }
        let how = match route.serving {
            Serving::Passed(_) => "serves",
            Serving::Closed => "closes",
        };
        parts.push(format!("{how} {key}"));
    }
    for (from, to) in &built.table.redirects {
        parts.push(format!("redirects {from} to {to}"));
    }
    if parts.is_empty() {
        parts.push("nothing".to_owned());
    }
    parts.join("; ")
}

/// Nothing of Caddy's environment, files or machine can be named by a label.
#[track_caller]
fn check_placeholders(built: &Built, row: &str) {
    let rendered = render(&built.table, &options());
    let json = String::from_utf8(rendered.json.to_vec()).unwrap();
    for start in ["{env.", "{file.", "{system.", "{time.", "{$", "{http.auth."] {
        for (at, _) in json.match_indices(start) {
            // A brace behind a backslash (two in JSON) is a literal one.
            assert!(json[..at].ends_with(r"\\"), "{row}: {}", &json[at..at + 20]);
        }
    }
}

#[test]
fn whatever_an_attacker_writes_hurts_nobody_else() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/hostile");
    let alone = routes_of_victim(&agent().build(&Snapshot::new([victim()])));
    assert_eq!(alone.len(), 6);
    let mut count = 0;
    for (name, text) in FILES {
        let mut shown = String::new();
        for line in text.lines().filter(|line| !line.starts_with(' ')) {
            writeln!(shown, "{line}").unwrap();
            if !is_row(line) {
                continue;
            }
            let built = beside_victim(container(line, 1, "evil.example"));
            assert_eq!(routes_of_victim(&built), alone, "{line}");
            for diagnostic in &*built.diagnostics {
                assert!(
                    diagnostic.container.id.as_str() != "c00000000000",
                    "{line}: {diagnostic}"
                );
                check_said(diagnostic);
            }
            check_placeholders(&built, line);
            writeln!(shown, "    {}", outcome(&built)).unwrap();
            count += 1;
        }
        expect_file![folder.join(format!("{name}.txt"))].assert_eq(&shown);
    }
    assert!(count >= 150, "{count} rows");
}

/// All of them at once: the same, whoever of them gets what.
#[test]
fn all_attackers_together_hurt_nobody_else_either() {
    let alone = routes_of_victim(&agent().build(&Snapshot::new([victim()])));
    let all = FILES.iter().flat_map(|(_, text)| rows(text));
    let evil = all
        .enumerate()
        .map(|(place, row)| container(row, place + 1, "evil.example"));
    let built = agent().build(&Snapshot::new(evil.chain([victim()])));
    assert_eq!(routes_of_victim(&built), alone);
}

#[test]
fn ten_thousand_labels_and_very_long_ones_are_only_the_writers_trouble() {
    let alone = routes_of_victim(&agent().build(&Snapshot::new([victim()])));
    let long = "x".repeat(1 << 20);
    let many = |label: &dyn Fn(usize) -> (String, String)| {
        let own = [
            ("com.docker.compose.project", "evil"),
            ("sh0.host", "evil.example"),
        ];
        let all = (0..10_000).map(label);
        let own = own.map(|(key, value)| (key.to_owned(), value.to_owned()));
        of(1, "evil-1".to_owned(), all.chain(own).collect())
    };
    for evil in [
        many(&|n| (format!("sh0.routes.r{n}.path"), format!("/{n}"))),
        many(&|n| (format!("sh0.unknown{n}"), "x".to_owned())),
        many(&|n| (format!("sh0.headers.request.X-{n}"), "x".to_owned())),
        many(&|n| (format!("sh0.routes.r{n}.host"), "victim.example".to_owned())),
        many(&|n| (format!("other.{n}"), "x".to_owned())),
        many(&|n| match n {
            0 => ("sh0.path".to_owned(), "/".to_owned() + &long),
            1 => ("sh0.redirect.from".to_owned(), "a.example,".repeat(100_000)),
            2 => (format!("sh0.{long}"), "x".to_owned()),
            3 => ("sh0.path.regexp".to_owned(), "(".repeat(100_000)),
            _ => (format!("x{n}"), String::new()),
        }),
    ] {
        let began = Instant::now();
        let built = beside_victim(evil);
        assert_eq!(routes_of_victim(&built), alone);
        // A build without optimisation on a busy machine; it is a matter of milliseconds else.
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{:?}",
            began.elapsed()
        );
    }
}

/// Compose's own labels say which project a container is of, and whoever may start containers may
/// write them: such a one is a replica of the shop's. The line is drawn between projects, not
/// against who writes their names.
#[test]
fn a_container_with_the_labels_of_another_project_is_one_of_it() {
    let spoofed = labels([
        ("com.docker.compose.project", "shop"),
        ("com.docker.compose.service", "web"),
        ("sh0.host", "victim.example"),
    ]);
    let replica = beside_victim(of(1, "plain".to_owned(), spoofed));
    let other = labels([
        ("com.docker.compose.project", "shop"),
        ("com.docker.compose.service", "other"),
        ("sh0.host", "victim.example"),
        ("sh0.path", "/other"),
    ]);
    let sibling = beside_victim(of(1, "plain".to_owned(), other));
    let shown = |built: &Built| {
        let routes = built.table.routes.iter();
        routes
            .map(|(key, route)| format!("{key}: {}", route.id))
            .collect::<Vec<_>>()
            .join("\n")
    };
    expect!["victim.example: shop/web:default"].assert_eq(&shown(&replica));
    expect![[r#"
        victim.example/admin: shop/web:admin
        victim.example/other: shop/other:default
        victim.example: shop/web:default
        xn--bcher-kva.example/admin: shop/web:admin
        xn--bcher-kva.example: shop/web:default
        *.wild.example/admin: shop/web:admin
        *.wild.example: shop/web:default"#]]
    .assert_eq(&shown(&sibling));
}
