//! Why a site or a container is served or not, as `sh0-agent explain` says it; and what a code means.

use maud::{Markup, html};

use super::problems::code_link;
use super::{help, layout, marked, spans, text};
use crate::diagnostic::Code;
use crate::status::Status;
use crate::status::client::segment;
use crate::status::explain::{Explanation, Link, LinkState};

/// The page of a site or a container: the chain of what was asked about.
#[must_use]
pub fn site(status: &Status, asked: &str, explained: &Explanation) -> String {
    let headline = &explained.headline;
    let subject = text(&explained.subject);
    let body = html! {
        section #site aria-labelledby="site-title" data-live {
            h2 #site-title { bdi { (text(asked)) } }
            p { (badge(headline.state)) " " (marked(&headline.text)) }
            @if let Some(typed) = &headline.help { (help(typed)) }
            p class="soft" {
                "Config " (status.generation) ". In a terminal, "
                code { "sh0-agent explain " (quoted(asked)) }
                " also asks Caddy itself."
            }
        }
        @if !explained.links.is_empty() {
            section #chain aria-labelledby="chain-title" data-live {
                h2 #chain-title { "From the container to the request" }
                ol class="chain" { @for link in &explained.links { (of_link(link)) } }
            }
        }
        @if !explained.others.is_empty() {
            section #others aria-labelledby="others-title" data-live {
                h2 #others-title { "Also" }
                ul class="list" {
                    @for other in &explained.others {
                        li data-key {
                            (badge(other.state)) " "
                            a href=(format!("/site/{}", segment(last_word(&other.what)))) { bdi { (text(&other.what)) } }
                            " " (marked(&other.text))
                        }
                    }
                }
            }
        }
        p { a href="/" { "All sites" } }
    };
    layout(
        &format!("{subject} · sh0-agent"),
        "Why it is served or not",
        &body,
    )
}

/// A route and the container behind it, where there is one: the container is what is asked about.
fn last_word(what: &str) -> &str {
    what.rsplit(' ').next().unwrap_or(what)
}

/// A word for a shell, in quotes where it is not plain.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", text(word).replace('\'', "'\\''"))
}

fn of_link(link: &Link) -> Markup {
    html! {
        li data-key {
            span class="step" { (badge(link.state)) " " (link.step.as_str()) }
            div {
                (marked(&link.text))
                @if let Some(code) = link.code { " " (code_link(code)) }
                @if let Some(typed) = &link.help { (help(typed)) }
            }
        }
    }
}

fn badge(state: LinkState) -> Markup {
    let (class, word) = match state {
        LinkState::Note => ("badge off", "note"),
        LinkState::Good => ("badge good", "ok"),
        LinkState::Warning => ("badge wait", "warning"),
        LinkState::Waiting => ("badge wait", "waiting"),
        LinkState::Broken => ("badge bad", "broken"),
    };
    html! { span class=(class) { (word) } }
}

/// The long text of a code.
pub(in crate::status) fn code(code: Code) -> String {
    let body = html! {
        section aria-labelledby="code-title" {
            h2 #code-title { (code.id()) ": " (code.title()) }
            (prose(code.long()))
        }
        p { a href="/" { "All sites" } }
    };
    layout(&format!("{code} · sh0-agent"), code.title(), &body)
}

/// Our own Markdown, of which the long texts use paragraphs, back-ticks and fenced examples.
fn prose(markdown: &str) -> Markup {
    // Between fences there is prose, and then an example, whose first line says its language.
    let parts = markdown.split("```").enumerate();
    html! {
        @for (index, part) in parts {
            @if index % 2 == 1 {
                pre { (part.split_once('\n').map_or(part, |(_, example)| example).trim_end()) }
            } @else {
                @for paragraph in part.split("\n\n").filter(|text| !text.trim().is_empty()) {
                    p { (spans(paragraph)) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_copied_whatever_is_asked_about() {
        for (asked, typed) in [
            ("app.example.com/api", "app.example.com/api"),
            ("*.example.com", "'*.example.com'"),
            ("a'; rm x", "'a'\\''; rm x'"),
            ("-x", "'-x'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(asked), typed);
        }
    }
}
