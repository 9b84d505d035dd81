//! Where the engine is: the forms that `--docker` and `DOCKER_HOST` may have.
//!
//! Pure; whether anybody listens there is for `docker` to find out.

use std::fmt;
use std::net::IpAddr;

use super::EngineError;

/// Where Docker listens unless told otherwise.
const SOCKET_DEFAULT: &str = "/var/run/docker.sock";

/// The port of Docker's plain TCP endpoint when none is given.
const TCP_PORT_DEFAULT: u16 = 2375;

/// The port of Docker's TCP endpoint with TLS when none is given.
const TLS_PORT_DEFAULT: u16 = 2376;

/// The forms that are understood, for messages.
pub(super) const FORMS: &str = "`unix:///path/to/docker.sock`, `/path/to/docker.sock`, \
                                `tcp://host:port`, `http://host:port` or `https://host:port`";

/// An endpoint that can be dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// A Unix socket, by its absolute path.
    Unix(String),
    /// Plain HTTP over TCP, as `host:port`.
    Http(String),
    /// HTTP over TLS over TCP, as `host:port`.
    Https(String),
}

/// The socket that this endpoint is, if it is one.
pub(crate) fn unix_socket(text: Option<&str>) -> Option<String> {
    match Endpoint::parse(text, false).ok()? {
        Endpoint::Unix(path) => Some(path),
        Endpoint::Http(_) | Endpoint::Https(_) => None,
    }
}

/// Why a text is no endpoint.
#[derive(Debug, thiserror::Error)]
#[error("expected {FORMS}, found {found}")]
struct NoEndpoint {
    found: &'static str,
}

impl Endpoint {
    /// Parses what a person gave; `None` and the empty text are the default socket. With `tls` a
    /// TCP endpoint is one with TLS; a Unix socket has none in any case.
    ///
    /// # Errors
    /// [`EngineError::Endpoint`] with what was found instead.
    pub(super) fn parse(text: Option<&str>, tls: bool) -> Result<Self, EngineError> {
        let text = text.map_or("", str::trim);
        Self::parse_text(text, tls).map_err(|found| EngineError::Endpoint {
            endpoint: without_credentials(text),
            source: Box::new(NoEndpoint { found }),
        })
    }

    fn parse_text(text: &str, tls: bool) -> Result<Self, &'static str> {
        match text.split_once("://") {
            None if text.is_empty() => Ok(Self::Unix(SOCKET_DEFAULT.to_owned())),
            None | Some(("unix", "")) if !text.starts_with('/') => Err("no scheme and no path"),
            None => Ok(Self::Unix(text.to_owned())),
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.to_owned())),
            Some(("unix", _)) => Err("a relative path (a Unix socket needs three slashes)"),
            Some(("http", _)) if tls => Err(
                "an address without TLS, where DOCKER_TLS_VERIFY or DOCKER_CERT_PATH ask for it",
            ),
            Some(("https", authority)) => {
                authority_of(authority, TLS_PORT_DEFAULT).map(Self::Https)
            }
            Some(("tcp", authority)) if tls => {
                authority_of(authority, TLS_PORT_DEFAULT).map(Self::Https)
            }
            Some(("tcp" | "http", authority)) => {
                authority_of(authority, TCP_PORT_DEFAULT).map(Self::Http)
            }
            Some(("ssh", _)) => Err("an SSH address; forward the socket instead: `ssh -N -L \
                 /run/remote-docker.sock:/var/run/docker.sock user@host`"),
            Some(_) => Err("an unknown scheme"),
        }
    }

    /// Whether whoever listens on the way can read and change what is said.
    pub(super) fn is_unprotected(&self) -> bool {
        match self {
            Self::Unix(_) | Self::Https(_) => false,
            Self::Http(authority) => !is_loopback(authority),
        }
    }
}

