//! `sh0-agent check`: what the agent would say of files.

mod github;
mod human;
mod json;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::files::{self, Files, ProjectArgs, Reader};
use super::settings::SettingsArgs;
use super::style::Look;
use super::{Exit, Failed, print};
use crate::check::{Checked, Rules, is_listed, listed, project};
use crate::diagnostic::Severity;
use crate::settings::Settings;

pub(super) use human::{counted, findings};
pub(super) use json::Report;

/// The form of what is said.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people, with the lines in question.
    Human,
    /// One JSON object.
    Json,
    /// Commands of a GitHub workflow, which become annotations.
    Github,
}

/// What `check` takes.
#[derive(Debug, Args)]
#[command(mut_args(super::settings::only_rules))]
pub(crate) struct CheckArgs {
    /// Compose files, or JSON of labels or containers; - is standard input [default: the compose
    /// file of this folder, as docker compose finds it]
    files: Vec<PathBuf>,
    /// Take the files as one project, each laid over those before it
    #[arg(long)]
    merge: bool,
    /// Form of what is said
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// What the exit codes mean, for `--help`.
pub(crate) const AFTER_HELP: &str = "\
Exit codes: 0 nothing is wrong, or only warnings; 1 there are errors; 64 a wrong flag, or a file \
that cannot be read.";

/// Checks the files and says what is wrong with them.
pub(crate) fn check(args: CheckArgs) -> Result<Exit, Failed> {
    let settings: Settings = args.settings.into();
    let rules = Rules::from(&settings);
    let reader = Reader::new(&args.files)?;
    let mut all = Vec::new();
    for files in projects(&args.files, args.merge)? {
        let texts = files.iter().map(|file| reader.named(file));
        let texts: Vec<String> = texts.collect::<Result<_, _>>()?;
        let checked = match (files.as_slice(), texts.as_slice()) {
            ([file], [text]) if is_listed(file, text) => listed(file, text, &rules),
            _ => project(args.project.load(&files, &reader), &rules),
        };
        all.push(checked);
    }
    let said = match args.format {
        Format::Human => human::report(&all, Look::of_stdout()),
        Format::Json => json::report(&all),
        Format::Github => github::report(&all),
    };
    print(&said)?;
    Ok(if count(&all, Severity::Error) > 0 {
        Exit::Failure
    } else {
        Exit::Success
    })
}

fn projects(named: &[PathBuf], is_one: bool) -> Result<Vec<Files>, Failed> {
    if named.is_empty() {
        return Ok(vec![files::usual()?]);
    }
    Ok(if is_one {
        vec![named.to_vec()]
    } else {
        files::projects(named)
    })
}

/// How many findings are so bad.
fn count(all: &[Checked], severity: Severity) -> usize {
    let findings = all.iter().flat_map(|checked| &checked.findings);
    findings
        .filter(|finding| finding.severity == severity)
        .count()
}

impl Checked {
    /// The path of the file that the finding is in.
    fn path_of(&self, file: usize) -> String {
        match self.sources.get(file) {
            Some(source) if source.path.as_os_str() == "-" => "<stdin>".to_owned(),
            Some(source) => source.path.display().to_string(),
            None => String::new(),
        }
    }
}
