//! A Caddy that serves what labels ask for.

use std::collections::BTreeMap;

use sh0_agent::caddy::admin::Admin;
use sh0_agent::caddy::render::{RenderOptions, render};
use sh0_agent::certificates::scan;
use sh0_agent::labels::TlsSetting;
use sh0_agent::model::{Container, Hostname};
use sh0_agent::routes::{Built, HostPolicy, TlsMode};
use tempfile::TempDir;
use tokio::process::Command;

use crate::caddy::client::Backends;
use crate::child::{CaddyChild, place};
use crate::from_labels;
use crate::harness::{patience, until};

/// A Caddy that serves what these labels ask for. Blocks of labels are containers, each on the
/// port of the backend `alpha`, or of `beta` where it begins with `beta`.
pub(crate) struct Served {
    pub(crate) dir: TempDir,
    pub(crate) options: RenderOptions,
    pub(crate) caddy: CaddyChild,
    backends: Backends,
}

impl Served {
    pub(crate) async fn start(labels: &str) -> Self {
        Self::start_with(labels, &[]).await
    }

    /// The same with authorities of client certificates, `<name>.pem`.
    pub(crate) async fn start_with(
        labels: &str,
        authorities: &[(&str, &super::Authority)],
    ) -> Self {
        let (dir, mut options) = place();
        let own = dir.path().join("own");
        let copies = dir.path().join("copies");
        for folder in [&own, &copies] {
            std::fs::create_dir(folder).expect("ours");
        }
        for (name, authority) in authorities {
            std::fs::write(own.join(name), authority.pem()).expect("ours");
        }
        let certificates = scan(&own, &copies, 0);
        assert_eq!(certificates.problems, BTreeMap::new());
        options.authorities = certificates.authorities;
        let served = Self::start_on(labels, dir, options).await;
        served.until_internal_ones_are_issued(labels).await;
        served
    }

    /// The same with these options, waiting for no certificate.
    pub(crate) async fn start_on(labels: &str, dir: TempDir, options: RenderOptions) -> Self {
        let backends = Backends::start().await;
        let built = built(labels, &backends, &options);
        let caddy = from_labels::serve(&dir, &built.table, &options).await;
        Self {
            dir,
            options,
            caddy,
            backends,
        }
    }

    /// The same after Caddy was killed and started again.
    pub(crate) async fn start_again(self, labels: &str) -> Self {
        let Self { dir, options, .. } = self;
        Self::start_on(labels, dir, options).await
    }

    /// Loads what other labels ask for.
    pub(crate) async fn load(&self, labels: &str) {
        let built = built(labels, &self.backends, &self.options);
        let loaded = self
            .caddy
            .admin
            .load(render(&built.table, &self.options).json);
        loaded.await.expect("it is accepted");
    }

    async fn until_internal_ones_are_issued(&self, labels: &str) {
        let built = built(labels, &self.backends, &self.options);
        let hosts = &built.table.hosts;
        let is_internal = |(host, policy): &(&Hostname, &HostPolicy)| {
            let wildcard = host.covering_wildcard();
            let is_covered = wildcard.is_some_and(|wildcard| hosts.contains_key(&wildcard));
            policy.mode == TlsMode::Internal && !is_covered
        };
        for (host, _) in hosts.iter().filter(is_internal) {
            let name = host.as_str().replace('*', "wildcard_");
            let file = self
                .options
                .storage_dir
                .join(format!("certificates/local/{name}/{name}.crt"));
            until("the certificate is issued", patience(), async || {
                file.exists().then_some(()).ok_or_else(|| name.clone())
            })
            .await;
        }
    }

    /// What curl gets from this URL, in which `HTTP` and `HTTPS` stand for the ports: the status
    /// and the first word of the body, or how it ended without an answer.
    pub(crate) async fn curl(&self, url: &str, arguments: &[&str]) -> String {
        let root = self
            .options
            .storage_dir
            .join("pki/authorities/local/root.crt");
        let (http, https) = (self.options.http_port, self.options.https_port);
        let url = url.replace("HTTPS", &https.to_string());
        let url = url.replace("HTTP", &http.to_string());
        let output = Command::new("curl")
            .args(["-s", "--max-time", "10", "--noproxy", "*", "-D", "-"])
            .arg("--cacert")
            .arg(root)
            .args(["--connect-to", &format!(":{https}:127.0.0.1:{https}")])
            .args(["--connect-to", &format!(":{http}:127.0.0.1:{http}")])
            .args(arguments)
            .arg(&url)
            .output()
            .await
            .expect("curl is installed");
        if !output.status.success() {
            // With TLS 1.3 the client sends its request before it hears that it may not.
            return match output.status.code() {
                Some(16 | 52 | 55 | 56) => "cut".to_owned(),
                code => format!("curl {}", code.unwrap_or_default()),
            };
        }
        let text = String::from_utf8_lossy(&output.stdout).replace('\r', "");
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let status = head.split_whitespace().nth(1).unwrap_or_default();
        let wanted = ["location", "strict-transport-security"];
        let lines = head.lines().filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            wanted
                .contains(&name.to_ascii_lowercase().as_str())
                .then(|| value.to_owned())
        });
        let mut shown = vec![status.to_owned()];
        shown.extend(lines);
        shown.extend(
            body.split([':', ' ', '\n'])
                .next()
                .filter(|w| !w.is_empty())
                .map(str::to_owned),
        );
        shown.join(" ")
    }
}

fn built(labels: &str, backends: &Backends, options: &RenderOptions) -> Built {
    let blocks = labels.split("\n\n").map(str::trim);
    let containers = blocks.filter(|block| !block.is_empty()).enumerate();
    let containers = containers.map(|(number, block)| {
        let mut lines = block.lines().map(str::trim);
        let name = lines.next().expect("a name");
        let labels = lines.map(|line| line.split_once('=').expect("key=value"));
        let backend = if name == "beta" {
            &backends.beta
        } else {
            &backends.alpha
        };
        let address = backend.parse().expect("an address");
        Container {
            created: i64::try_from(number).expect("few"),
            ..from_labels::container(&format!("{name}-{number}"), address, labels)
        }
    });
    from_labels::built(containers.collect(), TlsSetting::Auto, &options.authorities)
}
