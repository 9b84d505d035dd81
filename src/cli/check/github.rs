//! Findings as commands of a GitHub workflow, which show them at the lines of a change.
//!
//! The form is that of "Workflow commands for GitHub Actions" (docs.github.com) and of
//! `escapeData` and `escapeProperty` in actions/toolkit, packages/core/src/command.ts.

use crate::check::Checked;
use crate::diagnostic::Severity;

/// One command for each finding.
pub(super) fn report(all: &[Checked]) -> String {
    let mut report = String::new();
    for checked in all {
        for finding in &checked.findings {
            let command = match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let place = finding.place;
            let file = property(&checked.path_of(place.file));
            let end = match place.width {
                0 => String::new(),
                width => format!(",endColumn={}", place.column + width),
            };
            let title = finding.code.map_or(String::new(), |code| {
                format!(",title={}", property(&format!("{code}: {}", code.title())))
            });
            let said = data(&format!("{}\n{}", finding.message, finding.help));
            let (line, column) = (place.line, place.column);
            let place = format!("file={file},line={line},col={column}{end}");
            let said = format!("::{command} {place}{title}::{said}\n");
            report.push_str(&said);
        }
    }
    report
}

fn data(text: &str) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D");
    text.replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_command_is_escaped() {
        assert_eq!(data("100%\r\na::b,c"), "100%25%0D%0Aa::b,c");
        assert_eq!(property("a:b,c%\n"), "a%3Ab%2Cc%25%0A");
    }
}
