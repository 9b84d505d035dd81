//! The agent that runs, if one does.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::Finding;
use crate::cli::agent::status;
use crate::model::Halt;
use crate::routes::RowState;
use crate::settings::Settings;
use crate::status::{Halted, SettingsStatus};

const TOPIC: &str = "agent";
/// Apps that are paused or stopped and named; the table of routes has all.
const HALTS_SHOWN_MAX: usize = 10;

/// What counts of a running agent's status.
#[derive(Debug, Deserialize)]
pub(super) struct Running {
    settings: SettingsStatus,
    caddy: Caddy,
    rows: Vec<Row>,
    /// Not of agents that knew none.
    #[serde(default)]
    halts: Vec<Halted>,
}

#[derive(Debug, Deserialize)]
struct Caddy {
    phase: String,
    pid: Option<u32>,
    load_error: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Row {
    host: String,
    state: RowState,
}

impl Running {
    /// The agent of this runtime directory; `None` where none answers.
    pub(super) async fn ask(settings: &Settings) -> Option<Self> {
        let answer = status(&settings.runtime_dir).await.ok()?;
        serde_json::from_slice(&answer).ok()
    }

    /// The flags of that agent count, where they are known.
    pub(super) fn apply(&self, settings: &mut Settings) {
        let own = &self.settings;
        settings.network.clone_from(&own.network);
        settings.label_prefix.clone_from(&own.label_prefix);
        settings.http_port = own.http_port;
        settings.https_port = own.https_port;
        settings.listen.clone_from(&own.listen);
    }

    /// The process of its Caddy, while that serves.
    pub(super) fn caddy_pid(&self) -> Option<u32> {
        self.caddy.pid
    }

    /// The hosts that are served, each once.
    pub(super) fn hosts(&self) -> BTreeSet<&str> {
        let routed = self.rows.iter().filter(|row| row.state == RowState::Routed);
        routed.map(|row| row.host.as_str()).collect()
    }
}

pub(super) fn findings(settings: &Settings, running: Option<&Running>) -> Vec<Finding> {
    let Some(running) = running else {
        let socket = settings.status_socket();
        let text = format!("no agent answers at `{}`", socket.display());
        let help = "start it with `sh0-agent run`, or name its `--runtime-dir`";
        return vec![Finding::warning(TOPIC, text, help)];
    };
    let refused = running
        .rows
        .iter()
        .filter(|row| row.state == RowState::Refused)
        .count();
    let mut findings = match running.caddy.phase.as_str() {
        "up" => vec![Finding::ok(
            TOPIC,
            format!("it runs, and serves {} hosts", running.hosts().len()),
        )],
        phase => {
            let text = format!("it runs, and its Caddy does not serve: {phase}");
            vec![Finding::error(
                TOPIC,
                text,
                "see the lines below, and the agent's log",
            )]
        }
    };
    if let Some(error) = &running.caddy.load_error {
        let text = format!("the newest config is not in force: {error}");
        findings.push(Finding::error(
            TOPIC,
            text,
            "see the agent's log; it is tried again",
        ));
    }
    findings.extend(running.halts.iter().take(HALTS_SHOWN_MAX).map(halted));
    if refused > 0 {
        let text = format!("{refused} routes of containers are refused");
        let help = "`sh0-agent routes` says which, and what to type";
        findings.push(Finding::warning(TOPIC, text, help));
    }
    findings
}

/// What a person told the agent, and perhaps forgot.
fn halted(Halted { app, halt }: &Halted) -> Finding {
    let text = format!("{app} is {}", halt.in_short());
    Finding::warning(TOPIC, text, Halt::help(app))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_app_that_a_person_halted_is_a_warning() {
        let halted = json!([{"app": {"owner": {"project": "shop"}, "name": "web"}, "state": "stopped",
            "message": null, "since": 1_764_158_769, "by": "root"}]);
        let status = json!({
            "settings": SettingsStatus::default(), "rows": [], "halts": halted,
            "caddy": {"phase": "up", "pid": 1, "load_error": null},
        });
        let running: Running = serde_json::from_value(status).expect("it is of the status' form");
        let found = findings(&Settings::default(), Some(&running));
        let last = found.last().expect("it is said");
        assert!(
            last.text.starts_with("shop/web is stopped since"),
            "{last:?}"
        );
        assert_eq!(last.help.as_deref(), Some("`sh0-agent resume shop/web`"));
    }
}
