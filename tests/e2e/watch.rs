//! `sh0-agent routes --watch`, for a program that reads it and on a terminal.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Stdio};

use rustix::process::Signal;

use crate::harness::{Agent, App, Engine, Options, command, patience, signal, until};

/// A process that ends with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        drop(self.0.kill());
        self.0.wait().expect("it is our child");
    }
}

/// Waits until the file has a text, which it gives whole.
async fn has(file: &Path, text: &str) -> String {
    until(text, patience(), async || {
        let bytes = std::fs::read(file).unwrap_or_default();
        let found = String::from_utf8_lossy(&bytes).into_owned();
        if found.contains(text) {
            Ok(found)
        } else {
            Err(found)
        }
    })
    .await
}

async fn ended(watch: &mut Ends) -> Option<i32> {
    let status = until("it ends", patience(), async || {
        let status = watch.0.try_wait().expect("it is our child");
        status.ok_or_else(|| "it runs".to_owned())
    })
    .await;
    status.code()
}

#[tokio::test]
async fn a_program_reads_a_table_for_each_change_and_nothing_between() {
    let engine = Engine::start().await;
    let mut agent = Agent::start(&engine).await;
    let file = agent.home().join("watched");
    let output = File::create(&file).expect("the home is ours");
    let mut watch = agent.command("routes");
    watch.arg("--watch").stdout(output).stdin(Stdio::null());
    let mut watch = Ends(watch.spawn().expect("it was built"));
    has(&file, "config ").await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    agent.answers(&host, "web").await;
    let routed = has(&file, &host).await;
    assert!(!routed.contains('\u{1b}'), "{routed}");
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    let later = has(&file, &host).await;
    let whole: Vec<&str> = later.split("\n\n").collect();
    let repeated = whole
        .windows(2)
        .find(|pair| pair[0] == pair[1] && pair[0].contains("HOST"));
    assert_eq!(repeated, None, "a table is printed again: {later}");
    assert!(agent.stop().await.success());
    has(&file, "! no agent answers at").await;
    agent.start_again().await;
    until("it goes on", patience(), async || {
        let found = std::fs::read_to_string(&file).unwrap_or_default();
        let after = found
            .rsplit("asking again")
            .next()
            .unwrap_or_default()
            .to_owned();
        if after.contains(&host) {
            Ok(())
        } else {
            Err(found)
        }
    })
    .await;
    assert!(signal(watch.0.id(), Signal::INT), "it runs");
    assert_eq!(ended(&mut watch).await, Some(0));
}

