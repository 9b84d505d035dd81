//! The sites: what each host and path is served by, or why it is not.

use std::borrow::Cow;
use std::collections::BTreeSet;

use maud::{Markup, html};

use super::{Search, count, marked, text};
use crate::model::{AppKey, Halt, Obtaining, PoolKey, utc};
use crate::routes::{Row, RowState};
use crate::slots::WaitingRoom;
use crate::status::client::segment;
use crate::status::{Pickup, Status, halt_of};

/// Sites on one page: a few screens.
const PAGE_SIZE: usize = 50;
/// Containers of one site that are named; its own page has the others.
const REPLICAS_SHOWN_MAX: usize = 4;

/// The containers of one host and path, or one container that has none.
pub(super) struct Site<'a> {
    state: RowState,
    /// Why it takes no requests, whoever is ready.
    halt: Option<&'a Halt>,
    /// Host and path; empty where a container has none.
    route: Cow<'a, str>,
    rows: &'a [&'a Row],
}

impl Site<'_> {
    /// What people call it.
    fn name(&self) -> &str {
        match self.rows.first() {
            Some(row) if self.route.is_empty() => &row.container.name,
            Some(_) | None => &self.route,
        }
    }

    fn ready(&self) -> usize {
        let is_routed = |row: &&&Row| row.state == RowState::Routed;
        self.rows.iter().filter(is_routed).count()
    }

    /// Each of its pools once.
    fn pools(&self) -> BTreeSet<PoolKey> {
        self.rows.iter().filter_map(|row| row.pool).collect()
    }

    /// How its last container came.
    fn pickup(&self, status: &Status) -> Option<Pickup> {
        let pickups = { self.pools().into_iter() }.filter_map(|pool| status.pickups.get(&pool));
        pickups.max_by_key(|pickup| pickup.at).copied()
    }

    /// How many requests wait for it.
    fn waiting(&self, status: &Status) -> usize {
        let rooms = { self.pools().into_iter() }.filter_map(|pool| status.waiting.get(&pool));
        rooms.map(WaitingRoom::waiting).sum()
    }

    /// The certificate that its host lacks.
    fn obtaining<'s>(&self, status: &'s Status) -> Option<&'s Obtaining> {
        status.obtainings.get(&self.rows.first()?.host)
    }

    /// Why it is not served, or not by all.
    fn reason(&self) -> Option<Cow<'_, str>> {
        if let Some(halt) = self.halt {
            return Some(Cow::Owned(halt.in_short()));
        }
        let worst = { self.rows.iter() }
            .filter(|row| row.state == self.state && row.reason.is_some())
            .chain(self.rows.iter().filter(|row| row.reason.is_some()));
        { worst }.find_map(|row| row.reason.as_deref().map(Cow::Borrowed))
    }

    /// All by which it is found, in lowercase.
    fn write_texts(&self, texts: &mut String) {
        texts.clear();
        texts.push_str(&self.route);
        for row in self.rows {
            let address = row.address.map(|address| address.to_string());
            let project = row.app.as_ref().and_then(AppKey::project);
            for part in [
                "\n",
                &row.container.name,
                "\n",
                row.container.id.as_str(),
                "\n",
                row.reason.as_deref().unwrap_or_default(),
                "\n",
                address.as_deref().unwrap_or_default(),
                "\n",
                project.unwrap_or_default(),
                project.map_or("", |_| "/"),
                row.app.as_ref().map_or("", |app| &app.name),
            ] {
                texts.push_str(part);
            }
        }
        if texts.is_ascii() {
            texts.make_ascii_lowercase();
        } else {
            *texts = texts.to_lowercase();
        }
    }
}

/// All sites, those first that need a person, then by name. `rows` are the status's.
pub(super) fn sites<'a>(status: &'a Status, rows: &'a [&'a Row]) -> Vec<Site<'a>> {
    let is_same = |a: &&Row, b: &&Row| {
        let is_one = !a.host.is_empty() || a.container.name == b.container.name;
        is_one && (&a.host, &a.path) == (&b.host, &b.path)
    };
    // Rows are sorted by host, then path.
    let by_route = rows.chunk_by(is_same);
    let mut sites: Vec<Site<'_>> = by_route.map(|rows| of_rows(status, rows)).collect();
    let hosts = sites.partition_point(|site| site.route.is_empty());
    if let Some(own) = sites.get_mut(..hosts) {
        own.sort_by(|a, b| a.name().cmp(b.name()));
    }
    // Stable, so that the order of the names stays.
    sites.sort_by_key(urgency);
    sites
}

fn of_rows<'a>(status: &'a Status, rows: &'a [&'a Row]) -> Site<'a> {
    let mut apps = rows.iter().filter_map(|row| row.app.as_ref());
    let halt = apps.find_map(|app| halt_of(&status.halts, app));
    let each = || rows.iter().map(|row| row.state);
    // A site is as well as its best container.
    let state = each().min().unwrap_or(RowState::Off);
    let (host, path) = { rows.first() }.map_or(("", ""), |row| (&*row.host, &*row.path));
    Site {
        state,
        halt: halt.filter(|_| !host.is_empty()),
        route: match path {
            "" => Cow::Borrowed(host),
            path => Cow::Owned(format!("{host}{path}")),
        },
        rows,
    }
}

fn urgency(site: &Site<'_>) -> u8 {
    match site.state {
        RowState::Refused => 0,
        RowState::Waiting => 1,
        RowState::Routed if site.halt.is_some() => 2,
        RowState::Routed => 3,
        RowState::Off => 4,
    }
}

