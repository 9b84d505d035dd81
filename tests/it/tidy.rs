//! Holds the source against the architecture: which module may use which, where each third-party
//! crate may be named, and how large files and functions may be.

mod tables;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use self::tables::{IMPURE, MAY_USE, ONLY_IN, PURE};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// Where Rust of ours is.
const CODE: &[&str] = &["src", "tests", "examples", "benches", "fuzz/targets"];

/// A file of the project: its path from the root, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// The module it belongs to: `routes` for `src/routes/build.rs`.
    fn module(&self) -> &str {
        let rest = self.path.strip_prefix("src/").unwrap_or(&self.path);
        rest.split('/')
            .next()
            .unwrap_or(rest)
            .trim_end_matches(".rs")
    }

    /// Its lines with numbers, without comments and without the tests at its end.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self
            .text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line));
        let is_tests = self.path.ends_with("/tests.rs");
        lines
            .take_while(move |(_, line)| !is_tests && line.trim() != "#[cfg(test)]")
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// Whether the line names the word, not a longer one, outside of text in quotes.
fn names(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = &line[..at];
        let is_quoted = before.matches('"').count() % 2 == 1;
        let after = line[at + word.len()..].chars().next();
        !is_quoted
            && !before.chars().next_back().is_some_and(is_part)
            && !after.is_some_and(is_part)
    })
}

/// The module that a `crate::` path on this line begins with.
fn used_modules(line: &str) -> Vec<&str> {
    let after = line
        .match_indices("crate::")
        .map(|(at, path)| &line[at + path.len()..]);
    let word = |rest: &&str| rest.chars().next().is_some_and(char::is_lowercase);
    after
        .filter(word)
        .map(|rest| {
            rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
                .unwrap_or(rest)
        })
        .collect()
}

fn wrong_edges(source: &Source) -> Vec<String> {
    let module = source.module();
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module) else {
        return vec![format!(
            "{}: the module `{module}` is not in the table",
            source.path
        )];
    };
    let lines = source
        .code()
        .flat_map(|(n, line)| used_modules(line).into_iter().map(move |m| (n, m)));
    let wrong = lines.filter(|(_, used)| *used != module && !allowed.contains(used));
    wrong
        .map(|(number, used)| format!("{}:{number}: `{module}` may not use `{used}`", source.path))
        .collect()
}

fn wrong_crates(source: &Source) -> Vec<String> {
    let mut wrong = Vec::new();
    for (number, line) in source.code() {
        for (word, places) in ONLY_IN {
            if names(line, word) && !places.iter().any(|place| source.path.starts_with(place)) {
                wrong.push(format!(
                    "{}:{number}: `{word}` may not be named here",
                    source.path
                ));
            }
        }
        let is_pure = PURE.iter().any(|place| source.path.starts_with(place));
        for word in IMPURE.iter().filter(|word| is_pure && names(line, word)) {
            wrong.push(format!(
                "{}:{number}: the core may not name `{word}`",
                source.path
            ));
        }
    }
    wrong
}

/// Whether a function begins on this line; `fn` in a type does not.
fn is_function(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let is_qualifier =
        |word: &&str| word.starts_with("pub") || ["async", "const", "unsafe"].contains(word);
    words.find(|word| !is_qualifier(word)) == Some("fn")
}

fn too_large(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut wrong = Vec::new();
    if lines.len() > FILE_LINES_MAX {
        wrong.push(format!(
            "{}: {} lines, at most {FILE_LINES_MAX}",
            source.path,
            lines.len()
        ));
    }
    for (at, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let mut rest = lines[at..].iter().map(|line| line.trim_end());
        let has_body = rest
            .find(|line| line.ends_with(['{', ';', '}']))
            .is_some_and(|l| l.ends_with('{'));
        if !is_function(line) || !has_body {
            continue;
        }
        let closing = format!("{}}}", " ".repeat(indent));
        let length = lines[at..]
            .iter()
            .position(|line| *line == closing)
            .map_or(0, |end| end + 1);
        if length > FUNCTION_LINES_MAX {
            wrong.push(format!(
                "{}:{}: a function of {length} lines, at most {FUNCTION_LINES_MAX}",
                source.path,
                at + 1
            ));
        }
    }
    wrong
}

