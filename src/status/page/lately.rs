//! What happened lately, newest first, and how long loads took.

use maud::{Markup, html};

use super::{count, marked, text, time};
use crate::status::{HappeningKind, History, Load};

/// Happenings that are shown.
const SHOWN_MAX: usize = 50;
/// The plot, in its own units: each load has a column.
const COLUMN: usize = 10;
const HEIGHT: u64 = 100;

/// The section.
pub(super) fn section(history: &History) -> Markup {
    let newest = history.happenings().rev().take(SHOWN_MAX);
    html! {
        section #lately aria-labelledby="lately-title" data-live {
            h2 #lately-title { "Lately" }
            (plot(history))
            @if history.happenings().len() == 0 {
                p { "Nothing has happened since the agent started." }
            } @else {
                p class="soft" { "Times are UTC." }
                ol class="times" {
                    @for happening in newest {
                        li data-key {
                            (time(happening.at))
                            span { (badge(happening.kind)) }
                            span { bdi { (text(&happening.subject)) } " " (marked(&happening.text)) }
                        }
                    }
                }
            }
        }
    }
}

fn badge(kind: HappeningKind) -> Markup {
    let (class, word) = match kind {
        HappeningKind::New => ("badge off", "new"),
        HappeningKind::Live => ("badge good", "live"),
        HappeningKind::Changed => ("badge off", "changed"),
        HappeningKind::Down => ("badge wait", "down"),
        HappeningKind::Removed => ("badge off", "removed"),
        HappeningKind::Recovered => ("badge good", "ok"),
        HappeningKind::Trouble => ("badge bad", "trouble"),
    };
    html! { span class=(class) { (word) } }
}

/// A column for each load, as high as it took long.
fn plot(history: &History) -> Markup {
    let loads: Vec<&Load> = history.loads().collect();
    let Some(last) = loads.last() else {
        return html! {};
    };
    let longest = loads
        .iter()
        .map(|load| load.millis)
        .max()
        .unwrap_or(0)
        .max(1);
    let failed = loads.iter().filter(|load| load.error.is_some()).count();
    let caption = format!(
        "{} of Caddy's config: the last took {} ms, the longest {longest} ms{}.",
        count(loads.len(), "load", "loads"),
        last.millis,
        match failed {
            0 => String::new(),
            some => format!(", {some} failed"),
        }
    );
    let width = (loads.len() * COLUMN).max(400);
    html! {
        figure {
            p class="soft" aria-hidden="true" { (longest) " ms" }
            svg viewBox=(format!("0 0 {width} {}", HEIGHT + 2)) role="img" aria-label=(caption) {
                line class="axis" x1="0" y1=(HEIGHT) x2=(width) y2=(HEIGHT) {}
                @for (index, load) in loads.iter().enumerate() {
                    @let height = (load.millis * HEIGHT / longest).max(2);
                    @let class = if load.error.is_some() { "failed" } else { "bar" };
                    rect class=(class) x=(index * COLUMN + 1) y=(HEIGHT - height) width=(COLUMN - 2) height=(height) {
                        title { (load.millis) " ms" }
                    }
                }
            }
            figcaption { (caption) }
        }
    }
}