/// `host:port`, with this port when none is given.
fn authority_of(text: &str, port_default: u16) -> Result<String, &'static str> {
    let text = text.strip_suffix('/').unwrap_or(text);
    if text.contains(['/', '?', '#', '@', ' ']) {
        return Err("more than a host and a port");
    }
    let (host, port) = match text.rsplit_once(':') {
        // A colon inside the brackets belongs to an IPv6 address.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || (host.contains(':') && !bracketed) {
        return Err("no host");
    }
    match port.map(str::parse::<u16>) {
        None => Ok(format!("{host}:{port_default}")),
        Some(Ok(port)) if port != 0 => Ok(format!("{host}:{port}")),
        Some(_) => Err("a port that is not 1 to 65535"),
    }
}

fn is_loopback(authority: &str) -> bool {
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The text as it may be shown: without what stands before the `@` of a URL.
fn without_credentials(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((_, rest)) => format!("{scheme}://(hidden)@{rest}"),
            None => text.to_owned(),
        },
        None => text.to_owned(),
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => f.write_str(path),
            Self::Http(authority) => write!(f, "tcp://{authority}"),
            Self::Https(authority) => write!(f, "https://{authority}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    fn check(text: &str, expected: &str) {
        check_with(false, text, expected);
    }

    fn check_with(tls: bool, text: &str, expected: &str) {
        let shown = match Endpoint::parse(Some(text), tls) {
            Ok(endpoint) => endpoint.to_string(),
            Err(error) => error
                .source()
                .and_then(|cause| cause.downcast_ref::<NoEndpoint>())
                .map_or_else(String::new, |cause| format!("found {}", cause.found)),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn sockets_and_tcp_addresses_are_endpoints() {
        assert_eq!(
            Endpoint::parse(None, false)
                .expect("the default")
                .to_string(),
            "/var/run/docker.sock"
        );
        check("", "/var/run/docker.sock");
        check("/run/docker.sock", "/run/docker.sock");
        check(" unix:///run/docker.sock\n", "/run/docker.sock");
        check("tcp://10.0.0.1:2375", "tcp://10.0.0.1:2375");
        check("http://proxy:2375/", "tcp://proxy:2375");
        check("tcp://proxy", "tcp://proxy:2375");
        check("tcp://[fd00::1]:2375", "tcp://[fd00::1]:2375");
        check("tcp://[fd00::1]", "tcp://[fd00::1]:2375");
    }

    #[test]
    fn other_forms_say_what_was_found() {
        check("docker.sock", "found no scheme and no path");
        check("unix://", "found no scheme and no path");
        check(
            "unix://run/docker.sock",
            "found a relative path (a Unix socket needs three slashes)",
        );
        check(
            "ssh://me@host",
            "found an SSH address; forward the socket instead: `ssh -N -L \
             /run/remote-docker.sock:/var/run/docker.sock user@host`",
        );
        check("npipe:////./pipe/docker", "found an unknown scheme");
        check("tcp://:2375", "found no host");
        check("tcp://host:0", "found a port that is not 1 to 65535");
        check("tcp://fd00::1:2375", "found no host");
        check("tcp://host:2375/v1.41", "found more than a host and a port");
    }

    #[test]
    fn with_tls_no_endpoint_is_without_it_but_a_socket() {
        check("https://host", "https://host:2376");
        check("https://[fd00::1]:9/", "https://[fd00::1]:9");
        check_with(true, "https://host:1", "https://host:1");
        check_with(true, "tcp://host", "https://host:2376");
        check_with(true, "tcp://host:2375", "https://host:2375");
        check_with(
            true,
            "http://host:2375",
            "found an address without TLS, where DOCKER_TLS_VERIFY or DOCKER_CERT_PATH ask for it",
        );
        check_with(true, "", "/var/run/docker.sock");
        check_with(true, "unix:///run/docker.sock", "/run/docker.sock");
    }

    #[test]
    fn only_plain_http_beyond_the_machine_is_unprotected() {
        let check = |text, expected| {
            let endpoint = Endpoint::parse(Some(text), false).expect("an endpoint");
            assert_eq!(endpoint.is_unprotected(), expected, "{text}");
        };
        check("unix:///run/docker.sock", false);
        check("https://host:2376", false);
        check("tcp://127.0.0.2:2375", false);
        check("tcp://[::1]:2375", false);
        check("tcp://localhost", false);
        check("tcp://proxy:2375", true);
        check("http://10.0.0.1:2375", true);
        check("tcp://[fd00::1]", true);
    }
}
