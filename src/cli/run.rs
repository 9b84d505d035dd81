//! `sh0-agent run`.

use std::time::Duration;

use anyhow::anyhow;
use clap::{Args, ValueEnum};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use super::settings::SettingsArgs;
use super::{Exit, Failed, runtime};
use crate::agent::{Agent, AgentError, StartError};
use crate::discovery::DockerRequest;
use crate::settings::Settings;
use crate::telemetry::{self, LogFormat};

/// Signals so close to the first are no second request: `timeout` signals its child and then the
/// whole group, within microseconds.
const ECHO_WAIT: Duration = Duration::from_millis(5);

/// `--log-format`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Human,
    /// One JSON object per line.
    Json,
}

/// What `run` takes.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Form of the log
    #[arg(long, env = "SH0_LOG_FORMAT", value_enum, default_value = "auto")]
    log_format: Format,
    /// Levels of the log: error, warn, info, debug or trace, also per part as in info,caddy=info
    #[arg(
        long,
        env = "SH0_LOG_LEVEL",
        default_value = "info,caddy=warn",
        value_name = "LEVEL"
    )]
    log_level: String,
    /// Leave Caddy serving when the agent is told to end, for the next agent to take over
    #[arg(long, env = "SH0_LEAVE_CADDY")]
    leave_caddy: bool,
}

/// What is said below the flags.
pub(crate) fn after_help() -> String {
    let requests = DockerRequest::ALL.map(DockerRequest::path);
    format!(
        "Docker is asked by GET only, and only for {}.",
        requests.join(", ")
    )
}

/// What becomes of Caddy when the agent ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It is stopped.
    Stop,
    /// It goes on serving.
    Leave,
}

/// Runs the agent until a signal ends it.
pub(crate) fn run(args: RunArgs) -> Result<(), Failed> {
    // What we make is ours alone until it is shared, also in the moment in between.
    rustix::process::umask(rustix::fs::Mode::from_bits_truncate(0o077));
    let format = match args.log_format {
        Format::Auto => LogFormat::Auto,
        Format::Human => LogFormat::Human,
        Format::Json => LogFormat::Json,
    };
    telemetry::begin(format, &args.log_level).map_err(|reason| {
        let error = anyhow!("`--log-level` takes levels such as `info`: {reason}");
        Failed::new(Exit::Usage, error, "write for example `--log-level info`")
    })?;
    let on_terminate = if args.leave_caddy {
        End::Leave
    } else {
        End::Stop
    };
    runtime()?.block_on(until_signal(args.settings.into(), on_terminate))
}

/// The signals that end the agent.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// SIGUSR2.
    leave: Signal,
    on_terminate: End,
}

impl Signals {
    fn listen(on_terminate: End) -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            leave: signal(SignalKind::user_defined2())?,
            on_terminate,
        })
    }

    /// Takes the echoes of one request to stop.
    async fn drain(&mut self) {
        let end = tokio::time::Instant::now() + ECHO_WAIT;
        while tokio::time::timeout_at(end, self.end()).await.is_ok() {}
    }

    async fn end(&mut self) -> End {
        tokio::select! {
            _ = self.terminate.recv() => self.on_terminate,
            _ = self.interrupt.recv() => self.on_terminate,
            _ = self.leave.recv() => End::Leave,
        }
    }
}

async fn until_signal(settings: Settings, on_terminate: End) -> Result<(), Failed> {
    let broken = |error: std::io::Error| Failed::new(Exit::Failure, error.into(), "");
    let mut signals = Signals::listen(on_terminate).map_err(broken)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(broken)?;
    let mut agent = tokio::select! {
        started = Agent::start(settings) => started.map_err(start_failed)?,
        _ = signals.end() => return Ok(()),
    };
    let end = loop {
        tokio::select! {
            ended = agent.join() => return Err(ended_by_itself(agent, ended).await),
            _ = hangup.recv() => {
                info!("Looking at all containers again, as SIGHUP asks.");
                agent.resync();
            }
            end = signals.end() => break end,
        }
    };
    signals.drain().await;
    if end == End::Leave {
        let left = agent.leave().await;
        return left.map_err(|error| Failed::new(Exit::Failure, error.into(), ""));
    }
    let abort = agent.abort_token();
    let stopping = agent.shutdown();
    tokio::pin!(stopping);
    let stopped = tokio::select! {
        stopped = &mut stopping => stopped,
        _ = signals.end() => {
            warn!("A second signal: stopping at once.");
            abort.cancel();
            stopping.await
        }
    };
    stopped.map_err(|error| Failed::new(Exit::Failure, error.into(), ""))
}

fn start_failed(error: StartError) -> Failed {
    let help = error.help();
    let exit = match &error {
        StartError::Docker(_) | StartError::SamePort { .. } | StartError::LongPath { .. } => {
            Exit::Usage
        }
        StartError::Directory { .. }
        | StartError::Untrusted { .. }
        | StartError::CaddyUser { .. }
        | StartError::Running { .. }
        | StartError::Caddy(_)
        | StartError::Slots(_)
        | StartError::Root { .. } => Exit::Config,
    };
    Failed::new(exit, error.into(), help)
}

/// A task ended although nobody asked: the rest is stopped, so that nothing is left half running.
async fn ended_by_itself(agent: Agent, error: AgentError) -> Failed {
    error!(error = %telemetry::chain(&error), "A task ended by itself; stopping the others.");
    let stopped = agent.shutdown().await;
    if let Err(further) = stopped {
        warn!(error = %telemetry::chain(&further), "Another task failed while stopping.");
    }
    Failed::new(
        Exit::Failure,
        error.into(),
        "this is a fault of the agent; please report it",
    )
}
