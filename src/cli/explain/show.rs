//! A chain as text on a terminal.

use crate::cli::style::{Look, Tone};
use crate::status::explain::{Explanation, LinkState, Step};

/// Columns of the mark and of the step's word, each with the blanks behind it.
const MARK: usize = 6;
const STEP: usize = 9;
/// Columns before every line of the chain.
const INDENT: usize = 2;

fn tone(state: LinkState) -> Tone {
    match state {
        LinkState::Note => Tone::Quiet,
        LinkState::Good => Tone::Good,
        LinkState::Warning | LinkState::Waiting => Tone::Warning,
        LinkState::Broken => Tone::Bad,
    }
}

/// The headline with what to type, the chain, and what else was meant.
pub(super) fn show(explanation: &Explanation, look: Look) -> String {
    let mut shown = String::new();
    let headline = &explanation.headline;
    for line in look.wrap(&headline.text, 0) {
        let strong = match headline.state {
            LinkState::Broken => Tone::Bad,
            LinkState::Note | LinkState::Good | LinkState::Warning | LinkState::Waiting => {
                Tone::Strong
            }
        };
        push(&mut shown, &look.paint(strong, &line));
    }
    if let Some(help) = &headline.help {
        labelled(&mut shown, "help:", help, look);
    }
    if let Some(code) = headline.code {
        let more = format!("`sh0-agent explain {code}`");
        labelled(&mut shown, "more:", &more, look);
    }
    shown.push('\n');
    for link in &explanation.links {
        line(&mut shown, look, link.state, link.step, &link.text);
    }
    if !explanation.others.is_empty() {
        push(&mut shown, &look.paint(Tone::Strong, "\nAlso:"));
    }
    for other in &explanation.others {
        let text = format!("{} {}", other.what, other.text);
        marked(&mut shown, look, other.state, "", &text);
    }
    shown
}

fn push(shown: &mut String, line: &str) {
    shown.push_str(line);
    shown.push('\n');
}

/// `  help: …`, its further lines set in.
fn labelled(shown: &mut String, label: &str, text: &str, look: Look) {
    let indent = INDENT + label.len() + 1;
    for (number, line) in look.wrap(text, indent).iter().enumerate() {
        let before = if number == 0 {
            format!("{}{} ", " ".repeat(INDENT), look.paint(Tone::Strong, label))
        } else {
            " ".repeat(indent)
        };
        push(shown, &format!("{before}{line}"));
    }
}

fn line(shown: &mut String, look: Look, state: LinkState, step: Step, text: &str) {
    marked(
        shown,
        look,
        state,
        &format!("{:STEP$}", step.as_str()),
        text,
    );
}

fn marked(shown: &mut String, look: Look, state: LinkState, word: &str, text: &str) {
    let indent = INDENT + MARK + word.len();
    let mark = look.paint(tone(state), &format!("{:MARK$}", state.as_str()));
    for (number, line) in look.wrap(text, indent).iter().enumerate() {
        let before = if number == 0 {
            format!("{}{mark}{word}", " ".repeat(INDENT))
        } else {
            " ".repeat(indent)
        };
        push(shown, format!("{before}{line}").trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::golden;
    use crate::diagnostic::Code;
    use crate::status::explain::{Headline, Link, Other};

    fn link(step: Step, state: LinkState, text: &str) -> Link {
        Link {
            step,
            state,
            text: text.to_owned(),
            help: None,
            code: None,
        }
    }

    fn explanation(state: LinkState, text: &str, links: Vec<Link>) -> Explanation {
        let links: Vec<Link> = links;
        Explanation {
            subject: "shop-web-1".to_owned(),
            headline: Headline {
                state,
                text: text.to_owned(),
                help: None,
                code: None,
            },
            links,
            others: Vec::new(),
            request: None,
            is_unknown: false,
            label_prefix: "sh0".to_owned(),
        }
    }

    fn all() -> [Explanation; 3] {
        let seen = || {
            link(
                Step::Seen,
                LinkState::Good,
                "container shop-web-1 (9f2c1e0b7a44)",
            )
        };
        let labels = || link(Step::Labels, LinkState::Good, "app.example.com");
        let off = "it is not on the routing network `sh0-net`; it is on `shop_default`";
        let mut broken = explanation(
            LinkState::Broken,
            &format!("shop-web-1 is not served: {off}"),
            vec![
                seen(),
                labels(),
                link(Step::Network, LinkState::Broken, off),
                link(
                    Step::Route,
                    LinkState::Note,
                    "requests for `app.example.com` wait up to 30s for it, then get 503",
                ),
            ],
        );
        broken.headline.help = Some(
            "add `networks: [sh0-net]` to the service, or type `docker network connect sh0-net \
             shop-web-1`"
                .to_owned(),
        );
        broken.headline.code = Some(Code::NotOnNetwork);
        let starting = "its HEALTHCHECK has not passed yet";
        let mut waiting = explanation(
            LinkState::Waiting,
            &format!("shop-web-1 is not served yet: {starting}"),
            vec![
                seen(),
                labels(),
                link(Step::Ready, LinkState::Waiting, starting),
            ],
        );
        waiting.others = vec![Other {
            what: "www.example.com/api shop-api-1".to_owned(),
            state: LinkState::Warning,
            text: "is served, but `sh0.prot` is not a label of the agent".to_owned(),
        }];
        let good = explanation(
            LinkState::Good,
            "shop-web-1 is served",
            vec![
                seen(),
                labels(),
                link(Step::Network, LinkState::Good, "172.20.0.2:8080"),
                link(Step::Ready, LinkState::Good, "it is ready"),
                link(Step::Owner, LinkState::Good, "app `web` of project `shop`"),
                link(
                    Step::Route,
                    LinkState::Good,
                    "`app.example.com`, in config 3",
                ),
                link(Step::Slot, LinkState::Good, "172.20.0.2:8080"),
                link(
                    Step::Answer,
                    LinkState::Good,
                    "`https://app.example.com/` gets 200, from the container",
                ),
            ],
        );
        [broken, waiting, good]
    }

    #[test]
    fn a_chain_is_calm_at_every_width_with_and_without_colour() {
        golden::check("explain", |look| {
            all()
                .map(|explanation| show(&explanation, look))
                .join("\n---\n\n")
        });
    }
}
