//! The measurements, each of one proxy in one world.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use reqwest::Client;
use sh0_agent::caddy::render::ADMIN_ORIGIN;
use tokio::time::{Instant, sleep};

use super::backend::Backend;
use super::daemon::State;
use super::proxy::{Kind, Proxy, Running};
use super::report::Figure;
use super::world::{Site, World, address};
use super::wrk;

/// From one unrelated event to the next: less than any throttle, and longer than it takes to list a
/// few hundred containers.
const EVENT_PACE: Duration = Duration::from_millis(20);
/// No further round of changes is begun after so long: with some proxies one takes minutes.
const ROUNDS_LIMIT: Duration = Duration::from_mins(2);
/// A request to a container that has gone may be held so long without an answer.
const GONE_LIMIT: Duration = Duration::from_millis(250);
/// How often each host is asked by `wrk`; the median counts, as a machine has good and bad moments.
const TURNS: usize = 5;
/// How often it is started.
const STARTS: usize = 3;
/// Loads of the whole config that are timed.
const LOADS: usize = 3;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// How often a change is made, at most.
    pub(crate) rounds: u8,
    /// Events of containers without labels.
    pub(crate) events: usize,
    /// How long each host is asked by `wrk`; zero leaves it out.
    pub(crate) load: Duration,
    /// When a proxy is given up.
    pub(crate) patience: Duration,
}

/// A proxy in a world.
struct Scene<'a> {
    world: &'a World,
    backend: &'a Backend,
    plan: Plan,
    running: Running,
    figures: Vec<Figure>,
}

/// All figures of this proxy in this world.
///
/// # Errors
/// When it does not do its work in time.
pub(crate) async fn measure(
    world: &World,
    backend: &Backend,
    proxy: &Proxy,
    plan: Plan,
) -> Result<Vec<Figure>, String> {
    let mut figures = Vec::new();
    let mut scene = Scene {
        world,
        backend,
        plan,
        running: started(world, backend, proxy, plan, &mut figures).await?,
        figures,
    };
    // Before any change, after which an agent may look again for seconds.
    scene.unrelated().await?;
    scene.returns().await?;
    scene.new_hosts().await?;
    if !plan.load.is_zero() {
        scene.throughput().await?;
    }
    scene.memory();
    if proxy.kind == Kind::Agent {
        scene.loads().await?;
    }
    scene.running.process.stop().await;
    Ok(scene.figures)
}

fn figure(what: &'static str, value: f64) -> Figure {
    Figure { what, value }
}

/// The address behind the plain Caddy: no container's.
fn target(backend: &Backend) -> (Ipv4Addr, u16) {
    (Ipv4Addr::LOCALHOST, backend.port)
}

/// The proxy, and the time from its start to answers of the first and of all three chosen hosts: the
/// median of some starts, each with nothing, as the first may read programs from a disk.
async fn started(
    world: &World,
    backend: &Backend,
    proxy: &Proxy,
    plan: Plan,
    figures: &mut Vec<Figure>,
) -> Result<Running, String> {
    let began = Instant::now();
    let (mut first, mut last) = (Vec::new(), Vec::new());
    loop {
        let running = proxy.start(&world.daemon.endpoint(), target(backend));
        let sites = world.chosen();
        let answers = { sites.iter() }
            .map(|site| running.answered(&site.host, site.container.ip, plan.patience));
        let answers = try_join_all(answers).await?;
        let since = |at: &Instant| millis(*at - running.started);
        first.extend(answers.first().map(since));
        last.extend(answers.iter().max().map(since));
        if last.len() == STARTS || began.elapsed() > ROUNDS_LIMIT {
            let [first, last] = [first, last].map(median);
            figures.extend([
                figure("start → first host answers, ms", first),
                figure("start → last host answers, ms", last),
            ]);
            return Ok(running);
        }
        running.process.stop().await;
    }
}

