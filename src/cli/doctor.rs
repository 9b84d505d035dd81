//! `sh0-agent doctor`: whether this machine has what the agent needs, with or without an agent.
//!
//! Each check gives findings; none changes anything. What needs the network beyond this machine and
//! its Docker is bounded, and left out by `--offline`.

mod addresses;
mod agent;
mod beyond;
mod docker;
mod machine;
mod show;

use anyhow::anyhow;
use clap::Args;
use serde::Serialize;

use self::agent::Running;
use super::settings::SettingsArgs;
use super::style::Look;
use super::{Exit, Failed, print, runtime};
use crate::settings::Settings;

/// What `doctor` takes.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Ask neither DNS nor the certificate authority
    #[arg(long)]
    offline: bool,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// How a finding is. `Ord` puts the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// It was not looked at.
    Skipped,
    /// All is well.
    Ok,
    /// The agent works, and something is missing.
    Warning,
    /// The agent does not work, or not for everybody.
    Error,
}

/// What one look has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    /// What was looked at, in a word.
    topic: &'static str,
    state: State,
    /// What was found.
    text: String,
    /// What to type, where something is to be done.
    help: Option<String>,
}

impl Finding {
    fn new(topic: &'static str, state: State, text: impl Into<String>) -> Self {
        Self {
            topic,
            state,
            text: text.into(),
            help: None,
        }
    }

    fn ok(topic: &'static str, text: impl Into<String>) -> Self {
        Self::new(topic, State::Ok, text)
    }

    fn skipped(topic: &'static str, text: impl Into<String>) -> Self {
        Self::new(topic, State::Skipped, text)
    }

    fn warning(topic: &'static str, text: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..Self::new(topic, State::Warning, text)
        }
    }

    fn error(topic: &'static str, text: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..Self::new(topic, State::Error, text)
        }
    }
}

/// Looks at everything, and ends with an error where anything is one.
pub(crate) fn doctor(args: DoctorArgs) -> Result<(), Failed> {
    let findings = runtime()?.block_on(findings(args.settings.into(), args.offline));
    if args.json {
        let json = serde_json::to_value(&findings);
        let json = json.map_err(|error| Failed::new(Exit::Failure, error.into(), ""))?;
        print(&format!("{json:#}\n"))?;
    } else {
        print(&show::show(&findings, Look::of_stdout()))?;
    }
    let errors = findings
        .iter()
        .filter(|finding| finding.state == State::Error);
    match errors.count() {
        0 => Ok(()),
        1 => Err(Failed::new(
            Exit::Failure,
            anyhow!("something is wrong"),
            "",
        )),
        errors => Err(Failed::new(
            Exit::Failure,
            anyhow!("{errors} things are wrong"),
            "",
        )),
    }
}

async fn findings(mut settings: Settings, offline: bool) -> Vec<Finding> {
    let running = Running::ask(&settings).await;
    if let Some(running) = &running {
        running.apply(&mut settings);
    }
    let mut findings = agent::findings(&settings, running.as_ref());
    findings.extend(docker::findings(&settings).await);
    findings.extend(machine::findings(&settings, running.as_ref()).await);
    findings.extend(beyond::findings(&settings, running.as_ref(), offline).await);
    findings
}
