//! Pick-up: from a container's first answer at its own address to its first answer through the
//! proxy, with the real Docker Engine, Caddy and agent.
//!
//! `SH0_CADDY=.tools/caddy cargo bench --bench pickup`, with the image that `scripts/images whoami`
//! makes. Every answer's body is checked: Caddy answers an empty 200 where no route is.

#[path = "../tests/e2e"]
#[expect(dead_code, reason = "the tests' harness has more than is needed here")]
#[expect(unused_imports, reason = "likewise")]
#[expect(
    clippy::disallowed_methods,
    reason = "the harness starts the programs under test"
)]
mod e2e {
    pub(crate) mod harness;
}

use std::time::Duration;

use self::e2e::harness::{Agent, App, Engine, command};
use reqwest::Client;
use tokio::time::{Instant, sleep};

/// Containers that are started, one after another.
const STARTS: u8 = 15;
/// From one question to the next; an answer takes less than a millisecond.
const PACE: Duration = Duration::from_millis(1);
/// How long a container's own address is given for an answer: nobody is there for most of the
/// time, and a question that is lost must not hide the first moment in which one is answered.
const DIRECT_LIMIT: Duration = Duration::from_millis(5);
/// How long the proxy is given for an answer; it answers at once, if only with 404.
const PROXY_LIMIT: Duration = Duration::from_millis(250);
/// When a measurement is given up.
const GIVE_UP: Duration = Duration::from_secs(20);

#[expect(clippy::print_stdout, reason = "the figures of a benchmark")]
#[tokio::main]
async fn main() {
    let engine = Engine::without_network().await;
    // Addresses are chosen, so that a container can be asked before Docker says where it is.
    let third = std::process::id() % 250;
    let subnet = format!("10.213.{third}.");
    let (network, label) = (engine.network(), format!("sh0.test={}", engine.run_id()));
    let range = format!("{subnet}0/24");
    engine
        .docker(&[
            "network", "create", "--subnet", &range, "--label", &label, &network,
        ])
        .await;
    let agent = Agent::start(&engine).await;
    let mut waits = Vec::new();
    let bridge = engine
        .docker(&["network", "inspect", "--format", "{{.Id}}", &network])
        .await;
    let bridge = format!("br-{}", bridge.get(..12).expect("ids are longer"));
    for n in 0..STARTS {
        let (name, ip) = (format!("pickup{n}"), format!("{subnet}{}", n + 10));
        let mac = format!("02:42:0a:d5:{third:02x}:{:02x}", n + 10);
        know_neighbour(&ip, &mac, &bridge);
        let host = engine.host(&name);
        let own = format!("http://{ip}:8080/");
        let direct = first_answer(own, DIRECT_LIMIT, host.clone(), name.clone());
        let proxy = format!("http://127.0.0.1:{}/", agent.http_port);
        let proxied = first_answer(proxy, PROXY_LIMIT, host.clone(), name.clone());
        let app = App::named(&name).host(&host);
        let app = app.argument("--ip", &ip);
        let (_, direct, proxied) = tokio::join!(engine.run(app), direct, proxied);
        let wait = proxied.saturating_duration_since(direct);
        println!("start {:2}: {:5.1} ms", n + 1, wait.as_secs_f64() * 1e3);
        waits.push(wait);
    }
    waits.sort();
    let median = waits.get(waits.len() / 2).copied().unwrap_or_default();
    let worst = waits.last().copied().unwrap_or_default();
    println!(
        "pick-up, {} starts: median {:.1} ms, worst {:.1} ms",
        waits.len(),
        median.as_secs_f64() * 1e3,
        worst.as_secs_f64() * 1e3,
    );
}

/// Tells the kernel the container's hardware address beforehand: 02:42 and its address, as Engine
/// 20.10 makes it. Otherwise the questions before its start leave an unanswered ARP request, which
/// the kernel repeats only after a second, for the proxy as well.
fn know_neighbour(ip: &str, mac: &str, bridge: &str) {
    let words = [
        "neigh",
        "replace",
        ip,
        "lladdr",
        mac,
        "dev",
        bridge,
        "nud",
        "permanent",
    ];
    let done = command("ip")
        .args(words)
        .status()
        .expect("`ip` is installed");
    assert!(done.success(), "ip {}", words.join(" "));
}

/// When this address first answered as this app.
async fn first_answer(url: String, limit: Duration, host: String, name: String) -> Instant {
    let client = Client::builder()
        .pool_max_idle_per_host(0)
        .no_proxy()
        .timeout(limit)
        .build();
    let client = client.expect("a plain client");
    let begin = format!("name: {name}\n");
    let gave_up = Instant::now() + GIVE_UP;
    loop {
        if let Ok(answer) = client.get(&url).header("Host", &host).send().await
            && answer
                .text()
                .await
                .is_ok_and(|body| body.starts_with(&begin))
        {
            return Instant::now();
        }
        assert!(
            Instant::now() < gave_up,
            "{url} did not answer as {name} within {GIVE_UP:?}"
        );
        sleep(PACE).await;
    }
}
