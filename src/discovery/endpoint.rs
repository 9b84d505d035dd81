//! Where the engine is: the forms that `--docker` and `DOCKER_HOST` may have.
//!
//! Pure; whether anybody listens there is for `docker` to find out.

use std::fmt;

use super::EngineError;

/// Where Docker listens unless told otherwise.
const SOCKET_DEFAULT: &str = "/var/run/docker.sock";

/// The port of Docker's plain TCP endpoint when none is given.
const TCP_PORT_DEFAULT: u16 = 2375;

/// The forms that are understood, for messages.
pub(super) const FORMS: &str = "`unix:///path/to/docker.sock`, `/path/to/docker.sock`, \
                                `tcp://host:port` or `http://host:port`";

/// An endpoint that can be dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// A Unix socket, by its absolute path.
    Unix(String),
    /// Plain HTTP over TCP, as `host:port`.
    Http(String),
}

/// Why a text is no endpoint.
#[derive(Debug, thiserror::Error)]
#[error("expected {FORMS}, found {found}")]
struct NoEndpoint {
    found: &'static str,
}

impl Endpoint {
    /// Parses what a person gave; `None` and the empty text are the default socket.
    ///
    /// # Errors
    /// [`EngineError::Endpoint`] with what was found instead.
    pub(super) fn parse(text: Option<&str>) -> Result<Self, EngineError> {
        let text = text.map_or("", str::trim);
        Self::parse_text(text).map_err(|found| EngineError::Endpoint {
            endpoint: without_credentials(text),
            source: Box::new(NoEndpoint { found }),
        })
    }

    fn parse_text(text: &str) -> Result<Self, &'static str> {
        match text.split_once("://") {
            None if text.is_empty() => Ok(Self::Unix(SOCKET_DEFAULT.to_owned())),
            None | Some(("unix", "")) if !text.starts_with('/') => Err("no scheme and no path"),
            None => Ok(Self::Unix(text.to_owned())),
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.to_owned())),
            Some(("unix", _)) => Err("a relative path (a Unix socket needs three slashes)"),
            Some(("tcp" | "http", authority)) => Self::parse_authority(authority),
            Some(("https", _)) => Err("an address with TLS"),
            Some(("ssh", _)) => Err("an SSH address"),
            Some(_) => Err("an unknown scheme"),
        }
    }

    fn parse_authority(authority: &str) -> Result<Self, &'static str> {
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if authority.contains(['/', '?', '#', '@', ' ']) {
            return Err("more than a host and a port");
        }
        let (host, port) = match authority.rsplit_once(':') {
            // A colon inside the brackets belongs to an IPv6 address.
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let bracketed = host.starts_with('[') && host.ends_with(']');
        if host.is_empty() || (host.contains(':') && !bracketed) {
            return Err("no host");
        }
        match port.map(str::parse::<u16>) {
            None => Ok(Self::Http(format!("{host}:{TCP_PORT_DEFAULT}"))),
            Some(Ok(port)) if port != 0 => Ok(Self::Http(format!("{host}:{port}"))),
            Some(_) => Err("a port that is not 1 to 65535"),
        }
    }
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
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = match Endpoint::parse(Some(text)) {
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
            Endpoint::parse(None).expect("the default").to_string(),
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
        check("https://host:2376", "found an address with TLS");
        check("ssh://me@host", "found an SSH address");
        check("npipe:////./pipe/docker", "found an unknown scheme");
        check("tcp://:2375", "found no host");
        check("tcp://host:0", "found a port that is not 1 to 65535");
        check("tcp://fd00::1:2375", "found no host");
        check("tcp://host:2375/v1.41", "found more than a host and a port");
    }
}
