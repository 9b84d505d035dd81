//! From a file of containers to Caddy's JSON, without Docker and without Caddy:
//!
//! ```text
//! cargo run --example plan -- examples/containers.json
//! ```
//!
//! The file is a JSON array of containers as the agent sees them. What is wrong with their labels
//! goes to standard error. This is what `sh0-agent render FILE` does, in the library's own words.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example shows its result on the terminal"
)]

use std::error::Error;

use sh0_agent::model::{Container, Snapshot};
use sh0_agent::plan::plan;
use sh0_agent::settings::Settings;

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("usage: plan FILE")?;
    let containers: Vec<Container> = serde_json::from_slice(&std::fs::read(file)?)?;
    let (built, rendered) = plan(&Snapshot::new(containers), &Settings::default());
    for diagnostic in &*built.diagnostics {
        eprintln!("{diagnostic}");
    }
    let config: serde_json::Value = serde_json::from_slice(&rendered.json)?;
    println!("{config:#}");
    Ok(())
}
