//! How the agent ends: always, in time, and with nothing left behind.

use std::os::unix::process::CommandExt;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::engine_proxy::{EngineProxy, Fault};
use crate::harness::{Agent, App, Engine, Options, is_alive, patience, signal, until};

/// A stop with nothing under way takes some 20 ms.
const SOON: Duration = Duration::from_secs(2);
/// The stop timeout of Caddy (5 s), and some time for the rest.
const FORCED: Duration = Duration::from_secs(8);

async fn one_site(engine: &Engine) -> (Agent, String) {
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    let agent = Agent::start(engine).await;
    agent.answers(&host, "web").await;
    (agent, host)
}

/// Asks the agent to end, and asserts that it does so in time, well, and without a trace.
async fn ends(agent: &mut Agent, ask: Signal, within: Duration) {
    let caddy = agent.recorded_caddy();
    let asked = Instant::now();
    assert!(signal(agent.pid(), ask), "it runs");
    is_ended(agent, caddy, asked, within).await;
}

async fn is_ended(agent: &mut Agent, caddy: Option<u32>, asked: Instant, within: Duration) {
    let status = agent.until_exit().await;
    let took = asked.elapsed();
    println!("ended after {took:?}");
    assert_eq!(status.code(), Some(0), "{}", agent.log());
    assert!(took < within, "ended after {took:?}");
    assert!(caddy.is_none_or(|pid| !is_alive(pid)), "no Caddy is left");
    let files = std::fs::read_dir(agent.runtime_dir()).expect("it was made");
    let mut files: Vec<_> = files.map(|f| f.expect("readable").file_name()).collect();
    // The folders may not have been made yet.
    let folders = ["hold", "notices", "slots", "caddy"];
    files.retain(|file| !folders.iter().any(|folder| file == folder));
    assert_eq!(files, ["agent.lock"], "no socket is left");
    for folder in ["hold", "caddy"] {
        let left = std::fs::read_dir(agent.runtime_dir().join(folder));
        let left = left.map_or(0, Iterator::count);
        assert_eq!(left, 0, "no socket is left in {folder}");
    }
}

