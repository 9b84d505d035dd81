//! The table of routes, on a terminal of any width.
//!
//! Where it does not fit, the columns that matter least are left out, then the path goes into the
//! host's column, then names are cut. The state is what people look for, so it keeps some room.

use super::ShownRow;
use crate::cli::style::{Look, Tone};
use crate::routes::RowState;

/// So much of a container's name fits a column.
const NAME_CHARS_MAX: usize = 128;
/// Blanks between two columns.
const GAP: usize = 2;
/// So much room for a long state is worth more than the columns that may be left out.
const STATE_WIDTH: usize = 40;
/// So much room for a long state is worth more than whole names.
const STATE_WIDTH_MIN: usize = 24;
/// Names are not cut below this.
const NAME_WIDTH_MIN: usize = 8;

const HEADINGS: [&str; 6] = ["HOST", "PATH", "APP", "CONTAINER", "ADDRESS", "STATE"];
const HOST: usize = 0;
const PATH: usize = 1;
const APP: usize = 2;
const CONTAINER: usize = 3;
const ADDRESS: usize = 4;
const STATE: usize = 5;

type Cells = [String; 6];

/// What becomes of a state that is longer than its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// It goes on below.
    Wrapped,
    /// It ends with `…`, so that every row is one line.
    Cut,
}

/// The columns that are shown, each with its width.
struct Layout {
    columns: Vec<(usize, usize)>,
    /// Room for the state; `None` is no end.
    state: Option<usize>,
}

/// All rows below their headings.
pub(super) fn table(rows: &[&ShownRow], look: Look, ends: Ends) -> String {
    let mut cells: Vec<Cells> = rows.iter().map(|row| cells(row)).collect();
    let layout = layout(&mut cells, look.width);
    let mut lines = line(
        &HEADINGS.map(str::to_owned),
        &layout,
        look,
        ends,
        Tone::Strong,
    );
    for (cells, row) in cells.iter().zip(rows) {
        lines.extend(line(cells, &layout, look, ends, tone(row)));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn tone(row: &ShownRow) -> Tone {
    match row.state {
        RowState::Routed if row.halt.is_some() => Tone::Warning,
        RowState::Routed => Tone::Good,
        RowState::Waiting => Tone::Warning,
        RowState::Refused => Tone::Bad,
        RowState::Off => Tone::Quiet,
    }
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

/// The width that a column would like to have.
fn natural(cells: &[Cells], column: usize) -> usize {
    let of = |row: &Cells| row.get(column).map_or(0, |cell| chars(cell));
    let heading = HEADINGS.get(column).map_or(0, |heading| heading.len());
    cells.iter().map(of).max().unwrap_or(0).max(heading)
}

fn layout(cells: &mut [Cells], width: Option<usize>) -> Layout {
    let mut shown = vec![HOST, PATH, APP, CONTAINER, ADDRESS];
    let widths = |cells: &[Cells], shown: &[usize]| -> Vec<(usize, usize)> {
        shown
            .iter()
            .map(|column| (*column, natural(cells, *column)))
            .collect()
    };
    let Some(width) = width else {
        return Layout {
            columns: widths(cells, &shown),
            state: None,
        };
    };
    let state = natural(cells, STATE);
    let used = |columns: &[(usize, usize)]| -> usize {
        columns.iter().map(|(_, width)| width + GAP).sum()
    };
    for dropped in [ADDRESS, APP, PATH] {
        if used(&widths(cells, &shown)) + state.min(STATE_WIDTH) <= width {
            break;
        }
        shown.retain(|column| *column != dropped);
        if dropped == PATH {
            cells.iter_mut().for_each(join_path);
        }
    }
    let mut columns = widths(cells, &shown);
    // The wider of the names gives way.
    while used(&columns) + state.min(STATE_WIDTH_MIN) > width {
        let names = columns
            .iter_mut()
            .filter(|(_, width)| *width > NAME_WIDTH_MIN);
        let Some((_, widest)) = names.max_by_key(|(_, width)| *width) else {
            break;
        };
        *widest -= 1;
    }
    let state = width.saturating_sub(used(&columns)).max(NAME_WIDTH_MIN);
    Layout {
        columns,
        state: Some(state),
    }
}

/// Puts the path behind the host.
fn join_path(cells: &mut Cells) {
    let [host, path, ..] = cells;
    if !matches!(path.as_str(), "-" | "/") {
        host.push_str(path);
    }
}

/// A row, whose state may go on below.
fn line(cells: &Cells, layout: &Layout, look: Look, ends: Ends, tone: Tone) -> Vec<String> {
    let cell = |column: usize| cells.get(column).map_or("", String::as_str);
    let mut before = String::new();
    for (column, width) in &layout.columns {
        let text = cut_within(cell(*column), *width);
        let padding = " ".repeat(width.saturating_sub(chars(&text)) + GAP);
        before.push_str(&text);
        before.push_str(&padding);
    }
    let is_heading = tone == Tone::Strong;
    let before = if is_heading {
        look.paint(tone, &before)
    } else {
        before
    };
    let indent: usize = layout.columns.iter().map(|(_, width)| width + GAP).sum();
    let states = match (layout.state, ends) {
        (None, _) => vec![cell(STATE).to_owned()],
        (Some(room), Ends::Cut) => vec![cut(cell(STATE), room)],
        (Some(_), Ends::Wrapped) => look.wrap(cell(STATE), indent),
    };
    let mut lines = Vec::new();
    for (number, state) in states.iter().enumerate() {
        let state = look.paint(tone, state);
        lines.push(if number == 0 {
            format!("{before}{state}")
        } else {
            format!("{}{state}", " ".repeat(indent))
        });
    }
    lines
}

fn cut(text: &str, width: usize) -> String {
    if chars(text) <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// Leaves out the middle: names differ at their ends as well.
fn cut_within(text: &str, width: usize) -> String {
    let all = chars(text);
    if all <= width {
        return text.to_owned();
    }
    let end = width.saturating_sub(1) / 2;
    let begin = width.saturating_sub(1 + end);
    let (first, last) = (text.chars().take(begin), text.chars().skip(all - end));
    first.chain(['…']).chain(last).collect()
}

fn cells(row: &ShownRow) -> Cells {
    let or_dash = |text: &str| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text.to_owned()
        }
    };
    let state = match &row.reason {
        Some(reason) => format!("{}: {}", row.state.as_str(), reason.replace('\n', " ")),
        None => row.state.as_str().to_owned(),
    };
    let state = match (&row.halt, row.state) {
        (None, _) => state,
        (Some(halt), RowState::Routed) => halt.in_short(),
        (Some(halt), _) => format!("{}; {state}", halt.in_short()),
    };
    [
        or_dash(&row.host),
        if row.host.is_empty() {
            "-".to_owned()
        } else {
            or_slash(&row.path)
        },
        row.app.as_ref().map_or("-".to_owned(), ToString::to_string),
        crate::model::shown(&row.container.name, NAME_CHARS_MAX),
        or_dash(row.address.as_deref().unwrap_or_default()),
        state,
    ]
}

fn or_slash(path: &str) -> String {
    if path.is_empty() {
        "/".to_owned()
    } else {
        path.to_owned()
    }
}
