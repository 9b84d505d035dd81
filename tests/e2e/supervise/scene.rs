//! A supervisor with a real Caddy in a folder of its own, and clients as small as can be.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use sh0_agent::supervise::{
    ChildOptions, Phase, Ping, StartConfig, SuperviseError, Timing, supervise,
};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Bounds every wait; the longest is the removal of a frozen stale Caddy.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn caddy() -> PathBuf {
    std::env::var_os("SH0_CADDY").map_or_else(|| "caddy".into(), PathBuf::from)
}

/// The body of `GET /`, if it is answered with 200 in 2 s. The request carries 1 KB of header,
/// which ends up in the access log.
pub(super) async fn get(port: u16) -> Option<String> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let padding = format!("X-Padding: {}\r\n", "x".repeat(1_000));
    let answer = exchange(stream, "GET / HTTP/1.1", &padding).await?;
    answer.starts_with("HTTP/1.1 200").then(|| body(&answer))
}

fn body(answer: &str) -> String {
    answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.trim().to_owned())
        .unwrap_or_default()
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &str,
    headers: &str,
) -> Option<String> {
    let request = format!("{request}\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
    let talk = async {
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    timeout(Duration::from_secs(2), talk).await.ok()?.ok()
}

/// The three calls of the admin API that the supervisor needs.
struct AdminSocket(PathBuf);

impl AdminSocket {
    async fn ask(&self, request: &str) -> Option<String> {
        let stream = UnixStream::connect(&self.0).await.ok()?;
        exchange(
            stream,
            request,
            "Origin: http://localhost\r\nContent-Length: 0\r\n",
        )
        .await
    }
}

impl Ping for AdminSocket {
    async fn ping(&self) -> bool {
        self.ask("GET /reverse_proxy/upstreams HTTP/1.1")
            .await
            .is_some()
    }

    async fn serving(&self) -> bool {
        let answer = self.ask("GET /config/admin/listen HTTP/1.1").await;
        answer.is_some_and(|answer| answer.starts_with("HTTP/1.1 200") && body(&answer) != "null")
    }

    async fn served(&self) -> Option<StartConfig> {
        let answer = self.ask("GET /config/ HTTP/1.1").await?;
        let json: Arc<[u8]> = body(&answer).into_bytes().into();
        let id = "as it was found".into();
        (&*json != b"null").then_some(StartConfig { id, json })
    }

    async fn stop(&self) -> bool {
        let answer = self.ask("POST /stop HTTP/1.1").await;
        answer.is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }
}

pub(super) struct Scene {
    folder: TempDir,
    port: u16,
    config: watch::Sender<Option<StartConfig>>,
    phase: watch::Receiver<Phase>,
    stop: CancellationToken,
    task: JoinSet<Result<(), SuperviseError>>,
}

impl Scene {
    /// A supervisor without a config yet, for a Caddy on a free port.
    pub(super) async fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self::on(socket.local_addr().expect("bound").port())
    }

    pub(super) fn on(port: u16) -> Self {
        let mut scene = Self {
            folder: tempfile::tempdir().expect("a folder"),
            port,
            config: watch::Sender::new(None),
            phase: watch::channel(Phase::Idle).1,
            stop: CancellationToken::new(),
            task: JoinSet::new(),
        };
        scene.restart();
        scene
    }

    /// Another supervisor in the same folder, as after a restart of the agent.
    pub(super) fn restart(&mut self) {
        let options = ChildOptions {
            binary: caddy(),
            user: None,
            admin_socket: self.socket(),
            pid_file: self.pid_file(),
            log_file: self.folder.path().join("caddy.log"),
            home_dir: self.folder.path().to_owned(),
            listen: vec![([127, 0, 0, 1], self.port).into()],
            obtainings: watch::Sender::default(),
            timing: Timing::default(),
        };
        let (publisher, phase) = watch::channel(Phase::Idle);
        self.config = watch::Sender::new(None);
        self.phase = phase;
        self.task.spawn(supervise(
            options,
            AdminSocket(self.socket()),
            self.config.subscribe(),
            publisher,
            self.stop.clone(),
            CancellationToken::new(),
            CancellationToken::new(),
        ));
    }

    /// Ends the supervisor as a crash of the agent would: Caddy stays.
    pub(super) async fn crash(&mut self) {
        self.task.shutdown().await;
    }

    pub(super) async fn stop(&mut self) {
        self.stop.cancel();
        let ended = timeout(PATIENCE, self.task.join_next())
            .await
            .expect("it stops in time");
        ended
            .expect("one task")
            .expect("no panic")
            .expect("no error");
        assert_eq!(*self.phase.borrow(), Phase::Stopped);
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }

    pub(super) fn pid_file(&self) -> PathBuf {
        self.folder.path().join("caddy.pid")
    }

    pub(super) fn has_socket(&self) -> bool {
        self.socket().exists()
    }

    pub(super) fn has_pid_file(&self) -> bool {
        self.pid_file().exists()
    }

    /// Gives a config that answers every request with `body`.
    pub(super) fn give(&self, body: &str) {
        self.send(body, &json!({"handler": "static_response", "body": body}));
    }

    /// Gives a config that Caddy refuses.
    pub(super) fn give_wrong(&self) {
        self.send("wrong", &json!({"handler": "no_such_handler"}));
    }

    fn send(&self, id: &str, handler: &serde_json::Value) {
        let config = json!({
            "admin": {
                "listen": format!("unix/{}", self.socket().display()),
                "origins": ["localhost"],
                "config": {"persist": false},
            },
            "apps": {"http": {"grace_period": "1s", "servers": {"main": {
                "listen": [format!("127.0.0.1:{}", self.port)],
                "logs": {},
                "automatic_https": {"disable": true},
                "routes": [{"handle": [handler]}],
            }}}},
        });
        let json = serde_json::to_vec(&config).expect("plain values").into();
        self.config
            .send(Some(StartConfig {
                id: id.into(),
                json,
            }))
            .expect("it runs");
    }

    pub(super) async fn until(&mut self, what: &str, wanted: impl FnMut(&Phase) -> bool) -> Phase {
        let seen = timeout(PATIENCE, self.phase.wait_for(wanted)).await;
        let seen = seen.map(|phase| phase.expect("it runs").clone());
        let now = self.phase.borrow().clone();
        assert!(seen.is_ok(), "not in time: {what}; {now:?}");
        seen.unwrap_or(now)
    }

    pub(super) async fn until_up(&mut self) -> (u64, u32) {
        let phase = self
            .until("up", |phase| matches!(phase, Phase::Up { .. }))
            .await;
        let Phase::Up { epoch, pid, .. } = phase else {
            unreachable!("just matched")
        };
        (epoch, pid)
    }
}

impl Drop for Scene {
    /// A test that fails must not leave its Caddy behind.
    fn drop(&mut self) {
        let Phase::Up { pid, .. } = *self.phase.borrow() else {
            return;
        };
        kill(pid, Signal::KILL);
    }
}

pub(super) fn kill(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .expect("a pid");
    let sent = kill_process(pid, signal);
    assert!(sent.is_ok() || std::thread::panicking(), "it is ours");
}