fn sources(folders: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut waiting: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let shown = path.strip_prefix(root).unwrap().to_str().unwrap();
                found.push(Source::new(shown, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn all(check: impl Fn(&Source) -> Vec<String>, folders: &[&str]) -> String {
    sources(folders)
        .iter()
        .flat_map(check)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn modules_use_only_what_the_table_allows() {
    assert_eq!(all(wrong_edges, &["src"]), "");
}

#[test]
fn third_party_crates_stay_in_their_files_and_the_core_is_pure() {
    assert_eq!(all(wrong_crates, &["src"]), "");
}

#[test]
fn files_and_functions_are_small() {
    assert_eq!(all(too_large, CODE), "");
}

#[test]
fn every_module_says_what_it_is_for() {
    let lacks = |source: &Source| {
        if source.text.starts_with("//!") {
            Vec::new()
        } else {
            vec![source.path.clone()]
        }
    };
    assert_eq!(all(lacks, CODE), "");
}

#[test]
fn there_is_no_unused_row_in_the_table() {
    let mut used: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources(&["src"]) {
        let modules = source
            .code()
            .flat_map(|(_, line)| used_modules(line))
            .map(str::to_owned);
        used.entry(source.module().to_owned())
            .or_default()
            .extend(modules);
    }
    for (module, allowed) in MAY_USE {
        for edge in *allowed {
            let is_used = used
                .get(*module)
                .is_some_and(|used| used.iter().any(|u| u == edge));
            assert!(is_used, "`{module}` no longer uses `{edge}`");
        }
    }
}

#[test]
fn a_wrong_import_is_found() {
    let wrong = Source::new(
        "src/routes/build.rs",
        "use crate::model::Port;\nuse crate::caddy::Fingerprint;\n",
    );
    assert_eq!(
        wrong_edges(&wrong),
        ["src/routes/build.rs:2: `routes` may not use `caddy`"]
    );
    let in_path = Source::new("src/labels.rs", "fn f() -> crate::discovery::Notice {\n");
    assert_eq!(
        wrong_edges(&in_path),
        ["src/labels.rs:1: `labels` may not use `discovery`"]
    );
    let unknown = Source::new("src/helpers.rs", "");
    assert_eq!(
        wrong_edges(&unknown),
        ["src/helpers.rs: the module `helpers` is not in the table"]
    );
}

#[test]
fn a_crate_in_the_wrong_place_is_found() {
    let wrong = Source::new(
        "src/reconcile/look.rs",
        "use bollard::Docker;\n// bollard in a comment\n",
    );
    assert_eq!(
        wrong_crates(&wrong),
        ["src/reconcile/look.rs:1: `bollard` may not be named here"]
    );
    let impure = Source::new("src/routes/build.rs", "    tracing::info!(\"x\");\n");
    assert_eq!(
        wrong_crates(&impure),
        ["src/routes/build.rs:1: the core may not name `tracing`"]
    );
    let right = Source::new("src/discovery/docker.rs", "use bollard::Docker;\n");
    assert_eq!(wrong_crates(&right), [""; 0]);
}

#[test]
fn a_long_function_and_a_long_file_are_found() {
    let body = "    x();\n".repeat(69);
    let long = Source::new("src/a.rs", &format!("pub fn f() {{\n{body}}}\n"));
    assert_eq!(
        too_large(&long),
        ["src/a.rs:1: a function of 71 lines, at most 70"]
    );
    let long = Source::new("src/a.rs", &"//\n".repeat(401));
    assert_eq!(too_large(&long), ["src/a.rs: 401 lines, at most 400"]);
}
