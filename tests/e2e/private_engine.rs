//! A Docker Engine of a test's own, to be frozen, killed and started again.
//!
//! It has its own bridge, folders, socket and address pool, and writes no rules into the machine's
//! packet filter: an engine that does flushes the rules of the one beside it. Containers are
//! reached by their addresses, which needs no rules. It never touches the machine's engine, which
//! only gives the image. All goes when the handle does; what a killed run left behind goes at the
//! start of the next.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Engine, command, is_alive, signal, until};
use crate::hosts::Authority;

/// Starting takes 0.6 s on an idle machine, more when it finds containers to take up again.
const START_WAIT: Duration = Duration::from_secs(30);
/// Stopping takes a second when no container is left.
const STOP_WAIT: Duration = Duration::from_secs(15);
/// The folders are `<prefix><pid of the test>`.
const FOLDER_PREFIX: &str = "sh0-engine-";

/// The engine. There is one at a time in a process.
#[derive(Debug)]
pub(crate) struct PrivateEngine {
    place: Place,
    daemon: Option<Child>,
    flags: Vec<String>,
    /// Where it listens with TLS.
    tls_port: Option<u16>,
    /// Networks that it has.
    networks: AtomicU8,
}

impl PrivateEngine {
    /// An engine whose containers outlive it.
    pub(crate) async fn with_live_restore() -> Self {
        Self::start_with(None, &["--live-restore"]).await
    }

    /// The same, which listens with TLS as well, and there takes clients of this authority alone.
    pub(crate) async fn with_tls(authority: &Authority) -> Self {
        Self::start_with(Some(authority), &["--live-restore"]).await
    }

    /// An engine that starts its containers anew when it comes back.
    pub(crate) async fn without_live_restore() -> Self {
        Self::start_with(None, &[]).await
    }

