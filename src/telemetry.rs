//! Logs: for people on a terminal, as JSON elsewhere.

use std::error::Error;
use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For people.
    Human,
    /// One JSON object per line.
    Json,
}

/// An error with all its causes, on one line.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some libraries print their source again; once is enough.
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

/// Begins to log to standard error. Levels are those of `level`, an [`EnvFilter`] directive such
/// as `info` or `sh0_agent=debug`.
///
/// # Errors
/// When `level` is no filter, or a log was begun before.
pub fn begin(format: LogFormat, level: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let filter = EnvFilter::builder().parse(level)?;
    let is_terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // It would say on standard error that standard error is gone, and panic.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Human => builder.with_ansi(is_terminal).with_target(false).try_init(),
        LogFormat::Auto if is_terminal => builder.with_ansi(true).with_target(false).try_init(),
        LogFormat::Auto | LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
}
