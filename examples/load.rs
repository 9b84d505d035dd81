//! The load generator: clients of several kinds that ask one site for a while, check every answer,
//! and say what was lost.
//!
//! `cargo run --example load -- --http-port 8080 --host app.example.com --name web`
//!
//! The site must be served by the demo backend (`examples/whoami.rs`): an answer counts only when
//! its body names the app. No client repeats a request unless its kind says so, and all of them ask
//! 127.0.0.1 and nobody else. The result is JSON on standard output; the exit code is 1 when
//! anything was lost. The end-to-end tests run the same clients (`work`).
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::allow_attributes,
    reason = "the result is its output"
)]

#[path = "load/work.rs"]
mod work;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::ensure;
use clap::Parser;
use tokio::time::sleep;

use self::work::{Kind, Load, Plan, Secure, Sockets};

/// Longest run: who needs more starts it again.
const SECONDS_MAX: u64 = 3_600;
/// More clients than one machine can tell apart from an attack.
const CLIENTS_MAX: usize = 1_000;

/// Asks a site on this machine for a while, and says as JSON what was lost.
#[derive(Debug, Parser)]
struct Arguments {
    /// Port for HTTP on 127.0.0.1
    #[arg(long, default_value_t = 80)]
    http_port: u16,
    /// Host of the site
    #[arg(long)]
    host: String,
    /// What the demo backend says: this name, or it with a dash and more behind it
    #[arg(long)]
    name: String,
    /// Kinds of clients, separated by commas [default: all that are possible]
    #[arg(long, value_enum, value_delimiter = ',')]
    kinds: Vec<Kind>,
    /// Clients of each kind
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Pause of a client between an answer and its next request, in milliseconds
    #[arg(long, default_value_t = 20)]
    think_ms: u64,
    /// How long to ask
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// For http2: port for HTTPS on 127.0.0.1
    #[arg(long, default_value_t = 443)]
    https_port: u16,
    /// For http2: host of the site over HTTPS [default: --host]
    #[arg(long)]
    https_host: Option<String>,
    /// For http2: PEM file of the authority that certifies the host
    #[arg(long)]
    root: Option<PathBuf>,
    /// Websockets to keep open
    #[arg(long, default_value_t = 0)]
    websockets: usize,
    /// Host that they are opened to [default: --host]
    #[arg(long)]
    websockets_host: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let seconds = arguments.seconds;
    let plan = plan(arguments)?;
    let load = Load::start(plan);
    tokio::select! {
        () = sleep(Duration::from_secs(seconds)) => {}
        pressed = tokio::signal::ctrl_c() => pressed?,
    }
    let took_ms = load.elapsed_ms();
    let report = load.stop().await;
    let (all, lost) = (report.answers(), report.failed());
    eprintln!("{lost} of {all} requests were lost in {took_ms} ms");
    if let Some(first) = report.losses().next() {
        eprintln!("the first after {} ms: {}", first.at_ms, first.reason);
    }
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(if report.failed() == 0 && report.websockets.closed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn plan(arguments: Arguments) -> anyhow::Result<Plan> {
    let Arguments {
        clients, seconds, ..
    } = arguments;
    ensure!(seconds <= SECONDS_MAX, "--seconds is at most {SECONDS_MAX}");
    ensure!(clients <= CLIENTS_MAX, "--clients is at most {CLIENTS_MAX}");
    ensure!(
        arguments.websockets <= CLIENTS_MAX,
        "--websockets is at most {CLIENTS_MAX}"
    );
    let mut kinds = arguments.kinds;
    if kinds.is_empty() {
        kinds = Kind::ALL.to_vec();
        kinds.retain(|kind| *kind != Kind::Http2 || arguments.root.is_some());
    }
    let secure = arguments.root.map(|root| Secure {
        port: arguments.https_port,
        host: arguments.https_host.unwrap_or(arguments.host.clone()),
        root,
    });
    ensure!(
        secure.is_some() || !kinds.contains(&Kind::Http2),
        "http2 needs --root, the authority that certifies the host"
    );
    let sockets = Sockets {
        count: arguments.websockets,
        host: arguments.websockets_host.unwrap_or(arguments.host.clone()),
    };
    let mut plan = Plan::new(arguments.http_port, &arguments.host, &arguments.name);
    plan.secure = secure;
    plan.kinds = kinds;
    plan.clients = clients;
    plan.think_time = Duration::from_millis(arguments.think_ms);
    plan.sockets = sockets;
    Ok(plan)
}
