//! `sh0-agent explain`: each code's long text, and that what it says is so: the agent says the code
//! of the wrong example, and does not say it of the right one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use expect_test::{expect, expect_file};
use sh0_agent::diagnostic::Code;
use sh0_agent::labels::HostPattern;
use sh0_agent::model::Snapshot;
use sh0_agent::routes::Refused;

use crate::compose_text::containers;
use crate::fixture::{self, Agent};

/// Columns of a line: what fits a terminal of 80 with an example set in.
const COLUMNS_MAX: usize = 80;

/// The fenced examples after the line `Wrong:` or `Right:`.
fn example(code: Code, which: &str) -> Snapshot {
    let text = code.long();
    let after = text
        .split_once(&format!("\n{which}:\n"))
        .map(|(_, after)| after);
    let after = after.unwrap_or_else(|| panic!("{code} has no line `{which}:`"));
    let mut yaml = String::new();
    for (index, part) in after.split("```").enumerate() {
        match (index % 2, part.trim()) {
            (0, "") => {}
            (0, _) => break,
            (_, part) => yaml.push_str(part.trim_start_matches("yaml\n")),
        }
        yaml.push('\n');
    }
    containers(yaml.trim_start())
}

/// The agent to which an example of this code is given: its settings are the default ones, or what
/// the text supposes.
fn agent(code: Code) -> Agent {
    let mut agent = Agent::default();
    if code == Code::HostNotAllowed {
        agent.permits.denied_hosts = vec![HostPattern::parse("admin.example.com").unwrap()];
    }
    if code == Code::RefusedByCaddy {
        agent.refused = refusals(&agent, &example(code, "Wrong"));
    }
    agent
}

/// Every route of these containers, refused in the form that it has there.
fn refusals(agent: &Agent, of: &Snapshot) -> Refused {
    let words = "loading module 'uri_hash': unknown module".to_owned();
    let good = agent.build(of).good;
    { fixture::entries(&good) }
        .map(|(id, labels)| (id, BTreeMap::from([(labels, words.clone())])))
        .collect()
}

#[test]
fn every_code_has_a_text_whose_examples_do_what_it_says() {
    for code in Code::ALL.iter().copied() {
        let wrong = agent(code).build(&example(code, "Wrong")).diagnostics;
        let codes: Vec<Code> = wrong.iter().map(|diagnostic| diagnostic.code).collect();
        assert!(codes.contains(&code), "{code} is not said: {codes:?}");
        let right = agent(code).build(&example(code, "Right")).diagnostics;
        assert_eq!(*right, [], "the way out of {code}");

        let mut shown = code.explained();
        shown.push_str("\n---- what the agent says of the wrong example\n");
        for diagnostic in &*wrong {
            write!(shown, "\n{diagnostic}").unwrap();
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        expect_file![root.join(format!("tests/golden/explain/{code}.txt"))].assert_eq(&shown);
        let too_wide = |line: &&str| line.chars().count() > COLUMNS_MAX;
        let wide = code.explained();
        assert_eq!(wide.lines().find(too_wide), None, "{code}");
    }
}

#[test]
fn the_way_out_of_a_code_serves_all_that_was_asked_for() {
    for code in Code::ALL.iter().copied() {
        let right = example(code, "Right");
        let built = agent(code).build(&right);
        let asking = right.containers().count();
        let served = built
            .rows
            .iter()
            .filter(|row| row.state.as_str() == "routed");
        let served: BTreeSet<_> = served.map(|row| &row.container).collect();
        assert_eq!(served.len(), asking, "{code}: {:?}", built.rows);
    }
}

#[test]
fn all_codes_are_listed() {
    expect![[r#"
        E001  error    a label has a wrong value
        E002  error    the port is not known
        E003  error    the container is not on the routing network
        E004  error    the host belongs to another project
        E005  error    two routes ask for the same host and path
        E006  error    the route has no host
        E007  error    there is no certificate for the wildcard host
        E008  error    a catch-all host is not allowed
        E009  error    another value is in force for the host
        E010  error    Caddy refused the route
        E011  error    the route is closed: it cannot be protected as it asks to be
        E012  error    a label needs a setting of the agent
        E013  error    the agent may not serve the host
        E014  error    client certificates cannot be asked for
        W001  warning  a label is not known
        W002  warning  a label has no effect
        W003  warning  replicas of one app have different labels
    "#]]
    .assert_eq(&Code::list());
}

/// Exit code, standard output and standard error of `sh0-agent explain …`.
fn run(words: &[&str]) -> (Option<i32>, String, String) {
    let program = env!("CARGO_BIN_EXE_sh0-agent");
    let mut command = std::process::Command::new(program);
    let output = command.arg("explain").args(words).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn the_command_takes_a_code_in_any_case_and_asks_the_agent_about_other_words() {
    let shown = Code::HostTaken.explained();
    assert_eq!(run(&["e004"]), (Some(0), shown, String::new()));
    assert_eq!(run(&[]), (Some(0), Code::list(), String::new()));
    let (code, out, error) = run(&["E0004"]);
    assert_eq!((code, out.as_str()), (Some(64), ""));
    let all: Vec<&str> = Code::ALL.iter().map(|code| code.id()).collect();
    let all = all.join(", ");
    assert_eq!(
        error,
        format!(
            "error: there is no code `E0004`\n  help: did you mean `E004`? the codes are {all}\n"
        )
    );
    let (code, _, error) = run(&["shop-web-1", "--runtime-dir", "/nowhere"]);
    let expected = "error: no agent answers at `/nowhere/status.sock`: No such file or directory \
                    (os error 2)\n  help: start it with `sh0-agent run`, or name its \
                    `--runtime-dir`\n";
    assert_eq!((code, error.as_str()), (Some(69), expected));
}
