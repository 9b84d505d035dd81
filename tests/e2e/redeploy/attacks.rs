//! Very many requests that wait at once, and some that never say what they want.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::scene::Scene;
use crate::harness::{Agent, App, Options, patience, until};

/// Requests that wait at once.
const MANY: usize = 2_000;
/// What they may cost the agent, in KiB: some 4 KB each in a build without optimisation, and twice
/// that for the allocator.
const MANY_KIB_MAX: u64 = 16 * 1_024;
/// Senders that do not get on.
const SLOW: usize = 50;
/// A first answer "at once" on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(2);

/// A request that is sent as far as `text` goes.
async fn sent(port: u16, text: &str) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).await;
    let mut stream = stream.expect("Caddy listens");
    let written = stream.write_all(text.as_bytes()).await;
    written.expect("Caddy reads");
    stream
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.expect("it has memory").parse().expect("a number")
}

/// How many requests wait in the agent: connections that it has taken at its sockets for them. The
/// kernel lists an accepted connection under its listener's path, in state 03 (`unix_seq_show` in
/// Linux's `net/unix/af_unix.c`).
fn waiting(agent: &Agent) -> usize {
    let folder = agent.runtime_dir().join("hold");
    let table = std::fs::read_to_string("/proc/net/unix").expect("Linux shows its sockets");
    let waits = |line: &&str| {
        let mut fields = line.split_whitespace().skip(5);
        let (state, path) = (fields.next(), fields.nth(1));
        state == Some("03") && path.is_some_and(|path| Path::new(path).starts_with(&folder))
    };
    table.lines().filter(waits).count()
}

/// Waits until enough requests wait in the agent, or few enough.
async fn until_waiting(agent: &Agent, is_enough: impl Fn(usize) -> bool) {
    until("they wait", patience() * 2, async || {
        let count = waiting(agent);
        is_enough(count)
            .then_some(())
            .ok_or(format!("{count} wait"))
    })
    .await;
}

#[tokio::test]
async fn two_thousand_requests_wait_at_once() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).expect("up to the maximum");
    let max = (MANY + 100).to_string();
    let options = Options::default().flags(["--hold-app-max", &max]);
    let scene = Scene::start_with(options).await;
    let (agent, pid) = (&scene.agent, scene.agent.pid());
    let old = scene.ready(scene.replica("web-1")).await;
    agent.answers(&scene.host, "web-1").await;
    scene.retire(&old).await;
    let kib = resident_kib(pid);
    let host = &scene.host;
    let text = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let mut clients = Vec::new();
    for _ in 0..MANY {
        clients.push(sent(agent.http_port, &text).await);
    }
    until_waiting(agent, |waiting| waiting >= MANY).await;
    let more = resident_kib(pid).saturating_sub(kib);
    println!("{MANY} requests wait: {more} KiB of the agent's memory");
    assert!(more < MANY_KIB_MAX, "{more} KiB");
    let began = Instant::now();
    scene.ready(scene.replica("web-2")).await;
    for client in &mut clients {
        let mut answer = String::new();
        let read = timeout(patience() * 2, client.read_to_string(&mut answer)).await;
        read.expect("in time").expect("an answer");
        assert!(answer.contains("name: web-2\n"), "{answer}");
    }
    println!(
        "answered {:?} after the start of `docker run`",
        began.elapsed()
    );
}

/// Slow senders fill the places of the app that they ask for, and nobody else's; each leaves when
/// its client does, and what they have sent reaches the container when there is one.
#[tokio::test]
async fn slow_senders_take_the_places_of_their_own_app_only() {
    let options = Options::default().flags(["--hold-app-max", &SLOW.to_string()]);
    let scene = Scene::start_with(options).await;
    let agent = &scene.agent;
    let neighbour = scene.engine.host("neighbour");
    let beside = |name: &str| {
        let app = App::named(name).host(&neighbour);
        app.label("sh0.app", "neighbour")
    };
    let first = scene.ready(beside("neighbour-1")).await;
    agent.answers(&neighbour, "neighbour-1").await;
    let old = scene.ready(scene.replica("web-1")).await;
    agent.answers(&scene.host, "web-1").await;
    scene.retire(&old).await;
    let mut text = format!("POST / HTTP/1.1\r\nHost: {}\r\n", scene.host);
    write!(text, "Content-Length: 1000\r\n\r\nx").expect("a string takes everything");
    let mut slow = Vec::new();
    for _ in 0..SLOW {
        slow.push(sent(agent.http_port, &text).await);
    }
    until_waiting(agent, |waiting| waiting >= SLOW).await;
    let answer = timeout(AT_ONCE, agent.get(&scene.host, "/")).await;
    let answer = answer.expect("one too many is not kept waiting");
    assert_eq!(answer.status, 503, "{answer:?}");
    // A neighbour is redeployed meanwhile, and its requests wait as ever.
    scene.retire(&first).await;
    let mut asked = JoinSet::new();
    let (port, host) = (agent.http_port, neighbour.clone());
    asked.spawn(async move { crate::harness::get(port, &host, "/").await });
    scene.ready(beside("neighbour-2")).await;
    let answer = asked.join_next().await.expect("it was asked");
    let answer = answer.expect("asking does not fail");
    assert!(answer.is_from("neighbour-2"), "{answer:?}");
    // Half of them go, and there are places again.
    let rest = slow.split_off(SLOW / 2);
    drop(slow);
    let asked = agent.get(&scene.host, "/");
    let started = async {
        until_waiting(agent, |waiting| waiting < SLOW).await;
        scene.ready(scene.replica("web-2")).await;
    };
    let (_, ()) = tokio::join!(asked, started);
    agent.answers(&scene.host, "web-2").await;
    for mut sender in rest {
        let body = sender.write_all(&[b'x'; 999]).await;
        body.expect("it still waits");
        let mut answer = vec![0; 4_096];
        let read = timeout(patience(), sender.read(&mut answer)).await;
        let length = read.expect("in time").expect("an answer");
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        assert!(answer.contains("body-bytes: 1000"), "{answer}");
    }
}
