//! Which Docker engine, for every subcommand that asks one.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::said;
use crate::settings::Settings;

/// The flags that name an engine. Their doc comments are the help on the terminal.
#[derive(Debug, Args)]
#[expect(
    clippy::doc_markdown,
    reason = "shown on the terminal, where back-ticks are noise"
)]
pub(crate) struct DockerArgs {
    /// Docker endpoint: unix:///path, /path, tcp://host:port or, with TLS, https://host:port
    /// [default: /var/run/docker.sock]
    #[arg(long, env = "DOCKER_HOST", value_name = "ENDPOINT")]
    docker: Option<String>,
    /// Speak TLS to a tcp:// endpoint, and verify it; whatever the value is, if there is one
    #[arg(
        long,
        env = "DOCKER_TLS_VERIFY",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1",
        value_name = "ANY"
    )]
    docker_tls_verify: Option<String>,
    /// Directory with ca.pem, cert.pem and key.pem for TLS to Docker, which is spoken when this is
    /// given [default: ~/.docker]
    #[arg(long, env = "DOCKER_CERT_PATH", value_name = "DIR")]
    docker_cert_path: Option<OsString>,
}

impl DockerArgs {
    /// The endpoint, whether it is spoken to over TLS, and where the files for that are.
    pub(super) fn engine(self) -> (Option<String>, bool, Option<PathBuf>) {
        let certificates = self.docker_cert_path.filter(|path| !path.is_empty());
        let tls = said(self.docker_tls_verify).is_some() || certificates.is_some();
        (said(self.docker), tls, certificates.map(PathBuf::from))
    }

    /// Default settings with this engine.
    pub(crate) fn settings(self) -> Settings {
        let (docker, docker_tls, docker_certificates) = self.engine();
        Settings {
            docker,
            docker_tls,
            docker_certificates,
            ..Settings::default()
        }
    }
}
