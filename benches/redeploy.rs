//! What slots and hold cost and save, against `--upstreams direct` in the same run: two agents
//! follow the same containers on the real Docker Engine, each with a Caddy of its own.
//!
//! `SH0_CADDY=.tools/caddy cargo bench --bench redeploy`, with the image that `scripts/images
//! whoami` makes. Every answer's body is checked: Caddy answers an empty 200 where no route is.

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

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::Client;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use self::answers::{DIRECT_LIMIT, Network, PROXY_LIMIT, first_answer};
use self::e2e::harness::{Agent, App, Container, Engine, Options};

/// How often each figure is taken.
const ROUNDS: u8 = 15;
/// How long a request may be held: longer than a container takes to start.
const HOLD_LIMIT: Duration = Duration::from_secs(20);
/// For so long clients ask without a pause, in each of [`BURSTS`] turns.
const BURST: Duration = Duration::from_secs(2);
const BURSTS: usize = 5;
const CLIENTS: usize = 8;

/// Two agents on one engine.
struct Scene {
    engine: Engine,
    network: Network,
    slots: Agent,
    direct: Agent,
}

#[expect(clippy::print_stdout, reason = "the figures of a benchmark")]
#[tokio::main]
async fn main() {
    let engine = Engine::without_network().await;
    let network = Network::create(&engine).await;
    let slots = Agent::start(&engine).await;
    let options = Options::default().flags(["--upstreams", "direct"]);
    let direct = Agent::start_with(&engine, options).await;
    let scene = Scene {
        engine,
        network,
        slots,
        direct,
    };
    println!("{:42}  {:>15}  {:>15}", "", "slots", "direct");
    scene.returns().await;
    scene.leaves().await;
    scene.throughput().await;
}

impl Scene {
    /// A container comes back: from its first answer at its own address to the first one through
    /// the proxy. With slots a request waits for it.
    async fn returns(&self) {
        let ip = self.network.address(10);
        let host = self.engine.host("held");
        let app = App::named("held").host(&host).argument("--ip", &ip);
        let container = self.engine.run(app).await;
        self.slots.routed(&container).await;
        let (mut held, mut refused) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            self.engine.stop(&container).await;
            let ask = |url: String, limit| first_answer(url, limit, host.clone(), "held".into());
            let ((), own, slots, direct) = tokio::join!(
                self.engine.act("start", &container),
                ask(format!("http://{ip}:8080/"), DIRECT_LIMIT),
                ask(url(&self.slots), HOLD_LIMIT),
                ask(url(&self.direct), PROXY_LIMIT),
            );
            held.push(slots.saturating_duration_since(own));
            refused.push(direct.saturating_duration_since(own));
        }
        self.engine.remove(&container).await;
        print("container answers -> a request is answered", held, refused);
    }

    /// A new replica is ready and the old one is told to stop, which it never does: from the
    /// engine's `kill` event to the last request that still goes to the old one.
    async fn leaves(&self) {
        let host = self.engine.host("web");
        let (mut slots, mut direct) = (Vec::new(), Vec::new());
        let mut old = self.replica("web0", &host).await;
        for n in 1..=ROUNDS {
            let name = format!("web{n}");
            let new = self.replica(&name, &host).await;
            let (by_slots, by_direct, told_at) = tokio::join!(
                last_answer_of_old(&self.slots, &host, &old.says),
                last_answer_of_old(&self.direct, &host, &old.says),
                self.tell_to_stop(&old),
            );
            slots.push(by_slots.saturating_sub(told_at));
            direct.push(by_direct.saturating_sub(told_at));
            self.engine.remove(&old).await;
            old = new;
        }
        self.engine.remove(&old).await;
        print("told to stop -> its last new request", slots, direct);
    }

    async fn replica(&self, name: &str, host: &str) -> Container {
        let app = App::named(name).host(host).label("sh0.app", "web");
        // The main process of a container ignores signals that it has no handler for.
        let app = app.argument("--stop-signal", "SIGUSR1");
        let container = self.engine.run(app).await;
        self.slots.routed(&container).await;
        self.direct.routed(&container).await;
        self.direct.settled().await;
        container
    }

    /// When the engine said so.
    async fn tell_to_stop(&self, container: &Container) -> Duration {
        sleep(Duration::from_millis(100)).await;
        let words = ["kill", "--signal", "SIGUSR1", &container.id];
        self.engine.docker(&words).await;
        let until = wall_clock().as_secs() + 1;
        let filter = format!("container={}", container.id);
        let words = [
            "events",
            "--since",
            "60s",
            "--until",
            &until.to_string(),
            "--filter",
            &filter,
            "--filter",
            "event=kill",
            "--format",
            "{{.TimeNano}}",
        ];
        let said = self.engine.docker(&words).await;
        Duration::from_nanos(said.trim().parse().expect("one event"))
    }

    /// Requests per second of clients that keep their connections, both in turns.
    #[expect(clippy::print_stdout, reason = "the figures of a benchmark")]
    async fn throughput(&self) {
        let host = self.engine.host("fast");
        let container = self.engine.run(App::named("fast").host(&host)).await;
        self.slots.routed(&container).await;
        self.direct.routed(&container).await;
        self.direct.settled().await;
        let (mut slots, mut direct) = (Vec::new(), Vec::new());
        for _ in 0..BURSTS {
            slots.push(burst(&self.slots, &host).await);
            direct.push(burst(&self.direct, &host).await);
        }
        slots.sort_unstable();
        direct.sort_unstable();
        let middle = |rates: &[usize]| rates.get(BURSTS / 2).copied().unwrap_or_default();
        let (slots, direct) = (middle(&slots), middle(&direct));
        let percent = slots * 100 / direct.max(1);
        println!(
            "{:42}  {slots:15}  {direct:15}   per second ({percent} %), median of {BURSTS}",
            format!("requests of {CLIENTS} clients")
        );
    }
}

