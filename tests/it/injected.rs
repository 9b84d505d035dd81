//! No label reaches Caddy as anything but what it is: every key is fed what other proxies expand,
//! and the config is searched for what Caddy would.
//!
//! Caddy expands placeholders (`Replacer` in replacer.go) in hosts, paths, query and header
//! matchers, header fields and their names, static answers, rewrites, dial addresses, server names
//! of TLS, accounts and file matchers; not in regular expressions, which it compiles once
//! (`MatchRegexp.Provision` in modules/caddyhttp/matchers.go). This test takes no such list for
//! granted: only regular expressions are spared.

use serde_json::Value;
use sh0_agent::caddy::render::{RenderOptions, SlotOptions, render};
use sh0_agent::labels::{KeyInfo, keys};
use sh0_agent::model::{Container, FileName, Snapshot};

use crate::docs::container;
use crate::fenced::with_catch_all;
use crate::fixture::Agent;
use crate::render::options;

/// What means something to Caddy, its Caddyfile, Go, nginx, Traefik, shells or HTTP.
const HOSTILE: &[&str] = &[
    "{env.HOME}",
    "{file./etc/passwd}",
    "{system.hostname}",
    "{http.request.header.X}",
    "{http.vars.root}",
    "{http.request.host",
    "\\{env.HOME}",
    "\\\\{env.HOME}",
    "{env.{env.HOME}}",
    "{$HOME}",
    "${HOME}",
    "$(id)",
    "`id`",
    "{{env \"HOME\"}}",
    "{{.Host}}",
    "{% include '/etc/passwd' %}",
    "*",
    "/*",
    "%*",
    "a*b",
    "\\",
    "\"",
    "a\nb",
    "a\r\nX-Evil: 1",
    "a\0b",
    "$1",
    "//evil.example/x",
    "../../etc/passwd",
];

/// What the agent's own config expands. Of labels only `headers.` may name some of them.
const OURS: &[&str] = &[
    "http.error.message",
    "http.error.status_code",
    "http.request.host",
    "http.request.hostport",
    "http.request.orig_method",
    "http.request.orig_uri",
    // What a pattern of ours took from the name of a waiting socket, and the file of that name.
    "http.matchers.file.relative",
    "http.regexp.1",
    "http.request.orig_uri.query",
    "http.request.scheme",
    "http.request.tls.server_name",
    "http.request.uri",
    "http.request.uri.path_escaped",
    "http.request.uuid",
    "http.reverse_proxy.upstream.address",
    "http.reverse_proxy.upstream.hostport",
    "http.vars.client_ip",
];

/// The placeholders of a text, as Caddy finds them: from a brace without a backslash before it to
/// the next such closing one, and those within, which Caddy meets where it does not know the outer
/// one.
fn placeholders(text: &str) -> Vec<&str> {
    let bare = |from: usize, brace: char| {
        let mut rest = text.get(from..)?.char_indices();
        let found = rest.find(|(place, c)| {
            *c == brace && !text.get(..from + place).is_some_and(|t| t.ends_with('\\'))
        });
        found.map(|(place, _)| from + place)
    };
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = bare(from, '{') {
        let Some(close) = bare(open, '}') else { break };
        found.extend(text.get(open + 1..close));
        from = open + 1;
    }
    found
}

