//! The command line: flags and their environment variables, one file per subcommand.
//!
//! Owns everything that is printed on standard output and every exit code. Deliberately thin: it
//! parses, calls the library and shows what came back.

mod agent;
mod check;
mod doctor;
mod explain;
mod files;
#[cfg(test)]
mod golden;
mod plan;
mod render;
mod routes;
mod run;
mod settings;
mod style;
mod trust;
mod verbs;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand};

/// How the program ends; written down in `--help` and the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All went well; a stop by SIGTERM or SIGINT is that, too.
    Success,
    /// Something failed while it ran, or what was looked at has errors.
    Failure,
    /// A flag or an environment variable is wrong (`EX_USAGE` of sysexits.h).
    Usage,
    /// Nobody to ask: no agent or no Docker answers (`EX_UNAVAILABLE`).
    Unavailable,
    /// The machine lacks something that waiting does not bring: a Caddy, a writable directory
    /// (`EX_CONFIG`).
    Config,
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 64,
            Self::Unavailable => 69,
            Self::Config => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command ended without success: what went wrong, what to type, and the exit code.
#[derive(Debug)]
pub(crate) struct Failed {
    exit: Exit,
    error: anyhow::Error,
    help: String,
}

const AFTER_HELP: &str = "\
Label a container `sh0.host=app.example.com`, attach it to the network `sh0-net`, and it is live.

Exit codes: 0 success or a stop that was asked for; 1 a failure while running, or errors in files
that were checked; 64 a wrong flag or environment variable; 69 no agent or no Docker answers; 78 no usable Caddy or directory.";

/// Routes labelled Docker containers through a Caddy that it supervises.
#[derive(Debug, Parser)]
#[command(name = "sh0-agent", version, after_help = AFTER_HELP, max_term_width = 100)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the agent: follow Docker, keep Caddy running and configured.
    #[command(after_help = run::after_help())]
    Run(Box<run::RunArgs>),
    /// Show every route of the running agent, and why a labelled container has none.
    Routes(routes::RoutesArgs),
    /// Say why a container, a host or a URL is served or not, or what a code such as E001 means.
    Explain(Box<explain::ExplainArgs>),
    /// Let an app's requests wait, without touching its containers; `resume` lets them through.
    #[command(after_help = verbs::AFTER_HELP)]
    Pause(verbs::PauseArgs),
    /// Let the requests of a paused or stopped app through to its containers.
    #[command(after_help = verbs::AFTER_HELP)]
    Resume(verbs::ResumeArgs),
    /// Answer an app's requests with a maintenance page, without touching its containers.
    #[command(after_help = verbs::AFTER_HELP)]
    Stop(verbs::StopArgs),
    /// Check whether this machine has what the agent needs, and say what to type where it lacks it.
    Doctor(Box<doctor::DoctorArgs>),
    /// Say what is wrong with the labels in compose files, without Docker and without an agent.
    #[command(after_help = check::AFTER_HELP)]
    Check(Box<check::CheckArgs>),
    /// Show what starting the project of a compose file would change on this host.
    #[command(after_help = plan::AFTER_HELP)]
    Plan(Box<plan::PlanArgs>),
    /// Print the Caddy config for the running containers, or for a file of containers.
    Render(Box<render::RenderArgs>),
    /// Print the root of the internal certificate authority, or write it into a file
    Trust(trust::TrustArgs),
}

/// The flags whose values are secrets.
const SECRET_FLAGS: [&str; 3] = ["--acme-eab-hmac", "--dns-provider", "--status-auth"];

/// Runs the command line given to the program.
#[must_use]
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return usage(without_secret(error)).into(),
    };
    let outcome = match args.command {
        Command::Run(args) => run::run(*args),
        Command::Routes(args) => routes::routes(&args),
        Command::Explain(args) => explain::explain(*args),
        Command::Pause(args) => verbs::pause(&args),
        Command::Resume(args) => verbs::resume(&args),
        Command::Stop(args) => verbs::stop(&args),
        Command::Doctor(args) => doctor::doctor(*args),
        Command::Check(args) => return ended(check::check(*args)),
        Command::Plan(args) => return ended(plan::plan(*args)),
        Command::Render(args) => render::render(*args),
        Command::Trust(args) => trust::run(args),
    };
    ended(outcome.map(|()| Exit::Success))
}

/// The exit code, after what went wrong is said.
fn ended(outcome: Result<Exit, Failed>) -> ExitCode {
    match outcome {
        Ok(exit) => exit.into(),
        Err(failed) => failed.show().into(),
    }
}

/// Shows clap's message; `--help` and `--version` are no errors.
fn usage((error, variable): (clap::Error, Option<String>)) -> Exit {
    if error.print().is_err() || error.use_stderr() {
        if let Some(variable) = variable {
            complain(&format!(
                "  tip: the value is that of the variable {variable}"
            ));
        }
        return Exit::Usage;
    }
    Exit::Success
}

/// The error without a value that nobody may see, and the variable that the value came from.
fn without_secret(mut error: clap::Error) -> (clap::Error, Option<String>) {
    let variable = variable_to_blame(&error);
    let is_of_secret = |flag: &str| SECRET_FLAGS.iter().any(|secret| flag.starts_with(secret));
    if let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg)
        && is_of_secret(flag)
    {
        let hidden = ContextValue::String("(hidden)".to_owned());
        error.insert(ContextKind::InvalidValue, hidden);
    }
    (error, variable)
}

/// The environment variable that the wrong value came from: clap names only the flag.
fn variable_to_blame(error: &clap::Error) -> Option<String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        Some(_) | None => None,
    };
    let (argument, value) = (
        text(ContextKind::InvalidArg)?,
        text(ContextKind::InvalidValue)?,
    );
    let flag = argument.split([' ', '=', '[']).next()?.strip_prefix("--")?;
    let command = command();
    let mut arguments = command
        .get_subcommands()
        .flat_map(clap::Command::get_arguments);
    let variable = arguments
        .find(|known| known.get_long() == Some(flag))?
        .get_env()?;
    // A flag on the command line would have counted instead.
    let is_on_command_line = std::env::args().any(|word| word.starts_with(&format!("--{flag}")));
    let is_value = std::env::var(variable).is_ok_and(|set| set.contains(value.as_str()));
    (is_value && !is_on_command_line).then(|| variable.to_string_lossy().into_owned())
}

/// The whole command, for the tests that hold the README against it.
#[must_use]
pub fn command() -> clap::Command {
    Args::command()
}

impl Failed {
    pub(crate) fn new(exit: Exit, error: anyhow::Error, help: impl Into<String>) -> Self {
        Self {
            exit,
            error,
            help: help.into(),
        }
    }

    /// What went wrong, in a line.
    pub(crate) fn one_line(&self) -> String {
        format!("{:#}", self.error)
    }

    fn show(&self) -> Exit {
        complain(&format!("error: {:#}", self.error));
        if !self.help.is_empty() {
            complain(&format!("  help: {}", self.help));
        }
        self.exit
    }
}

/// A runtime with all of Tokio's drivers.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(2)
        .build();
    runtime.map_err(|e| Failed::new(Exit::Failure, e.into(), ""))
}

/// Writes to standard output; a reader that has gone (`| head`) is no error.
pub(crate) fn print(text: &str) -> Result<(), Failed> {
    use std::io::Write;
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failed::new(
            Exit::Failure,
            error.into(),
            "standard output cannot be written",
        )),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes to standard error; when nobody reads it there is nobody left to tell.
pub(crate) fn complain(text: &str) {
    use std::io::Write;
    drop(writeln!(std::io::stderr(), "{text}"));
}
