//! The agent that runs, if one does.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::Finding;
use crate::cli::agent::status;
use crate::cli::style::ago;
use crate::clock::wall_clock;
use crate::metrics::{LoadResult, Word};
use crate::model::Halt;
use crate::routes::RowState;
use crate::settings::Settings;
use crate::status::{Halted, Load, SettingsStatus};

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
    version: String,
    epoch: u64,
    pid: Option<u32>,
    load_error: Option<String>,
    last_load: Option<Load>,
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
        "up" => vec![
            Finding::ok(
                TOPIC,
                match running.hosts().len() {
                    1 => "it runs, and serves 1 host".to_owned(),
                    hosts => format!("it runs, and serves {hosts} hosts"),
                },
            ),
            process(&running.caddy),
        ],
        phase => {
            let text = format!("it runs, and its Caddy does not serve: {phase}");
            vec![Finding::error(
                TOPIC,
                text,
                "see the lines below, and the agent's log",
            )]
        }
    };
    findings.extend(loads(&running.caddy, wall_clock()));
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

/// Which Caddy serves.
fn process(caddy: &Caddy) -> Finding {
    let version = &caddy.version;
    let pid = { caddy.pid }.map_or_else(String::new, |pid| format!(", process {pid}"));
    let starts = match caddy.epoch {
        0 | 1 => String::new(),
        more => format!(", started {more} times since the agent was"),
    };
    Finding::ok(TOPIC, format!("its Caddy is {version}{pid}{starts}"))
}

/// Whether the newest config is in force, and how the last load went.
fn loads(caddy: &Caddy, now: u64) -> Vec<Finding> {
    let last = caddy.last_load.as_ref();
    let mut findings: Vec<Finding> = last.map(|load| last_load(load, now)).into_iter().collect();
    let is_told = last.is_some_and(|load| load.error.is_some());
    if let Some(error) = caddy.load_error.as_ref().filter(|_| !is_told) {
        let text = format!("the newest config is not in force: {error}");
        let help = "see the agent's log; it is tried again";
        findings.push(Finding::error(TOPIC, text, help));
    }
    findings
}

fn last_load(load: &Load, now: u64) -> Finding {
    let ago = ago(now.saturating_sub(load.at));
    let (reason, millis) = (load.reason.as_str(), load.millis);
    let words = load.error.as_deref().unwrap_or("it gave no reason");
    let text = format!("the last load, {ago} ago, took {millis} ms ({reason})");
    match load.result {
        LoadResult::Applied => Finding::ok(TOPIC, text),
        LoadResult::Lost => {
            let text = format!("{text}; the Caddy that took it has ended");
            Finding::warning(TOPIC, text, "see the agent's log; the next Caddy gets it")
        }
        LoadResult::Refused => {
            let text = format!("{text} and was refused: {words}");
            let help = "`sh0-agent routes` says what is left out for it, and what to type";
            Finding::error(TOPIC, text, help)
        }
        LoadResult::Failed => {
            let text = format!("{text} and failed: {words}");
            let help = "mend what is named there; the load is tried again by itself, and \
                        `sh0-agent doctor` says when one succeeds";
            Finding::error(TOPIC, text, help)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::State;
    use super::*;
    use crate::metrics::LoadReason;

    fn caddy(result: LoadResult, error: Option<&str>) -> Caddy {
        Caddy {
            phase: "up".to_owned(),
            version: "2.11.4".to_owned(),
            epoch: 3,
            pid: Some(7),
            load_error: error.map(str::to_owned),
            last_load: Some(Load {
                at: 1_000,
                millis: 12,
                reason: LoadReason::Change,
                result,
                error: error.map(str::to_owned),
            }),
        }
    }

    #[test]
    fn the_last_load_is_told_with_caddys_words_and_what_to_type() {
        let text = process(&caddy(LoadResult::Applied, None)).text;
        assert_eq!(
            text,
            "its Caddy is 2.11.4, process 7, started 3 times since the agent was"
        );
        let words = "loading: no space left on device";
        for (result, error, state, end) in [
            (LoadResult::Applied, None, State::Ok, "(change)"),
            (LoadResult::Refused, Some(words), State::Error, words),
            (LoadResult::Failed, Some(words), State::Error, words),
            (LoadResult::Lost, None, State::Warning, "has ended"),
        ] {
            let found = loads(&caddy(result, error), 1_180);
            assert_eq!(found.len(), 1, "said once: {found:?}");
            let finding = found.first().expect("just counted");
            assert_eq!(finding.state, state, "{result:?}");
            let begin = "the last load, 3 minutes ago, took 12 ms (change)";
            assert!(finding.text.starts_with(begin), "{}", finding.text);
            assert!(finding.text.ends_with(end), "{}", finding.text);
            assert_eq!(finding.help.is_some(), state != State::Ok);
        }
        let unsaid = Caddy {
            last_load: None,
            ..caddy(LoadResult::Failed, Some(words))
        };
        let found = loads(&unsaid, 0);
        assert!(found.iter().all(|finding| finding.state == State::Error));
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn an_app_that_a_person_halted_is_a_warning() {
        let halted = json!([{"app": {"owner": {"project": "shop"}, "name": "web"}, "state": "stopped",
            "message": null, "since": 1_764_158_769, "by": "root"}]);
        let status = json!({
            "settings": SettingsStatus::default(), "rows": [], "halts": halted,
            "caddy": {"phase": "up", "version": "2.11.4", "epoch": 1, "pid": 1, "load_error": null},
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
