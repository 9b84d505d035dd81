//! This machine: settings that fit together, Caddy, folders, ports.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use rustix::fs::{Access, access};
use rustix::process::geteuid;

use super::Finding;
use super::agent::Running;
use crate::access::check_place;
use crate::agent::{CADDYS, check, listen_addresses};
use crate::settings::Settings;
use crate::supervise::{Listener, caddy_version, find_listener, require_module};
use crate::telemetry::chain;

/// The first port that everybody may listen at, as the system says.
const UNPRIVILEGED_FROM: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
/// The same where it does not say.
const UNPRIVILEGED_FROM_DEFAULT: u16 = 1_024;

pub(super) async fn findings(settings: &Settings, running: Option<&Running>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(error) = check(settings) {
        findings.push(Finding::error("settings", chain(&error), error.help()));
    }
    findings.push(caddy(settings).await);
    findings.extend(provider(settings).await);
    for (what, path) in [
        ("state", &settings.state_dir),
        ("runtime", &settings.runtime_dir),
    ] {
        findings.push(folder(what, path, running.is_some()));
    }
    let own = running
        .and_then(Running::caddy_pid)
        .or_else(|| recorded(settings));
    let is_up = running.is_some_and(|running| running.caddy_pid().is_some());
    for address in listen_addresses(settings) {
        let found = find_listener(&[address]);
        findings.push(port(settings, address, found.as_ref(), own, is_up));
    }
    findings
}

async fn caddy(settings: &Settings) -> Finding {
    const TOPIC: &str = "caddy";
    match caddy_version(&settings.caddy, None).await {
        Ok(version) => Finding::ok(
            TOPIC,
            format!("`{}` is {version}", settings.caddy.display()),
        ),
        Err(error) => Finding::error(TOPIC, chain(&error), error.help()),
    }
}

async fn provider(settings: &Settings) -> Option<Finding> {
    let provider = settings.acme.dns_provider.as_ref()?;
    let module = format!("dns.providers.{}", provider.name());
    let required = require_module(&settings.caddy, None, &module).await;
    Some(match required {
        Ok(()) => Finding::ok("caddy", format!("it has the module `{module}`")),
        Err(error) => Finding::error("caddy", chain(&error), error.help()),
    })
}

/// Whether a directory can be trusted, and written by this user, or made.
fn folder(what: &'static str, path: &Path, is_in_use: bool) -> Finding {
    const TOPIC: &str = "folders";
    let shown = path.display();
    if let Err(error) = check_place(path, CADDYS) {
        let text = format!("the {what} directory is not safe: {}", chain(&error));
        return Finding::error(TOPIC, text, error.help());
    }
    if is_in_use {
        return Finding::ok(
            TOPIC,
            format!("the running agent uses the {what} directory `{shown}`"),
        );
    }
    let there = path.ancestors().find(|path| path.exists());
    let is_there = there == Some(path);
    let rights = Access::WRITE_OK | Access::EXEC_OK;
    let can_write = there.is_some_and(|path| access(path, rights).is_ok());
    let help = || {
        format!(
            "run it as root, make it for this user (`sudo install -d -o $USER {shown}`), or choose \
             another with `--{what}-dir`"
        )
    };
    match (can_write, is_there) {
        (true, true) => Finding::ok(
            TOPIC,
            format!("the {what} directory `{shown}` can be written"),
        ),
        (true, false) => Finding::ok(
            TOPIC,
            format!("the {what} directory `{shown}` will be made"),
        ),
        (false, true) => {
            let text = format!("the {what} directory `{shown}` cannot be written by this user");
            Finding::error(TOPIC, text, help())
        }
        (false, false) => {
            let text = format!("the {what} directory `{shown}` cannot be made by this user");
            Finding::error(TOPIC, text, help())
        }
    }
}

/// The Caddy that an agent has recorded, which it may have left behind.
fn recorded(settings: &Settings) -> Option<u32> {
    let record = fs::read(settings.caddy_record()).ok()?;
    let record: serde_json::Value = serde_json::from_slice(&record).ok()?;
    u32::try_from(record.get("pid")?.as_u64()?).ok()
}

/// Who has a port. `own` is our Caddy's process; `is_up` is whether a running agent says that it
/// serves.
fn port(
    settings: &Settings,
    address: SocketAddr,
    found: Option<&Listener>,
    own: Option<u32>,
    is_up: bool,
) -> Finding {
    const TOPIC: &str = "ports";
    let number = address.port();
    let flag = if number == settings.http_port {
        "--http-port"
    } else {
        "--https-port"
    };
    let Some(listener) = found else {
        return free(number, flag);
    };
    let is_own = listener.pid.is_some() && listener.pid == own;
    if is_own || (listener.pid.is_none() && is_up) {
        return Finding::ok(TOPIC, format!("{address} is our Caddy's"));
    }
    let who = match (&listener.program, listener.pid) {
        (Some(program), Some(pid)) => format!("`{program}` (pid {pid})"),
        (None, Some(pid)) => format!("a process (pid {pid})"),
        (_, None) => "a process that cannot be seen from here".to_owned(),
    };
    let text = format!("{who} listens at {}, where Caddy should", listener.address);
    let help = match listener.pid {
        Some(pid) => format!(
            "stop it (`sudo kill {pid}`, or its service by `sudo systemctl stop …`), or choose \
             another port with `{flag}`"
        ),
        None => format!(
            "`sudo ss -ltnp 'sport = :{number}'` says who it is; stop it, or choose another port \
             with `{flag}`"
        ),
    };
    Finding::error(TOPIC, text, help)
}

fn free(number: u16, flag: &str) -> Finding {
    const TOPIC: &str = "ports";
    let from = fs::read_to_string(UNPRIVILEGED_FROM).ok();
    let from = from.and_then(|text| text.trim().parse().ok());
    if !geteuid().is_root() && number < from.unwrap_or(UNPRIVILEGED_FROM_DEFAULT) {
        let text = format!("port {number} is free, and this user may not have the right to it");
        let help = format!(
            "run the agent with CAP_NET_BIND_SERVICE (docs/privileges.md), or choose another port \
             with `{flag}`"
        );
        return Finding::warning(TOPIC, text, help);
    }
    Finding::ok(TOPIC, format!("port {number} is free"))
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_port_is_free_ours_or_somebodys() {
        let settings = Settings::default();
        let address = SocketAddr::from(([0, 0, 0, 0], 80));
        let listener = |pid| Listener {
            address,
            pid,
            program: Some("/usr/sbin/nginx".to_owned()),
        };
        let state =
            |pid, own, is_up| port(&settings, address, Some(&listener(pid)), own, is_up).state;
        assert_eq!(state(Some(7), Some(7), true), State::Ok);
        assert_eq!(state(Some(7), Some(8), true), State::Error);
        assert_eq!(state(Some(7), None, false), State::Error);
        assert_eq!(state(None, None, true), State::Ok);
        assert_eq!(state(None, Some(7), false), State::Error);
    }
}
