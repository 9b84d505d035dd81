//! Containers and networks on a real engine, through the `docker` command.
//!
//! Everything carries the label `sh0.test=<run>`, and goes when the engine's handle does: one
//! after another, because Engine 20.10 can hang when many go at once. What a killed run left
//! behind goes at the start of the next.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{command, is_alive, keeps};

/// Bounds every call: Engine 20.10 can hang for good. A string, because `timeout` takes it.
const CALL_LIMIT: &str = "30";
/// A little more than [`CALL_LIMIT`], which is the one that counts.
const CALL_LIMIT_MAX: Duration = Duration::from_secs(35);
const LABEL: &str = "sh0.test";

/// An engine, and what this test has on it.
#[derive(Debug)]
pub(crate) struct Engine {
    /// `None` is the machine's own, or the one that `DOCKER_HOST` names.
    endpoint: Option<String>,
    run: String,
    /// What labels begin with instead of `sh0`.
    prefix: Option<String>,
    /// The addresses of its network, where the engine must not choose them.
    subnet: Option<String>,
}

/// A container to start.
#[derive(Debug, Clone)]
pub(crate) struct App {
    name: String,
    image: &'static str,
    network: Option<String>,
    arguments: Vec<String>,
}

/// A container that was made.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    /// The name that it answers with.
    pub(crate) says: String,
    /// Its name in the engine.
    pub(crate) name: String,
    /// Its whole id.
    pub(crate) id: String,
}

impl App {
    /// The demo backend, which says that it is `name`, on the test's network.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            image: "sh0-whoami:test",
            network: None,
            arguments: vec!["--env".to_owned(), format!("WHOAMI_NAME={name}")],
        }
    }

    /// With a HEALTHCHECK, every second.
    pub(crate) fn with_health(mut self) -> Self {
        self.image = "sh0-whoami:health";
        self
    }

    /// With a label.
    pub(crate) fn label(self, key: &str, value: &str) -> Self {
        self.argument("--label", &format!("{key}={value}"))
    }

    /// With a host to serve.
    pub(crate) fn host(self, host: &str) -> Self {
        self.label("sh0.host", host)
    }

    /// Without waiting: while no container is ready, requests are answered 503 at once.
    pub(crate) fn without_hold(self) -> Self {
        self.label("sh0.hold", "0s")
    }

    /// With the labels of docker-compose.
    pub(crate) fn of_project(self, project: &str, service: &str) -> Self {
        self.label("com.docker.compose.project", project)
            .label("com.docker.compose.service", service)
    }

    /// With an environment variable.
    pub(crate) fn env(self, key: &str, value: &str) -> Self {
        self.argument("--env", &format!("{key}={value}"))
    }

    /// On another network than the test's
    pub(crate) fn network(mut self, network: &str) -> Self {
        self.network = Some(network.to_owned());
        self
    }

    /// With any other flag of `docker run`.
    pub(crate) fn argument(mut self, flag: &str, value: &str) -> Self {
        self.arguments.extend([flag.to_owned(), value.to_owned()]);
        self
    }
}

impl Engine {
    /// The machine's engine, with a network for this test.
    pub(crate) async fn start() -> Self {
        let engine = Self::without_network().await;
        engine.create_network().await;
        engine
    }

    /// The machine's engine; the test's network does not exist yet.
    pub(crate) async fn without_network() -> Self {
        Self::at(std::env::var("DOCKER_HOST").ok()).await
    }

