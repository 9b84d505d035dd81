//! The built agent as a process, with folders and ports of its own.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::http::{self, Answer};
use super::process::free_ports;
use super::{Container, Engine, command, is_alive, keeps, signal, until};

/// Bounds every wait for something that takes well under a second on an idle machine.
pub(crate) fn patience() -> Duration {
    Duration::from_secs(15)
}

/// So much of the log is shown when a test has failed: all of it, unless the test takes minutes.
const LOG_LINES_SHOWN: usize = 1_000;

/// How an agent is started.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    flags: Vec<String>,
    env: Vec<(String, String)>,
}

impl Options {
    /// With further flags of `run`; a flag given again replaces the harness's own.
    pub(crate) fn flags<'a>(mut self, flags: impl IntoIterator<Item = &'a str>) -> Self {
        self.flags.extend(flags.into_iter().map(str::to_owned));
        self
    }

    /// With an environment variable.
    pub(crate) fn env(mut self, key: &str, value: &str) -> Self {
        self.env.push((key.to_owned(), value.to_owned()));
        self
    }
}

/// An agent under test, running or not. Dropping it ends it and its Caddy at once, and shows its
/// log when the test has failed.
#[derive(Debug)]
pub(crate) struct Agent {
    /// Ports on the loopback.
    pub(crate) http_port: u16,
    pub(crate) https_port: u16,
    home: Option<TempDir>,
    options: Options,
    network: String,
    endpoint: Option<String>,
    child: Option<Child>,
}

impl Agent {
    /// Starts an agent for this engine's test and waits until its Caddy serves what the containers
    /// ask for. Hosts have no certificates unless their labels say so.
    pub(crate) async fn start(engine: &Engine) -> Self {
        Self::start_with(engine, Options::default()).await
    }

    /// The same with other settings.
    pub(crate) async fn start_with(engine: &Engine, options: Options) -> Self {
        let mut agent = Self::prepare(engine, options);
        agent.spawn();
        agent.until_up().await;
        agent
    }

    /// An agent that is not started yet.
    pub(crate) fn prepare(engine: &Engine, options: Options) -> Self {
        let [http, https] = free_ports();
        Self {
            http_port: http,
            https_port: https,
            home: Some(tempfile::tempdir().expect("a folder")),
            options,
            network: engine.network(),
            endpoint: engine.endpoint().map(str::to_owned),
            child: None,
        }
    }

    /// Starts it, and waits for nothing.
    pub(crate) fn spawn(&mut self) {
        let mut agent = self.command("run");
        agent.stdout(self.log_file()).stderr(self.log_file());
        self.spawn_as(agent);
    }

    /// Starts it by a command that was made of [`Agent::command`], with outputs of its own.
    pub(crate) fn spawn_as(&mut self, mut agent: std::process::Command) {
        assert!(self.child.is_none(), "it runs");
        agent.stdin(Stdio::null());
        self.child = Some(agent.spawn().expect("it was built"));
    }

