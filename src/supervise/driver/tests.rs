//! The driver with real processes: shell scripts that play a Caddy. What only a real Caddy can
//! show is in the e2e crate.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::*;
use crate::model::Obtainings;
use crate::supervise::Timing;

/// Bounds every wait; a process of a few lines of shell takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves once the script has made the file `serves`, and is alive while `alive` is there.
struct FakePing(PathBuf);

impl Ping for FakePing {
    async fn ping(&self) -> bool {
        self.0.join("alive").exists()
    }

    async fn serving(&self) -> bool {
        self.0.join("serves").exists()
    }

    async fn served(&self) -> Option<StartConfig> {
        None
    }

    async fn stop(&self) -> bool {
        false
    }
}

/// A script in the place of Caddy, and the supervisor that runs it.
struct Scene {
    folder: TempDir,
    options: ChildOptions,
    config: watch::Sender<Option<StartConfig>>,
    phase: watch::Receiver<Phase>,
    stop: CancellationToken,
    abort: CancellationToken,
    task: JoinSet<Result<(), SuperviseError>>,
}

impl Scene {
    /// The script runs in the scene's folder, as `$HOME`.
    fn new(script: &str) -> Self {
        Self::with(script, vec![])
    }

    fn with(script: &str, listen: Vec<SocketAddr>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(
            path("caddy"),
            format!("#!/bin/sh\ncd \"$HOME\"\n{script}\n"),
        )
        .expect("written");
        fs::set_permissions(path("caddy"), fs::Permissions::from_mode(0o755)).expect("ours");
        fs::write(path("alive"), "").expect("written");
        let timing = Timing {
            slow_after: Duration::from_millis(50),
            ping_interval: Duration::from_millis(50),
            stop_timeout: Duration::from_secs(1),
            ..Timing::default()
        };
        let options = ChildOptions {
            binary: path("caddy"),
            user: None,
            admin_socket: path("admin.sock"),
            pid_file: path("caddy.pid"),
            log_file: path("caddy.log"),
            home_dir: folder.path().to_owned(),
            listen,
            obtainings: watch::Sender::default(),
            timing,
        };
        let (config, config_seen) = watch::channel(None);
        let (publisher, phase) = watch::channel(Phase::Idle);
        let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
        let mut task = JoinSet::new();
        task.spawn(supervise(
            options.clone(),
            FakePing(folder.path().to_owned()),
            config_seen,
            publisher,
            stop.clone(),
            abort.clone(),
            CancellationToken::new(),
        ));
        Self {
            folder,
            options,
            config,
            phase,
            stop,
            abort,
            task,
        }
    }

    fn give(&self, id: &str, json: &[u8]) {
        let config = StartConfig {
            id: id.into(),
            json: json.into(),
        };
        self.config
            .send(Some(config))
            .expect("the supervisor listens");
    }

    async fn until(&mut self, wanted: impl FnMut(&Phase) -> bool) -> Phase {
        let seen = timeout(PATIENCE, self.phase.wait_for(wanted)).await;
        seen.expect("in time").expect("it runs").clone()
    }

    async fn until_up(&mut self) -> (u64, u32) {
        let phase = self.until(|phase| matches!(phase, Phase::Up { .. })).await;
        let Phase::Up { epoch, pid, .. } = phase else {
            panic!("not up: {phase:?}")
        };
        (epoch, pid)
    }

    async fn ended(&mut self) -> Phase {
        let result = timeout(PATIENCE, self.task.join_next())
            .await
            .expect("in time");
        result
            .expect("one task")
            .expect("no panic")
            .expect("no error");
        self.phase.borrow().clone()
    }

    fn is_there(&self, name: &str) -> bool {
        self.folder.path().join(name).exists()
    }
}

impl Drop for Scene {
    /// A test that fails must not leave its script behind.
    fn drop(&mut self) {
        let Phase::Up { pid, .. } = *self.phase.borrow() else {
            return;
        };
        let pid = i32::try_from(pid)
            .ok()
            .and_then(Pid::from_raw)
            .expect("a pid");
        let sent = kill_process_group(pid, Signal::KILL);
        assert!(sent.is_ok() || std::thread::panicking(), "it is ours");
    }
}

fn lives(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait)
        .await
        .unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// A pipe holds 64 KB. A child that writes megabytes before it reads its config, which is larger
