//! What `sh0-agent check` prints, and how it ends.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use expect_test::{expect, expect_file};

use super::folder;

/// Runs `sh0-agent check` in the folder of the fixtures.
fn run(words: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sh0-agent"));
    command.arg("check").args(words).current_dir(folder());
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "COLUMNS", "COMPOSE_FILE"] {
        command.env_remove(name);
    }
    command.envs(environment.iter().copied());
    command.stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// Exit code and standard output; there is nothing on standard error.
fn said(words: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = run(words, environment);
    assert_eq!(text(output.stderr), "", "{words:?}");
    (output.status.code(), text(output.stdout))
}

const FILES: [&str; 6] = [
    "project-network.yml",
    "map.yml",
    "dollars.yml",
    "tab.yml",
    "columns.yml",
    "hostile.yml",
];

#[test]
fn what_people_see_is_pinned_at_two_widths_with_and_without_colour() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/check");
    for columns in ["80", "120"] {
        for (name, colour) in [
            ("plain", ("NO_COLOR", "1")),
            ("colour", ("CLICOLOR_FORCE", "1")),
        ] {
            let (code, shown) = said(&FILES, &[("COLUMNS", columns), colour]);
            assert_eq!(code, Some(1));
            expect_file![golden.join(format!("{columns}-{name}.txt"))].assert_eq(&shown);
            assert_eq!(shown.contains('\u{1b}'), name == "colour");
            let widest = shown.lines().map(|line| line.chars().count()).max();
            let fits = widest.is_some_and(|widest| widest <= columns.parse().unwrap());
            assert!(fits || name == "colour", "{widest:?}");
        }
    }
}

