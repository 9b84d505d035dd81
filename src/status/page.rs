//! The status for a browser: what is wrong first, then the sites, then what happened lately.
//!
//! Pure: a status in, HTML out, each page whole in itself. Every text in it is escaped by `maud`, and
//! what came from labels is made visible as well ([`shown`]). Deliberately nothing here is newer than
//! the status: the script only asks for the page again.

mod lately;
mod machine;
mod problems;
mod sites;
mod why;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Deserialize;

pub(super) use self::why::code;
pub use self::why::site;
use crate::model::{shown, utc};
use crate::routes::Row;
use crate::status::Status;

/// The style of every page.
pub(super) const STYLE: &str = include_str!("page/style.css");
/// Asks for the page again when something changes.
pub(super) const SCRIPT: &str = include_str!("page/live.js");

/// Characters of a name or a reason that are shown.
const TEXT_CHARS_MAX: usize = 300;

/// Which sites are to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Search {
    /// A part of their host, path, container, app or reason; empty is all.
    #[serde(default)]
    pub q: String,
    /// Which page of them, from 1; anything else is the first.
    #[serde(default)]
    pub page: String,
}

/// The page of everything.
#[must_use]
pub fn home(status: &Status, search: &Search) -> String {
    let rows: Vec<&Row> = status.rows.iter().map(|row| &**row).collect();
    let sites = sites::sites(status, &rows);
    let problems = problems::problems(status, &search.q);
    let summary = sites::summary(&sites, problems.count());
    let title = format!("{summary} · sh0-agent");
    let body = html! {
        (problems::section(&problems))
        (sites::section(status, &sites, search))
        (lately::section(&status.history))
        (machine::section(status))
    };
    layout(&title, &summary, &body)
}

/// A whole page around these sections.
fn layout(title: &str, summary: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a class="skip" href="#main" { "Skip to the content" }
                header {
                    h1 { a href="/" { "sh0-agent" } }
                    p #summary class="summary" role="status" data-live { (summary) }
                    p #offline class="offline" role="alert" {}
                }
                main #main tabindex="-1" { (body) }
                footer {
                    p { "sh0-agent " (env!("CARGO_PKG_VERSION")) " · " a href="/status" { "the same as JSON" } }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// Foreign text on one line, with what cannot be seen made visible.
fn text(text: &str) -> String {
    shown(text, TEXT_CHARS_MAX)
}

/// What to type, line by line as it was written.
fn help(help: &str) -> Markup {
    html! {
        pre class="fix" {
            @for (index, line) in help.lines().enumerate() {
                @if index > 0 { "\n" }
                (marked(line))
            }
        }
    }
}

/// Text in which back-ticks mark what is to be typed, or what was found.
fn marked(marked: &str) -> Markup {
    spans(&text(marked))
}

/// The same of text that is fit to be shown.
fn spans(marked: &str) -> Markup {
    let parts = marked.split('`').enumerate();
    html! {
        @for (index, part) in parts {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// A time in seconds since 1970, as people and as programs read it.
fn time(at: u64) -> Markup {
    let moment = utc(at);
    html! { time datetime=(format!("{}Z", moment.replace(' ', "T"))) { (moment) } }
}

/// A number of things, in the singular where it is one.
fn count(number: usize, one: &str, many: &str) -> String {
    let word = if number == 1 { one } else { many };
    format!("{number} {word}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_by_people_and_by_programs() {
        assert_eq!(
            time(1_764_158_769).into_string(),
            "<time datetime=\"2025-11-26T12:06:09Z\">2025-11-26 12:06:09</time>"
        );
    }

    #[test]
    fn what_is_between_back_ticks_is_code_and_escaped() {
        assert_eq!(
            marked("write `a<b>`, found `\u{202e}`").into_string(),
            "write <code>a&lt;b&gt;</code>, found <code>\\u{202e}</code>"
        );
    }
}
