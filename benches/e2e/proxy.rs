//! What is measured: the agent, other proxies, and a plain Caddy to compare with. One small driver
//! each: the labels that it reads, and how it is started.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::time::Duration;

use reqwest::Client;
use serde_json::json;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::backend::Backend;
use super::daemon::NETWORK;
use super::process::Process;
use crate::harness::{client, command, free_ports};

/// From one question to the next; an answer takes about as long.
const PACE: Duration = Duration::from_millis(1);
/// A question that gets no answer for so long is asked again.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// A kind of proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// sh0-agent, this build or another.
    Agent,
    /// caddy-docker-proxy: a Caddy that was built with it.
    CaddyDockerProxy,
    /// Traefik.
    Traefik,
    /// Caddy with one route and the address in it: what can be reached at best.
    PlainCaddy,
}

/// A program to measure, as `--peer` names it: `traefik=/path/to/traefik`.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    /// What kind it is of.
    pub(crate) kind: Kind,
    /// What the report calls it.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) program: PathBuf,
    /// More words for its command line.
    pub(crate) flags: Vec<String>,
    /// More labels of each container, besides the host's; `{host}` in a value is its host.
    pub(crate) site_labels: Vec<(String, String)>,
    /// Where it listens for HTTP.
    pub(crate) port: u16,
    /// Where an agent listens for HTTPS, which nobody asks.
    https_port: u16,
}

impl FromStr for Proxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "expected `sh0-agent=PATH`, `caddy-docker-proxy=PATH` or `traefik=PATH`";
        let (name, program) = text.split_once('=').ok_or(form)?;
        let kind = match name {
            "sh0-agent" => Kind::Agent,
            "caddy-docker-proxy" => Kind::CaddyDockerProxy,
            "traefik" => Kind::Traefik,
            _ => return Err(format!("{form}, found `{name}`")),
        };
        // The other agent must not be taken for this one.
        let shown = if kind == Kind::Agent { program } else { name };
        Ok(Self::new(kind, shown, program))
    }
}

impl Proxy {
    /// A program of this kind.
    pub(crate) fn new(kind: Kind, name: &str, program: impl Into<PathBuf>) -> Self {
        let [port, https_port] = free_ports();
        Self {
            kind,
            name: name.to_owned(),
            program: program.into(),
            flags: Vec::new(),
            site_labels: Vec::new(),
            port,
            https_port,
        }
    }

    /// The agent of this build.
    pub(crate) fn agent() -> Self {
        Self::new(Kind::Agent, "sh0-agent", env!("CARGO_BIN_EXE_sh0-agent"))
    }

    /// The plain Caddy, of the binary that the agent uses.
    pub(crate) fn plain_caddy() -> Self {
        Self::new(Kind::PlainCaddy, "plain Caddy, one route", caddy())
    }

    /// What a container says so that this proxy serves it.
    pub(crate) fn labels(&self, host: &str, port: u16) -> Vec<(String, String)> {
        let label = |key: String, value: String| (key, value);
        let name = host.replace('.', "-");
        match self.kind {
            Kind::Agent => { [label("sh0.host".to_owned(), host.to_owned())].into_iter() }
                .chain(
                    { self.site_labels.iter() }
                        .map(|(key, value)| label(key.clone(), value.replace("{host}", host))),
                )
                .collect(),
            Kind::CaddyDockerProxy => vec![
                label("caddy".to_owned(), format!("http://{host}:{}", self.port)),
                label(
                    "caddy.reverse_proxy".to_owned(),
                    format!("{{{{upstreams {port}}}}}"),
                ),
            ],
            Kind::Traefik => vec![
                label("traefik.enable".to_owned(), "true".to_owned()),
                label(
                    format!("traefik.http.routers.{name}.rule"),
                    format!("Host(`{host}`)"),
                ),
                label(
                    format!("traefik.http.services.{name}.loadbalancer.server.port"),
                    port.to_string(),
                ),
            ],
            Kind::PlainCaddy => Vec::new(),
        }
    }

    fn command(&self, home: &Path, endpoint: &str, target: (Ipv4Addr, u16)) -> Command {
        let mut program = command(&self.program);
        // Settings come from here alone.
        for (key, _) in std::env::vars() {
            let is_setting = ["SH0_", "CADDY_", "TRAEFIK_", "DOCKER_"];
            if is_setting.iter().any(|prefix| key.starts_with(prefix)) {
                program.env_remove(key);
            }
        }
        program.env("DOCKER_HOST", endpoint).env("HOME", home);
        match self.kind {
            Kind::Agent => self.agent_settings(&mut program, home),
            Kind::CaddyDockerProxy => {
                program.arg("docker-proxy");
                program.args(["--ingress-networks", NETWORK]);
                // Its loads do not go over the admin endpoint.
                program
                    .env("CADDY_ADMIN", "off")
                    .env("XDG_DATA_HOME", home)
                    .env("XDG_CONFIG_HOME", home);
            }
            Kind::Traefik => {
                let port = self.port;
                program.args([
                    format!("--entrypoints.web.address=127.0.0.1:{port}"),
                    format!("--providers.docker.endpoint={endpoint}"),
                    format!("--providers.docker.network={NETWORK}"),
                    "--providers.docker.exposedbydefault=false".to_owned(),
                    "--global.checknewversion=false".to_owned(),
                    "--log.level=ERROR".to_owned(),
                ]);
            }
            Kind::PlainCaddy => {
                let config = home.join("caddy.json");
                let written = fs::write(&config, plain_config(self.port, target));
                written.expect("the folder is ours");
                program.args(["run", "--config"]).arg(config);
            }
        }
        program.args(&self.flags);
        program
    }

