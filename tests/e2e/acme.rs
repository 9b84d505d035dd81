//! Public certificates, from labels to HTTPS, by a real ACME server (`pebble`), which checks our
//! answers to its challenges at our ports.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use sh0_agent::caddy::render::{AcmeOptions, ExternalAccountKey, RenderOptions};
use sh0_agent::certificates::scan;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::child::{free_port, free_ports, place};
use crate::harness::{patience, until};
use crate::hosts::Authority;
use crate::hosts::served::Served;

/// An authority, with a name server that says 127.0.0.1 to everything. Dropping it ends both.
pub(crate) struct Pebble {
    management: u16,
    log: PathBuf,
    _children: [Child; 2],
}

/// How an authority is set up.
pub(crate) struct Setup {
    /// Where it asks for the HTTP and the TLS challenge.
    challenges: [u16; 2],
    has_accounts: bool,
    /// In seconds; `None` is five years.
    validity: Option<u32>,
}

impl Setup {
    pub(crate) fn of(options: &RenderOptions) -> Self {
        Self {
            challenges: [options.http_port, options.https_port],
            has_accounts: false,
            validity: None,
        }
    }
}

/// A folder, and options that lead to an authority at this port, which is not there yet.
pub(crate) fn authority() -> (TempDir, RenderOptions, u16) {
    let (dir, mut options) = place();
    let port = free_port();
    let own = Authority::new("pebble");
    let (certificate, key) = own.server();
    for (name, text) in [
        ("root.pem", own.pem()),
        ("pebble.crt", &certificate),
        ("pebble.key", &key),
    ] {
        std::fs::write(dir.path().join(name), text).expect("ours");
    }
    options.acme = AcmeOptions {
        ca: Some(format!("https://127.0.0.1:{port}/dir")),
        ca_root: Some(dir.path().join("root.pem")),
        ..AcmeOptions::default()
    };
    (dir, options, port)
}

/// The key of the account that was made elsewhere, another in each folder: 64 digits, which are
/// letters of base64url.
fn account_key(folder: &Path) -> String {
    let digest = Sha256::digest(folder.as_os_str().as_encoded_bytes());
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = digits.map(|digit| char::from_digit(digit.into(), 16));
    digits.map(|digit| digit.expect("below 16")).collect()
}

impl Pebble {
    pub(crate) async fn start(folder: &Path, port: u16, setup: Setup) -> Self {
        let [management, dns, other] = free_ports();
        let [http, tls] = setup.challenges;
        let mut config = json!({
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": folder.join("pebble.crt"),
            "privateKey": folder.join("pebble.key"),
            "httpPort": http,
            "tlsPort": tls,
            "externalAccountBindingRequired": setup.has_accounts,
            "externalAccountMACKeys": { "kid-1": account_key(folder) },
        });
        if let Some(validity) = setup.validity {
            config["certificateValidityPeriod"] = json!(validity);
        }
        let file = folder.join("pebble.json");
        std::fs::write(&file, json!({ "pebble": config }).to_string()).expect("ours");
        let log = folder.join("pebble.log");
        let output = std::fs::File::create(&log).expect("ours");
        let mut names = Command::new("pebble-challtestsrv");
        names.args([
            "-defaultIPv6",
            "",
            "-http01",
            "",
            "-https01",
            "",
            "-tlsalpn01",
            "",
        ]);
        names.args(["-dns01", &format!("127.0.0.1:{dns}")]);
        names.args(["-management", &format!("127.0.0.1:{other}")]);
        names
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let mut pebble = Command::new("pebble");
        pebble
            .arg("-config")
            .arg(&file)
            .args(["-dnsserver", &format!("127.0.0.1:{dns}")]);
        pebble
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", "0");
        pebble
            .stdout(output)
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let children = [names, pebble].map(|mut command| {
            command
                .spawn()
                .expect("`pebble` is installed, as `scripts/setup` does")
        });
        let pebble = Self {
            management,
            log,
            _children: children,
        };
        until("pebble is there", patience(), async || {
            let root = pebble.root().await;
            root.contains("BEGIN CERTIFICATE").then_some(()).ok_or(root)
        })
        .await;
        pebble
    }

    /// The root of the certificates that it issues, another at each start.
    async fn root(&self) -> String {
        let url = format!("https://127.0.0.1:{}/roots/0", self.management);
        let output = Command::new("curl")
            .args(["-sk", "--noproxy", "*", &url])
            .output()
            .await;
        String::from_utf8_lossy(&output.expect("curl is installed").stdout).into_owned()
    }

    /// How many orders it has been given.
    fn orders(&self) -> usize {
        let log = std::fs::read_to_string(&self.log).expect("ours");
        log.matches("order-plz").count()
    }
}

