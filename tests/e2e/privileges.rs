//! Who the agent and its Caddy are, and what that lets them do: what a kernel says of it.

mod first_handshake;
mod folders;
mod users;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::{Agent, App, Engine, Options, SLOTS, command, get, is_alive, patience, until};

/// Users that nothing on the machine has.
const CADDY: &str = "23456:23457";
const OTHER: &str = "23458:23459";

/// An agent whose folder other users may enter, on a port that needs a privilege.
fn prepare(engine: &Engine, options: Options) -> Agent {
    let mut agent = Agent::prepare(engine, options);
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(agent.home(), open).expect("it is ours");
    let mut low = (600..1_000).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    agent.http_port = low.next().expect("one of them is free");
    agent
}

/// These fields of `/proc/<pid>/status`.
fn status_of(pid: u32, names: &[&str]) -> Vec<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let fields: BTreeMap<&str, &str> = status.lines().filter_map(|l| l.split_once(':')).collect();
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    names
        .iter()
        .map(|name| format!("{name} {}", words(fields.get(name).expect("Linux says it"))))
        .collect()
}

const PRIVILEGES: [&str; 8] = [
    "Uid",
    "Gid",
    "Groups",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "NoNewPrivs",
];

fn as_user(user: &str, program: &str) -> Command {
    let (uid, gid) = user.split_once(':').expect("both");
    let mut setpriv = command("setpriv");
    setpriv.args([
        "--reuid",
        uid,
        "--regid",
        gid,
        "--clear-groups",
        "--",
        program,
    ]);
    setpriv
}

/// Whether this user may do this (`-r`, `-w`, `-x` of test(1)).
fn may(user: &str, what: &str, path: &Path) -> bool {
    let status = as_user(user, "test").arg(what).arg(path).status();
    status.expect("it is there").success()
}

