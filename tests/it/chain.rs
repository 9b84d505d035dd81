//! The chain from a container to an answer: which link is the headline, and what answers a request.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use expect_test::expect_file;
use sh0_agent::diagnostic::Code;
use sh0_agent::model::{AppKey, Halt, HaltKind, HaltMessage, Owner};
use sh0_agent::routes::Built;
use sh0_agent::status::explain::{Answer, Explanation, explain};
use sh0_agent::status::{Halted, SettingsStatus, Status};
use tokio::time::Instant;

use crate::fixture::{Agent, snapshot};

/// What the agent would say with these containers, all of them looked at once.
pub(crate) fn status(text: &str) -> Status {
    status_of(Agent::default().build(&snapshot(text)))
}

fn status_of(built: Built) -> Status {
    let mut status = Status {
        settings: Arc::new(SettingsStatus {
            network: "sh0-net".to_owned(),
            label_prefix: "sh0".to_owned(),
            http_port: 80,
            https_port: 443,
            listen: Vec::new(),
            slots: true,
        }),
        generation: 1,
        applied: Some(1),
        rows: built.rows,
        diagnostics: built.diagnostics,
        table: built.table,
        ..Status::default()
    };
    status.docker.reachable = true;
    "up".clone_into(&mut status.caddy.phase);
    status
}

fn ask(status: &Status, asked: &str) -> Explanation {
    explain(status, asked, &|_| vec!["10.0.0.1:80".to_owned()])
}

fn show(explanation: &Explanation) -> String {
    let headline = &explanation.headline;
    let mut shown = format!("{}\n", headline.text);
    if let Some(help) = &headline.help {
        writeln!(shown, "= {help}").unwrap();
    }
    for link in &explanation.links {
        let (state, step) = (link.state.as_str(), link.step.as_str());
        writeln!(shown, "{state} {step}: {}", link.text).unwrap();
    }
    for other in &explanation.others {
        writeln!(shown, "also {}: {}", other.what, other.text).unwrap();
    }
    if let Some(request) = &explanation.request {
        let scheme = if request.tls { "https" } else { "http" };
        let url = format!("{scheme}://{}{}", request.host, request.path);
        writeln!(
            shown,
            "? {url} at {}: {:?}",
            request.address, request.expected
        )
        .unwrap();
    }
    shown
}

/// Holds the explanations of these questions against a file.
#[track_caller]
fn check(name: &str, explanations: &[Explanation]) {
    let shown: Vec<String> = explanations.iter().map(show).collect();
    let file = format!("tests/golden/chain/{name}.txt");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    expect_file![path].assert_eq(&shown.join("\n"));
}

#[track_caller]
fn check_all(name: &str, status: &Status, asked: &[&str]) {
    let explanations: Vec<Explanation> = asked.iter().map(|asked| ask(status, asked)).collect();
    check(name, &explanations);
}

const SHOP: &str = "\
shop/web
  sh0.host=app.example.com
  sh0.redirect.from=old.example.com
shop/api health=starting
  sh0.host=app.example.com
  sh0.path=/api
shop/admin state=exited
  sh0.host=app.example.com
  sh0.path.exact=/admin
  sh0.match.method=POST
blog/web
  sh0.host=*.example.com
  sh0.tls=internal
docs/web
  sh0.host=docs.example.org
  sh0.path=/a, /b
";

#[test]
fn a_container_is_found_by_name_id_and_app() {
    let status = status(SHOP);
    for name in ["shop-web-1", "/shop-web-1", "shop/web"] {
        let found = ask(&status, name);
        assert_eq!(found.headline.text, "shop-web-1 is served", "{name}");
    }
    check_all("containers", &status, &["web", "api", "shop-admin-1"]);
}

#[test]
fn the_route_that_answers_a_url_is_the_first_of_the_table_that_takes_it() {
    let urls = [
        "https://app.example.com/API/x",
        "https://app.example.com/apis",
        "https://app.example.com/admin",
        "http://app.example.com/x",
        "app.example.com:8443",
        "https://b.example.com",
        "http://old.example.com",
        "https://a.b.example.com",
        "https://docs.example.org/other",
        "https://under score",
    ];
    check_all("urls", &status(SHOP), &urls);
}

