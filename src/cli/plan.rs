//! `sh0-agent plan`: what starting a project would change on this host.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::check::{Report, counted, findings};
use super::files::{self, ProjectArgs, Reader};
use super::settings::SettingsArgs;
use super::style::{Look, Tone};
use super::{Exit, Failed, agent, print, runtime};
use crate::check::{Change, Planned, RouteChange, Rules, Running, RunningRow, changes};
use crate::diagnostic::Severity;
use crate::model::{Halt, shown};
use crate::plan::remembered;
use crate::settings::Settings;
use crate::status::Halted;

/// Characters of a host and path, or of a reason, that are shown.
const TEXT_CHARS_MAX: usize = 400;

/// What `plan` takes.
#[derive(Debug, Args)]
#[command(mut_args(super::settings::only_rules_and_folders))]
pub(crate) struct PlanArgs {
    /// Compose files of one project, each laid over those before it; - is standard input [default:
    /// the compose file of this folder, as docker compose finds it]
    files: Vec<PathBuf>,
    /// Profile whose services would be started, too; may be given several times
    #[arg(
        long,
        value_name = "NAME",
        env = "COMPOSE_PROFILES",
        value_delimiter = ','
    )]
    profile: Vec<String>,
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// What the exit codes mean, for `--help`.
pub(crate) const AFTER_HELP: &str = "\
The network, the label prefix and the directories must be those of the running agent.

Exit codes: 0 everything that is asked for would be served; 1 something is refused, or the files \
have errors; 64 a wrong flag, or a file that cannot be read; 69 no agent answers.";

/// So much of the agent's status is looked at.
#[derive(Debug, Deserialize)]
struct Asked {
    rows: Vec<RunningRow>,
    /// Not of agents that knew none.
    #[serde(default)]
    halts: Vec<Halted>,
}

/// Says what would change.
pub(crate) fn plan(args: PlanArgs) -> Result<Exit, Failed> {
    let settings: Settings = args.settings.into();
    let reader = Reader::new(&args.files)?;
    let files = match args.files.as_slice() {
        [] => files::usual()?,
        [file] => {
            files::projects(std::slice::from_ref(file))
                .into_iter()
                .next()
        }
        .unwrap_or_default(),
        files => files.to_vec(),
    };
    for file in &files {
        reader.named(file)?;
    }
    let loaded = args.project.load(&files, &reader);
    let answer = runtime()?.block_on(agent::status(&settings.runtime_dir))?;
    let asked: Asked = serde_json::from_slice(&answer).map_err(agent::unreadable)?;
    let profiles = args.profile.into_iter().filter(|name| !name.is_empty());
    let running = Running::With(profiles.collect());
    let rules = Rules::from(&settings);
    let planned = changes(
        loaded,
        &rules,
        &running,
        &remembered(&settings),
        &asked.rows,
    );
    let is_planned = |halted: &Halted| {
        let app = halted.app.to_string();
        planned.changes.iter().any(|route| route.app == app)
    };
    let halts: Vec<Halted> = asked.halts.into_iter().filter(is_planned).collect();
    let said = if args.json {
        json(&planned, &halts)
    } else {
        human(&planned, &halts, Look::of_stdout())
    };
    print(&said)?;
    let findings = planned.checked.findings.iter();
    let has_errors = { findings }.any(|finding| finding.severity == Severity::Error);
    Ok(if has_errors || count(&planned, Change::Refused) > 0 {
        Exit::Failure
    } else {
        Exit::Success
    })
}

fn count(planned: &Planned, change: Change) -> usize {
    let changes = planned.changes.iter();
    changes.filter(|route| route.change == change).count()
}

fn human(planned: &Planned, halts: &[Halted], style: Look) -> String {
    let mut text = String::new();
    for route in &planned.changes {
        text.push_str(&line(route, style));
    }
    for halted in halts {
        text.push_str(&stays_halted(halted, style));
    }
    if text.lines().next().is_some() {
        text.push('\n');
    }
    text.push_str(&findings(&planned.checked, style));
    let counts = [
        (Change::Added, "added"),
        (Change::Changed, "changed"),
        (Change::Removed, "removed"),
        (Change::Refused, "refused"),
        (Change::Kept, "as now"),
    ];
    let counts = counts.map(|(change, word)| (count(planned, change), word));
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let project = shown(&planned.project, TEXT_CHARS_MAX);
    let routes = counted(planned.changes.len(), "route");
    let sum = match counts.join(", ") {
        none if none.is_empty() => format!("Project {project}: no routes, now or then.\n"),
        counts => format!("Project {project}, {routes}: {counts}.\n"),
    };
    text.push_str(&sum);
    text
}

/// One route: a sign, where it is, whose it is, and below it what differs.
fn line(route: &RouteChange, style: Look) -> String {
    let (sign, paint) = match route.change {
        Change::Added => ("+", Tone::Good),
        Change::Changed => ("~", Tone::Warning),
        Change::Removed => ("-", Tone::Bad),
        Change::Refused => ("!", Tone::Bad),
        Change::Kept => return String::new(),
    };
    let place = match format!("{}{}", route.host, route.path) {
        place if place.is_empty() => "no host".to_owned(),
        place => shown(&place, TEXT_CHARS_MAX),
    };
    let sign = style.paint(paint, sign);
    let arrow = style.paint(Tone::Frame, "->");
    let mut line = format!("{sign} {place} {arrow} {}\n", route.app);
    for detail in &route.details {
        let detail = style.broken(&shown(detail, TEXT_CHARS_MAX), 4, 4);
        line = format!("{line}    {detail}\n");
    }
    line
}

/// What a person told the agent holds for the containers to come, too.
fn stays_halted(Halted { app, halt }: &Halted, style: Look) -> String {
    let sign = style.paint(Tone::Warning, "!");
    let text = format!(
        "{app} stays {}; {} ends that",
        halt.in_short(),
        Halt::help(app)
    );
    format!("{sign} {}\n", style.broken(&text, 2, 4))
}

#[derive(Serialize)]
struct Json<'a> {
    project: &'a str,
    routes: &'a [RouteChange],
    halts: &'a [Halted],
    #[serde(flatten)]
    report: Report<'a>,
}

fn json(planned: &Planned, halts: &[Halted]) -> String {
    let json = Json {
        project: &planned.project,
        routes: &planned.changes,
        halts,
        report: Report::of(std::slice::from_ref(&planned.checked)),
    };
    let json = serde_json::to_string_pretty(&json).expect("texts and numbers are JSON");
    format!("{json}\n")
}
