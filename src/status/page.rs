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
use crate::model::shown;
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
    let sites = sites::sites(status);
    let problems = problems::problems(status, &search.q);
    let summary = sites::summary(&sites, problems.count());
    let title = format!("{summary} · sh0-agent");
    let body = html! {
        (problems::section(&problems))
        (sites::section(&sites, search))
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
    let (year, month, day) = date(at / 86_400);
    let (hour, minute, second) = (at / 3_600 % 24, at / 60 % 60, at % 60);
    let clock = format!("{hour:02}:{minute:02}:{second:02}");
    let day = format!("{year:04}-{month:02}-{day:02}");
    html! { time datetime=(format!("{day}T{clock}Z")) { (day) " " (clock) } }
}

/// Year, month and day of a day since 1970: Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `civil_from_days`.
fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
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
    fn times_are_those_of_the_calendar() {
        for (at, expected) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_709_251_199, "2024-02-29 23:59:59"),
            (1_735_689_599, "2024-12-31 23:59:59"),
            (1_764_158_769, "2025-11-26 12:06:09"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            let shown = time(at).into_string();
            assert!(shown.ends_with(&format!(">{expected}</time>")), "{shown}");
        }
    }

    #[test]
    fn what_is_between_back_ticks_is_code_and_escaped() {
        assert_eq!(
            marked("write `a<b>`, found `\u{202e}`").into_string(),
            "write <code>a&lt;b&gt;</code>, found <code>\\u{202e}</code>"
        );
    }
}
