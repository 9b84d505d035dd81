//! `sh0-agent render`: the Caddy config, without a Caddy.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::Value;

use super::settings::SettingsArgs;
use super::{Exit, Failed, runtime};
use crate::agent::docker_options;
use crate::discovery::{Docker, Engine};
use crate::model::{Container, Snapshot};
use crate::plan::plan;
use crate::settings::Settings;

/// What `render` takes.
#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    /// JSON array of containers, as `examples/plan.rs` shows; without it Docker is asked
    file: Option<PathBuf>,
    /// Print secrets as well: keys, tokens, password hashes, header fields with credentials
    #[arg(long)]
    show_secrets: bool,
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
    for diagnostic in &*built.diagnostics {
        super::complain(&diagnostic.to_string());
    }
    let mut config: Value = serde_json::from_slice(&rendered.json)
        .map_err(|error| Failed::new(Exit::Failure, error.into(), ""))?;
    if !args.show_secrets {
        hide_secrets(&mut config);
    }
    super::print(&format!("{config:#}\n"))
}

/// Names of fields and header fields whose values are mostly secrets, in lower case.
const SECRET_NAMES: [&str; 8] = [
    "authorization",
    "cookie",
    "token",
    "secret",
    "password",
    "api-key",
    "apikey",
    "api_key",
];

/// Whether a field of this name holds a secret, as a text or as the values of a header field.
fn is_secret(name: &str, value: &Value) -> bool {
    let name = name.to_ascii_lowercase();
    (value.is_string() || value.is_array())
        && SECRET_NAMES.iter().any(|secret| name.contains(secret))
}

/// Takes out what only Caddy may know: the key of an ACME account, a DNS provider's tokens, hashes
/// of passwords, and header fields with credentials.
fn hide_secrets(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match (name.as_str(), &field) {
                    ("mac_key", _) => *field = Value::from("(secret)"),
                    ("provider", Value::Object(provider)) => {
                        let name = provider.get("name").cloned().unwrap_or_default();
                        *field = serde_json::json!({ "name": name, "(secret)": "" });
                    }
                    (name, value) if is_secret(name, value) => *field = Value::from("(secret)"),
                    (_, _) => hide_secrets(field),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide_secrets),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn from_file(file: &PathBuf) -> anyhow::Result<Snapshot> {
    let text = std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let containers: Vec<Container> = serde_json::from_slice(&text)
        .with_context(|| format!("`{}` is not a list of containers", file.display()))?;
    Ok(Snapshot::new(containers))
}

fn from_docker(settings: &Settings) -> Result<Snapshot, Failed> {
    let options = docker_options(settings);
    let runtime = runtime()?;
    let asked = runtime.block_on(async { Docker::new(options)?.snapshot().await });
    asked.map_err(|error| {
        let help = error.help();
        Failed::new(Exit::Unavailable, error.into(), help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        let mut config = serde_json::json!([{
            "external_account": {"key_id": "kid-1", "mac_key": "s3cret"},
            "challenges": {"dns": {"provider": {"name": "acmedns", "token": "s3cret"}}},
            "ca": {"provider": "file"},
            "accounts": [{"username": "ada", "password": "s3cret"}],
            "set": {"Authorization": ["Basic s3cret"], "X-Api-Key": ["s3cret"]},
        }]);
        hide_secrets(&mut config);
        let printed = config.to_string();
        assert!(!printed.contains("s3cret"), "{printed}");
        for kept in ["kid-1", "acmedns", "ada", r#""provider":"file""#] {
            assert!(printed.contains(kept), "{printed}");
        }
    }
}