/// Every text of a config with the key it stands under, names of fields included, without regular
/// expressions.
fn texts<'a>(key: &'a str, value: &'a Value, found: &mut Vec<(&'a str, &'a str)>) {
    match value {
        Value::String(text) => found.push((key, text)),
        Value::Array(all) => all.iter().for_each(|value| texts(key, value, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                found.push(("name", name));
                if !["pattern", "search_regexp"].contains(&name.as_str()) {
                    texts(name, value, found);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Nothing but our own is expanded, and `*` stands where we write it.
#[track_caller]
fn check(config: &Value, runtime_dir: &str, what: &str) {
    let mut all = Vec::new();
    texts("", config, &mut all);
    for (key, text) in all {
        for name in placeholders(text) {
            let is_slot = name.strip_prefix(&format!("file.{runtime_dir}/slots/"));
            let is_slot =
                is_slot.is_some_and(|slot| slot.chars().all(|c| c.is_ascii_hexdigit() || c == '.'));
            let is_path = ["*/{http.request.host", "http.request.host"].contains(&name);
            assert!(
                is_slot || is_path || OURS.contains(&name),
                "{what}: {key} expands `{name}` in {text:?}"
            );
        }
        assert!(
            !text.contains(['\r', '\n', '\0']) || text.ends_with(".\n"),
            "{what}: {text:?}"
        );
        let stars = match key {
            "path" => text.strip_suffix("/*").unwrap_or(text),
            "host" | "sni" | "subjects" | "automate" | "skip" => {
                text.strip_prefix("*.").unwrap_or(text)
            }
            _ => continue,
        };
        assert!(
            !stars.contains(['*', '%', '\\']),
            "{what}: {key} is {text:?}"
        );
    }
}

fn agent() -> Agent {
    let mut agent = with_catch_all();
    agent.permits.auth_urls = true;
    let file = FileName::parse("partners.pem").expect("a name");
    let copy = options().admin_socket.with_file_name("partners.pem");
    agent.authorities = [(file, copy)].into();
    agent
}

/// Two containers for each value: the key's example with it, and a named route of such a name.
fn containers(info: &KeyInfo, value: &str) -> Vec<Container> {
    let mut labels = info.example_labels();
    let own = labels.pop().expect("its own").0;
    let beside = |scope: &str| {
        let all = labels
            .iter()
            .map(|(name, value)| (format!("sh0.{scope}{name}"), (*value).to_owned()));
        all.collect::<Vec<_>>()
    };
    let example = info.example;
    let values = [
        value.to_owned(),
        format!("{example}{value}"),
        format!("{value}{example}"),
        format!("{example}, {value}"),
    ];
    let mut all: Vec<Container> = values
        .iter()
        .enumerate()
        .map(|(place, value)| {
            let own = (format!("sh0.{own}"), value.clone());
            let mut labels: Vec<_> = beside("");
            labels.push(own);
            let mut container = container(
                &format!("shop-web-{place}"),
                &format!("web{place}"),
                labels.into_iter().collect(),
            );
            if info.name != "host" {
                container
                    .labels
                    .insert("sh0.host".to_owned(), format!("h{place}.example.com"));
            }
            container
        })
        .collect();
    if let Some(before) = info.family() {
        let mut labels = beside("");
        labels.push((format!("sh0.{before}{value}"), example.to_owned()));
        all.push(container(
            "shop-family-1",
            "family",
            labels.into_iter().collect(),
        ));
    }
    // As the name of a route, of an app and of a project.
    let mut labels = beside(&format!("routes.{value}."));
    labels.push((format!("sh0.routes.{value}.{own}"), example.to_owned()));
    let mut named = container("shop-named-1", value, labels.into_iter().collect());
    named
        .labels
        .insert("com.docker.compose.project".to_owned(), value.to_owned());
    all.push(named);
    all
}

#[test]
fn nothing_of_a_label_is_expanded_by_caddy() {
    let agent = agent();
    let slots = SlotOptions {
        runtime_dir: "/run/sh0".into(),
        counts: std::sync::Arc::default(),
    };
    let mut served = 0;
    for info in keys().filter(|info| info.name != "caddy.handlers") {
        for value in HOSTILE {
            let built = agent.build(&Snapshot::new(containers(info, value)));
            served += built.table.routes.len();
            let options = RenderOptions {
                slots: Some(slots.clone()),
                authorities: agent.authorities.clone(),
                ..options()
            };
            let rendered = render(&built.table, &options);
            let config = serde_json::to_value(&rendered.config).expect("JSON");
            check(&config, "/run/sh0", &format!("{}={value:?}", info.name));
        }
    }
    assert!(served > 1_000, "{served} routes took a value");
}

#[test]
fn placeholders_are_found_as_caddy_finds_them() {
    let found = placeholders("a {b} \\{c} {d\\} e} {f");
    assert_eq!(found, ["b", "d\\} e"]);
}
