//! Docker: whether it answers, which requests are let through, the routing network, its clock.

use std::time::Duration;

use futures::StreamExt;

use super::Finding;
use crate::agent::docker_options;
use crate::clock::wall_clock;
use crate::discovery::{Docker, DockerRequest, Engine, EngineError};
use crate::settings::Settings;

const TOPIC: &str = "docker";

/// How long the event stream is listened to: a proxy that blocks it says so at once.
const EVENTS_WAIT: Duration = Duration::from_millis(500);
/// Beyond this, in seconds, clocks differ by more than an answer takes.
const SKEW_SECONDS_MAX: u64 = 5;
/// No clock is right that is before this agent was written (2025) or long after it (2100).
const SANE_CLOCK: std::ops::Range<u64> = 1_735_689_600..4_102_444_800;

pub(super) async fn findings(settings: &Settings) -> Vec<Finding> {
    let docker = match Docker::new(docker_options(settings)) {
        Ok(docker) => docker,
        Err(error) => return vec![wrong(&error), clock(wall_clock(), None)],
    };
    let snapshot = match docker.snapshot().await {
        Ok(snapshot) => snapshot,
        Err(error) => return vec![wrong(&error), clock(wall_clock(), None)],
    };
    let prefix = &settings.label_prefix;
    let labelled = snapshot
        .containers()
        .filter(|c| c.has_prefix(prefix))
        .count();
    let version = docker.api_version();
    let version = version.map_or(String::new(), |version| format!(" with API {version}"));
    let mut findings = vec![Finding::ok(
        TOPIC,
        format!(
            "it answers at `{}`{version}; {} containers, {labelled} with labels `{prefix}.…`",
            docker.endpoint(),
            snapshot.len()
        ),
    )];
    let cautions = docker.cautions().into_iter();
    findings
        .extend(cautions.map(|caution| {
            Finding::warning(TOPIC, format!("not safe: {caution}"), caution.help())
        }));
    let exists = docker.network_exists(&settings.network).await;
    // What it says is noted, however it ends.
    drop(tokio::time::timeout(EVENTS_WAIT, docker.notices().next()).await);
    docker.check_access().await;
    findings.extend(blocked(&docker));
    findings.extend(network(&settings.network, &exists));
    let about = docker.about().await.ok();
    findings.push(clock(wall_clock(), about.and_then(|about| about.time)));
    findings
}

fn wrong(error: &EngineError) -> Finding {
    Finding::error(TOPIC, crate::telemetry::chain(error), error.help())
}

/// What a proxy before the engine does not let through.
fn blocked(docker: &Docker) -> Vec<Finding> {
    let blocked = docker.blocked();
    if blocked.is_empty() {
        let all = DockerRequest::ALL.len();
        return vec![Finding::ok(
            TOPIC,
            format!("all {all} requests that the agent makes are allowed"),
        )];
    }
    let finding = |(request, status): (&DockerRequest, &u16)| {
        let text = format!(
            "a proxy before it blocks `{request}` with status {status}: {}",
            request.without()
        );
        let variables = DockerRequest::proxy_variables();
        let help =
            format!("let it through; docker-socket-proxy needs {variables}, and POST stays 0");
        Finding::warning(TOPIC, text, help)
    };
    blocked.iter().map(finding).collect()
}

fn network(network: &str, exists: &Result<bool, EngineError>) -> Option<Finding> {
    const TOPIC: &str = "network";
    match exists {
        Ok(true) => Some(Finding::ok(TOPIC, format!("`{network}` exists"))),
        Ok(false) => Some(Finding::error(
            TOPIC,
            format!("the routing network `{network}` does not exist"),
            format!("`docker network create {network}`"),
        )),
        Err(error) if error.is_blocked() => None,
        Err(error) => Some(Finding::warning(
            TOPIC,
            crate::telemetry::chain(error),
            error.help(),
        )),
    }
}

/// Whether the clock can be right, and agrees with the engine's.
fn clock(ours: u64, engines: Option<u64>) -> Finding {
    const TOPIC: &str = "clock";
    let help = "set it, and keep it right: `sudo timedatectl set-ntp true`";
    if !SANE_CLOCK.contains(&ours) {
        let text = "this machine's clock is wrong by years, so no certificate is valid";
        return Finding::error(TOPIC, text, help);
    }
    match engines.map(|engines| engines.abs_diff(ours)) {
        None => Finding::ok(TOPIC, "it can be right; Docker's was not asked"),
        Some(skew) if skew > SKEW_SECONDS_MAX => {
            let text = format!("Docker's clock and this machine's differ by {skew} seconds");
            Finding::warning(TOPIC, text, help)
        }
        Some(_) => Finding::ok(TOPIC, "it agrees with Docker's"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_clock_is_wrong_by_years_or_differs_from_the_engines() {
        let now = 1_795_690_558;
        assert_eq!(clock(0, Some(0)).state, State::Error);
        assert_eq!(clock(u64::MAX, None).state, State::Error);
        assert_eq!(clock(now, Some(now - 60)).state, State::Warning);
        assert_eq!(clock(now, Some(now + 3)).state, State::Ok);
        assert_eq!(clock(now, None).state, State::Ok);
    }
}
