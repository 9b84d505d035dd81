//! What the environment says.

use std::time::Duration;

use anyhow::{Context, bail};

/// How this backend behaves.
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) port: u16,
    /// HTTPS with a certificate of its own instead of HTTP.
    pub(crate) is_tls: bool,
    pub(crate) boot: Duration,
    pub(crate) healthy_after: Duration,
    pub(crate) on_term: OnTerm,
    /// When it fails by itself.
    pub(crate) exit_after: Option<Duration>,
}

/// What SIGTERM does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OnTerm {
    /// Takes connections for `linger` longer and asks clients to close theirs; then finishes the
    /// requests in flight.
    Finish { linger: Duration },
    /// Ends at once; requests in flight are lost.
    Exit,
    /// Nothing.
    Ignore,
}

impl Settings {
    pub(crate) fn from_environment() -> anyhow::Result<Self> {
        Ok(Self {
            name: std::env::var("WHOAMI_NAME").unwrap_or_else(|_| "whoami".to_owned()),
            port: number("WHOAMI_PORT")?.unwrap_or(8080),
            is_tls: number::<u8>("WHOAMI_TLS")?.is_some_and(|tls| tls > 0),
            boot: milliseconds("WHOAMI_BOOT_MS")?.unwrap_or_default(),
            healthy_after: milliseconds("WHOAMI_HEALTHY_AFTER_MS")?.unwrap_or_default(),
            on_term: on_term()?,
            exit_after: milliseconds("WHOAMI_EXIT_AFTER_MS")?,
        })
    }
}

fn on_term() -> anyhow::Result<OnTerm> {
    let linger = milliseconds("WHOAMI_LINGER_MS")?.unwrap_or_default();
    match std::env::var("WHOAMI_ON_TERM").as_deref() {
        Err(_) | Ok("" | "finish") => Ok(OnTerm::Finish { linger }),
        Ok("exit") => Ok(OnTerm::Exit),
        Ok("ignore") => Ok(OnTerm::Ignore),
        Ok(text) => bail!("WHOAMI_ON_TERM is `{text}`; expected finish, exit or ignore"),
    }
}

fn milliseconds(variable: &str) -> anyhow::Result<Option<Duration>> {
    Ok(number(variable)?.map(Duration::from_millis))
}

/// Reads a number from the environment; an unset or empty variable is none.
fn number<N: std::str::FromStr>(variable: &str) -> anyhow::Result<Option<N>>
where
    N::Err: std::error::Error + Send + Sync + 'static,
{
    match std::env::var(variable) {
        Ok(text) if !text.is_empty() => {
            let number = text.parse();
            number
                .map(Some)
                .with_context(|| format!("{variable} is not a number: `{text}`"))
        }
        _ => Ok(None),
    }
}
