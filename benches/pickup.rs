//! Pick-up: from a container's first answer at its own address to its first answer through the
//! proxy, with the real Docker Engine, Caddy and agent.
//!
//! `SH0_CADDY=.tools/caddy cargo bench --bench pickup`, with the image that `scripts/images whoami`
//! makes. Every answer's body is checked: Caddy answers an empty 200 where no route is.

#[path = "../tests/e2e"]
#[expect(dead_code, reason = "the tests' harness has more than is needed here")]
#[expect(unused_imports, reason = "likewise")]
#[expect(
    clippy::indexing_slicing,
    reason = "the browser's answers are JSON, of which tests may take a member by its name"
)]
#[expect(
    clippy::disallowed_methods,
    reason = "the harness starts the programs under test"
)]
mod e2e {
    pub(crate) mod harness;
}

mod answers;

use self::answers::{DIRECT_LIMIT, Network, PROXY_LIMIT, first_answer};
use self::e2e::harness::{Agent, App, Engine};

/// Containers that are started, one after another.
const STARTS: u8 = 15;
#[expect(clippy::print_stdout, reason = "the figures of a benchmark")]
#[tokio::main]
async fn main() {
    let engine = Engine::without_network().await;
    let network = Network::create(&engine).await;
    let agent = Agent::start(&engine).await;
    let mut waits = Vec::new();
    for n in 0..STARTS {
        let (name, ip) = (format!("pickup{n}"), network.address(n + 10));
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
