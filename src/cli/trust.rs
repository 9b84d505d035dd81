//! `sh0-agent trust`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;

use super::{Exit, Failed, print};
use crate::settings::Settings;

/// What `trust` takes.
#[derive(Debug, Args)]
pub(crate) struct TrustArgs {
    /// Directory for what must outlive a restart, as of `sh0-agent run`
    #[arg(
        long,
        env = "SH0_STATE_DIR",
        default_value = "/var/lib/sh0-agent",
        value_name = "DIR"
    )]
    state_dir: PathBuf,
    /// Write the root into this file instead
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
}

/// Prints the root of the internal authority, or writes it into a file. Installs it nowhere.
pub(crate) fn run(args: TrustArgs) -> Result<(), Failed> {
    let settings = Settings {
        state_dir: args.state_dir,
        ..Settings::default()
    };
    let root = read(&settings.internal_root())?;
    let Some(file) = args.export else {
        return print(&root);
    };
    let written = std::fs::write(&file, root);
    let written = written.with_context(|| format!("`{}` cannot be written", file.display()));
    written.map_err(|error| Failed::new(Exit::Failure, error, "choose another file"))?;
    print(&format!(
        "{} has the root of the internal authority. Where it is installed as a trusted one, \
         browsers accept the hosts with `tls=internal`.\n",
        file.display()
    ))
}

fn read(root: &Path) -> Result<String, Failed> {
    let shown = root.display();
    std::fs::read_to_string(root).map_err(|error| {
        if error.kind() == ErrorKind::NotFound {
            return Failed::new(
                Exit::Failure,
                anyhow!("there is no internal authority yet: `{shown}` is not there"),
                "it is made with the first host that has `tls=internal`, or is internal by its \
                 name (`localhost`, `*.localhost`, `*.internal`, an IP address); see also \
                 `--state-dir`",
            );
        }
        Failed::new(
            Exit::Failure,
            anyhow!(error).context(format!("`{shown}` cannot be read")),
            "run this command as the user that the agent runs as",
        )
    })
}