    fn agent_settings(&self, program: &mut Command, home: &Path) {
        program
            .arg("run")
            .env("SH0_CADDY", caddy())
            .env("SH0_STATE_DIR", home.join("state"))
            .env("SH0_RUNTIME_DIR", home.join("run"))
            .env("SH0_LISTEN", "127.0.0.1")
            .env("SH0_NETWORK", NETWORK)
            .env("SH0_HTTP_PORT", self.port.to_string())
            .env("SH0_HTTPS_PORT", self.https_port.to_string())
            .env("SH0_DEFAULT_TLS", "off");
    }

    /// Starts it.
    pub(crate) fn start(&self, endpoint: &str, target: (Ipv4Addr, u16)) -> Running {
        let home = in_memory().expect("a folder");
        let log = File::create(home.path().join("log")).expect("the folder is ours");
        let mut command = self.command(home.path(), endpoint, target);
        let errors = log.try_clone().expect("it is open");
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let started = Instant::now();
        Running {
            process: Process::spawn(command),
            started,
            port: self.port,
            client: client(0),
            home,
        }
    }
}

/// The Caddy that agents and the comparison run.
fn caddy() -> PathBuf {
    std::env::var_os("SH0_CADDY").map_or_else(|| "caddy".into(), PathBuf::from)
}

/// A folder where `/run` would be: in memory. Ten thousand files that were deleted a moment ago make
/// new ones slow on a disk with ext4, which does not give an inode away twice within seconds.
fn in_memory() -> std::io::Result<TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

/// No logs, no admin endpoint, one host.
fn plain_config(port: u16, (ip, to): (Ipv4Addr, u16)) -> String {
    let proxy = json!({"handler": "reverse_proxy", "upstreams": [{"dial": format!("{ip}:{to}")}]});
    json!({
        "admin": {"disabled": true},
        "apps": {"http": {"servers": {"plain": {
            "listen": [format!("127.0.0.1:{port}")],
            "automatic_https": {"disable": true},
            "routes": [{"match": [{"host": ["plain.test"]}], "handle": [proxy]}]
        }}}}
    })
    .to_string()
}

/// A proxy that runs.
#[derive(Debug)]
pub(crate) struct Running {
    /// Its processes.
    pub(crate) process: Process,
    /// When it was started.
    pub(crate) started: Instant,
    /// Where it listens.
    pub(crate) port: u16,
    home: TempDir,
    client: Client,
}

impl Running {
    /// The admin socket of an agent's Caddy.
    pub(crate) fn admin_socket(&self) -> PathBuf {
        self.home.path().join("run/caddy/admin.sock")
    }

    /// Whether the host is answered from this address, over a connection of its own.
    pub(crate) async fn is_answered(&self, host: &str, ip: Ipv4Addr, limit: Duration) -> bool {
        let request = self.client.get(format!("http://127.0.0.1:{}/", self.port));
        let Ok(answer) = request.header("Host", host).timeout(limit).send().await else {
            return false;
        };
        let is_ok = answer.status().is_success();
        is_ok
            && answer
                .text()
                .await
                .is_ok_and(|body| body == Backend::body(ip))
    }

    /// When the host was first answered from this address.
    ///
    /// # Errors
    /// When it was not before the time was up, or the proxy ended.
    pub(crate) async fn answered(
        &self,
        host: &str,
        ip: Ipv4Addr,
        patience: Duration,
    ) -> Result<Instant, String> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline && self.process.is_running() {
            if self.is_answered(host, ip, ANSWER_LIMIT).await {
                return Ok(Instant::now());
            }
            sleep(PACE).await;
        }
        let why = if self.process.is_running() {
            format!("within {patience:?}")
        } else {
            "before the proxy ended".to_owned()
        };
        let last_words = self.last_words();
        Err(format!(
            "{host} was not answered from {ip} {why}; it logged: {last_words}"
        ))
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.home.path().join("log")).unwrap_or_default();
        let earlier = log.lines().count().saturating_sub(5);
        log.lines().skip(earlier).collect::<Vec<_>>().join("\n")
    }
}
