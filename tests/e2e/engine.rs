//! The engine's contract on the machine's own Docker, with containers that do nothing.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use sh0_agent::discovery::{Docker, DockerOptions};
use sh0_agent::model::ContainerId;
use tokio::process::Command;
use tokio::time::timeout;

use crate::engine_contract::{Action, EXPOSED_PORT, World, engine_contract};

/// No call of these takes more than a second or two on an idle machine; an engine that hangs must
/// fail the test, not stop it.
const CALL_DEADLINE: Duration = Duration::from_mins(1);

/// A prefix of its own, so that whatever else runs on the machine causes no notices here.
const PREFIX: &str = "sh0contract";

/// Runs a program to its end and gives what it printed.
async fn run(program: &str, args: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(CALL_DEADLINE, command.output()).await;
    let output = output
        .unwrap_or_else(|_| panic!("`{program} {args:?}` hangs"))
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{program} {args:?}`: {stderr}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Containers on a network of their own. What is left of them goes with the world.
struct DockerWorld {
    run: String,
    started: u32,
}

impl DockerWorld {
    async fn new() -> Self {
        let world = Self {
            run: format!("sh0-contract-{}", std::process::id()),
            started: 0,
        };
        let folder = tempfile::tempdir().unwrap();
        world.build_image(folder.path()).await;
        let label = world.test_label();
        run(
            "docker",
            &["network", "create", "--label", &label, &world.run],
        )
        .await;
        world
    }

    /// An image with one static program that waits to be killed.
    async fn build_image(&self, folder: &Path) {
        let source = folder.join("wait.rs");
        let program = folder.join("wait");
        std::fs::write(&source, "fn main() { loop { std::thread::park() } }").unwrap();
        let dockerfile = format!(
            "FROM scratch\nCOPY wait /wait\nEXPOSE {EXPOSED_PORT} 53/udp\nENTRYPOINT [\"/wait\"]\n"
        );
        std::fs::write(folder.join("Dockerfile"), dockerfile).unwrap();
        let (source, program) = (source.to_str().unwrap(), program.to_str().unwrap());
        let crt_static = "target-feature=+crt-static";
        run("rustc", &["-O", "-C", crt_static, "-o", program, source]).await;
        let folder = folder.to_str().unwrap();
        let label = self.test_label();
        let build = [
            "DOCKER_BUILDKIT=0",
            "docker",
            "build",
            "--label",
            &label,
            "-qt",
            &self.run,
            folder,
        ];
        run("env", &build).await;
    }

    fn test_label(&self) -> String {
        format!("sh0.test={}", self.run)
    }

    async fn start_on(&mut self, network: &str, labels: &[(&str, &str)]) -> ContainerId {
        self.started += 1;
        let name = format!("{}-{}", self.run, self.started);
        let test_label = self.test_label();
        let labels: Vec<String> = labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let mut args = vec![
            "run",
            "-d",
            "--name",
            &name,
            "--network",
            network,
            "--label",
            &test_label,
        ];
        args.extend(labels.iter().flat_map(|label| ["--label", label.as_str()]));
        args.push(&self.run);
        ContainerId::new(run("docker", &args).await).expect("an id")
    }
}

impl World for DockerWorld {
    fn prefix(&self) -> &'static str {
        PREFIX
    }

    fn network(&self) -> String {
        self.run.clone()
    }

    async fn start(&mut self, labels: &[(&str, &str)]) -> ContainerId {
        let network = self.network();
        self.start_on(&network, labels).await
    }

    async fn start_guest(&mut self, host: &ContainerId, labels: &[(&str, &str)]) -> ContainerId {
        let network = format!("container:{}", host.as_str());
        self.start_on(&network, labels).await
    }

    async fn act(&mut self, action: Action, id: &ContainerId) {
        let (id, network) = (id.as_str(), self.run.as_str());
        let docker = async |args: &[&str]| {
            run("docker", args).await;
        };
        match action {
            Action::Stop => docker(&["stop", "-t", "1", id]).await,
            Action::Kill => docker(&["kill", id]).await,
            Action::Start => docker(&["start", id]).await,
            Action::Pause => docker(&["pause", id]).await,
            Action::Unpause => docker(&["unpause", id]).await,
            Action::Rename(name) => docker(&["rename", id, &name]).await,
            Action::Disconnect => docker(&["network", "disconnect", network, id]).await,
            Action::Connect => docker(&["network", "connect", network, id]).await,
            Action::Remove => docker(&["rm", "-f", id]).await,
        }
    }
}

impl Drop for DockerWorld {
    /// One container after another: Engine 20.10 can hang when many are removed at once.
    fn drop(&mut self) {
        let docker = |args: &[&str]| {
            let output = std::process::Command::new("timeout")
                .arg("30")
                .arg("docker")
                .args(args)
                .output();
            output
                .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
                .unwrap_or_default()
        };
        let label = format!("label={}", self.test_label());
        for id in docker(&["ps", "-aq", "--filter", &label]).lines() {
            docker(&["rm", "-f", id]);
        }
        docker(&["network", "rm", &self.run]);
        docker(&["rmi", &self.run]);
    }
}

#[tokio::test]
async fn docker_keeps_the_engine_contract() {
    let options = DockerOptions {
        endpoint: std::env::var("DOCKER_HOST").ok(),
        label_prefix: PREFIX.to_owned(),
        ..DockerOptions::default()
    };
    let docker = Docker::new(options).unwrap();
    let mut world = DockerWorld::new().await;
    engine_contract(&docker, &mut world).await;
}
