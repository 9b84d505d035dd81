//! The README says what the code does: its tables are made from the code's own, and every label,
//! flag and snippet in it is one that exists. `UPDATE_EXPECT=1` rewrites the tables.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use sh0_agent::cli::command;
use sh0_agent::diagnostic::Code;

use crate::docs::index;

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

pub(crate) fn readme() -> String {
    fs::read_to_string(path()).unwrap()
}

/// Holds the text between `<!-- name -->` and `<!-- /name -->` of the README against the code.
#[track_caller]
fn check(name: &str, expected: &str) {
    check_in(&path(), name, expected);
}

/// The same in another file.
#[track_caller]
pub(crate) fn check_in(path: &Path, name: &str, expected: &str) {
    let text = fs::read_to_string(path).unwrap();
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&open).expect("the opening mark");
    let (found, after) = rest.split_once(&close).expect("the closing mark");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(path, format!("{before}{open}{expected}{close}{after}")).unwrap();
        return;
    }
    assert_eq!(
        found, expected,
        "run again with UPDATE_EXPECT=1 to rewrite the table"
    );
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[test]
fn the_tables_are_those_of_the_code() {
    check("labels", &index("docs/labels.md"));

    let mut settings = "| flag | environment | default | meaning |\n|---|---|---|---|\n".to_owned();
    let command = command();
    let run = command.find_subcommand("run").unwrap();
    for argument in run
        .get_arguments()
        .filter(|argument| argument.get_env().is_some())
    {
        let flag = argument.get_long().unwrap();
        let variable = argument.get_env().unwrap().to_str().unwrap();
        let default = argument
            .get_default_values()
            .first()
            .and_then(|value| value.to_str());
        let default = default.filter(|_| argument.get_action().takes_values());
        let default = default.map_or(String::new(), |value| format!("`{value}`"));
        let help = argument.get_help().unwrap().to_string();
        writeln!(
            settings,
            "| `--{flag}` | `{variable}` | {default} | {} |",
            cell(&help)
        )
        .unwrap();
    }
    check("settings", &settings);

    let mut codes = "| code | what |\n|---|---|\n".to_owned();
    for code in Code::ALL {
        let text = format!("src/diagnostic/long/{code}.md");
        writeln!(codes, "| [{code}]({text}) | {} |", code.title()).unwrap();
    }
    check("codes", &codes);
}

#[test]
fn every_flag_in_the_readme_exists() {
    let command = command();
    let known: Vec<String> = command
        .get_subcommands()
        .flat_map(|subcommand| subcommand.get_arguments().collect::<Vec<_>>())
        .filter_map(|argument| argument.get_long().map(|long| format!("--{long}")))
        .collect();
    // Flags of other programs, and of our scripts.
    let others = [
        "--cacert",
        "--open",
        "--check",
        "--create-namespace",
        "--force-recreate",
        "--http-port",
        "--https-port",
        "--network",
        "--version",
        "--resolve",
        "--name",
        "--label",
        "--help",
    ];
    let text = readme();
    let words = text.split(|c: char| c.is_whitespace() || "`=|,.;:()[]".contains(c));
    for flag in words.filter(|word| word.starts_with("--") && word.len() > 2) {
        let is_rule = flag.chars().all(|c| c == '-' || c == '>');
        let is_known = is_rule || known.iter().any(|k| k == flag) || others.contains(&flag);
        assert!(is_known, "`{flag}` is no flag");
    }
}

#[test]
fn every_subcommand_is_in_the_readme() {
    let text = readme();
    let command = command();
    for subcommand in command.get_subcommands() {
        let name = subcommand.get_name();
        assert!(text.contains(&format!("sh0-agent {name}")), "{name}");
        let about = subcommand.get_about().map(ToString::to_string);
        assert!(about.is_some_and(|about| !about.is_empty()), "{name}");
    }
}

/// The names of the tests in the files of a folder.
fn tests_in(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut names = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let after = text.split("#[tokio::test]\nasync fn ").skip(1);
        names.extend(after.filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())));
    }
    names.sort();
    names
}

/// Scenarios that show more than what happens to requests at one event, or the same again.
const NOT_IN_THE_TABLE: [&str; 2] = [
    "replicas_share_requests_and_a_third_one_gets_its_slot_with_the_next_load",
    "slots_survive_a_killed_caddy_a_killed_agent_and_an_emptied_folder",
];

#[test]
fn every_line_of_the_table_of_events_names_its_test_and_every_scenario_is_in_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/redeploys.md");
    let text = fs::read_to_string(path).unwrap();
    let rest = text.split_once("<!-- events -->\n").unwrap().1;
    let table = rest.split_once("<!-- /events -->").unwrap().0;
    let mut named = Vec::new();
    for line in table.lines().skip(2) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [_, _, name] = cells[..] else {
            panic!("three cells: {line}")
        };
        named.push(name.trim_matches('`').to_owned());
    }
    named.extend(NOT_IN_THE_TABLE.map(str::to_owned));
    named.sort();
    assert_eq!(named, tests_in("tests/e2e/redeploy"));
}

/// What `scripts/setup` takes for there. Its parts are functions, some named after a program, and such
/// a one is no program.
#[test]
fn setup_takes_no_part_of_its_own_for_a_program() {
    let setup = include_str!("../../scripts/setup");
    let has = { setup.lines() }.find(|line| line.starts_with("has()"));
    let has = has.expect("it says how it looks for a program");
    let script = format!(
        "{has}\nPATH=/nowhere\nchromium() {{ :; }}\n! has chromium && PATH=/usr/bin:/bin && has sh"
    );
    #[expect(clippy::disallowed_methods, reason = "the script is what is tested")]
    let ended = std::process::Command::new("/bin/bash")
        .args(["-c", &script])
        .status();
    assert!(ended.expect("bash starts").success(), "{script}");
}
