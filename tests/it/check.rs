//! `sh0-agent check`: compose files of every form, each finding at its line and column; what is
//! printed; and that no input ends it otherwise.
//!
//! The files in `tests/fixtures/compose` say what is wrong with them: below a line stands a comment
//! with marks under the text in question, and the code, or `error` or `warning` where there is none.
//! `#@ line:column code` says the same of places under which no comment can stand.

mod printed;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::select;
use sh0_agent::check::{Checked, Finding, Rules, is_listed, listed, project};
use sh0_agent::compose::{Options, load};
use sh0_agent::settings::Settings;

use crate::fuzz::compose;

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/compose")
}

fn options(directory: &Path) -> Options {
    let variables = [
        ("DOMAIN", "example.com"),
        ("PORT", "8080"),
        ("EMPTY", ""),
        ("NAME", "edge"),
        ("NETWORK", "sh0-net"),
        ("PREFIX", "sh0"),
    ];
    let variables = variables.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Options {
        variables: variables.into(),
        directory: directory.to_owned(),
        directory_name: "Shop".to_owned(),
        ..Options::default()
    }
}

fn rules() -> Rules {
    Rules::from(&Settings::default())
}

fn check(files: &[PathBuf]) -> Checked {
    let read = |path: &Path| fs::read_to_string(path).map_err(|_| "it is not there".to_owned());
    let directory = files[0].parent().unwrap();
    project(load(files, &options(directory), &read), &rules())
}

/// The projects among the fixtures, each with its files.
fn fixtures() -> BTreeMap<String, Vec<PathBuf>> {
    let mut fixtures = BTreeMap::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let files = if path.is_dir() {
            let names = ["compose.yml", "compose.override.yml"];
            let files = names.map(|name| path.join(name)).into_iter();
            files.filter(|file| file.exists()).collect()
        } else {
            vec![path.clone()]
        };
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        fixtures.insert(name, files);
    }
    fixtures
}

/// What is said of one place: line, column, marks, and the code with its severity.
type Said = (PathBuf, usize, usize, usize, String);

/// What a file says is wrong with it.
fn marks(path: &Path, text: &str) -> Vec<Said> {
    let mut marks = Vec::new();
    let mut line = 0;
    for (index, row) in text.lines().enumerate() {
        let said = |line, column, width, what: &str| {
            (path.to_owned(), line, column, width, what.trim().to_owned())
        };
        let marked = row.strip_prefix('#').map(str::trim_start);
        if let Some(place) = row.strip_prefix("#@ ") {
            let (place, what) = place.split_once(' ').unwrap();
            let (line, column) = place.split_once(':').unwrap();
            marks.push(said(
                line.parse().unwrap(),
                column.parse().unwrap(),
                0,
                what,
            ));
        } else if let Some(rest) = marked.filter(|rest| rest.starts_with('^')) {
            let what = rest.trim_start_matches('^');
            let column = row.chars().take_while(|c| *c != '^').count() + 1;
            marks.push(said(line, column, rest.len() - what.len(), what));
        } else {
            line = index + 1;
        }
    }
    marks
}

fn what(finding: &Finding) -> String {
    match finding.code {
        Some(code) if code.severity() == finding.severity => code.to_string(),
        Some(code) => format!("{} {code}", finding.severity.as_str()),
        None => finding.severity.as_str().to_owned(),
    }
}

