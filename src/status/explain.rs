//! The chain from a container to the answer to a request, and where it breaks.
//!
//! Pure: what is known ([`Status`]) and what was asked give links; the terminal and other views show
//! them. Owns the order of the links, what each means to a person, and what to type. Deliberately
//! asks nobody: the last link, Caddy's real answer, is added by whoever asks Caddy
//! ([`Explanation::answered`]), and the content of slots comes from whoever may read them.

mod answer;
mod asked;
mod chain;
pub(super) mod find;
mod later;
mod steps;
mod table;

use std::cell::OnceCell;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use self::answer::listener;
pub use self::answer::{Answer, Expected};
use self::asked::Asked;
use self::chain::{Context, row_links};
use self::find::Found;
pub use self::find::container;
use crate::diagnostic::Code;
use crate::model::{Container, PoolKey, shown};
use crate::routes::Row;
use crate::status::Status;

/// Routes besides the explained one that are listed: more are in the table of routes.
const OTHERS_MAX: usize = 10;
/// Characters of a name that are shown.
const NAME_CHARS_MAX: usize = 128;

/// The links in their order, from what was asked to what Caddy answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// The question itself.
    Asked,
    /// The agent sees the container, and it runs.
    Seen,
    /// Its labels are understood.
    Labels,
    /// It has an address and a port on the routing network.
    Network,
    /// It is ready for requests.
    Ready,
    /// Its owner may have the host.
    Owner,
    /// There is a route, it is in force, and no other one stands before it.
    Route,
    /// A slot of the route leads to it.
    Slot,
    /// Its host has a certificate. Only where it has none yet.
    Tls,
    /// Caddy serves, and has the route.
    Caddy,
    /// Caddy answers as expected.
    Answer,
}

impl Step {
    /// The word before the link.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Seen => "seen",
            Self::Labels => "labels",
            Self::Network => "network",
            Self::Ready => "ready",
            Self::Owner => "owner",
            Self::Route => "route",
            Self::Slot => "slot",
            Self::Tls => "tls",
            Self::Caddy => "caddy",
            Self::Answer => "answer",
        }
    }
}

/// How a link is. `Ord` puts the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkState {
    /// It says what follows, and decides nothing.
    Note,
    /// It holds.
    Good,
    /// It holds, and something is not as it seems.
    Warning,
    /// It will hold by itself.
    Waiting,
    /// It holds only once a person has changed something.
    Broken,
}

impl LinkState {
    /// The mark before the link.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "-",
            Self::Good => "ok",
            Self::Warning => "warn",
            Self::Waiting => "wait",
            Self::Broken => "FAIL",
        }
    }
}

/// One link of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Which.
    pub step: Step,
    /// How it is.
    pub state: LinkState,
    /// What was found; lowercase, without a full stop.
    pub text: String,
    /// What to type, where something is to be done.
    pub help: Option<String>,
    /// The code that says more.
    pub code: Option<Code>,
}

impl Link {
    fn new(step: Step, state: LinkState, text: impl Into<String>) -> Self {
        Self {
            step,
            state,
            text: text.into(),
            help: None,
            code: None,
        }
    }

    fn good(step: Step, text: impl Into<String>) -> Self {
        Self::new(step, LinkState::Good, text)
    }

    fn note(step: Step, text: impl Into<String>) -> Self {
        Self::new(step, LinkState::Note, text)
    }

    fn waiting(step: Step, text: impl Into<String>) -> Self {
        Self::new(step, LinkState::Waiting, text)
    }

    fn broken(step: Step, text: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(step, LinkState::Broken, text).help(help)
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}

/// The answer in one line: the first link that breaks, else the first that must be waited for, else
/// the first that warns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headline {
    /// How the whole chain is.
    pub state: LinkState,
    /// Who or what was asked about, and what becomes of it.
    pub text: String,
    /// What to type, where something is to be done.
    pub help: Option<String>,
    /// The code that says more.
    pub code: Option<Code>,
}

/// Another route of what was asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Other {
    /// Host and path, and the container where there are several.
    pub what: String,
    /// How its chain is.
    pub state: LinkState,
    /// What was found first.
    pub text: String,
}

/// The request by which Caddy's answer is had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Where Caddy listens.
    pub address: SocketAddr,
    /// Whether over HTTPS.
    pub tls: bool,
    /// The host to ask for.
    pub host: String,
    /// The path.
    pub path: String,
    /// What should come back.
    pub expected: Expected,
}

/// A question and the chain that answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// What the chain is about, as people name it.
    pub subject: String,
    /// The answer in one line.
    pub headline: Headline,
    /// The chain.
    pub links: Vec<Link>,
    /// What else was meant.
    pub others: Vec<Other>,
    /// What to ask Caddy; `None` where its answer says nothing.
    pub request: Option<Request>,
    /// Whether nothing of that name is known; the engine may know more.
    pub is_unknown: bool,
    /// The agent's label prefix, without a dot.
    pub label_prefix: String,
}

