//! `sh0-agent routes --watch`: the table again and again.
//!
//! On a terminal it stands on a screen of its own, redrawn in place, and the screen of before comes
//! back at the end. For a program that reads it, a table is printed only when it has changed.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

use super::table::{Ends, table};
use super::{Shown, warnings};
use crate::cli::agent;
use crate::cli::style::{Look, Tone, terminal_rows};
use crate::cli::{Exit, Failed};
use crate::routes::RowState;

/// From one look at the agent to the next: a person sees no more, and the agent does not notice.
const INTERVAL: Duration = Duration::from_secs(1);

/// The other screen, without a cursor (xterm's control sequences, `DECSET` 1049 and 25).
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";
/// To the first column of the first row; the rest of a row; the rest of the screen.
const HOME: &str = "\u{1b}[H";
const CLEAR_ROW: &str = "\u{1b}[K";
const CLEAR_BELOW: &str = "\u{1b}[J";

/// Shows the table until a signal ends it, or nobody reads it any more.
pub(super) async fn watch(runtime_dir: &Path) -> Result<(), Failed> {
    let broken = |error: std::io::Error| Failed::new(Exit::Failure, error.into(), "");
    let listen = |kind| signal(kind).map_err(broken);
    let mut ends = [
        listen(SignalKind::interrupt())?,
        listen(SignalKind::terminate())?,
    ];
    let mut resized = listen(SignalKind::window_change())?;
    // Without an agent it ends at once, as without `--watch`.
    let mut latest = Ok(shown(runtime_dir).await?);
    let screen = Screen::enter();
    let mut last = String::new();
    loop {
        let is_written = if screen.is_some() {
            write(&frame(&latest))
        } else {
            let before = std::mem::replace(&mut last, plain(&latest));
            let gap = if before.is_empty() { "" } else { "\n" };
            if before == last {
                Ok(true)
            } else {
                write(&format!("{gap}{last}"))
            }
        };
        if !is_written.map_err(broken)? {
            return Ok(());
        }
        tokio::select! {
            () = end(&mut ends) => return Ok(()),
            _ = resized.recv() => continue,
            () = sleep(INTERVAL) => {}
        }
        latest = tokio::select! {
            () = end(&mut ends) => return Ok(()),
            shown = shown(runtime_dir) => shown.map_err(|failed| failed.one_line()),
        };
    }
}

async fn end([interrupt, terminate]: &mut [Signal; 2]) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

async fn shown(runtime_dir: &Path) -> Result<Shown, Failed> {
    let answer = agent::status(runtime_dir).await?;
    Shown::read(&answer)
}

/// The terminal's other screen; dropping it brings the first one back.
struct Screen;

impl Screen {
    fn enter() -> Option<Self> {
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let is_terminal = std::io::stdout().is_terminal() && !is_dumb;
        is_terminal.then(|| {
            drop(write(ENTER));
            Self
        })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nobody is left to be told.
        drop(write(LEAVE));
    }
}

/// Writes at once; whether anybody still reads it.
fn write(text: &str) -> std::io::Result<bool> {
    let mut stdout = std::io::stdout();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

/// Everything for who reads a stream.
fn plain(latest: &Result<Shown, String>) -> String {
    let look = Look {
        colour: false,
        width: None,
    };
    text(latest, look, None)
}

/// One redrawing of the screen. What stood there is overwritten, not cleared first, so that nothing
/// flickers.
fn frame(latest: &Result<Shown, String>) -> String {
    let text = text(latest, Look::of_stdout(), terminal_rows());
    let rows: Vec<String> = text
        .lines()
        .map(|row| format!("{row}{CLEAR_ROW}"))
        .collect();
    format!("{HOME}{}{CLEAR_BELOW}", rows.join("\r\n"))
}

/// A summary, warnings and the table, in so many rows. Where not all routes fit, those that need
/// somebody come first.
fn text(latest: &Result<Shown, String>, look: Look, rows_max: Option<usize>) -> String {
    let shown = match latest {
        Ok(shown) => shown,
        Err(error) => {
            let lines = look.wrap(&format!("! {error}; asking again"), 0);
            return lines.join("\n") + "\n";
        }
    };
    let mut lines = Vec::new();
    for line in look.wrap(&summary(shown), 0) {
        lines.push(look.paint(Tone::Strong, &line));
    }
    for warning in warnings(shown) {
        let wrapped = look.wrap(&format!("! {warning}"), 0);
        lines.extend(wrapped.iter().map(|line| look.paint(Tone::Bad, line)));
    }
    lines.push(String::new());
    let room = rows_max.map(|rows| rows.saturating_sub(lines.len() + 2).max(1));
    let all = shown.rows.len();
    let mut rows: Vec<&super::ShownRow> = shown.rows.iter().collect();
    let hidden = room.map_or(0, |room| all.saturating_sub(room));
    if hidden > 0 {
        rows.sort_by_key(|row| (urgency(row.state), row.halt.is_none()));
        rows.truncate(all - hidden);
    }
    let table = table(&rows, look, Ends::Cut);
    lines.extend(table.lines().map(str::to_owned));
    if hidden > 0 {
        lines.push(look.paint(Tone::Quiet, &format!("and {hidden} more")));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The order in which rows are kept where not all fit.
fn urgency(state: RowState) -> u8 {
    match state {
        RowState::Refused => 0,
        RowState::Waiting => 1,
        RowState::Routed => 2,
        RowState::Off => 3,
    }
}

fn summary(shown: &Shown) -> String {
    let count = |state| {
        let rows = shown.rows.iter();
        rows.filter(|row| row.state == state && row.halt.is_none())
            .count()
    };
    let halted = match shown.rows.iter().filter(|row| row.halt.is_some()).count() {
        0 => String::new(),
        some => format!(", {some} paused or stopped"),
    };
    let (routed, waiting) = (count(RowState::Routed), count(RowState::Waiting));
    let refused = count(RowState::Refused);
    let findings = match shown.diagnostics.len() {
        0 => String::new(),
        1 => ", 1 finding".to_owned(),
        more => format!(", {more} findings"),
    };
    format!(
        "{routed} routed, {waiting} waiting, {refused} refused{halted}{findings}; config {}",
        shown.generation
    )
}

#[cfg(test)]
mod tests;
