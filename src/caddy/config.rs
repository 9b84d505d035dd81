//! Caddy's config JSON as types: exactly the fields we emit, no others.
//!
//! Deliberately no wish to describe all of Caddy, and nothing to read a config back. An unknown
//! field is a refusal of the whole config (`StrictUnmarshalJSON` in Caddy's `caddy.go`), so every
//! field here exists in Caddy 2.11.7, the oldest we accept. Ordered maps and `Vec`s only: equal
//! configs are equal bytes.

use std::time::Duration;

use serde::{Serialize, Serializer};

mod connection;
mod handlers;
mod hidden;
mod http;
mod matcher;
mod proxy;
mod tls;

pub use connection::{ClientAuthentication, ClientAuthorities, SniMatch, TlsConnectionPolicy};
pub use handlers::{
    Account, Authentication, Empty, Encode, Encodings, Hash, HttpBasic, Providers, ProxyRewrite,
    RequestBody, ResponseHandler, ResponseMatcher, ResponseOps, Subroute,
};
pub use hidden::Hidden;
pub use http::{
    AccessLog, AutomaticHttps, Errors, FileServer, Handler, HeaderOps, Headers, Http, HttpMetrics,
    Map, Mapping, PathReplacement, Replacement, Rewrite, Route, Server, ServerLimits, ServerName,
    StaticResponse, TrustedProxies,
};
pub use matcher::{FileMatch, IpRanges, Matcher, Pattern};
pub use proxy::{
    CaPool, HealthChecks, LoadBalancing, NetworkProxy, PassiveHealthChecks, ReverseProxy,
    SelectionPolicy, Transport, TransportTls, Upstream,
};
pub use tls::{
    Acme, Automation, AutomationPolicy, CertificateAuthority, CertificateCache, CertificateFile,
    Certificates, Challenges, DnsChallenge, ExternalAccount, Issuer, OnDemand, Permission, Pki,
    Tls,
};

/// The whole config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Config {
    /// The admin endpoint. Never left out: a config without it moves the endpoint to TCP.
    pub admin: Admin,
    /// Where Caddy's log goes.
    pub logging: Logging,
    /// Where certificates and keys are kept.
    pub storage: Storage,
    /// What runs.
    pub apps: Apps,
}

/// The admin endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Admin {
    /// `unix/` and the absolute path of the socket.
    pub listen: String,
    /// The hosts that a request to the endpoint may name.
    pub origins: Vec<String>,
    /// What happens to the config itself.
    pub config: AdminConfig,
}

/// What happens to a loaded config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AdminConfig {
    /// Whether Caddy writes it to its own autosave file.
    pub persist: bool,
}

/// What Caddy logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Logging {
    /// By name.
    pub logs: Logs,
}

/// Caddy's logs; we use one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Logs {
    /// The one that everything goes to.
    pub default: Log,
}

/// One log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Log {
    /// Where to.
    pub writer: LogWriter,
    /// In which form.
    pub encoder: LogEncoder,
}

/// Where a log goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "output", rename_all = "snake_case")]
pub enum LogWriter {
    /// To a file, which only its owner may read.
    File {
        /// Its absolute path.
        filename: String,
        /// At this size it is moved aside, and another begun.
        roll_size_mb: u32,
        /// So many that were moved aside are kept.
        roll_keep: u32,
        /// Whether those are compressed.
        roll_gzip: bool,
    },
}

/// The form of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "format", rename_all = "snake_case")]
pub enum LogEncoder {
    /// One JSON object a line.
    Json,
}

/// Where certificates and keys are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "module", rename_all = "snake_case")]
pub enum Storage {
    /// In files under this folder.
    FileSystem {
        /// The folder; Caddy makes it.
        root: String,
    },
}

/// The apps we run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Apps {
    /// The web servers.
    pub http: Http,
    /// Certificates and where they come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// The internal authority.
    pub pki: Pki,
}

/// A duration as Caddy reads it: `30s`, or `250ms` when it is no whole number of seconds. Finer
/// parts are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaddyDuration(pub Duration);

impl Serialize for CaddyDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.subsec_millis() {
            0 => serializer.collect_str(&format_args!("{}s", self.0.as_secs())),
            _ => serializer.collect_str(&format_args!("{}ms", self.0.as_millis())),
        }
    }
}