/// Explains a container (by name, the beginning of its id, its app), a host or a URL.
/// `contents` gives what the slots of a pool say, in their order.
#[must_use]
pub fn explain(
    status: &Status,
    asked: &str,
    contents: &dyn Fn(PoolKey) -> Vec<String>,
) -> Explanation {
    let context = Context {
        status,
        contents,
        by_host: OnceCell::new(),
    };
    let explained = match Asked::parse(asked) {
        Asked::Url(url) => table::explain(&context, &url),
        Asked::Name(name) => match find::find(status, &name) {
            Found::Rows(rows) => of_rows(&context, &name, &rows),
            Found::Host(url) => table::explain(&context, &url),
            Found::Nothing(nearest) => unknown(status, &name, &nearest),
        },
    };
    Explanation {
        label_prefix: status.settings.label_prefix.clone(),
        ..explained
    }
}

/// The chain of the worst of these rows, and the others in a line each.
fn of_rows(context: &Context<'_>, name: &str, rows: &[&Row]) -> Explanation {
    let mut chains: Vec<_> = rows
        .iter()
        .map(|row| (*row, row_links(context, row)))
        .collect();
    let worst = |links: &[Link]| links.iter().map(|link| link.state).max();
    chains.sort_by_key(|(_, chain)| std::cmp::Reverse(worst(&chain.links)));
    let mut chains = chains.into_iter();
    let Some((row, chain)) = chains.next() else {
        return unknown(context.status, name, &[]);
    };
    let subject = shown(&row.container.name, NAME_CHARS_MAX);
    let other = |(other, chain): (&Row, chain::Chain)| {
        let headline = headline("", &chain.links);
        let is_same = other.container.id == row.container.id;
        let container = shown(&other.container.name, NAME_CHARS_MAX);
        let route = chain::route_of(other);
        Other {
            what: if is_same {
                route
            } else {
                format!("{route} {container}").trim_start().to_owned()
            },
            state: headline.state,
            text: headline.text.trim_start().to_owned(),
        }
    };
    let others = chains.map(other).take(OTHERS_MAX).collect();
    Explanation {
        others,
        ..Explanation::new(subject, chain.links, chain.request)
    }
}

fn unknown(status: &Status, name: &str, nearest: &[String]) -> Explanation {
    let name = shown(name, NAME_CHARS_MAX);
    let text = format!("no container with labels of ours, app or host is called `{name}`");
    let links = match &status.docker.error {
        Some(error) => vec![docker_silent(error)],
        None => vec![Link::broken(Step::Seen, text, did_you_mean(nearest))],
    };
    Explanation {
        is_unknown: true,
        ..Explanation::new(name, links, None)
    }
}

fn docker_silent(error: &str) -> Link {
    let text = format!("the containers cannot be listed: {error}");
    Link::broken(Step::Seen, text, "`sh0-agent doctor` says what to do")
}

fn did_you_mean(nearest: &[String]) -> String {
    match nearest {
        [] => "`sh0-agent routes` lists all that the agent knows".to_owned(),
        names => {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            format!("did you mean {}?", names.join(" or "))
        }
    }
}

impl Explanation {
    fn new(subject: String, links: Vec<Link>, request: Option<Request>) -> Self {
        Self {
            headline: headline(&subject, &links),
            subject,
            links,
            others: Vec::new(),
            request,
            is_unknown: false,
            label_prefix: String::new(),
        }
    }

    /// Of a container that the engine has and that carries no label of ours.
    #[must_use]
    pub fn unlabelled(container: &Container, label_prefix: &str) -> Self {
        let name = shown(&container.name, NAME_CHARS_MAX);
        let seen = format!("container {}", container.reference());
        let prefix = label_prefix;
        let help = format!(
            "create it anew with the label `{prefix}.host=app.example.com` (in a compose file below \
             `labels:`, then `docker compose up -d`): labels of a container cannot be changed"
        );
        let text = format!("no label of it begins with `{prefix}.`");
        let links = vec![
            Link::good(Step::Seen, seen),
            Link::broken(Step::Labels, text, help),
        ];
        Self {
            label_prefix: prefix.to_owned(),
            ..Self::new(name, links, None)
        }
    }

    /// With what Caddy answered, or why it did not.
    #[must_use]
    pub fn answered(self, answer: &Result<Answer, String>) -> Self {
        let Some(request) = &self.request else {
            return self;
        };
        let mut links = self.links;
        links.retain(|link| link.step != Step::Answer);
        links.push(answer::link(request, answer));
        Self {
            headline: headline(&self.subject, &links),
            links,
            ..self
        }
    }
}

fn headline(subject: &str, links: &[Link]) -> Headline {
    let first = |state| links.iter().find(|link| link.state == state);
    let worst = first(LinkState::Broken)
        .or_else(|| first(LinkState::Waiting))
        .or_else(|| first(LinkState::Warning));
    let Some(link) = worst else {
        return Headline {
            state: LinkState::Good,
            text: format!("{subject} is served"),
            help: None,
            code: None,
        };
    };
    let becomes = match link.state {
        LinkState::Broken => "is not served: ",
        LinkState::Waiting => "is not served yet: ",
        LinkState::Warning | LinkState::Good | LinkState::Note => "is served, but ",
    };
    Headline {
        state: link.state,
        text: format!("{subject} {becomes}{}", link.text),
        help: link.help.clone(),
        code: link.code,
    }
}
