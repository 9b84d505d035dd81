//! `sh0-agent explain`: why something is served or not, and what a code means.

mod show;

use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;

use super::agent::{self, AgentArgs};
use super::settings::DockerArgs;
use super::style::Look;
use super::{Exit, Failed, print, runtime};
use crate::agent::docker_options;
use crate::diagnostic::Code;
use crate::discovery::{Docker, Engine};
use crate::model::{Scheme, StatusSet};
use crate::probe::{HttpQuestion, Prober, Reason};
use crate::settings::Settings;
use crate::status::explain::{Answer, Explanation, Request, container};

/// How long Caddy's answer is waited for: longer than most apps take, and short for who waits.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// The same for Docker, whose list takes milliseconds.
const DOCKER_WAIT: Duration = Duration::from_secs(5);

/// What `explain` takes.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A container (name, beginning of its id, compose service), a host or a URL; or a code such as
    /// E001. Without it all codes are listed
    #[arg(value_name = "WHAT")]
    what: Option<String>,
    #[command(flatten)]
    agent: AgentArgs,
    #[command(flatten)]
    docker: DockerArgs,
    /// Do not ask Caddy
    #[arg(long)]
    offline: bool,
    /// Print the chain as JSON
    #[arg(long)]
    json: bool,
}

/// Prints the chain from a container to the answer, the long text of a code, or the list of all
/// codes.
pub(crate) fn explain(args: ExplainArgs) -> Result<(), Failed> {
    let Some(what) = &args.what else {
        return print(&Code::list());
    };
    if let Some(code) = Code::find(what) {
        return print(&code.explained());
    }
    if is_like_a_code(what) {
        return Err(unknown_code(what));
    }
    let what = what.clone();
    let explanation = runtime()?.block_on(chain(
        args.docker,
        &args.agent.runtime_dir,
        &what,
        args.offline,
    ))?;
    if let Some(unknown) = unknown_name(&explanation).filter(|_| !args.json) {
        return Err(unknown);
    }
    if args.json {
        let json = serde_json::to_value(&explanation);
        let json = json.map_err(|error| Failed::new(Exit::Failure, error.into(), ""))?;
        return print(&format!("{json:#}\n"));
    }
    print(&show::show(&explanation, Look::of_stdout()))
}

/// A letter and digits.
fn is_like_a_code(what: &str) -> bool {
    let digits = what.strip_prefix(['e', 'E', 'w', 'W']);
    digits.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

fn unknown_code(what: &str) -> Failed {
    let nearest = match Code::nearest(what) {
        Some(code) => format!("did you mean `{code}`? "),
        None => String::new(),
    };
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.id()).collect();
    let help = format!("{nearest}the codes are {}", codes.join(", "));
    Failed::new(Exit::Usage, anyhow!("there is no code `{what}`"), help)
}

/// Nothing of that name is known to anybody, and it is no host that would be answered with 404.
fn unknown_name(explanation: &Explanation) -> Option<Failed> {
    let is_name = explanation.is_unknown && explanation.request.is_none();
    let link = explanation.links.first().filter(|_| is_name)?;
    let help = link.help.clone().unwrap_or_default();
    Some(Failed::new(Exit::Failure, anyhow!("{}", link.text), help))
}

/// What the agent says, what Docker says where the agent knows nothing, and what Caddy answers.
async fn chain(
    docker: DockerArgs,
    runtime_dir: &Path,
    what: &str,
    offline: bool,
) -> Result<Explanation, Failed> {
    let mut explanation = ask(runtime_dir, what).await?;
    if explanation.is_unknown {
        let settings = Settings {
            label_prefix: explanation.label_prefix.clone(),
            ..docker.settings()
        };
        explanation = of_docker(&settings, runtime_dir, what, explanation).await?;
    }
    match explanation.request.clone().filter(|_| !offline) {
        Some(request) => Ok(explanation.answered(&answer(&request).await)),
        None => Ok(explanation),
    }
}

async fn ask(runtime_dir: &Path, what: &str) -> Result<Explanation, Failed> {
    let answer = agent::explanation(runtime_dir, what).await?;
    serde_json::from_slice(&answer).map_err(agent::unreadable)
}

/// The agent keeps nothing of containers without labels of ours, and no host of labels that it could
/// not read: Docker has both.
async fn of_docker(
    settings: &Settings,
    runtime_dir: &Path,
    what: &str,
    known: Explanation,
) -> Result<Explanation, Failed> {
    let listed = async { Docker::new(docker_options(settings))?.snapshot().await };
    let Ok(Ok(snapshot)) = tokio::time::timeout(DOCKER_WAIT, listed).await else {
        return Ok(known);
    };
    let Some(container) = container(&snapshot, &settings.label_prefix, what) else {
        return Ok(known);
    };
    let of_agent = ask(runtime_dir, container.id.as_str()).await?;
    if of_agent.is_unknown && !container.has_prefix(&settings.label_prefix) {
        return Ok(Explanation::unlabelled(container, &settings.label_prefix));
    }
    Ok(if of_agent.is_unknown { known } else { of_agent })
}

/// What Caddy answers to one request, as a client would make it.
async fn answer(request: &Request) -> Result<Answer, String> {
    let question = HttpQuestion {
        scheme: if request.tls {
            Scheme::Https
        } else {
            Scheme::Http
        },
        host: request.host.clone(),
        path: request.path.clone(),
        expected: StatusSet::default(),
    };
    let prober = Prober::default();
    let reply = prober.reply(request.address, &question, ANSWER_WAIT);
    let reply = reply.await.map_err(|reason: Reason| reason.to_string())?;
    let is_caddy = |via: &String| via.to_ascii_lowercase().contains("caddy");
    Ok(Answer {
        status: reply.status,
        is_passed_on: reply.via.as_ref().is_some_and(is_caddy),
        location: reply.location,
    })
}
