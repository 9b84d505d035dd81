//! The whole agent with many sites, beside other proxies: start, changes, events, throughput and
//! memory, on a fake Docker daemon and one real backend, with real Caddy.
//!
//! `SH0_CADDY=.tools/caddy cargo bench --bench e2e -- --sizes 10,100,1000 --json figures.json`
//! prints Markdown; `docs/performance.md` says what the figures mean. `--peer traefik=PATH` and
//! `--peer caddy-docker-proxy=PATH` measure these beside it, in the same run on the same
//! containers, and `--peer sh0-agent=PATH` another build of the agent.

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

#[path = "e2e"]
mod scale {
    pub(crate) mod backend;
    #[expect(dead_code, reason = "the tests of the agent make bad weather, too")]
    pub(crate) mod daemon;
    pub(crate) mod growth;
    pub(crate) mod measure;
    pub(crate) mod process;
    pub(crate) mod proxy;
    pub(crate) mod report;
    pub(crate) mod soak;
    pub(crate) mod world;
    pub(crate) mod wrk;
}

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use tokio::select;
use tokio::signal::unix::{SignalKind, signal};

use self::e2e::harness;
use self::scale::backend::Backend;
use self::scale::measure::{Plan, measure};
use self::scale::proxy::Proxy;
use self::scale::report::{Run, markdown};
use self::scale::soak::soak;
use self::scale::world::World;

/// What to measure.
#[derive(Debug, Parser)]
struct Args {
    /// How many sites there are, one after another
    #[arg(long, value_delimiter = ',', default_value = "10,100,1000,5000,10000")]
    sizes: Vec<usize>,
    /// Another proxy, measured beside the agent: sh0-agent=PATH, caddy-docker-proxy=PATH or
    /// traefik=PATH
    #[arg(long, value_name = "NAME=PATH")]
    peer: Vec<Proxy>,
    /// More flags for the agent of this build, such as `--agent-flags "--upstreams direct"`
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    agent_flags: String,
    /// One more label of each site, for the agent of this build, with the site's host for `{host}` in
    /// its value; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    site_label: Vec<(String, String)>,
    /// How long `wrk` asks each host, five times; 0 leaves it out
    #[arg(long, default_value_t = 3, value_name = "SECONDS")]
    seconds: u64,
    /// How often each change is made
    #[arg(long, default_value_t = 5)]
    rounds: u8,
    /// Events of containers without labels
    #[arg(long, default_value_t = 200)]
    events: usize,
    /// When a proxy that does not do its work is given up
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    patience: u64,
    /// A file for the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Instead of all that, so many events for the agent with the last number of sites, and its
    /// memory meanwhile
    #[arg(long, default_value_t = 0, value_name = "EVENTS")]
    soak: usize,
    /// What `cargo bench` says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[expect(clippy::print_stdout, reason = "the figures of a benchmark")]
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let plan = Plan {
        rounds: args.rounds.clamp(1, 100),
        events: args.events,
        load: Duration::from_secs(args.seconds),
        patience: Duration::from_secs(args.patience),
    };
    let mut agent = Proxy::agent();
    agent.flags = args
        .agent_flags
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    agent.site_labels = args.site_label;
    let mut proxies = vec![agent.clone()];
    proxies.extend(args.peer);
    let backend = Backend::start().await;
    if args.soak != 0 {
        let size = args.sizes.last().copied().unwrap_or(1);
        let world = World::new(size, backend.port, &proxies);
        return select! {
            soaked = soak(args.soak, &world, &backend, &agent, plan) => {
                soaked.map_err(anyhow::Error::msg)
            }
            told = told_to_end() => anyhow::bail!("ended by {told}"),
        };
    }
    let mut runs = Vec::new();
    let ended = select! {
        () = run_all(&proxies, &args.sizes, &backend, plan, &mut runs) => None,
        told = told_to_end() => Some(told),
    };
    println!("{}", markdown(&runs, &args.sizes));
    if let Some(path) = args.json {
        std::fs::write(path, serde_json::to_string_pretty(&runs)?)?;
    }
    if let Some(told) = ended {
        anyhow::bail!("ended by {told}; the rest was not measured");
    }
    let is_done = runs
        .iter()
        .all(|run| run.proxy != agent.name || !run.figures.is_empty());
    anyhow::ensure!(is_done, "the agent did not do its work");
    Ok(())
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected `KEY=VALUE`")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Ctrl-C and SIGTERM end what was started, too.
async fn told_to_end() -> &'static str {
    let mut term = signal(SignalKind::terminate()).expect("signals can be taken");
    select! {
        _ = tokio::signal::ctrl_c() => "Ctrl-C",
        _ = term.recv() => "SIGTERM",
    }
}

/// A proxy that did not do its work is left out at the larger sizes.
#[expect(clippy::print_stderr, reason = "how far a benchmark is")]
async fn run_all(
    proxies: &[Proxy],
    sizes: &[usize],
    backend: &Backend,
    plan: Plan,
    runs: &mut Vec<Run>,
) {
    let mut failed = Vec::new();
    for size in sizes {
        for proxy in proxies {
            if failed.contains(&proxy.port) {
                continue;
            }
            eprintln!("{} with {size} sites …", proxy.name);
            let world = World::new(*size, backend.port, proxies);
            let figures = measure(&world, backend, proxy, plan).await;
            let figures = figures.unwrap_or_else(|reason| {
                eprintln!("{} with {size} sites: {reason}", proxy.name);
                failed.push(proxy.port);
                Vec::new()
            });
            runs.push(Run {
                proxy: proxy.name.clone(),
                size: *size,
                figures,
                asked: world.daemon.counts(),
            });
        }
    }
}
