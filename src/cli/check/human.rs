//! Findings for people: what is wrong, the line in question, what to type.

use super::super::style::{Look, Tone};
use super::count;
use crate::check::{Checked, Finding};
use crate::diagnostic::Severity;
use crate::model::shown;

/// Characters of services' names that are shown.
const NAME_CHARS_MAX: usize = 120;
/// Characters of a line that are shown where no terminal says how many fit.
const LINE_CHARS_MAX: usize = 200;
/// What stands before an excerpt's first character, besides the line's number.
const FRAME_CHARS: usize = 4;

/// All findings, and a line that sums them up.
pub(super) fn report(all: &[Checked], style: Look) -> String {
    let mut report = String::new();
    for checked in all {
        report.push_str(&findings(checked, style));
    }
    report.push_str(&sum(all, style));
    report
}

/// The findings of one project, each with a blank line after it.
pub(in crate::cli) fn findings(checked: &Checked, style: Look) -> String {
    let shown = checked.findings.iter();
    let shown = shown.map(|finding| self::finding(checked, finding, style) + "\n");
    shown.collect()
}

fn sum(all: &[Checked], style: Look) -> String {
    let errors = count(all, Severity::Error);
    let warnings = count(all, Severity::Warning);
    let files = counted(
        all.iter().map(|checked| checked.sources.len()).sum(),
        "file",
    );
    let routes = counted(
        all.iter().map(|checked| checked.routes.len()).sum(),
        "route",
    );
    let mut counts = Vec::new();
    if errors > 0 {
        counts.push(style.paint(Tone::Bad, &counted(errors, "error")));
    }
    if warnings > 0 {
        counts.push(style.paint(Tone::Warning, &counted(warnings, "warning")));
    }
    if counts.is_empty() {
        let well = style.paint(Tone::Good, "Nothing is wrong");
        return format!("{well} in {files}: {routes}.\n");
    }
    let mut sum = format!("{} in {files}.", counts.join(" and "));
    let mut all = all.iter().flat_map(|checked| &checked.findings);
    if let Some(code) = all.find_map(|finding| finding.code) {
        let more = format!(" `sh0-agent explain {code}` says more.");
        sum.push_str(&more);
    }
    sum + "\n"
}

/// `1 file`, `2 files`.
pub(in crate::cli) fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

fn finding(checked: &Checked, finding: &Finding, style: Look) -> String {
    let word = finding.severity.as_str();
    let head = match finding.code {
        Some(code) => format!("{word}[{code}]"),
        None => word.to_owned(),
    };
    let paint = match finding.severity {
        Severity::Error => Tone::Bad,
        Severity::Warning => Tone::Warning,
    };
    let used = head.chars().count() + 2;
    let message = style.broken(&finding.message, used, used);
    let head = format!("{}: {message}\n", style.paint(paint, &head));
    let place = finding.place;
    let number = place.line.to_string();
    let margin = " ".repeat(number.len());
    let services: Vec<&str> = finding.services.iter().map(String::as_str).collect();
    let services = match services.join(", ") {
        names if names.is_empty() => names,
        names => format!(" ({})", shown(&names, NAME_CHARS_MAX)),
    };
    let arrow = style.paint(Tone::Frame, "-->");
    let path = checked.path_of(place.file);
    let at = format!(
        "{margin}{arrow} {path}:{number}:{}{services}\n",
        place.column
    );
    let mut lines = String::new();
    if let Some((line, mark)) = excerpt(checked, finding, style, number.len()) {
        let bar = style.paint(Tone::Frame, "|");
        let number = style.paint(Tone::Frame, &number);
        let (blanks, marks) = mark;
        let mark = " ".repeat(blanks) + &style.paint(paint, &"^".repeat(marks));
        lines = format!("{margin} {bar}\n{number} {bar} {line}\n{margin} {bar} {mark}\n");
    }
    let indent = number.len() + "  = help: ".len() - 1;
    let help = style.broken(&finding.help, indent, indent);
    let equals = style.paint(Tone::Frame, "=");
    let word = style.paint(Tone::Help, "help:");
    format!("{head}{at}{lines}{margin} {equals} {word} {help}\n")
}

/// The line in question, and the marks below it as blanks and their number; neither where the line
/// may hold a secret.
fn excerpt(
    checked: &Checked,
    finding: &Finding,
    style: Look,
    digits: usize,
) -> Option<(String, (usize, usize))> {
    let place = finding.place;
    let source = checked
        .sources
        .get(place.file)
        .filter(|_| !finding.is_secret)?;
    let line = source.text.lines().nth(place.line - 1)?.trim_end();
    let chars: Vec<char> = line.chars().map(visible).collect();
    let most = style.width.map_or(LINE_CHARS_MAX, |columns| {
        columns.saturating_sub(FRAME_CHARS + digits - 1)
    });
    let start = place.column - 1;
    if chars.is_empty() || start > chars.len() {
        return None;
    }
    let width = place
        .width
        .clamp(1, chars.len().saturating_sub(start).max(1));
    // What is in question is shown, if anything is.
    let is_cut_before = start + width.min(most / 2) > most;
    let first = if is_cut_before {
        start.saturating_sub(most / 4)
    } else {
        0
    };
    let last = chars.len().min(first + most);
    let mut shown: Vec<char> = chars.get(first..last)?.to_vec();
    if let Some(edge) = shown.first_mut().filter(|_| first > 0) {
        *edge = '…';
    }
    if let Some(edge) = shown.last_mut().filter(|_| last < chars.len()) {
        *edge = '…';
    }
    let width = width.min(last.saturating_sub(start).max(1));
    Some((shown.into_iter().collect(), (start - first, width)))
}

/// The character, where it takes a column and moves nothing.
fn visible(c: char) -> char {
    let is_plain = c == ' ' || "\\'\"".contains(c) || c.escape_debug().count() == 1;
    match c {
        '\t' => ' ',
        c if is_plain => c,
        _ => '\u{fffd}',
    }
}
