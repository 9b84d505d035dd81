//! `docs/labels.md` is made from the table of keys, and every example in it, in the README and in
//! the compose files is given to the agent. `UPDATE_EXPECT=1` writes the reference anew.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use expect_test::expect_file;
use sh0_agent::caddy::render::{RenderOptions, render};
use sh0_agent::labels::{KeyInfo, LIMITS, Scope, keys, parse};
use sh0_agent::model::{Container, FileName, Labels, Snapshot};
use sh0_agent::settings::Settings;

use crate::compose_text::{labels_of, yaml};
use crate::fakes::engine::FakeEngine;
use crate::fixture::Agent;
use crate::readme::readme;
use crate::render::options;

const SCOPES: [Scope; 4] = [Scope::Route, Scope::Pool, Scope::Host, Scope::Container];

const INTRODUCTION: &str = "# Labels

<!-- Made from src/labels/schema by the tests of the documentation; do not edit. -->

Keys directly under `sh0.` describe the default route of a container. More routes are
`sh0.routes.<name>.<key>`; one without a `host` takes the default route's, and nothing else is
inherited. Lists are separated by commas, times are `500ms`, `5s`, `2m` or `1h`.

A wrong value is said with what to type, and spoils its own route only, which keeps the form in
which it worked last. A key that does not exist is said, too. In compose files, `true`, `false`,
`on` and `off` stand in quotes, and a `$` is written `$$`.
";

fn of_scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Route => {
            "Keys of one route: which requests it takes, and what happens to them.\n\n\
             The first route that takes a request answers it. Exact hosts are asked before \
             wildcards,\nthose before `*`; then the higher `priority`; then whole paths, longer \
             before shorter prefixes,\npatterns, every path; then what has more `match.*`; then \
             by the names of app and route."
        }
        Scope::Pool => {
            "Keys of the replicas that serve one port of an app together. Another route may give \
             them other values."
        }
        Scope::Host => {
            "Keys of a host name, whoever serves it. The default route of the host's owner decides."
        }
        Scope::Container => "Keys of the container as a whole; written once, under no route.",
    }
}

/// The keys of each scope, with links into the reference.
pub(crate) fn index(reference: &str) -> String {
    let mut index = "| scope | labels |\n|---|---|\n".to_owned();
    for scope in SCOPES {
        let own = keys().filter(|info| info.scope == scope);
        let link = |info: &KeyInfo| format!("[`{}`]({reference}#{})", info.name, anchor(info));
        let links: Vec<String> = own.map(link).collect();
        writeln!(index, "| {} | {} |", scope.as_str(), links.join(", ")).unwrap();
    }
    index
}

/// The anchor that a Markdown renderer gives to the key's heading.
fn anchor(info: &KeyInfo) -> String {
    let is_kept = |c: &char| c.is_ascii_alphanumeric() || "-_".contains(*c);
    info.name.to_lowercase().chars().filter(is_kept).collect()
}

fn reference() -> String {
    let mut text = format!("{INTRODUCTION}\n{}", index(""));
    for scope in SCOPES {
        let word = scope.as_str();
        let (first, rest) = word.split_at(1);
        let heading = format!("{}{rest}", first.to_uppercase());
        write!(text, "\n## {heading}\n\n{}\n", of_scope(scope)).unwrap();
        for info in keys().filter(|info| info.scope == scope) {
            section(&mut text, info);
        }
    }
    text.push_str(
        "\n## Limits\n\nA container or route with more is wrong as a whole: it keeps its last good form, \
         and is closed\nwhere labels protect it.\n\n| what | at most |\n|---|---|\n",
    );
    for (what, most) in LIMITS {
        writeln!(text, "| {what} | {most} |").unwrap();
    }
    text
}

fn section(text: &mut String, info: &KeyInfo) {
    let cell = |text: &str| text.replace('|', "\\|");
    let (value, default) = (cell(info.value), cell(info.default));
    writeln!(text, "\n### `{}`\n\n{}.\n", info.name, sentence(info.doc)).unwrap();
    writeln!(
        text,
        "| takes | default |\n|---|---|\n| {value} | {default} |\n"
    )
    .unwrap();
    text.push_str("```yaml\nlabels:\n");
    for (name, value) in info.example_labels() {
        writeln!(text, "  sh0.{name}: {}", quoted(value)).unwrap();
    }
    text.push_str("```\n");
}

