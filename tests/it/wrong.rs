//! Wrong values, for every key that there is: each is said with the key, what was found, what is
//! expected and what to type, and hurts nobody else. What is said stands in
//! `tests/golden/wrong_values.txt`, whole.

use std::fmt::Write;
use std::path::Path;

use expect_test::expect_file;
use sh0_agent::caddy::render::render;
use sh0_agent::diagnostic::{Diagnostic, Severity};
use sh0_agent::labels::{KeyInfo, Standing, keys, parse};
use sh0_agent::model::{Container, Snapshot};
use sh0_agent::routes::Built;

use crate::fakes::engine::FakeEngine;
use crate::fixture::Agent;
use crate::render::options;
use crate::values::{NONSENSE, Values, of, too_long};

/// The longest that is said about one label: a few lines of a terminal.
const SAID_BYTES_MAX: usize = 2_000;

fn values(info: &KeyInfo) -> Values {
    let name = info.name;
    of(info).unwrap_or_else(|| {
        panic!(
            "`{name}` takes `{}`: say in tests/contract/values.rs what that is",
            info.value
        )
    })
}

/// A container with the labels of the key's example, but this value.
fn container(info: &KeyInfo, value: &str) -> Container {
    let mut container = FakeEngine::container("shop-web-1", 1, &[]);
    for (name, text) in info.example_labels() {
        container
            .labels
            .insert(format!("sh0.{name}"), text.to_owned());
    }
    container.labels.insert(label(info), value.to_owned());
    container
}

fn label(info: &KeyInfo) -> String {
    format!("sh0.{}", info.example_name())
}

/// Somebody else, who shares the path of nobody.
fn neighbour() -> Container {
    let labels = [
        ("sh0.host", "neighbour.internal"),
        ("sh0.path", "/n"),
        ("sh0.strip", "true"),
    ];
    FakeEngine::container("neighbour", 2, &labels)
}

fn build(containers: impl IntoIterator<Item = Container>) -> Built {
    Agent::default().build(&Snapshot::new(containers))
}

/// The neighbour's route in the config.
fn neighbours_route(built: &Built) -> Vec<String> {
    let rendered = render(&built.table, &options());
    let routes = rendered
        .config
        .apps
        .http
        .servers
        .values()
        .flat_map(|server| &server.routes);
    let own = routes.filter(|route| {
        route
            .id
            .as_deref()
            .is_some_and(|id| id.contains("neighbour"))
    });
    own.map(|route| serde_json::to_string(route).unwrap())
        .collect()
}

/// What is said about this value of the key, with the neighbour there and unharmed.
#[track_caller]
fn said(info: &KeyInfo, value: &str) -> Vec<Diagnostic> {
    let what = format!("{}={value:.20}", info.name);
    of_container(container(info, value), &what)
}

/// What is said about this container, with the neighbour there and unharmed.
#[track_caller]
fn of_container(container: Container, what: &str) -> Vec<Diagnostic> {
    let alone = neighbours_route(&build([neighbour()]));
    let built = build([neighbour(), container]);
    assert!(!alone.is_empty());
    assert_eq!(neighbours_route(&built), alone, "{what}");
    for diagnostic in &*built.diagnostics {
        assert_eq!(&*diagnostic.container.name, "shop-web-1", "{diagnostic}");
        let text = format!("{diagnostic}{}", diagnostic.one_line());
        let is_shown = |c: char| c == '\n' || !c.is_control() && c != '\u{202e}';
        assert!(text.chars().all(is_shown), "{text:?}");
        assert!(text.len() < SAID_BYTES_MAX, "{} bytes: {text}", text.len());
    }
    std::sync::Arc::unwrap_or_clone(built.diagnostics)
}

/// Holds one finding against what a person needs: the key, the expectation, the find, the fix.
#[track_caller]
fn check(info: &KeyInfo, value: &str, found: &[Diagnostic]) {
    let name = label(info);
    let own = found.iter().find(|d| d.code.severity() == Severity::Error);
    let own = own.unwrap_or_else(|| panic!("{name}={value:?} is taken: {found:?}"));
    let blamed = own.label.as_ref().map(|label| &*label.key);
    assert_eq!(blamed, Some(name.as_str()), "{own}");
    assert!(own.message.contains(&format!("`{name}")), "{own}");
    assert!(
        own.message.contains("found ") || own.message.contains(" needs "),
        "{own}"
    );
    assert!(!own.help.is_empty(), "{own}");
}

