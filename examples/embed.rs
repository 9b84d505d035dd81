//! The agent as a library: starts it, waits until Caddy serves, prints each change of the routes
//! for a while, and stops it in order.
//!
//! ```text
//! SH0_CADDY=.tools/caddy cargo run --example embed -- 30
//! ```
//!
//! Listens on 127.0.0.1, ports 8080 and 8443, with its directories in a temporary folder; the
//! argument is the number of seconds.
#![expect(
    clippy::print_stdout,
    reason = "an example shows its result on the terminal"
)]

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use sh0_agent::agent::Agent;
use sh0_agent::settings::Settings;
use sh0_agent::telemetry::{self, LogFormat};
use tokio::time::{Instant, timeout_at};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let seconds = std::env::args()
        .nth(1)
        .map_or(Ok(30), |text| text.parse())?;
    telemetry::begin(LogFormat::Auto, "warn").map_err(|reason| reason.to_string())?;
    let folder = tempfile::tempdir()?;
    let settings = Settings {
        http_port: 8080,
        https_port: 8443,
        listen: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        state_dir: folder.path().join("state"),
        runtime_dir: folder.path().join("run"),
        caddy: std::env::var_os("SH0_CADDY").map_or(PathBuf::from("caddy"), PathBuf::from),
        ..Settings::default()
    };
    let agent = Agent::start(settings).await?;
    let mut status = agent.status();
    let ends = Instant::now() + Duration::from_secs(seconds);
    let mut shown = None;
    while let Ok(Ok(())) = timeout_at(ends, status.changed()).await {
        let now = std::sync::Arc::clone(&status.borrow_and_update());
        if shown == now.applied || now.applied.is_none() {
            continue;
        }
        shown = now.applied;
        println!(
            "config {} is live with {} routes:",
            now.generation,
            now.table.routes.len()
        );
        for row in now.rows.iter() {
            println!(
                "  {}{} {} {}",
                row.host,
                row.path,
                row.container,
                row.state.as_str()
            );
        }
    }
    agent.shutdown().await?;
    Ok(())
}
