//! What is wrong, each with what to type: first with the machine, then with labels.

use maud::{Markup, html};

use super::{count, help, marked, text};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::status::client::segment;
use crate::status::{Halted, RememberedStatus, Status};

/// Findings that are shown at a time; a search shows others.
const FINDINGS_SHOWN_MAX: usize = 25;

/// Everything that is wrong.
pub(super) struct Problems<'a> {
    machine: Vec<Problem>,
    findings: Vec<&'a Diagnostic>,
    /// Findings that the search leaves out.
    others: usize,
}

struct Problem {
    severity: Severity,
    title: String,
    text: String,
    help: String,
}

impl Problem {
    fn error(title: &str, text: &str, help: &str) -> Self {
        Self {
            severity: Severity::Error,
            title: title.to_owned(),
            text: text.to_owned(),
            help: help.to_owned(),
        }
    }
}

impl Problems<'_> {
    /// How many there are, shown or not.
    pub(super) fn count(&self) -> usize {
        self.machine.len() + self.findings.len() + self.others
    }
}

/// What is wrong; of the findings those in which this text is, errors first.
pub(super) fn problems<'a>(status: &'a Status, search: &str) -> Problems<'a> {
    let search = search.trim().to_lowercase();
    let has = |diagnostic: &&Diagnostic| {
        search.is_empty() || diagnostic.one_line().to_lowercase().contains(&search)
    };
    let mut findings: Vec<&Diagnostic> = status.diagnostics.iter().filter(has).collect();
    findings.sort_by_key(|diagnostic| diagnostic.code.severity());
    let others = status.diagnostics.len() - findings.len();
    let mut machine = docker(status);
    machine.extend(caddy(status));
    machine.extend(status.halts.iter().map(halted));
    Problems {
        machine,
        findings,
        others,
    }
}

fn docker(status: &Status) -> Vec<Problem> {
    let docker = &status.docker;
    let mut problems = Vec::new();
    if let Some(error) = &docker.error {
        problems.push(Problem::error(
            "Docker does not answer",
            &format!("the containers cannot be listed, and routes stay as they are: {error}"),
            "sh0-agent doctor",
        ));
    }
    problems.extend(docker.remembered.map(remembered));
    if docker.network_missing {
        let network = &status.settings.network;
        problems.push(Problem::error(
            "The routing network does not exist",
            &format!("no container can be reached before there is a network `{network}`"),
            &format!("docker network create {network}"),
        ));
    }
    for blocked in &docker.blocked {
        problems.push(Problem {
            severity: Severity::Warning,
            title: "A proxy before Docker blocks a request".to_owned(),
            text: format!(
                "`{}` is answered {}: {}",
                blocked.request, blocked.status, blocked.without_it
            ),
            help: blocked.help.clone(),
        });
    }
    problems
}

fn remembered(remembered: RememberedStatus) -> Problem {
    let text = if remembered.is_outdated {
        "Docker has not answered since the agent started; the containers below may have other \
         addresses by now, so they take no requests before it answers"
    } else {
        "Docker has not answered since the agent started; the containers are served as they were \
         last"
    };
    Problem {
        severity: Severity::Warning,
        title: "What is shown is remembered".to_owned(),
        text: text.to_owned(),
        help: "sh0-agent doctor".to_owned(),
    }
}

fn caddy(status: &Status) -> Vec<Problem> {
    let caddy = &status.caddy;
    let mut problems = Vec::new();
    if caddy.phase != "up" {
        let phase = if caddy.phase.is_empty() {
            "not started yet"
        } else {
            &caddy.phase
        };
        problems.push(Problem::error(
            "Caddy does not serve",
            &format!("no site answers: {phase}"),
            "sh0-agent doctor",
        ));
    }
    if let Some(error) = &caddy.load_error {
        problems.push(Problem::error(
            "The newest config is not in force",
            &format!("Caddy goes on with the last one and is tried again: {error}"),
            "sh0-agent doctor",
        ));
    }
    problems
}

/// What a person told the agent, and perhaps forgot.
fn halted(Halted { app, halt }: &Halted) -> Problem {
    Problem {
        severity: Severity::Warning,
        title: format!("{app} is {}", halt.kind.as_str()),
        text: format!("it is {}", halt.in_full()),
        help: format!("sh0-agent resume {app}"),
    }
}

/// All of it as a section, or that there is nothing.
pub(super) fn section(problems: &Problems<'_>) -> Markup {
    let is_well = problems.count() == 0;
    let hidden = problems.findings.len().saturating_sub(FINDINGS_SHOWN_MAX);
    html! {
        section #wrong aria-labelledby="wrong-title" data-live {
            h2 #wrong-title { "What is wrong" }
            @if is_well {
                p { span class="badge good" { "ok" } " Nothing." }
            } @else {
                ul class="list" {
                    @for problem in &problems.machine {
                        (item(problem.severity, &html! { (problem.title) }, &html! {
                            p { (marked(&problem.text)) }
                            (help(&problem.help))
                        }))
                    }
                    @for finding in problems.findings.iter().take(FINDINGS_SHOWN_MAX) {
                        (of_label(finding))
                    }
                }
            }
            @if hidden > 0 {
                p class="soft" { (count(hidden, "more finding", "more findings")) "; search below to see others." }
            }
            @if problems.others > 0 {
                p class="soft" { (count(problems.others, "more finding", "more findings")) " without the text that is searched for." }
            }
        }
    }
}

fn of_label(finding: &Diagnostic) -> Markup {
    let name = &*finding.container.name;
    let title = html! {
        a href=(format!("/site/{}", segment(name))) { bdi { (text(name)) } } ": " (finding.code.title())
    };
    item(
        finding.code.severity(),
        &title,
        &html! {
            p { (code_link(finding.code)) " " (marked(&finding.message)) }
            @if let Some(label) = &finding.label {
                p class="soft" { "label " code { (label.shown_key()) " = " (label.shown_value()) } }
            }
            (help(&finding.help))
        },
    )
}

fn item(severity: Severity, title: &Markup, body: &Markup) -> Markup {
    let (class, tone) = match severity {
        Severity::Error => ("problem error", "badge bad"),
        Severity::Warning => ("problem", "badge wait"),
    };
    html! {
        li class=(class) data-key {
            h3 { span class=(tone) { (severity.as_str()) } " " (title) }
            (body)
        }
    }
}

/// A code that leads to what it means.
pub(super) fn code_link(code: Code) -> Markup {
    html! { a href=(format!("/code/{code}")) { (code.id()) } }
}
