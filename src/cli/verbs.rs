//! `sh0-agent pause`, `resume` and `stop`: what becomes of an app's requests while somebody works on
//! it. Its containers are left alone.

use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use serde::Serialize;

use super::agent::{self, AgentArgs};
use super::style::{Look, Tone};
use super::{Exit, Failed, print, runtime};
use crate::model::{HaltKind, HaltMessage, shown};
use crate::status::control::{Done, Refusal};

/// Hosts and paths that are listed.
const ROUTES_SHOWN_MAX: usize = 10;
/// Characters of a host and path that are shown.
const ROUTE_CHARS_MAX: usize = 400;

/// What all three have in common, for `--help`.
pub(crate) const AFTER_HELP: &str = "\
What is said holds for requests that come from now on; those under way and websockets are not cut. \
`pause` and `stop` hold until `resume`, also over a new start of the agent and for new containers of \
the app; `sh0-agent routes` shows it.

Exit codes: 0 it holds; 1 no such app, or it cannot be done; 64 a wrong flag; 69 no agent answers.";

/// Which app.
#[derive(Debug, Args)]
struct AppArgs {
    /// The app as `sh0-agent routes` shows it; or one of its containers or hosts, where these have
    /// one app
    #[arg(value_name = "APP")]
    app: String,
    #[command(flatten)]
    agent: AgentArgs,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

/// What `pause` takes.
#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    app: AppArgs,
    /// How long each request waits at most, from 1s to 1h; then it gets 503
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = longest_wait)]
    max: Duration,
}

/// What `resume` takes.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    app: AppArgs,
}

/// What `stop` takes.
#[derive(Debug, Args)]
pub(crate) struct StopArgs {
    #[command(flatten)]
    app: AppArgs,
    /// What the page says, in up to 1000 characters [default: It comes back soon.]
    #[arg(long, value_name = "TEXT", value_parser = HaltMessage::parse)]
    message: Option<HaltMessage>,
}

#[derive(Debug, Serialize)]
struct Order<'a> {
    app: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_millis: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a HaltMessage>,
}

fn longest_wait(text: &str) -> Result<Duration, String> {
    let wait =
        crate::labels::duration(text).map_err(|error| format!("expected {}", error.expected))?;
    let (least, most) = (HaltKind::MAX_LEAST, HaltKind::MAX_MOST);
    let is_within = (least..=most).contains(&wait);
    is_within
        .then_some(wait)
        .ok_or_else(|| "expected a time from `1s` to `1h`".to_owned())
}

/// Lets an app's requests wait.
pub(crate) fn pause(args: &PauseArgs) -> Result<(), Failed> {
    let max_millis = u64::try_from(args.max.as_millis()).ok();
    let order = Order {
        app: &args.app.app,
        max_millis,
        message: None,
    };
    give(&args.app, "pause", &order)
}

/// Lets an app's requests through.
pub(crate) fn resume(args: &ResumeArgs) -> Result<(), Failed> {
    let order = Order {
        app: &args.app.app,
        max_millis: None,
        message: None,
    };
    give(&args.app, "resume", &order)
}

/// Answers an app's requests with a page.
pub(crate) fn stop(args: &StopArgs) -> Result<(), Failed> {
    let order = Order {
        app: &args.app.app,
        max_millis: None,
        message: args.message.as_ref(),
    };
    give(&args.app, "stop", &order)
}

fn give(app: &AppArgs, verb: &str, order: &Order<'_>) -> Result<(), Failed> {
    let body = serde_json::to_vec(order).map_err(agent::unreadable)?;
    let ordered = agent::order(&app.agent.runtime_dir, verb, &body);
    let (is_done, answer) = runtime()?.block_on(ordered)?;
    if !is_done {
        let refusal: Refusal = serde_json::from_slice(&answer).map_err(agent::unreadable)?;
        let error = anyhow!("{}", refusal.error);
        return Err(Failed::new(Exit::Failure, error, refusal.help));
    }
    let done: Done = serde_json::from_slice(&answer).map_err(agent::unreadable)?;
    if app.json {
        let json = serde_json::to_value(&done).map_err(agent::unreadable)?;
        return print(&format!("{json:#}\n"));
    }
    print(&report(&done, Look::of_stdout()))
}