/// than a pipe too, blocks for good if either side waits for the other.
#[tokio::test]
async fn a_flood_of_output_and_a_large_config_never_block_each_other() {
    let mut scene = Scene::new(
        "yes '{\"level\":\"info\",\"msg\":\"flood\"}' | head -c 4000000 >&2
         head -c 4000000 /dev/zero
         wc -c > read; touch serves; exec sleep 60",
    );
    scene.give("large", &vec![b' '; 1_000_000]);
    scene.until_up().await;
    let read = fs::read_to_string(scene.folder.path().join("read")).expect("it has read");
    assert_eq!(read.trim(), "1000000");
    scene.stop.cancel();
    assert_eq!(scene.ended().await, Phase::Stopped);
}

#[tokio::test]
async fn an_exit_with_code_0_is_followed_by_the_next_epoch_with_the_newest_config() {
    let mut scene = Scene::new("cat > got; touch serves; while [ -e alive ]; do sleep 0.02; done");
    scene.give("first", b"one");
    assert_eq!(scene.until_up().await.0, 1);
    scene.give("second", b"two");
    fs::remove_file(scene.folder.path().join("alive")).expect("it was there");
    let waiting = scene
        .until(|phase| matches!(phase, Phase::Waiting { .. }))
        .await;
    fs::write(scene.folder.path().join("alive"), "").expect("written");
    let Phase::Waiting { epoch: 1, id, .. } = waiting else {
        panic!("{waiting:?}")
    };
    assert_eq!(&*id, "first");
    scene
        .until(|phase| matches!(phase, Phase::Up { epoch: 2, id, .. } if &**id == "second"))
        .await;
    let got = scene.folder.path().join("got");
    eventually("the second config is read", || {
        fs::read_to_string(&got).is_ok_and(|text| text == "two")
    })
    .await;
    scene.abort.cancel();
    scene.ended().await;
}

#[tokio::test]
async fn certificates_that_it_gets_are_told_until_its_end() {
    let begun = r#"{"ts":1795706128.06,"logger":"tls.obtain","msg":"acquiring lock","identifier":"a.example"}"#;
    let says = format!("[ -e said ] || echo '{begun}' >> caddy.log; touch said");
    let lives = "cat > got; touch serves; while [ -e alive ]; do sleep 0.02; done";
    let mut scene = Scene::new(&format!("{says}; {lives}"));
    let mut told = scene.options.obtainings.subscribe();
    scene.give("one", b"{}");
    let since = |all: &Arc<Obtainings>| Some(all.get("a.example")?.since);
    let seen = timeout(
        PATIENCE,
        told.wait_for(|all| since(all) == Some(1_795_706_128)),
    )
    .await;
    drop(seen.expect("in time").expect("it runs"));
    // The next process begins anew, and would say so itself.
    scene.until_up().await;
    fs::remove_file(scene.folder.path().join("alive")).expect("it was there");
    let forgotten = timeout(PATIENCE, told.wait_for(|all| all.is_empty())).await;
    drop(forgotten.expect("in time").expect("it runs"));
    scene.abort.cancel();
    scene.ended().await;
}

#[tokio::test]
async fn a_child_that_ignores_sigterm_is_killed_and_leaves_nothing() {
    let mut scene = Scene::new("trap '' TERM; touch serves; while :; do sleep 0.1; done");
    scene.give("any", b"");
    let (_, pid) = scene.until_up().await;
    let (pid_file, socket) = (
        scene.options.pid_file.clone(),
        scene.options.admin_socket.clone(),
    );
    assert!(pid_file.exists());
    fs::write(&socket, "").expect("a leftover");
    let asked = Instant::now();
    scene.stop.cancel();
    assert_eq!(scene.ended().await, Phase::Stopped);
    assert!(Duration::from_secs(1) <= asked.elapsed());
    assert!(!lives(pid) && !pid_file.exists() && !socket.exists());
}

#[tokio::test]
async fn a_second_request_to_stop_kills_at_once() {
    let mut scene = Scene::new("trap '' TERM; touch serves; while :; do sleep 0.1; done");
    scene.give("any", b"");
    let (_, pid) = scene.until_up().await;
    let asked = Instant::now();
    scene.stop.cancel();
    scene
        .until(|phase| matches!(phase, Phase::Stopping { epoch: 1 }))
        .await;
    scene.abort.cancel();
    assert_eq!(scene.ended().await, Phase::Stopped);
    assert!(asked.elapsed() < Duration::from_secs(1));
    assert!(!lives(pid));
}

