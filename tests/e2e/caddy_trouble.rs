//! Caddy in trouble, and the agent itself: killed, frozen, stopped by somebody, there twice.

use std::net::TcpListener;
use std::time::Duration;

use rustix::process::Signal;
use sh0_agent::caddy::admin::{Admin, AdminClient};
use tokio::time::Instant;

use crate::harness::load::Kind;
use crate::harness::{Agent, App, Engine, Options, is_alive, patience, signal, until};

/// A killed Caddy answers again within 300 ms on an idle machine; the bar is a second.
const BACK_WITHIN: Duration = Duration::from_secs(1);
/// Two pings of 5 s with 2 s each, and a start.
const FROZEN_MAX: Duration = Duration::from_secs(15);

/// An agent with one site, `web`.
async fn one_site(engine: &Engine) -> (Agent, String) {
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    let agent = Agent::start(engine).await;
    agent.answers(&host, "web").await;
    (agent, host)
}

/// How many sockets listen at this port: Caddies share theirs, so two of them are two.
fn listeners(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux has it");
    let suffix = format!(":{port:04X}");
    let is_listening = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields[1].ends_with(&suffix) && fields[3] == "0A"
    };
    table.lines().skip(1).filter(is_listening).count()
}

async fn epoch(agent: &Agent) -> u64 {
    agent.caddy_pid().await;
    agent.status().await["caddy"]["epoch"]
        .as_u64()
        .expect("it is up")
}

/// Waits until a Caddy of a later epoch serves this site, alone; gives how long that took.
async fn is_replaced(agent: &Agent, host: &str, (pid, old): (u32, u64), within: Duration) {
    let since = Instant::now();
    until("another Caddy answers", within * 2, async || {
        let answer = agent.get(host, "/").await;
        if !is_alive(pid) && answer.is_from("web") {
            return Ok(());
        }
        Err(answer.summary())
    })
    .await;
    let took = since.elapsed();
    println!("another Caddy answers after {took:?}");
    assert!(took < within, "another Caddy answered after {took:?}");
    assert_eq!(epoch(agent).await, old + 1);
    assert_eq!(listeners(agent.http_port), 1);
}