/// What was done, for whom, and what to type next.
fn report(done: &Done, look: Look) -> String {
    let mut text = String::new();
    let mut line = |tone: Option<Tone>, indent: usize, line: &str| {
        for part in look.wrap(line, indent) {
            text.push_str(&" ".repeat(indent));
            match tone {
                Some(tone) => text.push_str(&look.paint(tone, &part)),
                None => text.push_str(&part),
            }
            text.push('\n');
        }
    };
    let (tone, first) = first(done);
    line(Some(tone), 0, &first);
    for route in done.routes.iter().take(ROUTES_SHOWN_MAX) {
        line(None, 2, &shown(route, ROUTE_CHARS_MAX));
    }
    let more = done.routes.len().saturating_sub(ROUTES_SHOWN_MAX);
    if more > 0 {
        line(None, 2, &format!("and {more} more"));
    }
    if done.routes.is_empty() {
        line(None, 2, "It has no route now.");
    }
    if let Some(warning) = &done.warning {
        line(Some(Tone::Warning), 0, &format!("! {warning}"));
    }
    if done.halt.is_some() {
        let help = format!("`sh0-agent resume {}` lets its requests through.", done.app);
        line(Some(Tone::Help), 0, &help);
    }
    text
}

fn first(done: &Done) -> (Tone, String) {
    let app = &done.app;
    match (&done.halt, done.is_change()) {
        (Some(halt), true) => {
            let word = match halt.kind {
                HaltKind::Paused { .. } => "Paused",
                HaltKind::Stopped { .. } => "Stopped",
            };
            (Tone::Warning, format!("{word} {app}: {}.", halt.kind))
        }
        (Some(halt), false) => (
            Tone::Quiet,
            format!("Already so: {app} is {}.", halt.in_short()),
        ),
        (None, true) => {
            let waiting = match done.waiting {
                0 => "its requests reach its containers".to_owned(),
                1 => "1 request that waited goes on".to_owned(),
                some => format!("{some} requests that waited go on"),
            };
            (Tone::Good, format!("Resumed {app}: {waiting}."))
        }
        (None, false) => (Tone::Quiet, format!("{app} is neither paused nor stopped.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::golden;
    use crate::model::Halt;

    fn done(before: Option<HaltKind>, halt: Option<HaltKind>) -> Done {
        let halted = |kind| Halt {
            kind,
            since: 1_764_158_769,
            by: "root".to_owned(),
        };
        Done {
            app: "shop/web".to_owned(),
            routes: vec![
                "app.example.com".to_owned(),
                "app.example.com/api".to_owned(),
            ],
            halt: halt.map(halted),
            before: before.map(halted),
            waiting: 0,
            warning: None,
        }
    }

    /// Every answer that a person can get.
    fn all() -> Vec<Done> {
        let paused = || Some(HaltKind::Paused { max_millis: 30_000 });
        let message =
            "Back at five. The database moves to a machine with more room than it has now.";
        let message = HaltMessage::parse(message).ok();
        let stopped = || {
            Some(HaltKind::Stopped {
                message: message.clone(),
            })
        };
        let many = (0..12)
            .map(|number| format!("{number}.example.com"))
            .collect();
        vec![
            done(None, paused()),
            done(paused(), paused()),
            done(paused(), stopped()),
            Done { waiting: 1, ..done(paused(), None) },
            Done { waiting: 7, ..done(paused(), None) },
            done(stopped(), None),
            done(None, None),
            Done { routes: Vec::new(), ..done(None, stopped()) },
            Done { routes: many, ..done(None, paused()) },
            Done {
                warning: Some("it ends with this agent, for it was not saved: the state file `/var/lib/sh0-agent/state.json` cannot be written".to_owned()),
                ..done(None, paused())
            },
        ]
    }

    #[test]
    fn what_was_done_is_said_at_two_widths_with_and_without_colour() {
        golden::check("verbs", |look| {
            let shown: Vec<String> = all().iter().map(|done| report(done, look)).collect();
            shown.join("\n")
        });
    }

    #[test]
    fn a_wait_has_bounds() {
        for (text, is_right) in [
            ("1s", true),
            ("1h", true),
            ("500ms", false),
            ("61m", false),
            ("soon", false),
        ] {
            assert_eq!(longest_wait(text).is_ok(), is_right, "{text}");
        }
    }
}