#[tokio::test]
async fn a_child_that_takes_long_to_serve_is_said_to_be_waited_for() {
    let mut scene = Scene::new("exec sleep 60");
    let log = scene.folder.path().join("log");
    let lines = fs::File::create(&log).expect("created");
    let lines = tracing_subscriber::fmt().with_writer(Arc::new(lines));
    let _log = tracing::subscriber::set_default(lines.finish());
    scene.give("any", b"");
    let said = || fs::read_to_string(&log).expect("written");
    let is_said = async {
        while !said().contains("Caddy is still taking its first config") {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, is_said).await.expect("in time");
    fs::write(scene.folder.path().join("serves"), "").expect("written");
    scene.until_up().await;
    assert_eq!(said().matches("still taking").count(), 1);
    scene.abort.cancel();
    scene.ended().await;
}

#[tokio::test]
async fn a_silent_child_is_killed_and_replaced() {
    let mut scene = Scene::new("touch serves; trap '' TERM; while :; do sleep 0.1; done");
    scene.give("any", b"");
    let (_, pid) = scene.until_up().await;
    fs::remove_file(scene.folder.path().join("alive")).expect("it was there");
    let waiting = scene
        .until(|phase| matches!(phase, Phase::Waiting { .. }))
        .await;
    fs::write(scene.folder.path().join("alive"), "").expect("written");
    let Phase::Waiting { cause, .. } = waiting else {
        panic!("{waiting:?}")
    };
    assert_eq!(cause, ExitCause::DidNotAnswer { before_up: false });
    assert!(!lives(pid));
    scene
        .until(|phase| matches!(phase, Phase::Up { epoch: 2, .. }))
        .await;
    scene.abort.cancel();
    scene.ended().await;
}

#[tokio::test]
async fn a_binary_that_vanished_is_tried_until_it_is_back() {
    let mut scene = Scene::new("touch serves; exec sleep 60");
    let (binary, away) = (
        scene.options.binary.clone(),
        scene.folder.path().join("away"),
    );
    fs::rename(&binary, &away).expect("moved");
    scene.give("any", b"");
    let waiting = scene
        .until(|phase| matches!(phase, Phase::Waiting { .. }))
        .await;
    let Phase::Waiting {
        cause: ExitCause::SpawnFailed { message },
        ..
    } = waiting
    else {
        panic!("{waiting:?}")
    };
    assert!(message.contains("No such file"), "{message}");
    fs::rename(&away, &binary).expect("moved back");
    scene.until_up().await;
    scene.stop.cancel();
    scene.ended().await;
}

#[tokio::test]
async fn a_port_of_ours_that_is_taken_is_named_and_waited_for() {
    let foreign = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = foreign.local_addr().expect("bound");
    let mut scene = Scene::with("touch serves; exec sleep 60", vec![address]);
    scene.give("any", b"");
    let taken = scene
        .until(|phase| matches!(phase, Phase::PortTaken(_)))
        .await;
    let Phase::PortTaken(listener) = taken else {
        panic!("{taken:?}")
    };
    assert_eq!(
        (listener.address, listener.pid),
        (address, Some(std::process::id()))
    );
    drop(foreign);
    assert_eq!(scene.until_up().await.0, 1);
    scene.stop.cancel();
    scene.ended().await;
}

/// A crash of the agent must not take the routes with it; its successor finds the record.
#[tokio::test]
async fn a_dropped_supervisor_leaves_its_child_and_the_next_one_removes_it() {
    let mut scene = Scene::new("touch serves; while :; do sleep 0.05; done");
    scene.give("any", b"");
    let (_, pid) = scene.until_up().await;
    scene.task.shutdown().await;
    assert!(lives(pid) && scene.is_there("caddy.pid"));
    let (publisher, phase) = watch::channel(Phase::Idle);
    scene.phase = phase;
    scene.task.spawn(supervise(
        scene.options.clone(),
        FakePing(scene.folder.path().to_owned()),
        scene.config.subscribe(),
        publisher,
        scene.stop.clone(),
        scene.abort.clone(),
        CancellationToken::new(),
    ));
    assert_ne!(scene.until_up().await.1, pid);
    eventually("the old one is gone and reaped", || !lives(pid)).await;
    scene.stop.cancel();
    scene.ended().await;
}
