//! The agent's settings, parsed once: nothing later meets a raw string.
//!
//! Plain data with defaults. Deliberately knows no flag and no environment variable: `cli` reads
//! those, and a program that embeds the agent fills this in by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::access::UserName;
use crate::caddy::render::{AcmeOptions, ClientLimits, Grouping, RenderOptions};
use crate::labels::{Permits, TlsSetting};
use crate::model::Cidr;
use crate::reconcile::DebounceOptions;
use crate::slots::HoldBounds;
use crate::status::TcpOptions;

/// How the config says where an upstream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UpstreamsMode {
    /// Its address stands in the config, so a new address is a new config.
    Direct,
    /// It stands in a file that Caddy reads at each request, so that a new address is no load, and
    /// requests wait while a container is recreated.
    #[default]
    Slots,
}

/// Everything that can be set. [`Settings::default`] is what the agent does without any flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The Docker endpoint; `None` is `/var/run/docker.sock`.
    pub docker: Option<String>,
    /// Whether a `tcp://` endpoint is one with TLS. Default no.
    pub docker_tls: bool,
    /// The directory with `ca.pem`, `cert.pem` and `key.pem` for it; `None` is `~/.docker`.
    pub docker_certificates: Option<PathBuf>,
    /// The routing network. Default `sh0-net`.
    pub network: String,
    /// The label prefix, without a dot. Default `sh0`.
    pub label_prefix: String,
    /// The port for HTTP. Default 80.
    pub http_port: u16,
    /// The port for HTTPS. Default 443.
    pub https_port: u16,
    /// The addresses to listen on; empty (the default) is all.
    pub listen: Vec<IpAddr>,
    /// How public certificates are obtained.
    pub acme: AcmeOptions,
    /// New names per hour that get a certificate at their first handshake, each counted once.
    /// Default 60.
    pub on_demand_names_max: usize,
    /// The certificate policy of hosts whose labels do not say one. Default `auto`.
    pub default_tls: TlsSetting,
    /// A directory of certificates of your own, as `<name>.crt` and `<name>.key`.
    pub certificates: Option<PathBuf>,
    /// What must outlive a restart: certificates, claims, last good routes. Default
    /// `/var/lib/sh0-agent`.
    pub state_dir: PathBuf,
    /// Sockets, slots, the pid file and the newest 2 MB of Caddy's log. Default `/run/sh0-agent`.
    pub runtime_dir: PathBuf,
    /// Who Caddy runs as; `None`, the default, is the agent's own user.
    pub caddy_user: Option<UserName>,
    /// The Caddy binary; a bare name is looked up in `PATH`. Default `caddy`.
    pub caddy: PathBuf,
    /// Proxies before this one, whose `X-Forwarded-*` header fields are believed. Default none.
    pub trusted_proxies: Vec<Cidr>,
    /// What a client may take of Caddy's time and memory.
    pub clients: ClientLimits,
    /// What labels may ask for beyond what everybody may.
    pub permits: Permits,
    /// How the config says where an upstream is. Default slots.
    pub upstreams: UpstreamsMode,
    /// Whether hosts share routes of Caddy. Default by their number.
    pub grouping: Grouping,
    /// Whether Caddy counts requests, and the status socket shows its metrics. Default no.
    pub caddy_metrics: bool,
    /// How many requests may wait for a container, with slots. Default 1,024 for one app, 16,384 in
    /// all.
    pub hold: HoldBounds,
    /// When changes are sent.
    pub debounce: DebounceOptions,
    /// From one full look at Docker to the next, without any event. Default 60 s.
    pub resync_interval: Duration,
    /// From asking Caddy to stop to killing it. Default 5 s.
    pub stop_timeout: Duration,
    /// How long Caddy waits for requests under way on connections of an old config. Default 30 s.
    pub grace_period: Duration,
    /// How long a websocket outlives the config under which it was opened. Default 24 h.
    pub stream_close_delay: Duration,
    /// Where the status is served over TCP, besides its Unix socket; `None`, the default, is nowhere.
    pub status: Option<TcpOptions>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            docker: None,
            docker_tls: false,
            docker_certificates: None,
            network: "sh0-net".to_owned(),
            label_prefix: "sh0".to_owned(),
            http_port: 80,
            https_port: 443,
            listen: Vec::new(),
            acme: AcmeOptions::default(),
            on_demand_names_max: 60,
            default_tls: TlsSetting::Auto,
            certificates: None,
            state_dir: PathBuf::from("/var/lib/sh0-agent"),
            runtime_dir: PathBuf::from("/run/sh0-agent"),
            caddy_user: None,
            caddy: PathBuf::from("caddy"),
            trusted_proxies: Vec::new(),
            clients: ClientLimits::default(),
            permits: Permits::default(),
            upstreams: UpstreamsMode::Slots,
            grouping: Grouping::default(),
            caddy_metrics: false,
            hold: HoldBounds::default(),
            debounce: DebounceOptions::default(),
            resync_interval: Duration::from_mins(1),
            stop_timeout: Duration::from_secs(5),
            grace_period: Duration::from_secs(30),
            stream_close_delay: Duration::from_hours(24),
            status: None,
        }
    }
}