impl Scene<'_> {
    fn note(&mut self, what: &'static str, value: f64) {
        self.figures.push(figure(what, value));
    }

    async fn answered(&self, site: &Site) -> Result<Instant, String> {
        let (host, ip) = (&site.host, site.container.ip);
        self.running.answered(host, ip, self.plan.patience).await
    }

    /// A container stops, and comes back with another address.
    async fn returns(&mut self) -> Result<(), String> {
        let number = self.world.size / 2;
        let mut site = self.world.site(number);
        let (began, mut times, mut calls) = (Instant::now(), Vec::new(), Vec::new());
        for life in 2..2 + self.plan.rounds {
            self.stop(&mut site).await?;
            site.container.state = State::Running;
            site.container.ip = address(number, life);
            let (took, asked) = self.appears(&site, &["connect", "start"]).await?;
            times.push(took);
            calls.push(asked);
            if ROUNDS_LIMIT < began.elapsed() {
                break;
            }
        }
        // The chosen sites are to be found where they were.
        self.stop(&mut site).await?;
        let site = self.world.site(number);
        self.appears(&site, &["connect", "start"]).await?;
        self.note("container returns → routed, ms", median(times));
        self.note("container returns: API calls", median(calls));
        Ok(())
    }

    /// Containers with hosts that nobody had, each removed before the next.
    async fn new_hosts(&mut self) -> Result<(), String> {
        let (began, mut times, mut calls) = (Instant::now(), Vec::new(), Vec::new());
        for round in 0..usize::from(self.plan.rounds) {
            let mut site = self.world.site(self.world.size + 2 + round);
            let made = ["create", "connect", "start"];
            let (took, asked) = self.appears(&site, &made).await?;
            times.push(took);
            calls.push(asked);
            self.stop(&mut site).await?;
            self.world.daemon.remove(&site.container).await;
            if ROUNDS_LIMIT < began.elapsed() {
                break;
            }
        }
        self.world.settled(self.plan.patience).await?;
        self.note("new host → routed, ms", median(times));
        self.note("new host: API calls", median(calls));
        Ok(())
    }

    /// Ends a container, and waits until requests go there no more.
    async fn stop(&self, site: &mut Site) -> Result<(), String> {
        let (host, ip) = (&site.host, site.container.ip);
        site.container.state = State::Exited;
        let actions = ["kill", "die", "disconnect", "stop"];
        self.world
            .daemon
            .put(site.container.clone(), &actions)
            .await;
        let deadline = Instant::now() + self.plan.patience;
        while self.running.is_answered(host, ip, GONE_LIMIT).await {
            if deadline < Instant::now() {
                return Err(format!("{host} is still asked at {ip}"));
            }
        }
        Ok(())
    }

    /// Lets a container run: how long until it is asked, in ms, and the API calls for that.
    async fn appears(&self, site: &Site, actions: &[&str]) -> Result<(f64, f64), String> {
        let before = self.world.settled(self.plan.patience).await?;
        let began = Instant::now();
        let put = self.world.daemon.put(site.container.clone(), actions);
        put.await;
        let took = millis(self.answered(site).await? - began);
        let calls = self.world.settled(self.plan.patience).await? - before;
        Ok((took, f64::from(u32::try_from(calls).unwrap_or(u32::MAX))))
    }

    /// What health checks and crash loops of containers without labels cost.
    async fn unrelated(&mut self) -> Result<(), String> {
        let before = self.world.settled(self.plan.patience).await?;
        let (cpu, stranger) = (self.running.process.cpu(), self.world.stranger());
        let actions = [
            "exec_create: /bin/sh -c check",
            "exec_start: /bin/sh -c check",
            "exec_die",
            "die",
            "disconnect",
            "connect",
            "start",
            "health_status: unhealthy",
        ];
        for action in actions.iter().cycle().take(self.plan.events) {
            self.world.daemon.tell(&stranger, &[action]).await;
            sleep(EVENT_PACE).await;
        }
        let calls = self.world.settled(self.plan.patience).await? - before;
        let spent = millis(self.running.process.cpu().saturating_sub(cpu));
        self.note("unrelated events: CPU, ms", spent);
        let calls = f64::from(u32::try_from(calls).unwrap_or(u32::MAX));
        self.note("unrelated events: API calls", calls);
        Ok(())
    }

    /// Requests per second of each chosen host and of a plain Caddy, in turns.
    async fn throughput(&mut self) -> Result<(), String> {
        let plain = Proxy::plain_caddy().start("", target(self.backend));
        let mut hosts = vec![(&plain, "plain.test".to_owned(), Ipv4Addr::LOCALHOST)];
        let sites = self.world.chosen().into_iter();
        hosts.extend(sites.map(|site| (&self.running, site.host, site.container.ip)));
        plain
            .answered("plain.test", Ipv4Addr::LOCALHOST, self.plan.patience)
            .await?;
        let mut found = vec![Vec::new(); hosts.len()];
        for _ in 0..TURNS {
            for ((proxy, host, ip), found) in hosts.iter().zip(&mut found) {
                let asked =
                    wrk::requests_per_second(proxy, self.backend, host, *ip, self.plan.load);
                found.push(asked.await?);
            }
        }
        plain.process.stop().await;
        let names = [
            "requests/s, plain Caddy",
            "requests/s, first host",
            "requests/s, middle host",
            "requests/s, last host",
        ];
        // Of each turn by itself: the machine is not as fast in the next.
        let plain = found.first().cloned().unwrap_or_default();
        let share = |of: &Vec<f64>| {
            let each = of.iter().zip(&plain);
            median(each.map(|(host, plain)| host / plain).collect())
        };
        let worst = { found.iter().skip(1) }
            .map(share)
            .fold(f64::INFINITY, f64::min);
        for (what, values) in names.into_iter().zip(found) {
            self.note(what, median(values));
        }
        self.note("the slowest host, % of plain Caddy", 100.0 * worst);
        Ok(())
    }

    fn memory(&mut self) {
        let [own, started] = self
            .running
            .process
            .memory()
            .map(|kib| f64::from(kib) / 1024.0);
        self.note("memory, MiB", own + started);
        if 0.0 < started {
            self.note("memory of the agent, MiB", own);
            self.note("memory of its Caddy, MiB", started);
        }
    }

    /// How long Caddy takes to load the config that it serves once more.
    async fn loads(&mut self) -> Result<(), String> {
        let client = Client::builder().unix_socket(self.running.admin_socket());
        // Each load closes the connections of the admin endpoint.
        let client = client.no_proxy().pool_max_idle_per_host(0);
        let client = client.build().expect("a plain client");
        let fail = |error: reqwest::Error| format!("Caddy's admin socket: {error}");
        let url = |path: &str| format!("http://{ADMIN_ORIGIN}{path}");
        let config = client.get(url("/config/")).send().await.map_err(fail)?;
        let config: Arc<[u8]> = config.bytes().await.map_err(fail)?.to_vec().into();
        let mut times = Vec::new();
        for _ in 0..LOADS {
            let began = Instant::now();
            let load = (client.post(url("/load")))
                .header("Content-Type", "application/json")
                // Otherwise the same config is no load.
                .header("Cache-Control", "must-revalidate")
                .body(config.to_vec());
            let answer = load.send().await.map_err(fail)?;
            answer.error_for_status().map_err(fail)?;
            times.push(millis(began.elapsed()));
        }
        self.note("load of the whole config, ms", median(times));
        let kib = u32::try_from(config.len() / 1024).unwrap_or(u32::MAX);
        self.note("its size, KiB", f64::from(kib));
        Ok(())
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
