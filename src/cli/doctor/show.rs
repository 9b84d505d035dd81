//! The findings as text on a terminal.

use super::{Finding, State};
use crate::cli::style::{Look, Tone};

/// Columns of the mark and of the topic, each with the blanks behind it.
const MARK: usize = 6;
const TOPIC: usize = 10;

fn mark(state: State) -> (&'static str, Tone) {
    match state {
        State::Skipped => ("-", Tone::Quiet),
        State::Ok => ("ok", Tone::Good),
        State::Warning => ("warn", Tone::Warning),
        State::Error => ("FAIL", Tone::Bad),
    }
}

/// One line for each finding, and below it what to type.
pub(super) fn show(findings: &[Finding], look: Look) -> String {
    let mut lines = Vec::new();
    for finding in findings {
        let (word, tone) = mark(finding.state);
        let word = look.paint(tone, &format!("{word:MARK$}"));
        let topic = format!("{:TOPIC$}", finding.topic);
        let indent = " ".repeat(MARK + TOPIC);
        for (number, line) in look.wrap(&finding.text, indent.len()).iter().enumerate() {
            lines.push(if number == 0 {
                format!("{word}{topic}{line}")
            } else {
                format!("{indent}{line}")
            });
        }
        let help = { finding.help.as_ref() }.map(|help| format!("help: {help}"));
        let help = look.wrap(&help.unwrap_or_default(), indent.len());
        lines.extend(
            { help.iter() }.map(|line| format!("{indent}{}", look.paint(Tone::Quiet, line))),
        );
    }
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::golden;

    #[test]
    fn findings_are_calm_at_every_width_with_and_without_colour() {
        let findings = [
            Finding::ok("agent", "it runs, and serves 3 hosts"),
            Finding::warning(
                "docker",
                "a proxy before it blocks `GET /info` with status 403: requests wait whenever \
                 Docker restarts, also with `live-restore`",
                "let it through; docker-socket-proxy needs CONTAINERS=1 EVENTS=1 INFO=1 NETWORKS=1 \
                 VERSION=1, and POST stays 0",
            ),
            Finding::error(
                "network",
                "the routing network `sh0-net` does not exist",
                "`docker network create sh0-net`",
            ),
            Finding::skipped("dns", "not asked (--offline)"),
        ];
        golden::check("doctor", |look| show(&findings, look));
    }
}