fn url(agent: &Agent) -> String {
    format!("http://127.0.0.1:{}/", agent.http_port)
}

fn client() -> Client {
    let builder = Client::builder().no_proxy().timeout(HOLD_LIMIT);
    builder.build().expect("a plain client")
}

#[expect(
    clippy::disallowed_methods,
    reason = "compared with the engine's clock"
)]
fn wall_clock() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970")
}

/// Asks for a while; when the last request began that the old replica answered.
async fn last_answer_of_old(agent: &Agent, host: &str, old: &str) -> Duration {
    let (client, url) = (client(), url(agent));
    let name = format!("name: {old}\n");
    let (mut last, until) = (Duration::ZERO, Instant::now() + Duration::from_secs(1));
    while Instant::now() < until {
        let began = wall_clock();
        let answer = client.get(&url).header("Host", host).send().await;
        if let Ok(answer) = answer
            && answer
                .text()
                .await
                .is_ok_and(|body| body.starts_with(&name))
        {
            last = began;
        }
    }
    last
}

/// Requests per second; each answer is checked.
async fn burst(agent: &Agent, host: &str) -> usize {
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (client, url, host) = (client(), url(agent), host.to_owned());
        clients.spawn(async move {
            let (mut count, until) = (0, Instant::now() + BURST);
            while Instant::now() < until {
                let answer = client.get(&url).header("Host", &host).send().await;
                let body = answer.expect("an answer").text().await.expect("a text");
                assert!(body.starts_with("name: fast\n"), "{body}");
                count += 1;
            }
            count
        });
    }
    let counts: Vec<usize> = clients.join_all().await;
    let seconds = usize::try_from(BURST.as_secs()).expect("small");
    counts.iter().sum::<usize>() / seconds
}

/// Median and worst of both.
#[expect(clippy::print_stdout, reason = "the figures of a benchmark")]
fn print(what: &str, slots: Vec<Duration>, direct: Vec<Duration>) {
    let shown = |mut times: Vec<Duration>| {
        times.sort();
        let ms = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1e3);
        format!(
            "{:6.1} / {:6.1}",
            ms(times.get(times.len() / 2)),
            ms(times.last())
        )
    };
    println!(
        "{what:42}  {}  {}   ms, median / worst of {ROUNDS}",
        shown(slots),
        shown(direct)
    );
}