impl Served {
    /// Waits until the host's certificate of this authority is served; its text.
    async fn until_certified(&self, host: &str, pebble: &Pebble) -> String {
        let root = self.dir.path().join("issued.pem");
        std::fs::write(&root, pebble.root().await).expect("ours");
        let root = root.to_str().expect("a text");
        let arguments = ["--cacert", root];
        until("it is certified", patience() * 2, async || {
            let answer = self
                .curl(&format!("https://{host}:HTTPS/"), &arguments)
                .await;
            if answer == "200 alpha" {
                Ok(())
            } else {
                Err(answer)
            }
        })
        .await;
        self.stored_certificate(host)
    }

    /// The host's certificate in Caddy's storage.
    fn stored_certificate(&self, host: &str) -> String {
        let folder = self.options.storage_dir.join("certificates");
        let authorities = std::fs::read_dir(folder).expect("it is there");
        let files = authorities.map(|entry| {
            let folder = entry.expect("it can be read").path();
            folder.join(format!("{host}/{host}.crt"))
        });
        let mut files = files.filter(|file| file.exists());
        std::fs::read_to_string(files.next().expect("it is stored")).expect("a text")
    }
}

const LABELS: &str = "
    alpha
    host=app.acme.test
    redirect.from=www.acme.test
";

#[tokio::test]
async fn one_challenge_is_enough_be_it_http_or_tls() {
    for challenge in [0, 1] {
        let (dir, options, port) = authority();
        let mut setup = Setup::of(&options);
        // Nobody listens at port 1, so that the other challenge fails.
        setup.challenges[1 - challenge] = 1;
        let pebble = Pebble::start(dir.path(), port, setup).await;
        let served = Served::start_on(LABELS, dir, options).await;
        for host in ["app.acme.test", "www.acme.test"] {
            let https = served.options.https_port;
            until("plain HTTP leads to HTTPS", patience(), async || {
                let answer = served.curl(&format!("http://{host}:HTTP/x?y"), &[]).await;
                let to = format!("308 https://app.acme.test:{https}/x?y");
                if answer == to { Ok(()) } else { Err(answer) }
            })
            .await;
        }
        served.until_certified("app.acme.test", &pebble).await;
    }
}

#[tokio::test]
async fn an_account_made_elsewhere_is_used() {
    let (dir, mut options, port) = authority();
    let setup = Setup {
        has_accounts: true,
        ..Setup::of(&options)
    };
    options.acme.external_account = Some(ExternalAccountKey {
        key_id: "kid-1".to_owned(),
        hmac: account_key(dir.path()),
    });
    let pebble = Pebble::start(dir.path(), port, setup).await;
    let served = Served::start_on(LABELS, dir, options).await;
    served.until_certified("app.acme.test", &pebble).await;
}

#[tokio::test]
async fn ten_hosts_are_certified_at_once() {
    let (dir, mut options, port) = authority();
    // Without an address CertMagic sometimes takes `default` for one when several names make the
    // account at the same time; the authority refuses it, and that name waits for a minute.
    options.acme.email = Some("ops@acme.test".to_owned());
    let pebble = Pebble::start(dir.path(), port, Setup::of(&options)).await;
    let hosts: Vec<String> = (0..10).map(|n| format!("h{n}.acme.test")).collect();
    let labels = format!("alpha\nhost={}", hosts.join(","));
    let served = Served::start_on(&labels, dir, options).await;
    for host in &hosts {
        served.until_certified(host, &pebble).await;
    }
}

#[tokio::test]
async fn one_public_host_among_internal_ones_is_certified_alone() {
    let (dir, options, port) = authority();
    let root = options.storage_dir.join("pki/authorities/local/root.crt");
    let pebble = Pebble::start(dir.path(), port, Setup::of(&options)).await;
    let labels = "alpha\nhost=app.acme.test\n\nalpha\napp=in\nhost=a.internal, b.internal";
    let served = Served::start_on(labels, dir, options).await;
    served.until_certified("app.acme.test", &pebble).await;
    let arguments = ["--cacert", root.to_str().expect("a text")];
    let answer = served.curl("https://b.internal:HTTPS/", &arguments).await;
    assert_eq!((&*answer, pebble.orders()), ("200 alpha", 1));
}

#[tokio::test]
async fn an_authority_that_is_away_is_said_and_costs_nobody_else() {
    let (dir, options, port) = authority();
    let labels = format!("{LABELS}\n\nalpha\napp=in\nhost=in.internal");
    let folder = dir.path().to_owned();
    let served = Served::start_on(&labels, dir, options).await;
    let answer = served.curl("http://app.acme.test:HTTP/", &[]).await;
    assert_eq!(answer, "503 app.acme.test");
    let answer = served.curl("https://app.acme.test:HTTPS/", &["-k"]).await;
    assert_eq!(answer, "curl 35", "the handshake is refused");
    until("the other host is served", patience(), async || {
        let answer = served.curl("https://in.internal:HTTPS/", &[]).await;
        if answer == "200 alpha" {
            Ok(())
        } else {
            Err(answer)
        }
    })
    .await;
    // Caddy tries again by itself after a minute, and at once with the next load.
    let setup = Setup::of(&served.options);
    let pebble = Pebble::start(&folder, port, setup).await;
    served
        .load(&labels.replace("app=in", "app=in\nhsts=true"))
        .await;
    served.until_certified("app.acme.test", &pebble).await;
    let answer = served.curl("http://app.acme.test:HTTP/", &[]).await;
    assert!(answer.starts_with("308 "), "{answer}");
}

