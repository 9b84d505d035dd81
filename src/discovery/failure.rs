//! What the errors of a request mean to us.
//!
//! Pure but for one look at a socket file that bollard reports as missing: it says the same of one
//! that we may not see.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use bollard::errors::Error;

use super::endpoint::Endpoint;
use super::http::NoAnswer;
use super::{DockerRequest, EngineError};
use crate::certificates::WrongFile;

/// How much of the engine's own words is kept, in characters: enough for its longest sentence,
/// too little for a proxy's whole error page to flood a log.
const MESSAGE_CHARS_MAX: usize = 300;

/// One request to the engine, as far as its failure is concerned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    /// Which.
    pub(super) operation: DockerRequest,
    /// How long it may take.
    pub(super) limit: Duration,
    /// Whom it goes to.
    pub(super) endpoint: &'a Endpoint,
    /// The container or network that it asks for.
    pub(super) thing: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// The request for this container or network.
    pub(super) fn about(self, thing: &'a str) -> Self {
        Self {
            thing: Some(thing),
            ..self
        }
    }

    /// The engine did not answer in time.
    pub(super) fn timed_out(self) -> EngineError {
        EngineError::Timeout {
            operation: self.operation,
            limit: self.limit,
        }
    }

    /// The answer is not what the API promises.
    pub(super) fn broken(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> EngineError {
        EngineError::Broken {
            operation: self.operation,
            source: source.into(),
        }
    }

    /// The request failed with bollard's error.
    pub(super) fn failed(self, error: Error) -> EngineError {
        if matches!(error, Error::RequestTimeoutError) {
            return self.timed_out();
        }
        if let Error::SocketNotFoundError(path) = &error {
            let cause = std::fs::metadata(path).err();
            return self.not_connected(cause.unwrap_or_else(|| io::ErrorKind::NotFound.into()));
        }
        if let Error::DockerResponseServerError {
            status_code,
            message,
        } = &error
        {
            return self.refused(*status_code, message);
        }
        if let Error::IOError { err } = error {
            return match err.downcast::<NoAnswer>() {
                Ok(why) => self.unanswered(why),
                Err(err) => self.broken(err),
            };
        }
        if let Error::HyperLegacyError { err } = error {
            return match io_cause(&err) {
                Some(cause) if err.is_connect() => self.not_connected(cause),
                None if err.is_connect() => self.not_connected(io::Error::other(err)),
                Some(_) | None => self.broken(err),
            };
        }
        self.broken(error)
    }

    /// The answer has a status that says no.
    pub(super) fn refused(self, status: u16, message: &str) -> EngineError {
        let operation = self.operation;
        let line = one_bounded_line(message);
        // The engine names what it does not have. Who does not let the path through says nothing
        // of it, or shows the path.
        let is_named =
            |thing: &str| message.contains(thing) && !message.contains(&format!("/{thing}"));
        if status == 404 && self.thing.is_some_and(is_named) {
            return EngineError::Missing {
                operation,
                message: line,
            };
        }
        EngineError::Refused {
            operation,
            status,
            message: line,
        }
    }

    /// There is no answer.
    pub(super) fn unanswered(self, why: NoAnswer) -> EngineError {
        match why {
            NoAnswer::File(WrongFile { path, problem }) => EngineError::File { path, problem },
            NoAnswer::Dial(cause) => self.not_connected(cause),
            NoAnswer::Tls(problem) => EngineError::Tls {
                endpoint: self.endpoint.to_string(),
                problem,
            },
            NoAnswer::Exchange(error) => self.broken(error),
        }
    }

    fn not_connected(self, cause: io::Error) -> EngineError {
        let endpoint = self.endpoint.to_string();
        let denied = cause.kind() == io::ErrorKind::PermissionDenied;
        let source = Box::new(cause);
        if denied {
            EngineError::Permission { endpoint, source }
        } else {
            EngineError::Unreachable { endpoint, source }
        }
    }
}

/// The first I/O error among an error and its causes, without the layers of HTTP client around it.
fn io_cause(error: &(dyn StdError + 'static)) -> Option<io::Error> {
    match error.downcast_ref::<io::Error>() {
        Some(cause) => Some(match cause.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(cause.kind(), cause.to_string()),
        }),
        None => io_cause(error.source()?),
    }
}

fn one_bounded_line(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_words_become_one_bounded_line() {
        assert_eq!(
            one_bounded_line("<h1>403\r\n Forbidden</h1>\n"),
            "<h1>403 Forbidden</h1>"
        );
        let long = one_bounded_line(&"ü".repeat(5_000));
        assert_eq!(long.chars().count(), MESSAGE_CHARS_MAX + 1);
    }

    #[test]
    fn a_socket_that_is_not_there_is_unreachable() {
        let endpoint = Endpoint::parse(Some("/nonexistent/docker.sock"), false).expect("a path");
        let request = Request {
            operation: DockerRequest::Version,
            limit: Duration::from_secs(1),
            endpoint: &endpoint,
            thing: None,
        };
        let error = request.failed(Error::SocketNotFoundError(endpoint.to_string()));
        assert!(matches!(error, EngineError::Unreachable { .. }), "{error}");
        let error = request.not_connected(io::Error::from(io::ErrorKind::PermissionDenied));
        assert!(matches!(error, EngineError::Permission { .. }), "{error}");
    }
}
