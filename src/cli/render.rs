//! `sh0-agent render`: the Caddy config, without a Caddy.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::settings::SettingsArgs;
use super::{Exit, Failed, runtime};
use crate::discovery::{Docker, DockerOptions, Engine};
use crate::model::{Container, Snapshot};
use crate::plan::plan;
use crate::settings::Settings;

/// What `render` takes.
#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    /// JSON array of containers, as `examples/plan.rs` shows; without it Docker is asked
    file: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Prints the config for the running containers, or for a file.
pub(crate) fn render(args: RenderArgs) -> Result<(), Failed> {
    let settings: Settings = args.settings.into();
    let snapshot = match &args.file {
        Some(file) => from_file(file).map_err(|error| {
            let help = "give a JSON array of objects with `id`, `name`, `state` and `labels`";
            Failed::new(Exit::Usage, error, help)
        })?,
        None => from_docker(&settings)?,
    };
    let (built, rendered) = plan(&snapshot, &settings);
    for diagnostic in &built.diagnostics {
        super::complain(&diagnostic.to_string());
    }
    let config: serde_json::Value = serde_json::from_slice(&rendered.json)
        .map_err(|error| Failed::new(Exit::Failure, error.into(), ""))?;
    super::print(&format!("{config:#}\n"))
}

fn from_file(file: &PathBuf) -> anyhow::Result<Snapshot> {
    let text = std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let containers: Vec<Container> = serde_json::from_slice(&text)
        .with_context(|| format!("`{}` is not a list of containers", file.display()))?;
    Ok(Snapshot::new(containers))
}

fn from_docker(settings: &Settings) -> Result<Snapshot, Failed> {
    let options = DockerOptions {
        endpoint: settings.docker.clone(),
        label_prefix: settings.label_prefix.clone(),
    };
    let runtime = runtime()?;
    let asked = runtime.block_on(async { Docker::new(options)?.snapshot().await });
    asked.map_err(|error| {
        let help = error.help();
        Failed::new(Exit::Unavailable, error.into(), help)
    })
}