#[test]
fn in_a_pipe_there_are_neither_colours_nor_broken_lines() {
    let (_, shown) = said(&["project-network.yml"], &[]);
    expect![[r#"
        error[E003]: it is not on the routing network `sh0-net`; it is on `compose_sh0-net`
         --> project-network.yml:5:5 (web)
          |
        5 |     networks: [sh0-net]
          |     ^^^^^^^^
          = help: compose made a network of the project; write these two lines for it in the compose file: `networks:` and below it `  sh0-net: {external: true}`

        1 error in 1 file. `sh0-agent explain E003` says more.
    "#]]
    .assert_eq(&shown);
    let forced = said(
        &["project-network.yml"],
        &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")],
    );
    assert_eq!(forced.1, shown);
}

#[test]
fn errors_end_with_1_and_warnings_with_0() {
    let check = |files: &[&str], code: i32, last: &str| {
        let (found, shown) = said(files, &[]);
        assert_eq!(
            (found, shown.lines().last()),
            (Some(code), Some(last)),
            "{files:?}"
        );
    };
    check(&["empty.yml"], 0, "Nothing is wrong in 1 file: 0 routes.");
    check(
        &["extends-file/shared/base.yml"],
        1,
        "4 errors in 2 files. `sh0-agent explain E001` says more.",
    );
    check(&["deploy.yml"], 0, "2 warnings in 1 file.");
    check(
        &["empty.yml", "list.yml"],
        1,
        "1 error and 1 warning in 2 files. `sh0-agent explain E001` says more.",
    );
    // The file brings its override, and the override its file; both together are one project.
    let both = "2 errors in 2 files. `sh0-agent explain E001` says more.";
    check(&["override/compose.yml"], 1, both);
    check(&["override/compose.override.yml"], 1, both);
    check(
        &["override/compose.override.yml", "override/compose.yml"],
        1,
        both,
    );
    check(
        &["--merge", "tags/compose.yml"],
        1,
        "2 errors in 1 file. `sh0-agent explain E001` says more.",
    );
    check(
        &["--label-prefix", "other", "map.yml"],
        0,
        "Nothing is wrong in 1 file: 0 routes.",
    );
    check(
        &[
            "--network",
            "shop_default",
            "-p",
            "shop",
            "default-network.yml",
        ],
        0,
        "Nothing is wrong in 1 file: 1 route.",
    );
    check(
        &["--env-file", "dotenv/.env", "variables-unset.yml"],
        1,
        "2 errors and 2 warnings in 1 file.",
    );
}

#[test]
fn what_cannot_be_read_ends_with_64() {
    let output = run(&["nowhere.yml"], &[]);
    assert_eq!(output.status.code(), Some(64));
    expect![[r"
        error: cannot read `nowhere.yml`: it is not there
          help: name a compose file, or a file of labels in JSON
    "]]
    .assert_eq(&text(output.stderr));
    let output = run(&[], &[]);
    assert_eq!(output.status.code(), Some(64));
    expect![[r"
        error: there is no compose file in this folder or above it
          help: name one; `compose.yaml`, `compose.yml`, `docker-compose.yml`, `docker-compose.yaml` are looked for
    "]]
    .assert_eq(&text(output.stderr));
}

/// Without files the one of the folder is taken, or of one above it; with `-` standard input.
#[test]
fn the_usual_file_is_found_and_standard_input_is_read() {
    let folder = folder();
    let check =
        |here: &str, words: &[&str], environment: &[(&str, &str)], input: &str, last: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_sh0-agent"));
            command
                .arg("check")
                .args(words)
                .current_dir(folder.join(here));
            command
                .env_remove("COMPOSE_FILE")
                .envs(environment.iter().copied());
            let input = std::fs::File::open(folder.join(input)).unwrap();
            let output = command.stdin(input).output().unwrap();
            let shown = text(output.stdout);
            assert_eq!(
                shown.lines().last(),
                Some(last),
                "{shown}{}",
                text(output.stderr)
            );
            shown
        };
    let both = "2 errors in 2 files. `sh0-agent explain E001` says more.";
    check("override", &[], &[], "map.yml", both);
    check(
        "extends-file/shared",
        &[],
        &[],
        "map.yml",
        "2 errors in 3 files. `sh0-agent explain E001` says more.",
    );
    let one = "2 errors in 1 file. `sh0-agent explain E001` says more.";
    check(
        "override",
        &[],
        &[("COMPOSE_FILE", "compose.yml")],
        "map.yml",
        one,
    );
    let shown = check(
        "",
        &["-"],
        &[],
        "map.yml",
        "1 error and 1 warning in 1 file. `sh0-agent explain E001` says more.",
    );
    assert!(shown.contains("--> <stdin>:8:17 (web)"), "{shown}");
}

#[test]
fn github_is_told_in_its_own_commands() {
    let (code, shown) = said(&["--format", "github", "flow.yml", "deploy.yml"], &[]);
    assert_eq!(code, Some(1));
    expect![[r#"
        ::error file=flow.yml,line=6,col=49,endColumn=50,title=E001%3A a label has a wrong value::`sh0.port` takes a number from 1 to 65535, found `0`, which is out of range%0Awrite for example `sh0.port=8080`
        ::error file=flow.yml,line=11,col=47,endColumn=48,title=E001%3A a label has a wrong value::`sh0.port` takes a number from 1 to 65535, found `0`, which is out of range%0Awrite for example `sh0.port=8080`
        ::error file=flow.yml,line=11,col=61,endColumn=66,title=E001%3A a label has a wrong value::`sh0.strip` takes `true` or `false`, found `maybe`%0Awrite for example `sh0.strip=true`
        ::warning file=deploy.yml,line=9,col=9,endColumn=17::`sh0.host` stands under `deploy`, whose labels no container has: the agent does not see it%0Amove it to `labels`, beside `image`
        ::warning file=deploy.yml,line=17,col=11,endColumn=19::`sh0.host` stands under `deploy`, whose labels no container has: the agent does not see it%0Amove it to `labels`, beside `image`
    "#]].assert_eq(&shown);
}

#[test]
fn programs_get_json() {
    let (code, shown) = said(&["--format", "json", "null.yml", "deploy.yml"], &[]);
    assert_eq!(code, Some(1));
    let report: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(report["errors"], 4);
    assert_eq!(report["warnings"], 2);
    let first = format!("{:#}\n", report["findings"][0]);
    expect![[r#"
        {
          "code": "E001",
          "column": 7,
          "file": "null.yml",
          "help": "write for example `sh0.port=8080`",
          "label": {
            "key": "sh0.port",
            "value": ""
          },
          "line": 8,
          "message": "`sh0.port` takes a number from 1 to 65535, found nothing",
          "services": [
            "web"
          ],
          "severity": "error",
          "title": "a label has a wrong value"
        }
    "#]]
    .assert_eq(&first);
}