/// The environment and the arguments of a process, whole.
fn said_to(pid: u32) -> [String; 2] {
    ["environ", "cmdline"].map(|file| {
        let bytes = std::fs::read(format!("/proc/{pid}/{file}")).expect("it runs");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn variables(environment: &str) -> Vec<&str> {
    let mut names: Vec<&str> = { environment.split('\0') }
        .filter_map(|variable| Some(variable.split_once('=')?.0))
        .collect();
    names.sort_unstable();
    names
}

async fn secure(agent: &Agent, host: &str, name: &str) {
    until("HTTPS works", patience(), async || {
        let answer = agent.get_tls(host, "/").await;
        answer
            .is_from(name)
            .then_some(())
            .ok_or_else(|| answer.summary())
    })
    .await;
}

#[tokio::test]
async fn caddy_as_another_user_serves_everything_and_has_neither_docker_nor_our_files() {
    let engine = Engine::start().await;
    let options = Options::default()
        .flags(SLOTS)
        .flags(["--caddy-user", CADDY])
        .env("SH0_ACME_EAB_KEY_ID", "kid")
        .env("SH0_ACME_EAB_HMAC", "c2VlZGVkLWhtYWM")
        .env("UNRELATED_TOKEN", "seeded-token")
        .env("TZ", "UTC");
    let mut agent = prepare(&engine, options);
    let (host, inside, own) = (
        engine.host("web"),
        engine.host("inside"),
        engine.host("own"),
    );
    let certificates = own_certificate(&agent, &own);
    let web = engine.run(App::named("web").host(&host)).await;
    let inner = App::named("inside").host(&inside);
    engine.run(inner.label("sh0.tls", "internal")).await;
    engine
        .run(App::named("own").host(&own).label("sh0.tls", "auto"))
        .await;
    let mut run = agent.command("run");
    run.env("SH0_CERTIFICATES", &certificates);
    run.stdout(agent.log_file()).stderr(agent.log_file());
    agent.spawn_as(run);
    agent.until_up().await;
    agent.answers(&host, "web").await;
    secure(&agent, &inside, "inside").await;
    let pid = agent.caddy_pid().await;
    has_one_privilege_and_no_secret(pid);
    serves_the_own_certificate(&agent, &own);
    has_what_it_needs_and_no_more(&agent, &certificates.join(format!("{own}.key")));
    has_no_docker();

    // A request waits through a gap: Caddy reaches the socket.
    engine.act("stop", &web).await;
    let (port, name) = (agent.http_port, host.clone());
    let waiting = tokio::spawn(async move { get(port, &name, "/").await });
    engine.act("start", &web).await;
    let answer = waiting.await.expect("it does not panic");
    assert!(answer.is_from("web"), "{}", answer.summary());
    assert!(agent.stop().await.success());
    assert!(!is_alive(pid));
}

fn has_one_privilege_and_no_secret(pid: u32) {
    assert_eq!(
        status_of(pid, &PRIVILEGES),
        [
            "Uid 23456 23456 23456 23456",
            "Gid 23457 23457 23457 23457",
            "Groups ",
            "CapPrm 0000000000000400",
            "CapEff 0000000000000400",
            "CapBnd 0000000000000400",
            "CapAmb 0000000000000400",
            "NoNewPrivs 1",
        ]
    );
    let [environment, arguments] = said_to(pid);
    let mut expected = vec!["HOME", "PATH", "TZ", "XDG_CONFIG_HOME", "XDG_DATA_HOME"];
    expected.extend({ variables(&environment) }.into_iter().filter(|name| {
        // What the machine says of its proxies and certificates is passed on.
        name.to_ascii_lowercase().ends_with("_proxy") || name.starts_with("SSL_CERT_")
    }));
    expected.sort_unstable();
    assert_eq!(variables(&environment), expected);
    for secret in ["c2VlZGVk", "seeded"] {
        assert!(!environment.contains(secret) && !arguments.contains(secret));
    }
    assert!(arguments.ends_with("\0run\0--config\0-\0"), "{arguments:?}");
}

/// The own certificate is served, from a copy: its folder is closed.
fn serves_the_own_certificate(agent: &Agent, host: &str) {
    let served = command("openssl")
        .args(["s_client", "-connect"])
        .arg(format!("127.0.0.1:{}", agent.https_port))
        .args(["-servername", host])
        .stdin(Stdio::null())
        .output()
        .expect("openssl is there");
    let served = String::from_utf8_lossy(&served.stdout).into_owned();
    assert!(
        served.contains("subject=CN = own") || served.contains("subject=CN=own"),
        "{served}"
    );
}

fn has_what_it_needs_and_no_more(agent: &Agent, key: &Path) {
    let (runtime, state) = (agent.runtime_dir(), agent.state_dir());
    let entries = |folder: &Path| -> Vec<_> {
        let entries = std::fs::read_dir(folder).expect("it is there");
        entries
            .map(|entry| entry.expect("it is there").path())
            .collect()
    };
    let mut readable = entries(&runtime.join("slots"));
    readable.extend(entries(&state.join("certificates")));
    assert!(readable.len() >= 4, "{readable:?}");
    for path in &readable {
        assert!(
            may(CADDY, "-r", path) && !may(CADDY, "-w", path),
            "{}",
            path.display()
        );
        assert!(!may(OTHER, "-r", path), "{}", path.display());
    }
    for folder in [runtime.join("caddy"), state.join("caddy")] {
        assert!(may(CADDY, "-w", &folder) && !may(OTHER, "-x", &folder));
    }
    for path in [
        Path::new("/var/run/docker.sock"),
        &state.join("state.json"),
        &state.join("containers.json"),
        &runtime.join("agent.lock"),
        &runtime.join("control.sock"),
        &runtime.join("status.sock"),
        &runtime.join("caddy.json"),
        key,
    ] {
        assert!(
            std::fs::symlink_metadata(path).is_ok(),
            "{}",
            path.display()
        );
        assert!(
            !may(CADDY, "-r", path) && !may(CADDY, "-w", path),
            "{}",
            path.display()
        );
    }
    for folder in [
        &runtime,
        &state,
        &runtime.join("slots"),
        &runtime.join("hold"),
    ] {
        assert!(
            may(CADDY, "-x", folder) && !may(CADDY, "-w", folder),
            "{}",
            folder.display()
        );
    }
}

fn has_no_docker() {
    let asked = as_user(CADDY, "curl")
        .args([
            "-s",
            "--unix-socket",
            "/var/run/docker.sock",
            "http://d/_ping",
        ])
        .output()
        .expect("curl is there");
    assert_eq!(
        (asked.status.code(), asked.stdout.as_slice()),
        (Some(7), &b""[..])
    );
}

/// A certificate for the host in a folder that only root may enter.
fn own_certificate(agent: &Agent, host: &str) -> std::path::PathBuf {
    let folder = agent.home().join("own");
    std::fs::create_dir(&folder).expect("ours");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).expect("ours");
    let mut params = rcgen::CertificateParams::new([host.to_owned()]).expect("a name");
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "own");
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    std::fs::write(folder.join(format!("{host}.crt")), certificate.pem()).expect("ours");
    std::fs::write(folder.join(format!("{host}.key")), key.serialize_pem()).expect("ours");
    folder
}

#[tokio::test]
async fn another_caddy_user_between_two_runs_gets_the_folders_and_a_caddy_of_its_own() {
    let engine = Engine::start().await;
    let mut agent = prepare(&engine, Options::default());
    let host = engine.host("web");
    let web = App::named("web").host(&host).label("sh0.tls", "internal");
    engine.run(web).await;
    let mut root = None;
    let mut last = None;
    for (user, uid) in [
        (None, 0),
        (Some(CADDY), 23_456),
        (Some(OTHER), 23_458),
        (None, 0),
    ] {
        let mut run = agent.command("run");
        run.env("SH0_CADDY_USER", user.unwrap_or_default());
        run.stdout(agent.log_file()).stderr(agent.log_file());
        agent.spawn_as(run);
        agent.until_up().await;
        secure(&agent, &host, "web").await;
        let pid = agent.caddy_pid().await;
        let owner = std::fs::metadata(format!("/proc/{pid}"))
            .expect("it runs")
            .uid();
        assert_eq!(owner, uid, "{user:?}");
        for folder in [
            "run/caddy",
            "state/caddy",
            "state/caddy/pki/authorities/local/root.key",
        ] {
            let about = std::fs::metadata(agent.home().join(folder)).expect("it is there");
            assert_eq!(about.uid(), uid, "{folder} {user:?}");
        }
        let certificate = std::fs::read_to_string(agent.root()).expect("it is there");
        assert_eq!(
            *root.get_or_insert(certificate.clone()),
            certificate,
            "the authority stays"
        );
        if let Some(last) = last.replace(pid) {
            assert_ne!(last, pid);
            assert!(!is_alive(last), "there is one Caddy");
            agent.logs("it runs as another user").await;
        }
        // The same user again takes it over.
        agent.kill().await;
        let mut run = agent.command("run");
        run.env("SH0_CADDY_USER", user.unwrap_or_default());
        run.stdout(agent.log_file()).stderr(agent.log_file());
        agent.spawn_as(run);
        agent.until_up().await;
        assert_eq!(agent.caddy_pid().await, pid, "{user:?}");
        agent.kill().await;
    }
}