    /// Another engine, with no network for this test yet.
    pub(crate) async fn at(endpoint: Option<String>) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let run = format!("e2e-{}-{number}", std::process::id());
        let engine = Self {
            endpoint,
            run,
            prefix: None,
            subnet: None,
        };
        engine.sweep().await;
        engine
    }

    /// With these addresses for its network.
    pub(crate) fn with_subnet(mut self, subnet: String) -> Self {
        self.subnet = Some(subnet);
        self
    }

    /// Writes labels with a prefix of its own, which an agent must be given, too: it then sees no
    /// containers of tests that run beside this one.
    pub(crate) fn with_prefix(mut self) -> (Self, String) {
        let prefix = self.run.clone();
        self.prefix = Some(prefix.clone());
        (self, prefix)
    }

    /// The label in an argument, with this engine's prefix.
    fn prefixed(&self, argument: String) -> String {
        match (&self.prefix, argument.strip_prefix("sh0.")) {
            (Some(prefix), Some(rest)) => format!("{prefix}.{rest}"),
            (Some(_) | None, _) => argument,
        }
    }

    /// The name of this test: part of all its names.
    pub(crate) fn run_id(&self) -> &str {
        &self.run
    }

    /// Where it is, as the agent's `--docker` takes it.
    pub(crate) fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// The routing network of this test.
    pub(crate) fn network(&self) -> String {
        format!("{}-net", self.run)
    }

    /// A host name that no other test has.
    pub(crate) fn host(&self, name: &str) -> String {
        format!("{name}.{}.test", self.run)
    }

    /// A container's name in the engine.
    pub(crate) fn name_of(&self, app: &str) -> String {
        format!("{}-{app}", self.run)
    }

    /// Makes the test's routing network.
    pub(crate) async fn create_network(&self) {
        self.create_network_named(&self.network()).await;
    }

    /// Makes another network.
    pub(crate) async fn create_network_named(&self, network: &str) {
        let label = format!("{LABEL}={}", self.run);
        let mut command = vec!["network", "create", "--label", &label];
        command.extend(self.subnet.iter().flat_map(|subnet| ["--subnet", subnet]));
        command.push(network);
        self.docker(&command).await;
    }

    /// Starts a container.
    pub(crate) async fn run(&self, app: App) -> Container {
        self.make("run", app).await
    }

    /// Makes a container without starting it.
    pub(crate) async fn create(&self, app: App) -> Container {
        self.make("create", app).await
    }

    async fn make(&self, verb: &str, app: App) -> Container {
        let (name, network) = (self.name_of(&app.name), self.network());
        let label = format!("{LABEL}={}", self.run);
        let network = app.network.unwrap_or(network);
        let mut words = vec![
            verb,
            "--name",
            &name,
            "--label",
            &label,
            "--network",
            &network,
        ];
        if verb == "run" {
            words.push("--detach");
        }
        let arguments = app.arguments.into_iter();
        let arguments: Vec<String> = arguments.map(|a| self.prefixed(a)).collect();
        words.extend(arguments.iter().map(String::as_str));
        words.push(app.image);
        let id = self.docker(&words).await;
        Container {
            says: app.name,
            name,
            id,
        }
    }

    /// Stops it, with two seconds for its requests.
    pub(crate) async fn stop(&self, container: &Container) {
        self.docker(&["stop", "--time", "2", &container.id]).await;
    }

    /// Removes it, running or not.
    pub(crate) async fn remove(&self, container: &Container) {
        self.docker(&["rm", "--force", "--volumes", &container.id])
            .await;
    }

    /// Does one thing with one container: `start`, `pause`, `restart` …
    pub(crate) async fn act(&self, verb: &str, container: &Container) {
        self.docker(&[verb, &container.id]).await;
    }

    /// What `docker inspect` says by this template.
    pub(crate) async fn inspect(&self, container: &Container, template: &str) -> String {
        self.docker(&["inspect", "--format", template, &container.id])
            .await
    }

    /// Its address on the test's network.
    pub(crate) async fn ip(&self, container: &Container) -> String {
        let template = "{{(index .NetworkSettings.Networks \"NET\").IPAddress}}";
        self.inspect(container, &template.replace("NET", &self.network()))
            .await
    }

    /// Runs `docker` with these words and gives its output; its failure is the test's.
    pub(crate) async fn docker(&self, words: &[&str]) -> String {
        let done = self.try_docker(words).await;
        assert!(done.is_ok(), "docker {}: {done:?}", words.join(" "));
        done.unwrap_or_default()
    }

    /// The same where it may fail: what it printed to stderr then.
    pub(crate) async fn try_docker(&self, words: &[&str]) -> Result<String, String> {
        let call = tokio::process::Command::from(self.command(words)).output();
        let output = tokio::time::timeout(CALL_LIMIT_MAX, call).await;
        let output = output
            .expect("`timeout` ends it")
            .expect("docker is installed");
        let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }

    fn command(&self, words: &[&str]) -> std::process::Command {
        let mut command = command("timeout");
        command
            .args(["--kill-after=2", CALL_LIMIT, "docker"])
            .args(words);
        if let Some(endpoint) = &self.endpoint {
            command.env("DOCKER_HOST", endpoint);
        }
        command.stdin(Stdio::null());
        command
    }

    /// Removes what runs left behind whose process is gone.
    async fn sweep(&self) {
        let format = format!("{{{{.Label \"{LABEL}\"}}}}");
        let filter = format!("label={LABEL}");
        let list = ["ps", "--all", "--filter", &filter, "--format", &format];
        let mut runs = self.docker(&list).await;
        runs.push('\n');
        let list = ["network", "ls", "--filter", &filter, "--format", &format];
        runs.push_str(&self.docker(&list).await);
        let mut runs: Vec<&str> = runs.lines().collect();
        runs.sort_unstable();
        runs.dedup();
        for run in runs {
            let pid = run
                .strip_prefix("e2e-")
                .and_then(|rest| rest.split('-').next());
            let pid: Option<u32> = pid.and_then(|pid| pid.parse().ok());
            if pid.is_some_and(|pid| !is_alive(pid)) {
                self.remove_run(run);
            }
        }
    }

    /// Removes all that carries this run's label.
    fn remove_run(&self, run: &str) {
        let filter = format!("label={LABEL}={run}");
        self.remove_containers(&filter);
        self.remove_all(&["network", "ls", "--quiet"], &filter, &["network", "rm"]);
    }

    /// Removes the containers that `docker ps --filter` finds, one after another.
    pub(crate) fn remove_containers(&self, filter: &str) {
        let list = ["ps", "--all", "--quiet"];
        self.remove_all(&list, filter, &["rm", "--force", "--volumes"]);
    }

    /// It must not fail: it runs at the end of tests that have failed already.
    #[expect(clippy::print_stdout, reason = "it is too late to fail")]
    fn remove_all(&self, list: &[&str], filter: &str, removal: &[&str]) {
        let list = [list, &["--no-trunc", "--filter", filter]].concat();
        let output = self.command(&list).output();
        let ids = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        for id in ids.unwrap_or_default().lines() {
            let removed = self.command(&[removal, &[id]].concat()).output();
            if !removed.is_ok_and(|output| output.status.success()) {
                println!("{id} with {filter} was not removed");
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if !keeps() {
            self.remove_run(&self.run);
        }
    }
}