/// The text with a capital at its beginning, unless that is code.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    format!("{}{}", first.unwrap_or_default(), chars.as_str())
}

/// A value as a compose file has it, in quotes where YAML would take it for something else.
fn quoted(value: &str) -> String {
    let words = ["true", "false", "on", "off", "yes", "no", "null", "~", ""];
    let is_number = value.parse::<f64>().is_ok() && !value.chars().all(|c| c.is_ascii_digit());
    let is_special = value.starts_with(|c: char| !c.is_alphanumeric() && !"/._".contains(c))
        || value.ends_with(':')
        || [": ", " #"].iter().any(|part| value.contains(part))
        || value.trim() != value;
    let value = value.replace('$', "$$");
    match words.contains(&value.as_str()) || is_number || is_special {
        false => value,
        true if value.contains('"') => format!("'{}'", value.replace('\'', "''")),
        true => format!("\"{value}\""),
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_reference_is_that_of_the_table_of_keys() {
    expect_file![root().join("docs/labels.md")].assert_eq(&reference());
}

/// Examples that are right only where the agent has what they need, a setting or a file; and the
/// code that it says without.
const NEEDS: &[(&str, &[&str])] = &[
    ("tls.client_ca", &["E014"]),
    ("caddy.handlers", &["E011", "E012"]),
];

/// The app that an example may ask who somebody is.
fn auth() -> Container {
    let labels = [
        ("com.docker.compose.project", "shop"),
        ("com.docker.compose.service", "auth"),
        ("sh0.host", "auth.example.com"),
        ("sh0.port", "9091"),
    ];
    FakeEngine::container("shop-auth-1", 2, &labels)
}

/// A container of the project `shop` that is on the network of its labels.
pub(crate) fn container(name: &str, service: &str, labels: Labels) -> Container {
    let of_project = [
        ("com.docker.compose.project", "shop"),
        ("com.docker.compose.service", service),
    ];
    let mut container = FakeEngine::container(name, 1, &of_project);
    let address = container.networks["sh0-net"];
    let own = labels.get("sh0.network").cloned();
    container
        .networks
        .extend(own.map(|network| (network, address)));
    container.labels.extend(labels);
    container
}

#[test]
fn every_keys_example_is_right_and_routed_as_the_reference_has_it() {
    let text = fs::read_to_string(root().join("docs/labels.md")).unwrap();
    for info in keys() {
        let heading = format!("\n### `{}`\n", info.name);
        let section = text.split_once(&heading).map(|(_, rest)| rest);
        let snippet = section.and_then(|rest| rest.split_once("```yaml\n")?.1.split_once("```"));
        let (snippet, _) = snippet.unwrap_or_else(|| panic!("no example of `{}`", info.name));
        let labels = labels_of(&yaml(snippet));
        let expected = info.example_labels().into_iter();
        let expected = expected.map(|(name, value)| (format!("sh0.{name}"), value.to_owned()));
        assert_eq!(labels, expected.collect::<Labels>(), "{}", info.name);

        let mut agent = Agent::default();
        let authority = FileName::parse("corp.pem").expect("a file's name");
        agent.authorities.insert(authority, "/corp.pem".into());
        let built = agent.build(&Snapshot::new([
            container("shop-web-1", "web", labels),
            auth(),
        ]));
        let codes: Vec<&str> = built.diagnostics.iter().map(|d| d.code.id()).collect();
        let needs = NEEDS.iter().find(|(name, _)| *name == info.name);
        let expected = needs.map_or(&[][..], |(_, codes)| *codes);
        assert_eq!(
            codes, expected,
            "the example of `{}`: {:?}",
            info.name, built.diagnostics
        );
        let rendered = render(
            &built.table,
            &RenderOptions {
                authorities: agent.authorities.clone(),
                ..options()
            },
        );
        let hosts: Vec<&str> = rendered
            .places
            .values()
            .map(|key| key.host.as_str())
            .collect();
        let is_served = hosts.contains(&"app.example.com");
        assert_eq!(
            is_served,
            info.name != "enable",
            "the example of `{}`",
            info.name
        );
    }
}

/// The YAML in a file: a compose file is all of it, a Markdown file has it in fences.
fn snippets(file: &Path, text: &str) -> Vec<String> {
    if file.extension().is_some_and(|extension| extension == "yml") {
        vec![text.to_owned()]
    } else {
        let fences = text.split("```yaml\n").skip(1);
        let inside = fences.map(|rest| rest.split("```").next().unwrap_or(rest));
        inside.map(str::to_owned).collect()
    }
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|own| own == extension))
        .collect()
}

