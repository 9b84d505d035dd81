//! To which link a finding belongs.

use super::{Link, LinkState, Step};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::model::RouteName;
use crate::routes::{Obstacle, Row, RowState};
use crate::status::Status;

/// The link that a finding of this code breaks.
pub(super) fn step_of(code: Code) -> Step {
    match code {
        Code::BadValue | Code::NoHost | Code::NotAllowed | Code::UnknownKey | Code::NoEffect => {
            Step::Labels
        }
        Code::NoPort | Code::NotOnNetwork => Step::Network,
        Code::HostTaken | Code::HostNotAllowed | Code::CatchAll => Step::Owner,
        Code::RouteTaken
        | Code::NoWildcardCertificate
        | Code::TlsDiffers
        | Code::RefusedByCaddy
        | Code::Closed
        | Code::NoClientCa
        | Code::ReplicasDiffer => Step::Route,
    }
}

/// The finding as a link.
pub(super) fn link(diagnostic: &Diagnostic, state: LinkState) -> Link {
    let label = diagnostic.label.as_ref();
    let label = label.map_or(String::new(), |label| {
        format!(" [{}={}]", label.shown_key(), label.shown_value())
    });
    Link {
        code: Some(diagnostic.code),
        ..Link::new(
            step_of(diagnostic.code),
            state,
            format!("{}{label}", diagnostic.message),
        )
        .help(diagnostic.help.clone())
    }
}

/// The findings about the row's container that are about its route, or about all of its routes.
fn about<'a>(status: &'a Status, row: &'a Row) -> impl Iterator<Item = &'a Diagnostic> {
    let prefix = &status.settings.label_prefix;
    let of_container = move |d: &&Diagnostic| d.container.id == row.container.id;
    let of_route = move |d: &&Diagnostic| {
        let key = d
            .label
            .as_ref()
            .and_then(|label| label.key.strip_prefix(prefix.as_str()));
        let named = key.and_then(|key| key.strip_prefix(".routes.")?.split('.').next());
        match (&row.route, named) {
            (None, _) | (_, None) => true,
            (Some(RouteName::Default), Some(_)) => false,
            (Some(RouteName::Named(own)), Some(named)) => own == named,
        }
    };
    let all = status.diagnostics.iter();
    all.filter(of_container).filter(of_route)
}

/// What a person must change for the row to be served as its labels say; `None` where nothing that
/// was found is to blame.
pub(super) fn blamed<'a>(status: &'a Status, row: &'a Row) -> Option<&'a Diagnostic> {
    let with_code = |code: Code| about(status, row).find(|d| d.code == code);
    match row.obstacle {
        Some(Obstacle::NotOnNetwork | Obstacle::LenderGone) => with_code(Code::NotOnNetwork),
        Some(Obstacle::NoPort) => with_code(Code::NoPort),
        Some(Obstacle::OwnPort) => with_code(Code::NotAllowed),
        Some(Obstacle::LastGood) => {
            first(status, row, Severity::Error).or_else(|| first(status, row, Severity::Warning))
        }
        Some(Obstacle::OtherRoute) => with_code(Code::ReplicasDiffer),
        None if row.state == RowState::Refused => refused(status, row),
        Some(_) | None => None,
    }
}

/// The finding that the row names; of one that only says that its route is closed, the cause.
fn refused<'a>(status: &'a Status, row: &'a Row) -> Option<&'a Diagnostic> {
    let is_named = |d: &&Diagnostic| row.reason.as_ref() == Some(&d.message);
    let own = about(status, row).find(is_named);
    let named = own.or_else(|| status.diagnostics.iter().find(is_named));
    // A misspelt `host` is why there is none.
    let is_misspelt = named.is_some_and(|d| d.code == Code::NoHost);
    let misspelt = about(status, row).find(|d| is_misspelt && d.code == Code::UnknownKey);
    if misspelt.is_some() {
        return misspelt;
    }
    let is_cause = |d: &Diagnostic| d.code != Code::Closed;
    if named.is_some_and(is_cause) {
        return named;
    }
    let reason = row.reason.as_deref().unwrap_or_default();
    let is_in_reason = |d: &&Diagnostic| is_cause(d) && reason.contains(&d.message);
    { about(status, row).find(is_in_reason) }
        .or(named)
        .or_else(|| first(status, row, Severity::Error))
        .or_else(|| first(status, row, Severity::Warning))
}

/// The first finding in the order of the links.
fn first<'a>(status: &'a Status, row: &'a Row, severity: Severity) -> Option<&'a Diagnostic> {
    let found = about(status, row).filter(|d| d.code.severity() == severity);
    found.min_by_key(|d| (step_of(d.code), *d))
}

/// The warnings about the row, by the link that they belong to.
pub(super) fn warning<'a>(status: &'a Status, row: &'a Row, step: Step) -> Option<&'a Diagnostic> {
    let mut all = about(status, row);
    all.find(|d| d.code.severity() == Severity::Warning && step_of(d.code) == step)
}
