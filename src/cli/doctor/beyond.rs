//! What lies beyond this machine: the names of its hosts, and the certificate authority.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::timeout;

use super::Finding;
use super::addresses::{is_public, own};
use super::agent::Running;
use crate::labels::TlsSetting;
use crate::model::{Hostname, Scheme, StatusSet};
use crate::probe::{HttpQuestion, Prober};
use crate::settings::Settings;

/// How long one name or the authority may take.
const WAIT: Duration = Duration::from_secs(4);
/// Names that are looked up: more say no more about this machine.
const HOSTS_MAX: usize = 20;
/// What Caddy asks where no other is set.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

pub(super) async fn findings(
    settings: &Settings,
    running: Option<&Running>,
    offline: bool,
) -> Vec<Finding> {
    if offline {
        return vec![
            Finding::skipped("dns", "not asked (--offline)"),
            Finding::skipped("acme", "not asked (--offline)"),
        ];
    }
    let mut findings = names(running).await;
    findings.push(authority(settings).await);
    findings
}

/// Where the names of the hosts lead.
async fn names(running: Option<&Running>) -> Vec<Finding> {
    const TOPIC: &str = "dns";
    let Some(running) = running else {
        return vec![Finding::skipped(
            TOPIC,
            "the hosts are known once the agent runs",
        )];
    };
    let is_public = |host: &&str| {
        let parsed = Hostname::parse(host).ok();
        parsed
            .is_some_and(|host| !host.is_wildcard() && !host.is_catch_all() && !host.is_internal())
    };
    let hosts: Vec<&str> = running
        .hosts()
        .into_iter()
        .filter(is_public)
        .take(HOSTS_MAX)
        .collect();
    if hosts.is_empty() {
        return vec![Finding::skipped(
            TOPIC,
            "no host is served that has a public name",
        )];
    }
    let looked_up = join_all(hosts.iter().map(|host| look_up(host))).await;
    judge(hosts.into_iter().zip(looked_up), &own())
}

/// The addresses of a name; `None` where that cannot be told in time.
async fn look_up(host: &str) -> Option<BTreeSet<IpAddr>> {
    let found = timeout(WAIT, tokio::net::lookup_host((host, 0)))
        .await
        .ok()?;
    let addresses = found.map(|all| all.map(|address| address.ip().to_canonical()).collect());
    Some(addresses.unwrap_or_default())
}

/// Whether names lead to this machine. Behind an address translation nobody here knows the public
/// address, so that other addresses say nothing.
fn judge<'a>(
    names: impl Iterator<Item = (&'a str, Option<BTreeSet<IpAddr>>)>,
    own: &BTreeSet<IpAddr>,
) -> Vec<Finding> {
    const TOPIC: &str = "dns";
    let knows = own.iter().any(|ip| is_public(*ip));
    let (mut right, mut unknown, mut findings) = (0, 0, Vec::new());
    for (host, addresses) in names {
        let Some(addresses) = addresses else {
            unknown += 1;
            continue;
        };
        let leads_here = |ip: &IpAddr| own.contains(ip) || ip.is_loopback();
        let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let list = list.join(", ");
        if addresses.is_empty() {
            let text = format!("`{host}` has no address");
            let help = "add an A or AAAA record with this machine's public address";
            findings.push(Finding::warning(TOPIC, text, help));
        } else if addresses.iter().all(leads_here) {
            right += 1;
        } else if knows {
            let text = format!("`{host}` leads to {list}, which is not this machine alone");
            let help = "correct its A and AAAA records, unless a proxy stands before this machine";
            findings.push(Finding::warning(TOPIC, text, help));
        } else {
            unknown += 1;
        }
    }
    let lead = |number| match number {
        1 => "1 host leads".to_owned(),
        several => format!("{several} hosts lead"),
    };
    if right > 0 {
        let text = format!("{} to this machine", lead(right));
        findings.push(Finding::ok(TOPIC, text));
    }
    if unknown > 0 {
        let text = format!(
            "it cannot be told from here whether {} to this machine",
            lead(unknown)
        );
        findings.push(Finding::skipped(TOPIC, text));
    }
    findings
}

/// Whether the certificate authority answers. Its certificate is not checked here: Caddy does that,
/// and the question is whether this machine gets through to it.
async fn authority(settings: &Settings) -> Finding {
    const TOPIC: &str = "acme";
    if matches!(settings.default_tls, TlsSetting::Off | TlsSetting::Internal) {
        return Finding::skipped(TOPIC, "not needed by hosts whose labels do not ask for it");
    }
    let url = settings.acme.ca.as_deref().unwrap_or(LETS_ENCRYPT);
    let asked = timeout(WAIT * 2, ask(url)).await;
    let asked = asked.unwrap_or_else(|_| Err(format!("no answer within {:?}", WAIT * 2)));
    match asked {
        Ok(200) => Finding::ok(TOPIC, format!("`{url}` answers")),
        Ok(status) => {
            let text = format!("`{url}` answers with status {status}, not as a directory does");
            Finding::warning(
                TOPIC,
                text,
                "name the directory of the authority with `--acme-ca`",
            )
        }
        Err(reason) => {
            let text = format!("`{url}` cannot be reached: {reason}");
            let help = "let this machine out to it; until then no new certificate can be had";
            Finding::warning(TOPIC, text, help)
        }
    }
}

async fn ask(url: &str) -> Result<u16, String> {
    let rest = url.strip_prefix("https://").unwrap_or(url);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (
            host,
            port.parse()
                .map_err(|_| "its port is no number".to_owned())?,
        ),
        None => (authority, 443),
    };
    let found = tokio::net::lookup_host((host, port)).await;
    let mut found = found.map_err(|error| error.to_string())?;
    let address = found.next().ok_or("it has no address")?;
    let question = HttpQuestion {
        scheme: Scheme::Https,
        host: host.to_owned(),
        path: if path.is_empty() { "/" } else { path }.to_owned(),
        expected: StatusSet::default(),
    };
    let prober = Prober::default();
    let reply = prober.reply(address, &question, WAIT).await;
    reply
        .map(|reply| reply.status)
        .map_err(|reason| reason.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn names_lead_here_elsewhere_or_nobody_knows() {
        let set = |all: &[&str]| -> BTreeSet<IpAddr> {
            all.iter()
                .map(|ip| ip.parse().expect("an address"))
                .collect()
        };
        let states = |names: &[(&'static str, Option<BTreeSet<IpAddr>>)], own: &[&str]| {
            let found = judge(names.iter().cloned(), &set(own));
            found
                .iter()
                .map(|finding| finding.state)
                .collect::<Vec<State>>()
        };
        let here = ("a.example.com", Some(set(&["8.8.8.8"])));
        let nowhere = ("b.example.com", Some(BTreeSet::new()));
        let late = ("c.example.com", None);
        let all = [here.clone(), nowhere, late];
        assert_eq!(
            states(&all, &["8.8.8.8"]),
            [State::Warning, State::Ok, State::Skipped]
        );
        assert_eq!(
            states(std::slice::from_ref(&here), &["9.9.9.9"]),
            [State::Warning]
        );
        assert_eq!(states(&[here], &["10.0.0.1"]), [State::Skipped]);
    }
}
