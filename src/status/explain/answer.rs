//! What Caddy should answer, and whether it does.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::{Link, LinkState, Request, Step};
use crate::status::SettingsStatus;

/// What should come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// A container's answer, whatever it is.
    Container,
    /// The route's own answer to who may not pass, or a container's to who may.
    Protected,
    /// Another address to go to.
    Redirect,
    /// 404: nobody serves it.
    NotFound,
    /// 503: somebody should, and nobody can.
    Unavailable,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Whether Caddy says that it passed on what another server answered (`Via`).
    pub is_passed_on: bool,
    /// Where a redirect leads.
    pub location: Option<String>,
}

/// Longest text of an answer that is shown.
const LOCATION_CHARS_MAX: usize = 200;

/// The last link.
pub(super) fn link(request: &Request, answer: &Result<Answer, String>) -> Link {
    let scheme = if request.tls { "https" } else { "http" };
    let url = format!("{scheme}://{}{}", request.host, request.path);
    let answer = match answer {
        Ok(answer) => answer,
        Err(reason) => {
            let text = format!(
                "Caddy does not answer `{url}` at {}: {reason}",
                request.address
            );
            return Link::broken(Step::Answer, text, unanswered(request));
        }
    };
    let status = answer.status;
    let from = if answer.is_passed_on {
        "from the container"
    } else {
        "from Caddy"
    };
    let text = match &answer.location {
        Some(location) if (300..400).contains(&status) => {
            let location = crate::model::shown(location, LOCATION_CHARS_MAX);
            format!("`{url}` gets {status}, {from}, to {location}")
        }
        Some(_) | None => format!("`{url}` gets {status}, {from}"),
    };
    let is_redirect = (300..400).contains(&status);
    let is_expected = match request.expected {
        Expected::Container => answer.is_passed_on,
        Expected::Protected => {
            answer.is_passed_on || matches!(status, 401 | 403 | 413) || is_redirect
        }
        Expected::Redirect => is_redirect,
        Expected::NotFound => status == 404,
        Expected::Unavailable => status == 503,
    };
    match (is_expected, request.expected) {
        (true, Expected::NotFound | Expected::Unavailable) => Link::note(Step::Answer, text),
        (true, Expected::Container | Expected::Protected) if status >= 500 => {
            let help = "the container itself answers so: see its log (`docker logs`)";
            Link::new(Step::Answer, LinkState::Warning, text).help(help)
        }
        (true, _) => Link::good(Step::Answer, text),
        (false, _) => unexpected(request.expected, status, text),
    }
}

fn unexpected(expected: Expected, status: u16, text: String) -> Link {
    let help = match (expected, status) {
        (Expected::Container | Expected::Protected, 502) => {
            "the container accepts connections and does not answer them as asked: check the labels \
             `scheme` (http, https or h2c) and `port`, and its log (`docker logs`)"
        }
        (Expected::Container | Expected::Protected, 504) => {
            "the container takes longer than the label `timeout.response` allows"
        }
        (Expected::Container | Expected::Protected, 503) => {
            "the container went away just now; ask again, and see `sh0-agent routes`"
        }
        (_, _) => "the newest config may be on its way; ask again, and see the agent's log",
    };
    Link::broken(Step::Answer, text, help)
}

fn unanswered(request: &Request) -> &'static str {
    if request.tls {
        "the certificate may still be on its way: see the agent's log, and that the name's DNS \
         leads to this machine and its ports are open (`sh0-agent doctor`)"
    } else {
        "see whether Caddy runs and who has its ports: `sh0-agent doctor`"
    }
}

/// Where Caddy is asked: on the loopback where it listens on all addresses.
pub(super) fn listener(settings: &SettingsStatus, tls: bool) -> SocketAddr {
    let all = |ip: &IpAddr| ip.is_unspecified();
    let ip = { settings.listen.first().copied() }
        .filter(|ip| !all(ip))
        .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let port = if tls {
        settings.https_port
    } else {
        settings.http_port
    };
    SocketAddr::new(ip, port)
}