#[test]
fn every_key_has_right_values_that_are_taken() {
    for info in keys() {
        let right = values(info).right;
        assert!(!right.is_empty(), "{}", info.name);
        for value in right {
            let parsed = parse(&container(info, value), "sh0");
            let errors = parsed
                .diagnostics
                .iter()
                .filter(|d| d.code.severity() == Severity::Error);
            assert_eq!(
                errors.collect::<Vec<_>>(),
                Vec::<&Diagnostic>::new(),
                "{}={value:?}",
                info.name
            );
        }
    }
}

#[test]
fn every_key_refuses_wrong_values_and_says_why() {
    let mut shown = String::new();
    for info in keys() {
        let wrong = values(info).wrong;
        // `test` takes any text: it means nothing.
        assert!(
            wrong.len() >= 3 || info.name == "test",
            "three wrong values of {}",
            info.name
        );
        writeln!(shown, "\n{}", label(info)).unwrap();
        for value in wrong {
            let found = said(info, value);
            check(info, value, &found);
            show(&mut shown, value, &found);
        }
        for value in NONSENSE.into_iter().chain([too_long().as_str()]) {
            let found = said(info, value);
            if found.iter().any(|d| d.code.severity() == Severity::Error) {
                check(info, value, &found);
            }
            show(&mut shown, value, &found);
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/wrong_values.txt");
    expect_file![file].assert_eq(&shown);
}

fn show(shown: &mut String, value: &str, found: &[Diagnostic]) {
    let value: String = value.chars().take(20).collect();
    let value = format!("{value:?}");
    if found.is_empty() {
        writeln!(shown, "  {value:<24} taken as text").unwrap();
    }
    for d in found {
        writeln!(shown, "  {value:<24} {} {}; {}", d.code, d.message, d.help).unwrap();
    }
}

/// Whatever a value says, Caddy is given no placeholder of it to expand.
#[test]
fn no_value_reaches_caddy_as_a_placeholder() {
    for info in keys() {
        for value in [
            "{env.HOME}",
            "{file./etc/passwd}",
            "/{env.HOME}",
            "a{system.hostname}b",
            "{a{env.HOME}}",
            "\\{env.HOME}",
        ] {
            let built = build([neighbour(), container(info, value)]);
            let rendered = render(&built.table, &options());
            let json = String::from_utf8(rendered.json.to_vec()).unwrap();
            for start in ["{env.", "{file.", "{system."] {
                for (at, _) in json.match_indices(start) {
                    let before = &json[..at];
                    // A brace behind a backslash (two in JSON) is a literal one.
                    assert!(
                        before.ends_with(r"\\"),
                        "{}={value}: {}",
                        info.name,
                        &json[at - 20..at + 40]
                    );
                }
            }
        }
    }
}

/// What stands for the `<…>` of a family is as foreign as a value.
#[test]
fn a_familys_member_is_read_as_strictly_as_a_value() {
    let long = too_long();
    for info in keys() {
        let Some(family) = info.family() else {
            continue;
        };
        let hostile = [
            "{env.HOME}",
            "a b",
            "a:b",
            "x\r\ny",
            "é",
            "\u{202e}x",
            "%zz",
            &long,
        ];
        for member in hostile {
            let mut container = container(info, info.example);
            let name = format!("sh0.{family}{member}");
            container.labels.insert(name, info.example.to_owned());
            let found = of_container(container, &format!("{family}{member:.20}"));
            let is_said = found.iter().any(|d| d.code.severity() == Severity::Error);
            // The name of a query's field is anything; a header's or a status is a word.
            assert!(is_said || family.contains("query"), "{family}{member:.20}");
        }
    }
}

/// Keys whose values may be secrets.
const SECRETS: &[&str] = &[
    "auth.basic",
    "headers.request.<Name>",
    "headers.response.<Name>",
    "caddy.handlers",
];

#[test]
fn no_secret_is_repeated() {
    for info in keys().filter(|info| SECRETS.contains(&info.name)) {
        for value in [
            "hunter2",
            "ada:hunter2",
            "hunter2\n",
            "[\"hunter2\"",
            "ada:$2a$hunter2",
        ] {
            for diagnostic in said(info, value) {
                let text = format!("{diagnostic} {}", diagnostic.one_line());
                assert!(!text.contains("hunter2"), "{text}");
            }
        }
    }
}

#[test]
fn a_container_that_is_out_is_asked_nothing() {
    let mut out = container(keys().find(|info| info.name == "enable").unwrap(), "false");
    out.labels.insert("sh0.port".to_owned(), "x".to_owned());
    assert_eq!(parse(&out, "sh0").standing, Standing::Disabled);
}