/// Its route is known before it runs, if the agent looks between its creation and its start.
#[test]
fn a_port_of_caddys_is_the_labels_fault_whenever_the_container_was_seen_first() {
    let container = |state: &str| {
        snapshot(&format!(
            "shop/web mode=host{state}\n  sh0.host=a.test\n  sh0.port=443\n"
        ))
    };
    let mut agent = Agent::default();
    let at_once = agent.build(&container(""));
    agent.look(&container(" state=created"));
    let later = agent.build(&container(""));
    for built in [at_once, later] {
        let found = ask(&status_of(built), "shop/web");
        let expected = "the container uses the host's network, and port 443 there is Caddy's own";
        assert!(found.headline.text.contains(expected), "{}", show(&found));
        assert_eq!(found.headline.code.map(Code::id), Some("E012"));
    }
}

#[test]
fn a_name_that_nobody_has_gives_the_nearest() {
    let names = ["shop-wbe-1", "ap.exmaple.com", "\u{1b}[31m", "x.invalid"];
    check_all("unknown", &status(SHOP), &names);
}

#[test]
fn trouble_of_the_agent_comes_before_that_of_a_container() {
    let mut silent = status(SHOP);
    silent.docker.error = Some("no Docker engine answers".to_owned());
    let mut idle = status(SHOP);
    "port taken".clone_into(&mut idle.caddy.phase);
    let mut late = status(SHOP);
    late.generation = 2;
    let mut refused = status(SHOP);
    refused.caddy.load_error = Some("status 400: it is wrong".to_owned());
    let explanations = [
        ask(&silent, "shop-api-1"),
        ask(&silent, "shop-web-1"),
        ask(&silent, "nobody"),
        ask(&idle, "shop-web-1"),
        ask(&late, "shop-web-1"),
        ask(&refused, "shop-web-1"),
    ];
    check("agent", &explanations);
}

#[test]
fn what_a_person_told_the_agent_comes_before_all_else() {
    let mut status = status(SHOP);
    let halted = |project: &str, name: &str, kind| Halted {
        app: AppKey {
            owner: Owner::Project(project.into()),
            name: name.into(),
        },
        halt: Halt {
            kind,
            since: 1_764_158_769,
            by: "root".to_owned(),
        },
    };
    let message = HaltMessage::parse("Back at five.").ok();
    let paused = || HaltKind::Paused { max_millis: 30_000 };
    status.halts = Arc::new(vec![
        halted("shop", "web", HaltKind::Stopped { message }),
        halted("shop", "api", paused()),
        halted("shop", "admin", paused()),
    ]);
    let asked = [
        "shop/web",
        "shop/api",
        "shop-admin-1",
        "https://app.example.com/x",
    ];
    check_all("halted", &status, &asked);
}

#[test]
fn caddys_answer_is_the_last_link() {
    let status = status(SHOP);
    let answer = |status, is_passed_on| {
        Ok(Answer {
            status,
            is_passed_on,
            location: None,
        })
    };
    let answers = [
        answer(200, true),
        answer(500, true),
        answer(404, false),
        answer(502, false),
        answer(504, false),
        Err("it refuses connections".to_owned()),
    ];
    let explain = |answer| ask(&status, "shop-web-1").answered(&answer);
    check("answers", &answers.map(explain));
}

#[test]
fn ten_thousand_containers_are_explained_within_a_moment() {
    let mut text = String::new();
    for n in 0..10_000 {
        writeln!(text, "shop/w{n}\n  sh0.host=w{n}.example.com").unwrap();
    }
    let status = status(&text);
    for asked in [
        "shop-w9999-1",
        "https://w9999.example.com/x",
        "w99999.example.com",
    ] {
        let began = Instant::now();
        ask(&status, asked);
        let took = began.elapsed();
        println!("{asked}: {took:?}");
        // Some ten milliseconds where it is built for use.
        assert!(took < Duration::from_secs(1), "{asked}: {took:?}");
    }
}