impl Settings {
    /// The folder where Caddy makes its socket and its log.
    #[must_use]
    pub fn caddy_dir(&self) -> PathBuf {
        self.runtime_dir.join("caddy")
    }

    /// Caddy's admin socket.
    #[must_use]
    pub fn admin_socket(&self) -> PathBuf {
        self.caddy_dir().join("admin.sock")
    }

    /// The file for Caddy's log.
    #[must_use]
    pub fn caddy_log(&self) -> PathBuf {
        self.caddy_dir().join("caddy.log")
    }

    /// Where the running Caddy is recorded.
    #[must_use]
    pub fn caddy_record(&self) -> PathBuf {
        self.runtime_dir.join("caddy.json")
    }

    /// The agent's status socket.
    #[must_use]
    pub fn status_socket(&self) -> PathBuf {
        self.runtime_dir.join("status.sock")
    }

    /// The socket on which the agent is told what to do with apps.
    #[must_use]
    pub fn control_socket(&self) -> PathBuf {
        self.runtime_dir.join("control.sock")
    }

    /// Where Caddy keeps certificates and its authority.
    #[must_use]
    pub fn storage_dir(&self) -> PathBuf {
        self.state_dir.join("caddy")
    }

    /// The root of Caddy's internal authority; there once it has issued a certificate.
    #[must_use]
    pub fn internal_root(&self) -> PathBuf {
        { self.storage_dir() }.join("pki/authorities/local/root.crt")
    }

    /// Where checked copies of the certificate directory are kept for Caddy.
    #[must_use]
    pub fn certificate_copies(&self) -> PathBuf {
        self.state_dir.join("certificates")
    }

    /// The addresses to listen on, each once: Caddy refuses repeats.
    fn listen_once(&self) -> Vec<IpAddr> {
        let mut addresses = Vec::new();
        for ip in &self.listen {
            if !addresses.contains(ip) {
                addresses.push(*ip);
            }
        }
        addresses
    }

    /// What every config holds besides routes; without certificates, which are read from their
    /// directory.
    #[must_use]
    pub fn render_options(&self) -> RenderOptions {
        RenderOptions {
            http_port: self.http_port,
            https_port: self.https_port,
            listen: self.listen_once(),
            admin_socket: self.admin_socket(),
            log_file: self.caddy_log(),
            storage_dir: self.storage_dir(),
            grace_period: self.grace_period,
            stream_close_delay: self.stream_close_delay,
            clients: self.clients,
            acme: self.acme.clone(),
            certificates: Vec::new(),
            certificate_names: BTreeSet::new(),
            authorities: BTreeMap::new(),
            ask: None,
            trusted_proxies: self.trusted_proxies.clone(),
            slots: None,
            grouping: self.grouping,
            metrics: self.caddy_metrics,
        }
    }
}