#[test]
fn every_form_that_compose_allows_is_understood_and_each_finding_is_at_its_place() {
    let fixtures = fixtures();
    let (mut seen, mut wrong) = (0, Vec::new());
    for (name, files) in &fixtures {
        let checked = check(files);
        let mut expected: Vec<Said> = { checked.sources.iter() }
            .flat_map(|source| marks(&source.path, &source.text))
            .collect();
        let found = |finding: &Finding| {
            let path = checked.sources[finding.place.file].path.clone();
            let place = finding.place;
            // One mark stands for what goes on in the next lines, or is nothing.
            let width = place.width.max(1);
            (path, place.line, place.column, width, what(finding))
        };
        let mut found: Vec<Said> = checked.findings.iter().map(found).collect();
        for row in &mut found {
            let is_marked = |mark: &&Said| mark.3 == 0 && (mark.1, mark.2) == (row.1, row.2);
            if expected.iter().any(|mark| is_marked(&mark)) {
                row.3 = 0;
            }
        }
        expected.sort();
        found.sort();
        seen += found.len();
        if found != expected {
            wrong.push(format!(
                "{name}: {found:#?}
instead of {expected:#?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(fixtures.len() >= 50, "only {} files", fixtures.len());
    assert!(seen >= 60, "only {seen} findings");
}

#[test]
fn the_projects_own_compose_files_are_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("compose");
    let files = fs::read_dir(folder).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    let yml = files.filter(|path| path.extension().is_some_and(|own| own == "yml"));
    let checked: Vec<Checked> = yml.map(|file| check(&[file])).collect();
    assert!(checked.len() >= 7);
    for checked in &checked {
        assert_eq!(checked.findings, [], "{:?}", checked.sources[0].path);
    }
    let routes: usize = checked.iter().map(|checked| checked.routes.len()).sum();
    assert_eq!(routes, 11);
}

#[test]
fn an_override_alone_is_not_read_without_its_file() {
    let folder = folder().join("override");
    let both = ["compose.yml", "compose.override.yml"].map(|name| folder.join(name));
    assert_eq!(check(&both).findings.len(), 2);
    let alone = check(&both[1..]);
    let codes: Vec<String> = alone.findings.iter().map(what).collect();
    assert!(codes.contains(&"E003".to_owned()), "{codes:?}");
}

fn check_json(text: &str) -> Vec<(usize, usize, String)> {
    let path = Path::new("labels.json");
    assert!(is_listed(path, text));
    let checked = listed(path, text, &rules());
    let row = |finding: &Finding| (finding.place.line, finding.place.column, what(finding));
    checked.findings.iter().map(row).collect()
}

#[test]
fn labels_in_json_are_checked_at_their_lines() {
    let said = |line, column, what: &str| (line, column, what.to_owned());
    let containers = fs::read_to_string("examples/containers.json").unwrap();
    let expected = [said(33, 5, "E006"), said(36, 17, "W001")];
    assert_eq!(check_json(&containers), expected);
    let labels = "{\"sh0.host\": \"a.example.com\",\n \"sh0.port\": \"80a\"}";
    assert_eq!(check_json(labels), [said(2, 14, "E001")]);
    let no_port = "[{\"id\": \"a\", \"name\": \"web\", \"state\": \"running\",\n\
                   \"labels\": {\"sh0.host\": \"a.example.com\"},\n\"networks\": {\"sh0-net\": {\"ipv4\": \"10.0.0.1\"}}}]";
    assert_eq!(check_json(no_port), [said(2, 24, "E002")]);
    assert_eq!(check_json("[{\"id\": 1}]"), [said(1, 9, "error")]);
    assert_eq!(check_json("{\"a\": [}"), [said(1, 6, "error")]);
    assert!(!is_listed(Path::new("compose.json"), "{\"services\": {}}"));
    assert!(!is_listed(Path::new("compose.yml"), "services: {}"));
}

#[test]
fn a_secret_is_in_no_finding() {
    let file = folder().join("dollars.yml");
    let checked = check(&[file]);
    assert!(!checked.findings.is_empty());
    for finding in &checked.findings {
        assert!(finding.is_secret, "{finding:?}");
        let said = format!("{} {}", finding.message, finding.help);
        assert!(!said.contains("05") && !said.contains("apr"), "{said}");
    }
}

/// Parts of YAML and of compose files, of which random files are made.
const PARTS: &[&str] = &[
    "services:",
    "web:",
    "labels:",
    "networks:",
    "sh0.host",
    "sh0.port",
    "=",
    ": ",
    "\n",
    "\n  ",
    "\n    ",
    "\n      - ",
    "&a ",
    "*a",
    "<<: ",
    "!reset ",
    "!override ",
    "${",
    "}",
    "$",
    "${A:-",
    ":?",
    "{",
    "[",
    "]",
    "}",
    ",",
    "\"",
    "'",
    "|",
    ">",
    "---",
    "#",
    "extends: ",
    "include: ",
    "self.yml",
    "file: ",
    "service: ",
    "network_mode: ",
    "service:web",
    "expose: ",
    "1-65535",
    "profiles: ",
    "label_file: ",
    "deploy: ",
    "\t",
    "\r\n",
    "\u{0}",
    "ü",
    "\u{2028}",
    "? ",
    "- ",
    "a.example.com",
    "external: true",
    "name: ",
    "x",
];

proptest! {
    #[test]
    fn no_text_of_parts_makes_it_panic(parts in prop::collection::vec(select(PARTS), 0..60)) {
        compose::check(parts.concat().as_bytes());
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC*") {
        compose::check(text.as_bytes());
    }
}
