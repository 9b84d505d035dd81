//! `sh0-agent routes`: asks the running agent, once or again and again.

mod table;
mod watch;

use clap::Args;
use serde::Deserialize;

use self::table::Ends;
use super::agent::{self, AgentArgs};
use super::style::{Look, ago};
use super::{Failed, runtime};
use crate::clock::wall_clock;
use crate::diagnostic::Diagnostic;
use crate::model::{Halt, Obtainings};
use crate::routes::RowState;
use crate::status::{BlockedRequest, Halted, RememberedStatus, halt_of};

/// What `routes` takes.
#[derive(Debug, Args)]
pub(crate) struct RoutesArgs {
    #[command(flatten)]
    agent: AgentArgs,
    /// Print the agent's status as JSON
    #[arg(long, conflicts_with = "watch")]
    json: bool,
    /// Show the table anew whenever it changes, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

/// Columns before what goes on below in a finding, and in its help.
const DETAIL: usize = 6;
const HELP: usize = 11;

/// What is shown of the status.
#[derive(Debug, Deserialize)]
struct Shown {
    docker: ShownDocker,
    caddy: ShownCaddy,
    generation: u64,
    rows: Vec<ShownRow>,
    diagnostics: Vec<Diagnostic>,
    /// Not of agents that knew none.
    #[serde(default)]
    halts: Vec<Halted>,
    #[serde(default)]
    obtainings: Obtainings,
}

#[derive(Debug, Deserialize)]
struct ShownDocker {
    error: Option<String>,
    network_missing: bool,
    remembered: Option<RememberedStatus>,
    blocked: Vec<BlockedRequest>,
}

#[derive(Debug, Deserialize)]
struct ShownCaddy {
    phase: String,
    load_error: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ShownRow {
    host: String,
    path: String,
    app: Option<crate::model::AppKey>,
    container: ShownContainer,
    address: Option<String>,
    state: RowState,
    reason: Option<String>,
    /// Why it takes no requests, whatever its state.
    #[serde(skip)]
    halt: Option<Halt>,
}

#[derive(Debug, Deserialize)]
struct ShownContainer {
    name: String,
}

/// Prints the routes of the running agent.
pub(crate) fn routes(args: &RoutesArgs) -> Result<(), Failed> {
    let runtime = runtime()?;
    if args.watch {
        return runtime.block_on(watch::watch(&args.agent.runtime_dir));
    }
    let answer = runtime.block_on(agent::status(&args.agent.runtime_dir))?;
    if args.json {
        let value: serde_json::Value =
            serde_json::from_slice(&answer).map_err(agent::unreadable)?;
        return super::print(&format!("{value:#}\n"));
    }
    let shown = Shown::read(&answer)?;
    super::print(&report(&shown, Look::of_stdout()))
}

impl Shown {
    /// What the agent answered, with each row knowing whether a person holds its requests back, and
    /// which certificate its host lacks.
    fn read(answer: &[u8]) -> Result<Self, Failed> {
        let mut shown: Self = serde_json::from_slice(answer).map_err(agent::unreadable)?;
        let now = wall_clock();
        for row in shown.rows.iter_mut().filter(|row| !row.host.is_empty()) {
            let halt = { row.app.as_ref() }.and_then(|app| halt_of(&shown.halts, app));
            row.halt = halt.cloned();
            if let Some(obtaining) = shown.obtainings.get(&row.host) {
                let ago = ago(now.saturating_sub(obtaining.since));
                let text = obtaining.text_with(&format!(", for {ago} so far"));
                let reason = row.reason.take().map(|reason| format!("{reason}; {text}"));
                row.reason = reason.or(Some(text));
            }
        }
        Ok(shown)
    }
}

/// The routes as a table; above it what is wrong with the machine, below it with the labels.
fn report(shown: &Shown, look: Look) -> String {
    let mut text = String::new();
    for warning in warnings(shown) {
        text.push_str(&look.broken(&format!("! {warning}"), 0, 2));
        text.push('\n');
    }
    if shown.rows.is_empty() {
        text.push_str("No container asks for a route. Label one `sh0.host=app.example.com`.\n");
        return text;
    }
    text.push_str(&table::table(
        &shown.rows.iter().collect::<Vec<_>>(),
        look,
        Ends::Wrapped,
    ));
    for diagnostic in &shown.diagnostics {
        text.push('\n');
        text.push_str(&finding(diagnostic, look));
    }
    if let Some(first) = shown.diagnostics.first() {
        let more = format!("\n`sh0-agent explain {}` says more.\n", first.code);
        text.push_str(&more);
    }
    text
}

/// A finding in lines that fit; what goes on below is set in as its beginning is.
fn finding(diagnostic: &Diagnostic, look: Look) -> String {
    let text = diagnostic.to_string();
    let broken = |line: &str| {
        let indent = if line.starts_with("   =") {
            HELP
        } else {
            DETAIL
        };
        look.broken(line, 0, indent) + "\n"
    };
    text.lines().map(broken).collect()
}

fn warnings(shown: &Shown) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(error) = &shown.docker.error {
        warnings.push(format!(
            "the containers cannot be listed, routes stay as they are: {error}"
        ));
    }
    for blocked in &shown.docker.blocked {
        warnings.push(format!(
            "a proxy before Docker blocks `{}` with status {}: {}; {}",
            blocked.request, blocked.status, blocked.without_it, blocked.help
        ));
    }
    warnings.extend(shown.docker.remembered.map(remembered));
    for Halted { app, halt } in &shown.halts {
        let has_row = shown.rows.iter().any(|row| row.app.as_ref() == Some(app));
        if !has_row {
            let halt = halt.in_short();
            warnings.push(format!("{app}, which has no container now, is {halt}"));
        }
    }
    if shown.docker.network_missing {
        warnings.push(
            "the routing network does not exist; create it with `docker network create`".to_owned(),
        );
    }
    if shown.caddy.phase != "up" {
        warnings.push(format!("Caddy is not serving: {}", shown.caddy.phase));
    }
    if let Some(error) = &shown.caddy.load_error {
        warnings.push(format!("the newest config is not in force: {error}"));
    }
    warnings
}

/// Says that the rows are not what Docker says now.
fn remembered(remembered: RememberedStatus) -> String {
    let ago = ago(wall_clock().saturating_sub(remembered.at));
    if remembered.is_outdated {
        format!(
            "Docker has not answered since the agent started; these are the containers of {ago} \
             ago, which may have other addresses by now, so they take no requests before it answers"
        )
    } else {
        format!(
            "Docker has not answered since the agent started; the containers are served as they \
             were {ago} ago"
        )
    }
}