#[tokio::test]
async fn a_caddy_that_is_killed_under_requests_answers_again_within_a_second() {
    let engine = Engine::start().await;
    let (agent, host) = one_site(&engine).await;
    let load = agent.load(&host, "web", Kind::Fresh, 4);
    // A third time the wait before the start alone would be 400 ms.
    for _ in 0..2 {
        let before = (agent.caddy_pid().await, epoch(&agent).await);
        assert!(signal(before.0, Signal::KILL), "it runs");
        is_replaced(&agent, &host, before, BACK_WITHIN).await;
    }
    let answers = load.report().answers();
    until("requests flow", patience(), async || {
        let more = load.report().answers() - answers;
        (more > 20).then_some(()).ok_or_else(|| more.to_string())
    })
    .await;
    let counts = load.stop().await;
    // Refused or broken while there was no Caddy; never an answer of another kind.
    let wrong = counts.losses();
    let wrong: Vec<_> = wrong
        .filter(|loss| !loss.reason.starts_with("no answer"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    println!("{} answers, {} lost", counts.ok(), counts.failed());
    let said = agent.logged("Caddy ended; starting it again.");
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("signal: 9 (SIGKILL)"), "{said:?}");
}

#[tokio::test]
async fn a_frozen_caddy_is_replaced_within_15_seconds() {
    let engine = Engine::start().await;
    let (agent, host) = one_site(&engine).await;
    let before = (agent.caddy_pid().await, epoch(&agent).await);
    assert!(signal(before.0, Signal::STOP), "it runs");
    is_replaced(&agent, &host, before, FROZEN_MAX).await;
    agent
        .logs("Caddy did not answer and was killed; starting it again.")
        .await;
}

#[tokio::test]
async fn a_caddy_that_somebody_stops_is_back_with_its_routes() {
    let engine = Engine::start().await;
    let (agent, host) = one_site(&engine).await;
    let before = (agent.caddy_pid().await, epoch(&agent).await);
    let admin = AdminClient::new(agent.runtime_dir().join("caddy/admin.sock"));
    admin.stop().await.expect("it answers");
    is_replaced(&agent, &host, before, BACK_WITHIN).await;
    let said = agent.logs("Caddy ended; starting it again.").await;
    assert!(said.contains("exit status: 0"), "{said}");
}

#[tokio::test]
async fn a_frozen_caddy_of_a_killed_agent_is_removed_by_the_next() {
    let engine = Engine::start().await;
    let (mut agent, host) = one_site(&engine).await;
    let old = agent.caddy_pid().await;
    agent.kill().await;
    assert!(signal(old, Signal::STOP), "it runs");
    agent.start_again().await;
    agent.answers(&host, "web").await;
    assert!(!is_alive(old));
    assert_eq!(listeners(agent.http_port), 1);
}

#[tokio::test]
async fn a_second_agent_on_the_same_runtime_directory_refuses_and_harms_nothing() {
    let engine = Engine::start().await;
    let (agent, host) = one_site(&engine).await;
    let pid = agent.caddy_pid().await;
    let second = tokio::process::Command::from(agent.command("run")).output();
    let second = tokio::time::timeout(patience(), second).await;
    let second = second.expect("it ends").expect("it was built");
    assert_eq!(second.status.code(), Some(78));
    let expected = format!(
        "error: another sh0-agent uses the runtime directory `{}`\n  help: stop the other one, or \
         give this one directories and ports of its own (`--runtime-dir`, `--state-dir`, \
         `--http-port`, `--https-port`)\n",
        agent.runtime_dir().display()
    );
    assert_eq!(String::from_utf8_lossy(&second.stderr), expected);
    assert_eq!(agent.caddy_pid().await, pid);
    agent.answers(&host, "web").await;
    assert!(agent.status().await["docker"]["reachable"] == true);
}

#[tokio::test]
async fn a_foreign_process_on_our_port_is_named_and_waited_for() {
    let engine = Engine::start().await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    let mut agent = Agent::prepare(&engine, Options::default());
    let foreign = TcpListener::bind(("127.0.0.1", agent.http_port)).expect("it is free");
    agent.spawn();
    let said = agent.logs("Another process listens").await;
    let program = std::env::current_exe().expect("we run");
    let expected = format!(
        "ERROR Another process listens where Caddy should; stop it, or choose other ports. \
         address=127.0.0.1:{} pid={} program=\"{}\"",
        agent.http_port,
        std::process::id(),
        program.display()
    );
    assert!(said.ends_with(&expected), "{said}\nexpected {expected}");
    let report = agent.routes().await;
    assert!(report.starts_with("! Caddy is not serving: "), "{report}");
    assert!(report.contains("port"), "{report}");
    drop(foreign);
    agent.answers(&host, "web").await;
    let said = agent.logged("Another process listens");
    assert_eq!(said.len(), 1, "once, not at every try: {said:?}");
}

#[tokio::test]
async fn an_agent_of_other_directories_with_the_same_ports_waits_and_takes_over() {
    let engine = Engine::start().await;
    let (mut first, host) = one_site(&engine).await;
    let ports = [first.http_port, first.https_port].map(|port| port.to_string());
    let options = Options::default();
    let options = options
        .env("SH0_HTTP_PORT", &ports[0])
        .env("SH0_HTTPS_PORT", &ports[1]);
    let mut second = Agent::prepare(&engine, options);
    second.spawn();
    let said = second.logs("Another process listens").await;
    assert!(said.contains("caddy"), "{said}");
    assert_eq!(listeners(first.http_port), 1);
    assert!(first.stop().await.success());
    second.until_up().await;
    first.answers(&host, "web").await;
}
