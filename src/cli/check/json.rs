//! Findings as one JSON object, for programs.

use std::collections::BTreeSet;

use serde::Serialize;

use super::count;
use crate::check::{Checked, Finding};
use crate::diagnostic::{Code, LabelRef, Severity};

/// What came of all checks.
#[derive(Serialize)]
pub(in crate::cli) struct Report<'a> {
    files: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route_count: Option<usize>,
    errors: usize,
    warnings: usize,
    findings: Vec<Shown<'a>>,
}

#[derive(Serialize)]
struct Shown<'a> {
    severity: Severity,
    code: Option<Code>,
    title: Option<&'static str>,
    file: String,
    line: usize,
    column: usize,
    services: &'a BTreeSet<String>,
    label: Option<&'a LabelRef>,
    message: &'a str,
    help: &'a str,
}

/// All findings of all files.
pub(super) fn report(all: &[Checked]) -> String {
    let routes = all.iter().map(|checked| checked.routes.len()).sum();
    let report = Report {
        route_count: Some(routes),
        ..Report::of(all)
    };
    let json = serde_json::to_string_pretty(&report).expect("texts and numbers are JSON");
    format!("{json}\n")
}

impl<'a> Report<'a> {
    /// Without a count of routes.
    pub(in crate::cli) fn of(all: &'a [Checked]) -> Self {
        let sources = |checked: &Checked| -> Vec<String> {
            let files = 0..checked.sources.len();
            files.map(|file| checked.path_of(file)).collect()
        };
        let shown = all.iter().flat_map(|checked| {
            let findings = checked.findings.iter();
            findings.map(move |finding| shown(checked, finding))
        });
        Self {
            files: all.iter().flat_map(sources).collect(),
            route_count: None,
            errors: count(all, Severity::Error),
            warnings: count(all, Severity::Warning),
            findings: shown.collect(),
        }
    }
}

fn shown<'a>(checked: &Checked, finding: &'a Finding) -> Shown<'a> {
    Shown {
        severity: finding.severity,
        code: finding.code,
        title: finding.code.map(Code::title),
        file: checked.path_of(finding.place.file),
        line: finding.place.line,
        column: finding.place.column,
        services: &finding.services,
        label: finding.label.as_ref(),
        message: &finding.message,
        help: &finding.help,
    }
}
