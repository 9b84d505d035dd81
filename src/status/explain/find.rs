//! Who is meant by a name.

use std::collections::BTreeSet;

use super::asked::{Asked, Url};
use crate::model::{Container, Snapshot};
use crate::routes::Row;
use crate::status::Status;

/// The fewest characters of an id by which a container is found: fewer may be a name.
const ID_CHARS_MIN: usize = 4;
/// The fewest characters by which a part of a name is meant for all of it.
const PART_CHARS_MIN: usize = 3;
/// How alike (0 to 1, Jaro-Winkler) a name must be to be offered.
const LIKENESS_MIN: f64 = 0.8;
/// Names that are offered.
const NEAREST_MAX: usize = 2;
/// Longer than the names that people mistype, and not worth a comparison.
const COMPARED_BYTES_MAX: usize = 260;

/// What a name stands for.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// Containers that carry labels of ours.
    Rows(Vec<&'a Row>),
    /// A host, perhaps one that nobody has.
    Host(Url),
    /// Nothing; these are like it.
    Nothing(Vec<String>),
}

/// A container by its whole name, else by its id, else an app, else a host.
pub(super) fn find<'a>(status: &'a Status, name: &str) -> Found<'a> {
    let name = name.strip_prefix('/').unwrap_or(name);
    let rows = |is_meant: &dyn Fn(&Row) -> bool| -> Option<Vec<&'a Row>> {
        let rows: Vec<&Row> = status
            .rows
            .iter()
            .map(|row| &**row)
            .filter(|row| is_meant(row))
            .collect();
        (!rows.is_empty()).then_some(rows)
    };
    let is_id = is_id(name);
    let id = name.to_ascii_lowercase();
    let of_app = |row: &Row| {
        let app = row.app.as_ref();
        app.is_some_and(|app| app.name.as_ref() == name || app.to_string() == name)
    };
    let found = rows(&|row| row.container.name.as_ref() == name)
        .or_else(|| rows(&|row| is_id && row.container.id.as_str().starts_with(&id)))
        .or_else(|| rows(&of_app));
    if let Some(rows) = found {
        return Found::Rows(rows);
    }
    let url = Url::parse(name);
    let is_host = url.hostname().is_some_and(|host| {
        let is_known = status.table.hosts.contains_key(&host)
            || status.rows.iter().any(|row| row.host == host.as_str());
        // One word may be a container that the engine knows.
        is_known || url.host.contains('.') || name.contains('/')
    });
    if is_host {
        return Found::Host(url);
    }
    Found::Nothing(nearest(status, name))
}

/// The container that is meant, among all that the engine has: by its name, id or compose service, or
/// because a label under the prefix names the host.
#[must_use]
pub fn container<'a>(snapshot: &'a Snapshot, prefix: &str, asked: &str) -> Option<&'a Container> {
    let name = asked.strip_prefix('/').unwrap_or(asked);
    let host = match Asked::parse(asked) {
        Asked::Url(url) => url.host,
        Asked::Name(name) => Url::parse(&name).host,
    };
    let host = host.to_lowercase();
    let is_id = is_id(name);
    let id = name.to_ascii_lowercase();
    let label = |container: &Container, key: &str| container.labels.get(key).cloned();
    let names_host = |container: &Container| {
        let mut labels = container.labels.iter();
        labels.any(|(key, value)| {
            let is_own = key
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.starts_with('.'));
            let mut hosts = value.split(',').map(|host| host.trim().to_lowercase());
            is_own && hosts.any(|own| own == host)
        })
    };
    let find = |is_meant: &dyn Fn(&Container) -> bool| {
        snapshot.containers().find(|container| is_meant(container))
    };
    find(&|container| container.name.as_ref() == name)
        .or_else(|| find(&|container| is_id && container.id.as_str().starts_with(&id)))
        .or_else(|| {
            let service = "com.docker.compose.service";
            find(&|container| label(container, service).as_deref() == Some(name))
        })
        .or_else(|| find(&names_host))
}

/// Whether a text may be the beginning of an id.
fn is_id(text: &str) -> bool {
    text.len() >= ID_CHARS_MIN && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The names of containers, apps and hosts that are most like this.
pub(super) fn nearest(status: &Status, name: &str) -> Vec<String> {
    let rows = status.rows.iter();
    let names = rows.flat_map(|row| {
        let app = row.app.as_ref().map(|app| app.name.to_string());
        let host = Some(row.host.clone()).filter(|host| !host.is_empty());
        app.into_iter()
            .chain(host)
            .chain([row.container.name.to_string()])
    });
    let names: BTreeSet<String> = names.collect();
    closest(names, name)
}

/// The hosts that are most like this.
pub(super) fn nearest_hosts(status: &Status, name: &str) -> Vec<String> {
    let rows = status.rows.iter().map(|row| row.host.clone());
    let hosts: BTreeSet<String> = rows.filter(|host| !host.is_empty()).collect();
    closest(hosts, name)
}

/// Those of these names that are most like this one, fit to be shown.
pub(in crate::status) fn closest(names: BTreeSet<String>, name: &str) -> Vec<String> {
    let name = name.to_lowercase();
    if name.len() > COMPARED_BYTES_MAX {
        return Vec::new();
    }
    let likeness = |other: &str| {
        let other = other.to_lowercase();
        let is_part = name.len() >= PART_CHARS_MIN && other.contains(&name);
        if is_part {
            1.0
        } else {
            strsim::jaro_winkler(&name, &other)
        }
    };
    let mut alike: Vec<(f64, String)> = { names.into_iter() }
        .filter(|other| other.len() <= COMPARED_BYTES_MAX)
        .map(|other| (likeness(&other), other))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let nearest = alike.into_iter().take(NEAREST_MAX);
    let shown = |name: String| crate::model::shown(&name, super::NAME_CHARS_MAX);
    nearest.map(|(_, name)| shown(name)).collect()
}
