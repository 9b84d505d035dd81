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

use self::e2e::harness::{Agent, App, Engine};
use reqwest::Client;
use tokio::time::{Instant, sleep};

/// Containers that are started, one after another.
const STARTS: u8 = 15;
/// From one question to the next; an answer takes less than a millisecond.
const PACE: Duration = Duration::from_millis(1);
/// A question to an address where nobody is yet.
const ASK_LIMIT: Duration = Duration::from_millis(50);
/// When a measurement is given up.
const GIVE_UP: Duration = Duration::from_secs(20);

#[expect(clippy::print_stdout, reason = "the figures of a benchmark")]
#[tokio::main]
async fn main() {
    let engine = Engine::without_network().await;
    // Addresses are chosen, so that a container can be asked before Docker says where it is.
    let subnet = format!("10.213.{}.", std::process::id() % 250);
    let (network, label) = (engine.network(), format!("sh0.test={}", engine.run_id()));
    let range = format!("{subnet}0/24");
    engine
        .docker(&[
            "network", "create", "--subnet", &range, "--label", &label, &network,
        ])
        .await;
    let agent = Agent::start(&engine).await;
    let mut waits = Vec::new();
    for n in 0..STARTS {
        let (name, ip) = (format!("pickup{n}"), format!("{subnet}{}", n + 10));
        let host = engine.host(&name);
        let direct = first_answer(format!("http://{ip}:8080/"), host.clone(), name.clone());
        let proxy = format!("http://127.0.0.1:{}/", agent.http_port);
        let proxied = first_answer(proxy, host.clone(), name.clone());
        let app = App::named(&name).host(&host).argument("--ip", &ip);
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

/// When this address first answered as this app.
async fn first_answer(url: String, host: String, name: String) -> Instant {
    let client = Client::builder()
        .pool_max_idle_per_host(0)
        .no_proxy()
        .timeout(ASK_LIMIT)
        .build();
    let client = client.expect("a plain client");
    let begin = format!("name: {name}\n");
    let gave_up = Instant::now() + GIVE_UP;
    while Instant::now() < gave_up {
        if let Ok(answer) = client.get(&url).header("Host", &host).send().await
            && answer
                .text()
                .await
                .is_ok_and(|body| body.starts_with(&begin))
        {
            return Instant::now();
        }
        sleep(PACE).await;
    }
    panic!("{url} did not answer as {name} within {GIVE_UP:?}");
}
