//! What benchmarks with real containers share: chosen addresses, and the first answer at one.

use std::time::Duration;

use reqwest::Client;
use tokio::time::{Instant, sleep};

use crate::e2e::harness::{Engine, command};

/// From one question to the next; an answer takes less than a millisecond.
const PACE: Duration = Duration::from_millis(1);
/// How long a container's own address is given for an answer: nobody is there for most of the
/// time, and a question that is lost must not hide the first moment in which one is answered.
pub(crate) const DIRECT_LIMIT: Duration = Duration::from_millis(5);
/// How long the proxy is given for an answer; it answers at once, if only with 404.
pub(crate) const PROXY_LIMIT: Duration = Duration::from_millis(250);
/// When a measurement is given up.
const GIVE_UP: Duration = Duration::from_secs(20);

/// A network on which addresses are chosen, so that a container can be asked before Docker says
/// where it is.
#[derive(Debug)]
pub(crate) struct Network {
    third: u32,
    bridge: String,
}

impl Network {
    /// The test's network of this engine.
    pub(crate) async fn create(engine: &Engine) -> Self {
        let third = std::process::id() % 250;
        let (network, label) = (engine.network(), format!("sh0.test={}", engine.run_id()));
        let range = format!("10.213.{third}.0/24");
        engine
            .docker(&[
                "network", "create", "--subnet", &range, "--label", &label, &network,
            ])
            .await;
        let id = engine
            .docker(&["network", "inspect", "--format", "{{.Id}}", &network])
            .await;
        let bridge = format!("br-{}", id.get(..12).expect("ids are longer"));
        Self { third, bridge }
    }

    /// The address with this last number, which the kernel knows how to reach before anybody is
    /// there.
    pub(crate) fn address(&self, last: u8) -> String {
        let third = self.third;
        let ip = format!("10.213.{third}.{last}");
        know_neighbour(
            &ip,
            &format!("02:42:0a:d5:{third:02x}:{last:02x}"),
            &self.bridge,
        );
        ip
    }
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
pub(crate) async fn first_answer(
    url: String,
    limit: Duration,
    host: String,
    name: String,
) -> Instant {
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