#[test]
fn every_compose_snippet_is_understood_and_has_right_labels() {
    let mut all = vec![root().join("README.md")];
    all.extend(files("compose", "yml"));
    all.extend(files("docs", "md"));
    let mut seen = 0;
    for file in all {
        let text = fs::read_to_string(&file).unwrap();
        for snippet in snippets(&file, &text) {
            let node = yaml(&snippet);
            let services = node
                .get("services")
                .map_or(&[][..], |services| services.entries());
            let services = services.iter().map(|(_, service)| service);
            // A snippet of labels alone is about one service.
            for service in services.chain([&node]) {
                let labels = labels_of(service);
                seen += labels.len();
                let parsed = parse(&container("shop-web-1", "web", labels), "sh0");
                assert_eq!(parsed.diagnostics, [], "{}:\n{snippet}", file.display());
            }
        }
    }
    assert!(seen > 20, "only {seen} labels were found");
}

#[test]
fn every_label_in_the_text_is_known() {
    let mut texts = vec![readme()];
    texts.extend(
        files("docs", "md")
            .iter()
            .map(|file| fs::read_to_string(file).unwrap()),
    );
    for text in texts {
        for code in text.split('`').skip(1).step_by(2) {
            let Some(rest) = code
                .strip_prefix("sh0.")
                .filter(|rest| !rest.contains(['\n', '<']))
            else {
                continue;
            };
            let name = rest.split(['=', ':', ' ']).next().unwrap_or(rest);
            let is_example = ["hots", "", "routes.<name>.<key>"].contains(&name);
            let labels = Labels::from([(format!("sh0.{name}"), "x".to_owned())]);
            let container = container("shop-web-1", "web", labels);
            let parsed = parse(&container, "sh0");
            let unknown = parsed.diagnostics.iter().find(|d| d.code.id() == "W001");
            assert!(is_example || unknown.is_none(), "`{code}`: {unknown:?}");
        }
    }
}

/// The numbers in `docs/limits.md` are those of the code.
#[test]
fn the_limits_in_the_docs_are_those_of_the_code() {
    let text = fs::read_to_string(root().join("docs/limits.md")).unwrap();
    let has = |line: String| assert!(text.contains(&line), "docs/limits.md lacks: {line}");
    let settings = Settings::default();
    let (clients, hold) = (settings.clients, settings.hold);
    let seconds = clients.header_timeout.as_secs();
    has(format!("from its first byte | {seconds} s | agent |"));
    let minutes = clients.idle_timeout.as_secs() / 60;
    has(format!("HTTP/1.1, 2 and 3 | {minutes} min | agent |"));
    let kibibytes = clients.header_bytes_max / 1024;
    has(format!("all fields together | {kibibytes} KiB,"));
    let hours = clients.stall_timeout.as_secs() / 3_600;
    has(format!(
        "that is there | {hours} h | `--client-stall-timeout`"
    ));
    let thousands = |count: usize| format!("{},{:03}", count / 1_000, count % 1_000);
    has(format!(
        "of one app | {} |",
        thousands(hold.pool_waiting_max)
    ));
    has(format!("wait in all | {} |", thousands(hold.waiting_max)));
    has(format!(
        "first handshake | {} an hour |",
        settings.on_demand_names_max
    ));
    let default = |name: &str| keys().find(|info| info.name == name).unwrap().default;
    let (wait, connect) = (default("hold"), default("timeout.connect"));
    has(format!("for a container | {wait} | `hold`"));
    has(format!("does not accept | {connect} a try |"));
}