    async fn start_with(authority: Option<&Authority>, flags: &[&str]) -> Self {
        sweep();
        let place = Place::of(std::process::id());
        place.clear();
        fs::create_dir(&place.folder).expect("the folder of temporary files is writable");
        place.add_bridge();
        let mut flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let tls_port = authority.map(|authority| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let port = listener.local_addr().expect("it is bound").port();
            flags.extend(place.tls_flags(authority, port));
            port
        });
        let mut engine = Self {
            place,
            daemon: None,
            flags,
            tls_port,
            networks: AtomicU8::new(0),
        };
        engine.restart().await;
        engine.load_image().await;
        engine
    }

    /// Where it listens, as `DOCKER_HOST` has it.
    pub(crate) fn endpoint(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Where it listens with TLS, as `DOCKER_HOST` has it.
    pub(crate) fn tls_endpoint(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.tls_port.expect("it has TLS"))
    }

    /// The socket itself.
    pub(crate) fn socket(&self) -> PathBuf {
        self.place.folder.join("docker.sock")
    }

    /// A handle for containers, with a network for this test.
    pub(crate) async fn handle(&self) -> Engine {
        let engine = Engine::at(Some(self.endpoint())).await;
        let number = self.networks.fetch_add(1, Ordering::Relaxed);
        let engine = engine.with_subnet(self.place.subnet(number));
        engine.create_network().await;
        engine
    }

    /// Stops it in the middle of whatever it does: it still accepts, and never answers.
    pub(crate) fn freeze(&self) {
        assert!(signal(self.pid(), Signal::STOP), "it runs");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        assert!(signal(self.pid(), Signal::CONT), "it runs");
    }

    /// Kills it, as a crash would; its containers stay for now.
    pub(crate) fn kill(&mut self) {
        let mut daemon = self.daemon.take().expect("it runs");
        let ended = daemon.kill().and_then(|()| daemon.wait());
        ended.expect("it is our child");
    }

    /// Starts it, again or for the first time, and waits until it answers.
    pub(crate) async fn restart(&mut self) {
        self.spawn();
        let endpoint = self.endpoint();
        until("the private engine answers", START_WAIT, async || {
            let mut ask = command("timeout");
            ask.args(["5", "docker", "version"])
                .env("DOCKER_HOST", &endpoint);
            let asked = tokio::process::Command::from(ask).output().await;
            let answer = asked.expect("docker is installed");
            if answer.status.success() {
                Ok(())
            } else {
                Err(self.place.log())
            }
        })
        .await;
    }

    /// Starts it, and waits for nothing.
    pub(crate) fn spawn(&mut self) {
        assert!(self.daemon.is_none(), "it runs");
        let folder = &self.place.folder;
        // Left by a daemon that was killed; it would take the pid's next owner for itself.
        for stale in ["pid", "exec/containerd/containerd.pid"] {
            drop(fs::remove_file(folder.join(stale)));
        }
        let mut log = File::options();
        log.create(true).append(true);
        let log = log.open(folder.join("log")).expect("the folder is ours");
        let mut daemon = command("dockerd");
        daemon
            .arg(format!("--data-root={}", folder.join("data").display()))
            .arg(format!("--exec-root={}", folder.join("exec").display()))
            .arg(format!("--pidfile={}", folder.join("pid").display()))
            .arg(format!("--host={}", self.endpoint()))
            .arg(format!("--bridge={}", self.place.bridge))
            .args(["--iptables=false", "--ip-forward=false", "--ip-masq=false"])
            .args(["--userland-proxy=false", "--log-level=warn"])
            .args(&self.flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.daemon = Some(daemon.spawn().expect("dockerd is installed"));
    }

    fn pid(&self) -> u32 {
        self.daemon.as_ref().expect("it runs").id()
    }

    /// Gives it the demo backend's image, out of the machine's engine.
    async fn load_image(&self) {
        let machine = Engine::without_network().await;
        let file = self.place.folder.join("image.tar");
        let file = file.to_str().expect("our paths are text");
        machine
            .docker(&["save", "--output", file, "sh0-whoami:test"])
            .await;
        let own = Engine::at(Some(self.endpoint())).await;
        own.docker(&["load", "--input", file]).await;
    }
}

impl Drop for PrivateEngine {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            signal(daemon.id(), Signal::CONT);
            signal(daemon.id(), Signal::TERM);
            if !ends_within(STOP_WAIT, daemon.id()) {
                signal(daemon.id(), Signal::KILL);
            }
            daemon.wait().expect("it is our child");
        }
        if std::thread::panicking() {
            println!("--- the private engine's log\n{}---", self.place.log());
        }
        self.place.clear();
    }
}

/// Where an engine keeps its things; all of it follows from the pid of the test.
#[derive(Debug)]
struct Place {
    folder: PathBuf,
    bridge: String,
    bridge_ip: Ipv4Addr,
    /// First of the addresses for networks; four networks fit.
    pool: Ipv4Addr,
}

impl Place {
    fn of(pid: u32) -> Self {
        let [.., high, low] = pid.to_be_bytes();
        Self {
            folder: std::env::temp_dir().join(format!("{FOLDER_PREFIX}{pid}")),
            bridge: format!("sh0e{pid}"),
            bridge_ip: Ipv4Addr::new(10, 213, low, 1),
            pool: Ipv4Addr::new(10, 214 + (high & 7), low & !3, 0),
        }
    }

    /// The addresses of a network. Those are not left to the engine: one that chooses them out of a
    /// pool of its own, and is started again, removes the machine's `docker0`.
    fn subnet(&self, number: u8) -> String {
        let [a, b, c, _] = self.pool.octets();
        format!("{}/24", Ipv4Addr::new(a, b, c + (number & 3), 0))
    }

    fn add_bridge(&self) {
        let (bridge, ip) = (self.bridge.as_str(), format!("{}/24", self.bridge_ip));
        run("ip", &["link", "add", bridge, "type", "bridge"]);
        run("ip", &["address", "add", &ip, "dev", bridge]);
        run("ip", &["link", "set", bridge, "up"]);
    }