    /// A file for a command's output that ends up in [`Agent::log`].
    pub(crate) fn log_file(&self) -> File {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path());
        log.expect("the folder is ours")
    }

    /// `sh0-agent <subcommand>` with this agent's settings.
    pub(crate) fn command(&self, subcommand: &str) -> std::process::Command {
        let mut agent = command(env!("CARGO_BIN_EXE_sh0-agent"));
        // Settings come from the test alone.
        for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("SH0_")) {
            if !["SH0_CADDY", "SH0_GROUP_HOSTS", "SH0_UPSTREAMS"].contains(&key.as_str()) {
                agent.env_remove(key);
            }
        }
        if let Some(endpoint) = &self.endpoint {
            agent.env("DOCKER_HOST", endpoint);
        }
        agent
            .arg(subcommand)
            .env("SH0_RUNTIME_DIR", self.runtime_dir());
        if ["run", "render", "plan", "doctor"].contains(&subcommand) {
            agent.env("SH0_STATE_DIR", self.state_dir());
            agent.env("SH0_LISTEN", "127.0.0.1");
            agent.env("SH0_NETWORK", &self.network);
            agent.env("SH0_HTTP_PORT", self.http_port.to_string());
            agent.env("SH0_HTTPS_PORT", self.https_port.to_string());
            agent.env("SH0_DEFAULT_TLS", "off");
            agent.env("SH0_LOG_FORMAT", "human");
            agent.args(&self.options.flags);
        }
        agent.envs(self.options.env.iter().cloned());
        agent
    }

    /// The agent's folder: `state`, `run` and the log are in it.
    pub(crate) fn home(&self) -> &Path {
        self.home
            .as_ref()
            .expect("it is there until the end")
            .path()
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.home().join("state")
    }

    pub(crate) fn runtime_dir(&self) -> PathBuf {
        self.home().join("run")
    }

    fn log_path(&self) -> PathBuf {
        self.home().join("agent.log")
    }

    /// Everything it has logged, over all its lives.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// The lines of the log with this text.
    pub(crate) fn logged(&self, text: &str) -> Vec<String> {
        let log = self.log();
        let lines = log.lines().filter(|line| line.contains(text));
        lines.map(str::to_owned).collect()
    }

    /// The root of its internal authority.
    pub(crate) fn root(&self) -> PathBuf {
        self.state_dir()
            .join("caddy/pki/authorities/local/root.crt")
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// The process of its Caddy.
    pub(crate) async fn caddy_pid(&self) -> u32 {
        let status = self
            .status_when("Caddy is up", |s| {
                s.pointer("/caddy/pid").is_some_and(Value::is_u64)
            })
            .await;
        let pid = status
            .pointer("/caddy/pid")
            .and_then(Value::as_u64)
            .expect("just checked");
        u32::try_from(pid).expect("a pid")
    }

    /// What it knows, from its status socket; `Null` when it does not answer.
    pub(crate) async fn status(&self) -> Value {
        let socket = self.runtime_dir().join("status.sock");
        let ask = sh0_agent::status::client::ask(&socket);
        let answer = tokio::time::timeout(Duration::from_secs(5), ask).await;
        let answer = answer.ok().and_then(Result::ok).unwrap_or_default();
        serde_json::from_slice(&answer).unwrap_or_default()
    }

    /// The status as soon as it is so.
    pub(crate) async fn status_when(&self, what: &str, so: impl Fn(&Value) -> bool) -> Value {
        until(what, patience(), async || {
            let status = self.status().await;
            if so(&status) {
                Ok(status)
            } else {
                Err(status.to_string())
            }
        })
        .await
    }

    /// Waits until Caddy serves what a first look asked for.
    pub(crate) async fn until_up(&mut self) {
        until("the agent is up", patience(), async || {
            if let Some(status) = self.exited() {
                return Err(format!("it ended with {status}: {}", self.log()));
            }
            let status = self.status().await;
            let phase = status.pointer("/caddy/phase").and_then(Value::as_str);
            let is_up = is_current(&status) && phase == Some("up");
            is_up.then_some(()).ok_or(status.to_string())
        })
        .await;
    }

    /// Waits until Caddy has the newest config.
    pub(crate) async fn settled(&self) {
        self.status_when("Caddy has the newest config", is_current)
            .await;
    }

    /// How many loads Caddy has taken, none being due, nor a removal, which waits for a minute. Caddy
    /// answers by a new config before its load is counted: without a wait the last may be missing.
    pub(crate) async fn loads(&self) -> u64 {
        self.settled().await;
        self.loads_so_far().await
    }

    /// How many loads Caddy has taken; another may be under way.
    pub(crate) async fn loads_so_far(&self) -> u64 {
        let is_counted = |s: &Value| s["caddy"]["loads"].is_u64();
        let status = self.status_when("it answers", is_counted).await;
        status["caddy"]["loads"].as_u64().expect("just checked")
    }

    /// `GET http://<host><path>` through its Caddy.
    pub(crate) async fn get(&self, host: &str, path: &str) -> Answer {
        http::get(self.http_port, host, path).await
    }

    /// `GET https://<host><path>` through its Caddy, trusting its internal authority.
    pub(crate) async fn get_tls(&self, host: &str, path: &str) -> Answer {
        http::get_tls(&self.root(), self.https_port, host, path).await
    }

    /// Waits until this host's `/` is answered by the container that says this name.
    pub(crate) async fn answers(&self, host: &str, name: &str) {
        until(&format!("{host} is {name}"), patience(), async || {
            let answer = self.get(host, "/").await;
            if answer.is_from(name) {
                Ok(())
            } else {
                Err(answer.summary())
            }
        })
        .await;
    }

    /// Waits until this container takes requests.
    pub(crate) async fn routed(&self, container: &Container) {
        let is_routed = |status: &Value| {
            let rows = status.get("rows").and_then(Value::as_array);
            let mut own = { rows.into_iter().flatten() }.filter(|row| {
                row.pointer("/container/id").and_then(Value::as_str) == Some(&container.id)
            });
            own.any(|row| row.get("state").and_then(Value::as_str) == Some("routed"))
        };
        self.status_when("the container is routed", is_routed).await;
    }

    /// Waits until this host's `/` is answered with this status.
    pub(crate) async fn refuses(&self, host: &str, status: u16) -> Answer {
        until(
            &format!("{host} answers {status}"),
            patience(),
            async || {
                let answer = self.get(host, "/").await;
                if answer.status == status {
                    Ok(answer)
                } else {
                    Err(answer.summary())
                }
            },
        )
        .await
    }

    /// Waits until something is in the log.
    pub(crate) async fn logs(&self, text: &str) -> String {
        self.logs_about("", text).await
    }

    /// Waits until the log has a line with both; other tests' containers may be in the log, too.
    pub(crate) async fn logs_about(&self, name: &str, text: &str) -> String {
        let what = format!("the log says {text:?} of {name:?}");
        until(&what, patience(), async || {
            let mut lines = self.logged(text).into_iter();
            { lines.find(|line| line.contains(name)) }.ok_or_else(String::new)
        })
        .await
    }

    /// The report of `sh0-agent routes`.
    pub(crate) async fn routes(&self) -> String {
        let output = tokio::process::Command::from(self.command("routes")).output();
        let output = output.await.expect("it was built");
        String::from_utf8(output.stdout).expect("our output is UTF-8")
    }

    /// Its exit, if it has ended by itself.
    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        let child = self.child.as_mut()?;
        child.try_wait().expect("it is our child")
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn until_exit(&mut self) -> ExitStatus {
        let status = until("the agent ends", patience(), async || {
            self.exited().ok_or_else(|| "it runs".to_owned())
        })
        .await;
        self.child = None;
        status
    }

    /// Asks it to end, and waits.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        assert!(signal(self.pid(), Signal::TERM), "it runs");
        self.until_exit().await
    }

    /// Ends it as `kill -9` does; its Caddy stays.
    pub(crate) async fn kill(&mut self) -> ExitStatus {
        assert!(signal(self.pid(), Signal::KILL), "it runs");
        self.until_exit().await
    }

    /// Starts the next agent with the same folders and ports, and waits until it is up.
    pub(crate) async fn start_again(&mut self) {
        self.spawn();
        self.until_up().await;
    }

    /// The pid of the Caddy that was recorded last, if it still runs.
    pub(crate) fn recorded_caddy(&self) -> Option<u32> {
        let record = std::fs::read(self.runtime_dir().join("caddy.json")).ok()?;
        let record: Value = serde_json::from_slice(&record).ok()?;
        let pid = u32::try_from(record.get("pid")?.as_u64()?).ok()?;
        is_alive(pid).then_some(pid)
    }
}

impl Drop for Agent {
    #[expect(clippy::print_stdout, reason = "what a failed test has to say")]
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let ended = child.kill().and_then(|()| child.wait());
            ended.expect("it is our child");
        }
        if let Some(pid) = self.recorded_caddy() {
            signal(pid, Signal::KILL);
        }
        if std::thread::panicking() {
            let log = self.log();
            let earlier = log.lines().count().saturating_sub(LOG_LINES_SHOWN);
            let last: Vec<&str> = log.lines().skip(earlier).collect();
            println!("--- the agent's log\n{}\n---", last.join("\n"));
        }
        if keeps() {
            let home = self.home.take().map(TempDir::keep);
            println!("kept: {home:?}");
        }
    }
}

/// Whether Caddy has the newest config.
fn is_current(status: &Value) -> bool {
    let (applied, newest) = (status.get("applied"), status.get("generation"));
    applied == newest && applied.is_some_and(Value::is_u64)
}
