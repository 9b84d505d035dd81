//! Whether the agent does what it is for, for who sends it traffic or starts what comes after it.

use super::Status;

/// What is missing, a line each for people; nothing when the agent is ready. A change that Caddy is
/// about to get is not missing: each deploy would make the agent unready for some milliseconds.
#[must_use]
pub fn missing(status: &Status) -> Vec<String> {
    let mut missing = Vec::new();
    if !status.docker.reachable {
        let why = status.docker.error.as_deref().unwrap_or("no look yet");
        missing.push(format!("Docker does not answer: {why}"));
    } else if !status.docker.subscribed {
        missing.push("Docker's events are not listened to".to_owned());
    }
    if status.caddy.pid.is_none() {
        missing.push(format!(
            "Caddy does not serve: it is {}",
            status.caddy.phase
        ));
    } else if let Some(error) = &status.caddy.load_error {
        missing.push(format!("Caddy does not have the newest config: {error}"));
    } else if status.applied.is_none() {
        missing.push("Caddy does not have a config of these containers yet".to_owned());
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An agent that is ready, but for this.
    fn check(but: impl FnOnce(&mut Status), expected: &[&str]) {
        let mut status = Status::default();
        status.docker.reachable = true;
        status.docker.subscribed = true;
        status.caddy.pid = Some(7);
        status.caddy.phase = "up".to_owned();
        status.generation = 3;
        status.applied = Some(3);
        but(&mut status);
        assert_eq!(missing(&status), expected);
    }

    #[test]
    fn what_is_missing_is_said() {
        check(|_| {}, &[]);
        check(|status| status.generation = 4, &[]);
        check(
            |status| {
                status.docker.reachable = false;
                status.docker.error = Some("connection refused".to_owned());
            },
            &["Docker does not answer: connection refused"],
        );
        check(
            |status| status.docker.subscribed = false,
            &["Docker's events are not listened to"],
        );
        check(
            |status| {
                status.caddy.pid = None;
                status.caddy.phase = "waiting".to_owned();
                status.applied = None;
            },
            &["Caddy does not serve: it is waiting"],
        );
        check(
            |status| status.caddy.load_error = Some("no".to_owned()),
            &["Caddy does not have the newest config: no"],
        );
        check(
            |status| status.applied = None,
            &["Caddy does not have a config of these containers yet"],
        );
    }
}