#[tokio::test]
async fn on_a_terminal_it_is_redrawn_in_place_and_given_back_at_ctrl_c() {
    let engine = Engine::start().await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    let agent = Agent::start(&engine).await;
    agent.answers(&host, "web").await;
    let file = agent.home().join("screen");
    let watch = agent.command("routes");
    let program = watch.get_program().to_str().expect("our paths are text");
    let mut terminal = command("script");
    terminal.envs(
        watch
            .get_envs()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    terminal.env("TERM", "xterm").env_remove("NO_COLOR");
    terminal.args(["--quiet", "--flush", "--return", "--command"]);
    terminal
        .arg(format!(
            "stty cols 60 rows 8; exec {program} routes --watch"
        ))
        .arg(&file);
    terminal.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut terminal = Ends(terminal.spawn().expect("util-linux has it"));
    let drawn = has(&file, "routed\u{1b}[0m").await;
    assert!(drawn.contains("\u{1b}[?1049h\u{1b}[?25l"), "{drawn:?}");
    let widest = drawn
        .lines()
        .map(|line| visible(line).chars().count())
        .max();
    assert!(widest <= Some(60), "{widest:?}: {drawn:?}");
    let mut keys = terminal.0.stdin.take().expect("it is piped");
    keys.write_all(b"\x03").expect("it reads");
    assert_eq!(ended(&mut terminal).await, Some(0));
    let left = has(&file, "\u{1b}[?25h\u{1b}[?1049l").await;
    let frames = left.matches("\u{1b}[H").count();
    assert!(frames >= 1, "{left:?}");
}

#[tokio::test]
async fn colours_are_for_terminals_that_are_not_told_otherwise() {
    let engine = Engine::start().await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    let agent = Agent::start(&engine).await;
    agent.answers(&host, "web").await;
    for (words, variable, is_terminal, has_colour) in [
        ("routes", ("TERM", "xterm"), true, true),
        ("routes", ("NO_COLOR", "1"), true, false),
        ("routes", ("TERM", "dumb"), true, false),
        ("routes", ("TERM", "xterm"), false, false),
        ("explain web", ("TERM", "xterm"), true, true),
        ("explain web", ("NO_COLOR", "1"), true, false),
        ("explain web", ("TERM", "xterm"), false, false),
        ("doctor --offline", ("TERM", "xterm"), true, true),
        ("doctor --offline", ("TERM", "xterm"), false, false),
    ] {
        let words = words.replace("web", &host);
        let subcommand = words.split(' ').next().unwrap_or_default();
        let made = agent.command(subcommand);
        let program = made.get_program().to_str().expect("our paths are text");
        let mut terminal = command(if is_terminal { "script" } else { "sh" });
        terminal.envs(
            made.get_envs()
                .filter_map(|(key, value)| Some((key, value?))),
        );
        terminal
            .env_remove("NO_COLOR")
            .env("TERM", "xterm")
            .env(variable.0, variable.1);
        if is_terminal {
            terminal.args(["--quiet", "--return", "--command"]);
            terminal.arg(format!("{program} {words}")).arg("/dev/null");
        } else {
            terminal.arg("-c").arg(format!("{program} {words}"));
        }
        let output = tokio::process::Command::from(terminal)
            .stdin(Stdio::null())
            .output();
        let output = output.await.expect("it is installed");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            said.contains("ok") || said.contains("routed"),
            "{words}: {said}"
        );
        assert_eq!(
            said.contains("\u{1b}["),
            has_colour,
            "{words} {variable:?}: {said:?}"
        );
    }
}

/// What a command of the agent shows on a terminal of so many columns.
async fn on_terminal(agent: &Agent, words: &str, columns: usize) -> String {
    let subcommand = words.split(' ').next().unwrap_or_default();
    let made = agent.command(subcommand);
    let program = made.get_program().to_str().expect("our paths are text");
    let mut terminal = command("script");
    let own = { made.get_envs() }.filter_map(|(key, value)| Some((key, value?)));
    terminal
        .envs(own)
        .env("TERM", "xterm")
        .env_remove("NO_COLOR");
    terminal.args(["--quiet", "--return", "--command"]);
    let typed = format!("stty cols {columns} rows 40; {program} {words}");
    terminal.arg(typed).arg("/dev/null").stdin(Stdio::null());
    let output = tokio::process::Command::from(terminal).output().await;
    String::from_utf8_lossy(&output.expect("util-linux has it").stdout).into_owned()
}

#[tokio::test]
async fn no_line_is_wider_than_the_terminal() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    for words in [
        "routes",
        "explain nobody",
        "explain E003",
        "doctor --offline",
    ] {
        let mut widest = Vec::new();
        for columns in [80, 120] {
            let said = on_terminal(&agent, words, columns).await;
            let widths = said.lines().map(|line| visible(line).chars().count());
            let most = widths.max().unwrap_or_default();
            assert!(
                most > 0 && most <= columns,
                "{words}: {most} of {columns}: {said}"
            );
            widest.push(most);
        }
        println!("{words}: {widest:?}");
    }
}

#[tokio::test]
async fn a_doctors_lines_use_the_width_and_the_colours_of_a_terminal() {
    let engine = Engine::without_network().await;
    let agent = Agent::prepare(&engine, Options::default());
    let mut lines = Vec::new();
    for columns in [80, 120] {
        let said = on_terminal(&agent, "doctor --offline", columns).await;
        assert!(said.contains("\u{1b}[") && said.contains("FAIL"), "{said}");
        lines.push(said.lines().count());
    }
    assert!(
        lines[0] > lines[1],
        "what does not fit goes on below: {lines:?}"
    );
}

/// A line without control sequences, and without what `script` writes around.
fn visible(line: &str) -> String {
    if line.starts_with("Script ") {
        return String::new();
    }
    let mut shown = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => drop(chars.find(char::is_ascii_alphabetic)),
            '\r' => {}
            c => shown.push(c),
        }
    }
    shown
}
