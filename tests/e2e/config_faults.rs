//! Configs that a real Caddy refuses, at its start and later: the fault costs its own route, or
//! file, and nothing else.
//!
//! Labels that pass our parser and that Caddy 2.11 refuses are not known. So a stand-in is put
//! before the real Caddy for those: a script that refuses a first config with a marker in it, in
//! Caddy's words, and starts the real one otherwise. Refused loads are real: certificates of the
//! operator's can pass our checks and not Caddy's.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::harness::{Agent, App, Engine, Options, command, patience, signal, until};

/// The `subjectAltName` of a certificate for this host that Caddy refuses and we do not: Go reads
/// the URI.
const BAD_NAMES: &str = "DNS:certified.test,URI:http://[bad";
/// Caddy says this of it, and does not say which file it means.
const WORDS: &str = "loading certificates: x509: cannot parse URI";

/// A certificate directory, and the settings that name it.
struct Certificates(TempDir);

impl Certificates {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self) -> &str {
        self.0.path().to_str().expect("our paths are text")
    }

    fn options(&self) -> Options {
        Options::default().flags(["--certificates", self.path()])
    }

    /// Puts a pair for this host there, whose certificate has these alternative names.
    fn put(&self, host: &str, names: Option<&str>) {
        let file = |folder: &TempDir, extension: &str| {
            let path = folder.path().join(format!("{host}.{extension}"));
            path.to_str().expect("our paths are text").to_owned()
        };
        let made = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (file(&made, "crt"), file(&made, "key"));
        let mut openssl = command("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-subj", "/", "-nodes"]);
        openssl.args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2"]);
        openssl.args(["-out", &certificate, "-keyout", &key]);
        if let Some(names) = names {
            openssl.args(["-addext", &format!("subjectAltName={names}")]);
        }
        let output = openssl.output().expect("openssl is installed");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        // The key first: a certificate without its key is a fault of its own.
        for (from, extension) in [(key, "key"), (certificate, "crt")] {
            std::fs::copy(from, file(&self.0, extension)).expect("the folder is ours");
        }
    }
}

/// Two sites, of which the first is over HTTPS, so that certificates are in the config.
async fn two_sites(engine: &Engine) -> [String; 2] {
    let hosts = ["tls", "web"].map(|name| engine.host(name));
    let tls = App::named("tls").host(&hosts[0]);
    engine.run(tls.label("sh0.tls", "internal")).await;
    engine.run(App::named("web").host(&hosts[1])).await;
    hosts
}

async fn both_answer(agent: &Agent, [tls, web]: &[String; 2]) {
    agent.answers(web, "web").await;
    until("the site over HTTPS answers", patience(), async || {
        let answer = agent.get_tls(tls, "/").await;
        if answer.is_from("tls") {
            Ok(())
        } else {
            Err(answer.summary())
        }
    })
    .await;
}

#[tokio::test]
async fn a_certificate_that_caddy_refuses_at_its_start_costs_no_site() {
    let engine = Engine::start().await;
    let hosts = two_sites(&engine).await;
    let certificates = Certificates::new();
    certificates.put("certified.test", Some(BAD_NAMES));
    let agent = Agent::start_with(&engine, certificates.options()).await;
    both_answer(&agent, &hosts).await;
    let said = agent.logs("Caddy refused a certificate").await;
    let file = format!("files={}/certified.test.crt ", certificates.path());
    assert!(said.contains(&file) && said.contains(WORDS), "{said}");
    // A start that failed is followed at once by one without the certificate.
    assert_eq!(agent.status().await["caddy"]["epoch"], 2);
}

#[tokio::test]
async fn a_certificate_that_caddy_refuses_later_is_left_out_until_its_file_changes() {
    let engine = Engine::start().await;
    let hosts = two_sites(&engine).await;
    let certificates = Certificates::new();
    let agent = Agent::start_with(&engine, certificates.options()).await;
    both_answer(&agent, &hosts).await;
    certificates.put("certified.test", Some(BAD_NAMES));
    let said = agent.logs("Caddy refused a certificate").await;
    assert!(said.contains(WORDS), "{said}");
    // Later changes go their way.
    let late = engine.host("late");
    engine.run(App::named("late").host(&late)).await;
    agent.answers(&late, "late").await;
    both_answer(&agent, &hosts).await;
    let status = agent.status().await;
    assert!(status["caddy"]["load_error"].is_null(), "{status}");
    assert_eq!(agent.logged("Caddy refused a certificate").len(), 1);

    let loads = agent.loads().await;
    certificates.put("certified.test", Some("DNS:certified.test"));
    agent
        .status_when("it is loaded", |s| {
            s["caddy"]["loads"].as_u64() > Some(loads)
        })
        .await;
    assert!(agent.status().await["caddy"]["load_error"].is_null());
}

#[tokio::test]
async fn a_certificate_that_names_nobody_is_said_and_never_sent() {
    let engine = Engine::start().await;
    let hosts = two_sites(&engine).await;
    let certificates = Certificates::new();
    certificates.put("certified.test", None);
    certificates.put("other.test", Some("DNS:certified.test"));
    let agent = Agent::start_with(&engine, certificates.options()).await;
    both_answer(&agent, &hosts).await;
    let said = agent.logged("A certificate is not used");
    let expected = [
        "the certificate names no host; make one with `certified.test` as subjectAltName, which \
         is where browsers look.",
        "the certificate is not for `other.test`, but for ",
    ];
    assert_eq!(said.len(), 2, "{said:?}");
    for (line, words) in said.iter().zip(expected) {
        assert!(line.contains(words), "{line}");
    }
    assert_eq!(agent.status().await["caddy"]["epoch"], 1);
}