    /// Flags for TLS with certificates of this authority.
    fn tls_flags(&self, authority: &Authority, port: u16) -> Vec<String> {
        let (certificate, key) = authority.server();
        let mut flags = vec![
            format!("--host=tcp://127.0.0.1:{port}"),
            "--tlsverify".to_owned(),
        ];
        let files = [
            ("tlscacert", authority.pem()),
            ("tlscert", &certificate),
            ("tlskey", &key),
        ];
        for (flag, text) in files {
            let file = self.folder.join(flag);
            fs::write(&file, text).expect("the folder is ours");
            flags.push(format!("--{flag}={}", file.display()));
        }
        flags
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Removes what is there: processes, mounts, links, files.
    fn clear(&self) {
        for pid in self.processes() {
            signal(pid, Signal::KILL);
            ends_within(STOP_WAIT, pid);
        }
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
        let ours: Vec<&str> = points
            .filter(|point| Path::new(point).starts_with(&self.folder))
            .collect();
        for point in ours.iter().rev() {
            run("umount", &["--lazy", point]);
        }
        for link in self.links() {
            run("ip", &["link", "delete", &link]);
        }
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder).expect("nothing uses it any more");
        }
    }

    /// The daemon, its containerd and its containers' shims: all have the folder's path among
    /// their arguments, which nobody else has. With a shim its container ends.
    fn processes(&self) -> Vec<u32> {
        let folder = self.folder.as_os_str().as_encoded_bytes().to_vec();
        let has_folder = |pid: &u32| {
            let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut arguments = arguments.split(|byte| *byte == 0);
            arguments.any(|argument| {
                let path = argument.rsplit(|byte| *byte == b'=').next();
                let rest = path.and_then(|path| path.strip_prefix(folder.as_slice()));
                rest.is_some_and(|rest| rest.first() == Some(&b'/'))
            })
        };
        let entries = fs::read_dir("/proc").expect("Linux has it").flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(has_folder).collect()
    }

    /// Our bridge, and those of networks out of our pool.
    fn links(&self) -> Vec<String> {
        let addresses = command("ip").args(["-4", "-oneline", "address"]).output();
        let addresses = addresses.expect("ip is installed").stdout;
        let addresses = String::from_utf8_lossy(&addresses).into_owned();
        let is_ours = |ip: Ipv4Addr| {
            let pool = u32::from(self.pool)..u32::from(self.pool) + 4 * 256;
            ip == self.bridge_ip || pool.contains(&u32::from(ip))
        };
        let lines = addresses.lines().filter_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            let (link, address) = (words.next()?, words.nth(1)?);
            let ip = address.split('/').next()?.parse().ok()?;
            is_ours(ip).then(|| link.to_owned())
        });
        lines.collect()
    }
}

/// Removes the engines of tests that are gone.
fn sweep() {
    let entries = fs::read_dir(std::env::temp_dir()).expect("it is there");
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|name| name.strip_prefix(FOLDER_PREFIX));
        if let Some(pid) = pid.and_then(|pid| pid.parse().ok())
            && !is_alive(pid)
        {
            Place::of(pid).clear();
        }
    }
}

fn run(program: &str, arguments: &[&str]) {
    let output = command(program).args(arguments).output();
    let output = output.expect("it is installed");
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        println!("{program} {}: {}", arguments.join(" "), reason.trim());
    }
}

/// Waits while a test ends, where nothing asynchronous can; whether the process is gone.
fn ends_within(limit: Duration, pid: u32) -> bool {
    let step = Duration::from_millis(20);
    let steps = limit.as_millis() / step.as_millis();
    for _ in 0..steps {
        if !is_alive(pid) {
            return true;
        }
        std::thread::sleep(step);
    }
    !is_alive(pid)
}