/// Opens a connection and sends a request; what comes back is left to be read.
async fn ask(agent: &Agent, host: &str, path: &str, more: &str) -> TcpStream {
    let address = ("127.0.0.1", agent.http_port);
    let mut stream = TcpStream::connect(address).await.expect("Caddy listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n");
    let sent = stream.write_all(request.as_bytes()).await;
    sent.expect("it reads");
    stream
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = timeout(patience(), stream.read_to_end(&mut answer)).await;
    // A reset ends an answer as well.
    drop(read.expect("it ends"));
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn sigterm_and_sigint_end_the_agent_and_its_caddy_and_leave_nothing() {
    let engine = Engine::start().await;
    let (mut agent, host) = one_site(&engine).await;
    ends(&mut agent, Signal::TERM, SOON).await;
    agent.start_again().await;
    agent.answers(&host, "web").await;
    ends(&mut agent, Signal::INT, SOON).await;
    assert!(agent.logged("stale").is_empty(), "{}", agent.log());
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_end() {
    let engine = Engine::start().await;
    let (mut agent, host) = one_site(&engine).await;
    let mut slow = ask(&agent, &host, "/slow?ms=1500", "Connection: close\r\n").await;
    let caddy = agent.recorded_caddy();
    tokio::time::sleep(Duration::from_millis(300)).await;
    // `timeout` signals its child and then the whole group: that is one request to stop.
    let asked = Instant::now();
    assert!(signal(agent.pid(), Signal::TERM), "it runs");
    assert!(signal(agent.pid(), Signal::TERM), "it runs");
    let answer = read_to_end(&mut slow).await;
    assert!(answer.contains("name: web"), "{answer}");
    is_ended(&mut agent, caddy, asked, FORCED).await;
}

#[tokio::test]
async fn open_websockets_and_endless_answers_do_not_hold_the_end_up() {
    let engine = Engine::start().await;
    let (mut agent, host) = one_site(&engine).await;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut socket = ask(&agent, &host, "/ws", upgrade).await;
    let mut events = ask(&agent, &host, "/events", "").await;
    for stream in [&mut socket, &mut events] {
        let mut start = [0; 12];
        let read = timeout(patience(), stream.read_exact(&mut start)).await;
        read.expect("in time").expect("an answer begins");
    }
    let _slow = ask(&agent, &host, "/slow?ms=60000", "").await;
    ends(&mut agent, Signal::TERM, FORCED).await;
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let engine = Engine::start().await;
    let (mut agent, host) = one_site(&engine).await;
    let _slow = ask(&agent, &host, "/slow?ms=60000", "").await;
    let caddy = agent.recorded_caddy();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(signal(agent.pid(), Signal::INT), "it runs");
    agent.logs("Stopping.").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(agent.exited().is_none(), "the request is still under way");
    let asked = Instant::now();
    assert!(signal(agent.pid(), Signal::INT), "it runs");
    is_ended(&mut agent, caddy, asked, Duration::from_secs(1)).await;
    agent.logs("A second signal: stopping at once.").await;
}

#[tokio::test]
async fn ctrl_c_at_a_terminal_reaches_the_agent_alone() {
    let engine = Engine::start().await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    let mut agent = Agent::prepare(&engine, Options::default());
    let mut command = agent.command("run");
    command.stdout(agent.log_file()).stderr(agent.log_file());
    command.process_group(0);
    agent.spawn_as(command);
    agent.answers(&host, "web").await;
    let caddy = agent.caddy_pid().await;
    let mut slow = ask(&agent, &host, "/slow?ms=1500", "Connection: close\r\n").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let group = i32::try_from(agent.pid()).ok().and_then(Pid::from_raw);
    let asked = Instant::now();
    let sent = kill_process_group(group.expect("a pid"), Signal::INT);
    sent.expect("it is ours");
    let answer = read_to_end(&mut slow).await;
    assert!(answer.contains("name: web"), "{answer}");
    is_ended(&mut agent, Some(caddy), asked, FORCED).await;
    // Caddy says which signal it got: the agent's SIGTERM, and not the terminal's SIGINT.
    assert!(agent.logged("SIGINT").is_empty(), "{}", agent.log());
}

#[tokio::test]
async fn it_ends_at_any_moment_of_its_start() {
    let engine = Engine::start().await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    let mut agent = Agent::prepare(&engine, Options::default());
    for milliseconds in [30, 60, 90, 120, 160, 200, 250, 300, 400] {
        agent.spawn();
        // It may be anywhere by then; that is the point.
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        ends(&mut agent, Signal::TERM, SOON).await;
    }
}

#[tokio::test]
async fn a_caddy_of_an_earlier_agent_does_not_outlive_the_one_that_removes_it() {
    let engine = Engine::start().await;
    let (mut agent, _) = one_site(&engine).await;
    let stale = agent.caddy_pid().await;
    // A waiting socket of a killed agent is the next one's, once it knows whose Caddy runs.
    until("no socket waits", patience(), async || {
        let held = std::fs::read_dir(agent.runtime_dir().join("hold"));
        let held = held.map_or(0, Iterator::count);
        (held == 0).then_some(()).ok_or_else(|| held.to_string())
    })
    .await;
    agent.kill().await;
    // It takes no notice of a polite request, so its removal takes some seconds.
    assert!(signal(stale, Signal::STOP), "it runs");
    agent.spawn();
    agent
        .logs("A Caddy of an earlier agent is still there; stopping it.")
        .await;
    let asked = Instant::now();
    assert!(signal(agent.pid(), Signal::TERM), "it runs");
    is_ended(&mut agent, Some(stale), asked, FORCED).await;
}

#[tokio::test]
async fn it_ends_while_docker_hangs() {
    let engine = Engine::start().await;
    let proxy = EngineProxy::start("/var/run/docker.sock");
    proxy.strike("/", Fault::HoldAnswer);
    let options = Options::default().env("DOCKER_HOST", &proxy.endpoint());
    let mut agent = Agent::prepare(&engine, options);
    agent.spawn();
    until("Docker is asked", patience(), async || {
        let asked = proxy.struck();
        (asked > 0).then_some(()).ok_or_else(String::new)
    })
    .await;
    ends(&mut agent, Signal::TERM, SOON).await;
}

#[tokio::test]
async fn it_ends_while_caddy_is_frozen_also_with_a_load_under_way() {
    let engine = Engine::start().await;
    let (mut agent, _) = one_site(&engine).await;
    let caddy = agent.caddy_pid().await;
    assert!(signal(caddy, Signal::STOP), "it runs");
    ends(&mut agent, Signal::TERM, FORCED).await;

    agent.start_again().await;
    let caddy = agent.caddy_pid().await;
    assert!(signal(caddy, Signal::STOP), "it runs");
    let generation = agent.status().await["generation"].as_u64();
    let late = engine.host("late");
    engine.run(App::named("late").host(&late)).await;
    agent
        .status_when("there is something to load", |s| {
            s["generation"].as_u64() > generation
        })
        .await;
    // The load is given 5 s, and then Caddy as long.
    ends(&mut agent, Signal::TERM, FORCED + Duration::from_secs(5)).await;
}