#[tokio::test]
async fn an_authority_that_refuses_is_not_hammered() {
    let (dir, options, port) = authority();
    let setup = Setup {
        challenges: [1, 1],
        ..Setup::of(&options)
    };
    let pebble = Pebble::start(dir.path(), port, setup).await;
    let labels = "alpha\nhost=app.acme.test";
    let served = Served::start_on(labels, dir, options).await;
    until("it has refused", patience(), async || {
        let refused = served.caddy.logged("will retry");
        if refused > 0 {
            Ok(())
        } else {
            Err(format!("{} orders", pebble.orders()))
        }
    })
    .await;
    let first = pebble.orders();
    for load in 0..10 {
        served.load(&format!("{labels}\nhsts=max-age={load}")).await;
    }
    println!("{first} orders, then {} with ten loads", pebble.orders());
    assert!(first <= 3, "{first}");
    assert!(pebble.orders() <= first + 20, "{}", pebble.orders());
}

#[tokio::test]
async fn a_certificate_that_ends_soon_is_renewed() {
    let (dir, options, port) = authority();
    let setup = Setup {
        validity: Some(6),
        ..Setup::of(&options)
    };
    let pebble = Pebble::start(dir.path(), port, setup).await;
    let labels = "alpha\nhost=app.acme.test";
    let served = Served::start_on(labels, dir, options).await;
    let before = served.until_certified("app.acme.test", &pebble).await;
    // Caddy looks every ten minutes by itself, and when it starts.
    let mut served = served;
    for _ in 0..5 {
        served = served.start_again(labels).await;
        let renewed = async {
            while served.stored_certificate("app.acme.test") == before {
                sleep(Duration::from_millis(50)).await;
            }
        };
        if timeout(Duration::from_secs(2), renewed).await.is_ok() {
            return;
        }
    }
    panic!("it is not renewed: {} orders", pebble.orders());
}

#[tokio::test]
async fn a_certificate_survives_a_restart() {
    let (dir, options, port) = authority();
    let pebble = Pebble::start(dir.path(), port, Setup::of(&options)).await;
    let labels = "alpha\nhost=app.acme.test";
    let served = Served::start_on(labels, dir, options).await;
    let before = served.until_certified("app.acme.test", &pebble).await;
    let served = served.start_again(labels).await;
    let after = served.until_certified("app.acme.test", &pebble).await;
    assert_eq!((after, pebble.orders()), (before, 1));
}

#[tokio::test]
async fn certificates_of_the_directory_stop_orders_for_the_names_that_they_cover() {
    let (dir, mut options, port) = authority();
    let own = Authority::new("own");
    let [files, copies] = ["own", "copies"].map(|name| dir.path().join(name));
    for folder in [&files, &copies] {
        std::fs::create_dir(folder).expect("ours");
    }
    for (file, name) in [
        ("app.acme.test", "app.acme.test"),
        ("_.wild.acme.test", "*.wild.acme.test"),
    ] {
        let (certificate, key) = own.server_for(name);
        std::fs::write(files.join(format!("{file}.crt")), certificate).expect("ours");
        std::fs::write(files.join(format!("{file}.key")), key).expect("ours");
    }
    let set = scan(&files, &copies, sh0_agent::clock::wall_clock());
    assert_eq!((set.problems.len(), set.pairs.len()), (0, 2), "{set:?}");
    options.certificates = set.pairs;
    options.certificate_names = set.names;
    let pebble = Pebble::start(dir.path(), port, Setup::of(&options)).await;
    let labels = "alpha\nhost=app.acme.test, a.wild.acme.test, other.acme.test";
    let served = Served::start_on(labels, dir, options).await;
    served.until_certified("other.acme.test", &pebble).await;
    let root = served.dir.path().join("own.pem");
    std::fs::write(&root, own.pem()).expect("ours");
    let arguments = ["--cacert", root.to_str().expect("a text")];
    for host in ["app.acme.test", "a.wild.acme.test"] {
        let url = format!("https://{host}:HTTPS/");
        let answer = served.curl(&url, &arguments).await;
        assert_eq!(answer, "200 alpha", "{host}");
        let answer = served.curl(&format!("http://{host}:HTTP/"), &[]).await;
        assert!(answer.starts_with("308 "), "{host}: {answer}");
    }
    assert_eq!(pebble.orders(), 1, "one, for the name that none covers");
}
