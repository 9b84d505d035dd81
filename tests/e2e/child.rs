//! A real Caddy for a test, on free ports of the loopback, in a folder of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use sh0_agent::caddy::admin::{Admin, AdminClient, AdminError};
use sh0_agent::caddy::render::{AcmeOptions, ClientLimits, Grouping, RenderOptions};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// How long a Caddy may take to start on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// How often a load is sent again that found nobody: twice in a row is rare, and a Caddy that has
/// died stays away.
const LOAD_REPEATS_MAX: usize = 5;

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let [port] = free_ports();
    port
}

/// Ports that were free a moment ago, each another.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("it is bound").port())
}

/// A folder and options that use it. ACME goes nowhere: nobody listens at port 1.
pub(crate) fn place() -> (TempDir, RenderOptions) {
    let dir = tempfile::tempdir().expect("a folder");
    let ports: [u16; 2] = free_ports();
    let options = RenderOptions {
        http_port: ports[0],
        https_port: ports[1],
        listen: vec!["127.0.0.1".parse().expect("an IP")],
        admin_socket: dir.path().join("admin.sock"),
        log_file: dir.path().join("caddy.log"),
        storage_dir: dir.path().join("storage"),
        grace_period: Duration::from_secs(1),
        stream_close_delay: Duration::from_secs(1),
        acme: AcmeOptions {
            ca: Some("https://127.0.0.1:1/directory".to_owned()),
            ..AcmeOptions::default()
        },
        clients: ClientLimits::default(),
        trusted_proxies: Vec::new(),
        slots: None,
        grouping: Grouping::default(),
        metrics: false,
        certificates: Vec::new(),
        certificate_names: BTreeSet::new(),
        authorities: BTreeMap::new(),
        ask: None,
    };
    (dir, options)
}

/// A running Caddy; dropping it kills it.
#[derive(Debug)]
pub(crate) struct CaddyChild {
    pub(crate) admin: AdminClient,
    log: PathBuf,
    _child: Child,
}

impl CaddyChild {
    /// Starts Caddy with this config, whose admin endpoint is `admin.sock` in `dir`, and waits
    /// until it serves: it opens the endpoint before its ports.
    pub(crate) async fn start(dir: &Path, json: &[u8]) -> Self {
        let log = dir.join("caddy.log");
        let program = std::env::var_os("SH0_CADDY").unwrap_or_else(|| "caddy".into());
        let mut child = Command::new(&program)
            .args(["run", "--config", "-"])
            .env("HOME", dir)
            .env("XDG_CONFIG_HOME", dir)
            .env("XDG_DATA_HOME", dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::create(&log).expect("the folder is ours"))
            .kill_on_drop(true)
            .spawn()
            .expect("`SH0_CADDY` names a Caddy");
        let mut stdin = child.stdin.take().expect("it is a pipe");
        stdin.write_all(json).await.expect("Caddy reads its config");
        drop(stdin);

        let admin = AdminClient::new(dir.join("admin.sock"));
        let deadline = Instant::now() + START_TIMEOUT;
        while !admin.serving().await {
            let ended = child.try_wait().expect("it is our child");
            let log = fs::read_to_string(&log).expect("it is a file");
            assert!(ended.is_none(), "Caddy exits at once: {log}");
            assert!(Instant::now() < deadline, "Caddy does not answer: {log}");
            sleep(Duration::from_millis(10)).await;
        }
        Self {
            admin,
            log,
            _child: child,
        }
    }

    /// Loads a config. Caddy replaces its admin endpoint at every load, and a question that comes
    /// in that moment finds nobody: it is asked again, as the agent does.
    pub(crate) async fn load(&self, json: Arc<[u8]>) -> Result<(), AdminError> {
        let mut loaded = self.admin.load(Arc::clone(&json)).await;
        for _ in 0..LOAD_REPEATS_MAX {
            let is_away = matches!(
                &loaded,
                Err(AdminError::Unreachable { .. } | AdminError::BrokenOff { .. })
            );
            if !is_away {
                break;
            }
            sleep(Duration::from_millis(20)).await;
            loaded = self.admin.load(Arc::clone(&json)).await;
        }
        loaded
    }

    /// How often Caddy has logged this so far.
    pub(crate) fn logged(&self, text: &str) -> usize {
        let log = fs::read_to_string(&self.log).expect("it is a file");
        log.matches(text).count()
    }
}