/// Everything in one line.
pub(super) fn summary(sites: &[Site<'_>], problems: usize) -> String {
    let is_so = |site: &&Site<'_>, state| site.state == state && site.halt.is_none();
    let of = |state| sites.iter().filter(|site| is_so(site, state)).count();
    let halted = sites.iter().filter(|site| site.halt.is_some()).count();
    let mut parts = vec![count(of(RowState::Routed), "site live", "sites live")];
    for (number, word) in [
        (of(RowState::Waiting), "waiting"),
        (of(RowState::Refused), "refused"),
        (halted, "paused or stopped"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {word}"));
        }
    }
    parts.push(match problems {
        0 => "nothing wrong".to_owned(),
        some => count(some, "thing wrong", "things wrong"),
    });
    parts.join(", ")
}

/// The sites that are searched for, one page of them.
pub(super) fn section(status: &Status, sites: &[Site<'_>], search: &Search) -> Markup {
    let wanted = search.q.trim().to_lowercase();
    let mut texts = String::new();
    let mut is_found = |site: &&Site<'_>| {
        wanted.is_empty() || {
            site.write_texts(&mut texts);
            texts.contains(&wanted)
        }
    };
    let found: Vec<&Site<'_>> = sites.iter().filter(|site| is_found(site)).collect();
    let last = found.len().div_ceil(PAGE_SIZE).max(1);
    let page = search
        .page
        .trim()
        .parse::<usize>()
        .unwrap_or(1)
        .clamp(1, last);
    let shown = found.iter().skip((page - 1) * PAGE_SIZE).take(PAGE_SIZE);
    html! {
        section #sites aria-labelledby="sites-title" {
            h2 #sites-title { "Sites" }
            form role="search" action="/" method="get" {
                div {
                    label for="q" { "Host, container, app, address or reason" }
                    input #q name="q" type="search" value=(text(search.q.trim())) maxlength="200" autocomplete="off";
                }
                button type="submit" { "Search" }
                @if !wanted.is_empty() { a href="/" { "Show all" } }
            }
            div #sites-found data-live {
                @if sites.is_empty() {
                    p { "No container asks for a route. Label one " code { "sh0.host=app.example.com" } "." }
                } @else if found.is_empty() {
                    p { "No site has this text." }
                } @else {
                    (table(status, shown.copied()))
                    (pager(page, last, found.len(), search.q.trim()))
                }
            }
        }
    }
}

fn table<'a>(status: &Status, sites: impl Iterator<Item = &'a Site<'a>>) -> Markup {
    // Roles, because a narrow screen shows rows as blocks, and browsers then forget that it is a table.
    html! {
        table role="table" aria-labelledby="sites-title" {
            thead role="rowgroup" {
                tr role="row" {
                    @for name in ["Site", "State", "Ready", "Served by", "Last pick-up", "Why"] {
                        th role="columnheader" scope="col" { (name) }
                    }
                }
            }
            tbody role="rowgroup" {
                @for site in sites { (row(status, site)) }
            }
        }
    }
}

fn row(status: &Status, site: &Site<'_>) -> Markup {
    let address = format!("/site/{}", segment(site.name()));
    let shown = site.rows.iter().take(REPLICAS_SHOWN_MAX);
    let more = site.rows.len().saturating_sub(REPLICAS_SHOWN_MAX);
    html! {
        tr role="row" data-key {
            th role="rowheader" scope="row" { a href=(address) { bdi { (text(site.name())) } } }
            td role="cell" { (badge(site)) (held(site.waiting(status))) }
            td role="cell" class="number" data-name="Ready" { (site.ready()) " of " (site.rows.len()) }
            td role="cell" data-name="Served by" {
                ul class="upstreams" {
                    @for row in shown {
                        li {
                            bdi { (text(&row.container.name)) }
                            @if let Some(address) = row.address { " " code { (address) } }
                        }
                    }
                    @if more > 0 { li class="soft" { (more) " more" } }
                }
            }
            (pickup(site.pickup(status)))
            td role="cell" {
                @if let Some(reason) = site.reason() { p { (marked(&reason)) } }
                @if let Some(obtaining) = site.obtaining(status) { p { (marked(&obtaining.text())) } }
            }
        }
    }
}

/// How long after its event the last container took requests.
fn pickup(pickup: Option<Pickup>) -> Markup {
    html! {
        @match pickup {
            Some(Pickup { at, millis }) => {
                td role="cell" class="number" data-name="Last pick-up" title=(format!("{} UTC", utc(at))) { (millis) " ms" }
            }
            None => td role="cell" {},
        }
    }
}

/// How many requests wait.
fn held(waiting: usize) -> Markup {
    html! {
        @if waiting > 0 { " " span class="badge wait" { (waiting) " held" } }
    }
}

fn badge(site: &Site<'_>) -> Markup {
    let (class, word) = match (site.halt, site.state) {
        (Some(halt), _) => ("badge wait", halt.kind.as_str()),
        (None, RowState::Routed) => ("badge good", "live"),
        (None, RowState::Waiting) => ("badge wait", "waiting"),
        (None, RowState::Refused) => ("badge bad", "refused"),
        (None, RowState::Off) => ("badge off", "off"),
    };
    html! { span class=(class) { (word) } }
}

fn pager(page: usize, last: usize, found: usize, search: &str) -> Markup {
    let address = |page: usize| format!("/?q={}&page={page}#sites", segment(search));
    html! {
        @if last > 1 {
            nav aria-label="Pages of sites" {
                @if page > 1 { a rel="prev" href=(address(page - 1)) { "Previous page" } }
                span { "Page " (page) " of " (last) ", " (count(found, "site", "sites")) }
                @if page < last { a rel="next" href=(address(page + 1)) { "Next page" } }
            }
        }
    }
}