/// The Caddy under test.
fn real_caddy() -> String {
    std::env::var("SH0_CADDY").unwrap_or_else(|_| "caddy".to_owned())
}

/// A stand-in that starts the real Caddy unless `refusal`, a shell script that sees the first
/// config as `$config`, exits before.
fn stand_in(folder: &Path, refusal: &str) -> PathBuf {
    let path = folder.join("caddy");
    let caddy = real_caddy();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = run ] || exec {caddy} \"$@\"\nconfig={folder}/config.$$\n\
         cat > \"$config\"\n{refusal}\n\
         exec {caddy} run --config - < \"$config\"\n",
        folder = folder.display()
    );
    // Replaced and not written: it may be running.
    let new = path.with_extension("new");
    std::fs::write(&new, script).expect("the folder is ours");
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    std::fs::rename(&new, &path).expect("the folder is ours");
    path
}

fn with_caddy(path: &Path) -> Options {
    let path = path.to_str().expect("our paths are text");
    Options::default().flags(["--caddy", path])
}

/// Refuses configs with `poison`, in Caddy's words for a route at this place, or without a place.
fn refuse_poison(place: &str) -> String {
    let words = format!(
        "loading initial config: loading new config: loading http app module: provision http: server http: {place}made up"
    );
    format!(
        "grep -q poison \"$config\" && {{ echo '{{\"level\":\"error\",\"msg\":\"{words}\"}}' >&2; exit 1; }}"
    )
}

#[tokio::test]
async fn a_route_that_caddy_refuses_at_its_start_is_left_out_and_named() {
    let engine = Engine::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    // Routes come in the order of their hosts, after four that put the request in order.
    let (poison, web) = (engine.host("poison"), engine.host("web"));
    for (place, hint) in [(
        "setting up route handlers: route 4: loading handler modules: position 0: ",
        "Caddy refused a route; everything else is served without it.",
    )] {
        let caddy = stand_in(folder.path(), &refuse_poison(place));
        let bad = engine.run(App::named("poison").host(&poison)).await;
        let good = engine.run(App::named("web").host(&web)).await;
        let agent = Agent::start_with(&engine, with_caddy(&caddy)).await;
        agent.answers(&web, "web").await;
        agent.refuses(&poison, 404).await;
        let said = agent.logs(hint).await;
        assert!(said.contains("made up"), "{said}");
        let report = agent.routes().await;
        let line = report.lines().find(|line| line.contains(&bad.name));
        let line = line.unwrap_or_default();
        assert!(
            line.contains("Caddy") && line.contains("made up"),
            "{report}"
        );
        engine.remove(&bad).await;
        engine.remove(&good).await;
    }
}

#[tokio::test]
async fn a_caddy_that_refuses_every_start_with_routes_answers_503_and_goes_on_by_loads() {
    let engine = Engine::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    // The stand-in refuses at its start whatever has a proxy; the real Caddy takes it as a load.
    let refusal = refuse_poison("").replace("poison", "reverse_proxy");
    let caddy = stand_in(folder.path(), &refusal);
    let hosts: Vec<String> = (0..5).map(|i| engine.host(&format!("web{i}"))).collect();
    for (i, host) in hosts.iter().enumerate() {
        engine.run(App::named(&format!("web{i}")).host(host)).await;
    }
    let agent = Agent::start_with(&engine, with_caddy(&caddy)).await;
    agent
        .logs("Caddy does not start with its config; starting it with 503 answers")
        .await;
    // All but the route that was left out last, in search of the culprit.
    until("the others are served", patience(), async || {
        let mut served = 0;
        for (i, host) in hosts.iter().enumerate() {
            let answer = agent.get(host, "/").await;
            served += usize::from(answer.is_from(&format!("web{i}")));
        }
        (served >= 4)
            .then_some(())
            .ok_or_else(|| served.to_string())
    })
    .await;
    let epoch = agent.status().await["caddy"]["epoch"].as_u64();
    assert!(
        epoch <= Some(4),
        "at the latest after three tries: {epoch:?}"
    );
}

#[tokio::test]
async fn a_caddy_that_is_killed_once_while_it_starts_costs_no_site() {
    let engine = Engine::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    let killed = folder.path().join("killed");
    let refusal = format!("[ -e {0} ] || {{ : > {0}; kill -9 $$; }}", killed.display());
    let caddy = stand_in(folder.path(), &refusal);
    let agent = Agent::start_with(&engine, with_caddy(&caddy)).await;
    agent.answers(&host, "web").await;
    assert!(killed.exists());
    assert_eq!(agent.status().await["caddy"]["epoch"], 2);
}

#[tokio::test]
async fn a_caddy_that_always_ends_at_its_start_is_said_once_and_heals() {
    let engine = Engine::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    let caddy = stand_in(folder.path(), "echo 'cannot run today' >&2; exit 3");
    let mut agent = Agent::prepare(&engine, with_caddy(&caddy));
    agent.spawn();
    agent
        .status_when("it has been tried again and again", |s| {
            s["caddy"]["epoch"].as_u64() >= Some(4)
        })
        .await;
    let said = agent.logged("Caddy ended; starting it again.");
    assert_eq!(said.len(), 1, "once, not at every try: {said:?}");
    for words in ["exit status: 3", "cannot run today"] {
        assert!(said[0].contains(words), "{said:?}");
    }
    let report = agent.routes().await;
    assert!(report.contains("! Caddy is not serving: "), "{report}");
    assert!(agent.exited().is_none(), "it waits");
    stand_in(folder.path(), "");
    agent.answers(&host, "web").await;
    assert!(signal(agent.pid(), rustix::process::Signal::TERM));
    assert!(agent.until_exit().await.success());
}
