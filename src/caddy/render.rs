//! The route table as a Caddy config: whole, every time.
//!
//! Pure. Owns the order of routes, the pages that Caddy answers with itself, and the knowledge
//! which place in the config belongs to which route. Deliberately does not check names again (the
//! table's types cannot be wrong) and does not decide whether a config is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::config::{
    Admin, AdminConfig, Apps, CaddyDuration, CertificateAuthority, Config, Http, HttpMetrics, Log,
    LogEncoder, LogWriter, Logging, Logs, Matcher, Pattern, Pki, Server, ServerName, Storage, Tls,
};
use super::{Fingerprint, message};
use crate::model::{Cidr, FileName, Hostname, PoolKey};
use crate::routes::{RouteKey, RouteTable};
use crate::slots::{hold_folder, notices_folder};

mod acme;
mod auth;
mod body;
mod chain;
mod clients;
mod connections;
mod fields;
mod handlers;
mod paths;
mod servers;
mod tls;

pub use acme::{AcmeOptions, DnsProvider, ExternalAccountKey};
pub use clients::ClientLimits;

/// The host name by which we ask Caddy's admin endpoint, and the only origin it is told to accept.
pub const ADMIN_ORIGIN: &str = "sh0-agent";

/// What the config depends on besides the routes. All paths are absolute and UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderOptions {
    /// The port for plain HTTP and ACME's HTTP challenge.
    pub http_port: u16,
    /// The port for HTTPS and HTTP/3.
    pub https_port: u16,
    /// The addresses to listen on; empty is all, IPv4 and IPv6.
    pub listen: Vec<IpAddr>,
    /// The socket of Caddy's admin endpoint.
    pub admin_socket: PathBuf,
    /// The file for Caddy's log: it goes on when the agent ends, and the next one reads it.
    pub log_file: PathBuf,
    /// The folder for certificates, keys and the internal authority.
    pub storage_dir: PathBuf,
    /// How long connections of the old config may finish after a load. They are not cut in the
    /// middle of a request.
    pub grace_period: Duration,
    /// How long websockets outlive the config they began under.
    pub stream_close_delay: Duration,
    /// What a client may take.
    pub clients: ClientLimits,
    /// How public certificates are obtained.
    pub acme: AcmeOptions,
    /// Certificates that the operator gave.
    pub certificates: Vec<CertificatePair>,
    /// The hosts that those certificates are named for.
    pub certificate_names: BTreeSet<Hostname>,
    /// Files with authorities, of client certificates or of upstreams'.
    pub authorities: BTreeMap<FileName, PathBuf>,
    /// The URL that Caddy asks about names at their first handshake; `None` says no to all.
    pub ask: Option<String>,
    /// Whose `X-Forwarded-*` header fields are believed.
    pub trusted_proxies: Vec<Cidr>,
    /// Where upstreams' addresses are; `None` is in the config itself.
    pub slots: Option<SlotOptions>,
    /// Whether hosts share routes.
    pub grouping: Grouping,
    /// Whether Caddy counts requests.
    pub metrics: bool,
}

/// Whether exact hosts share routes of Caddy, so that the last of thousands is found as fast as the
/// first. What is answered to a request is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grouping {
    /// Where there are more than some dozen.
    #[default]
    Auto,
    /// Also where there are few.
    Always,
    /// Each key is a route of its own in one list.
    Never,
}

impl RenderOptions {
    /// Where Caddy listens, for HTTP and for HTTPS.
    #[must_use]
    pub fn ports(&self) -> [u16; 2] {
        [self.http_port, self.https_port]
    }
}

/// How upstreams are named where their addresses are in slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotOptions {
    /// The folder above the slots' files and the waiting sockets.
    pub runtime_dir: PathBuf,
    /// How many slots each pool has; one that is not named has one.
    pub counts: Arc<BTreeMap<PoolKey, NonZeroUsize>>,
}

impl SlotOptions {
    /// What matches requests that were sent to a waiting socket. Caddy shows its address with or
    /// without the network before it.
    pub(super) fn held(&self) -> Matcher {
        self.sent_to("")
    }

    /// The same; `{http.regexp.1}` is then the key of the pool.
    pub(super) fn held_by_pool(&self) -> Matcher {
        self.sent_to(r"([0-9a-f]{16})\.")
    }

    /// The folder of what those are told who ask for a halted app.
    pub(super) fn notices(&self) -> String {
        text(&notices_folder(&self.runtime_dir))
    }

    /// A request whose upstream is in the folder of waiting sockets, with a name that begins so.
    fn sent_to(&self, name: &str) -> Matcher {
        let folder = regexp_escaped(&text(&hold_folder(&self.runtime_dir)));
        let pattern = format!("^(?:unix/)?{folder}/{name}");
        let address = "{http.reverse_proxy.upstream.address}";
        Matcher {
            vars_regexp: BTreeMap::from([(address, Pattern { pattern })]),
            ..Matcher::default()
        }
    }
}

/// The text with every character escaped that means something to RE2.
fn regexp_escaped(text: &str) -> String {
    let escape = |c: char| {
        let is_plain = c.is_alphanumeric() || "/_- ".contains(c) || !c.is_ascii();
        let escaped = if is_plain { None } else { Some('\\') };
        escaped.into_iter().chain([c])
    };
    text.chars().flat_map(escape).collect()
}

/// A certificate with its key, both PEM files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CertificatePair {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// Which key stands where: by server, the route's index in it and those within routes that are
/// subroutes.
pub type Places = BTreeMap<(ServerName, Vec<usize>), RouteKey>;

/// The route that Caddy's refusal names, or `None` when it names none or one of our own.
pub(crate) fn blamed<'a>(places: &'a Places, caddy_message: &str) -> Option<&'a RouteKey> {
    let (server, mut place) = message::named_route(caddy_message)?;
    // What is within a key's route is that key's.
    while !place.is_empty() {
        let named = (server, place);
        if let Some(key) = places.get(&named) {
            return Some(key);
        }
        place = named.1;
        place.pop();
    }
    None
}

/// A config, the bytes to send, and how to read Caddy's complaints about it.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The config.
    pub config: Config,
    /// Its canonical bytes: equal tables and options give equal bytes.
    pub json: Arc<[u8]>,
    /// The fingerprint of those bytes.
    pub fingerprint: Fingerprint,
    /// Which key stands at which place of a server's routes. Routes of our own (normalisation,
    /// redirects, 404) are in no key's place; those that serve several hosts in the same way are in
    /// that of one of them.
    pub places: Places,
}

impl fmt::Debug for Rendered {
    /// Leaves the JSON out: it is long, and may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rendered")
            .field("fingerprint", &self.fingerprint)
            .field("json_bytes", &self.json.len())
            .finish_non_exhaustive()
    }
}

impl Rendered {
    /// The route that Caddy's refusal names, or `None` when it names none or one of our own.
    #[must_use]
    pub fn blame(&self, caddy_message: &str) -> Option<&RouteKey> {
        blamed(&self.places, caddy_message)
    }

    fn new(config: Config, places: Places) -> Self {
        let json = serde_json::to_vec(&config).expect("the config has text keys only");
        Self {
            fingerprint: Fingerprint::of(&json),
            json: json.into(),
            config,
            places,
        }
    }
}

/// The config that serves this table.
#[must_use]
pub fn render(table: &RouteTable, options: &RenderOptions) -> Rendered {
    let (servers, places) = servers::servers(table, options);
    let tls = (servers.contains_key(&ServerName::Https)).then(|| tls::tls(table, options));
    Rendered::new(config(options, servers, tls.flatten()), places)
}

/// The config that answers every HTTP request with 503 and `Retry-After`: for a start without any
/// known routes, and for when Caddy refuses everything else. It has no HTTPS, certificates or
/// issuers, so that nothing in it can be refused that is not also in every other config.
#[must_use]
pub fn render_unavailable(options: &RenderOptions) -> Rendered {
    let servers = BTreeMap::from([(ServerName::Http, servers::unavailable(options))]);
    Rendered::new(config(options, servers, None), Places::new())
}

/// What every config has in common.
fn config(
    options: &RenderOptions,
    servers: BTreeMap<ServerName, Server>,
    tls: Option<Tls>,
) -> Config {
    let log = Log {
        writer: LogWriter::File {
            filename: text(&options.log_file),
            roll_size_mb: 1,
            roll_keep: 1,
            roll_gzip: false,
        },
        encoder: LogEncoder::Json,
    };
    // Caddy would put its own root into the machine's trust store.
    let authority = CertificateAuthority {
        install_trust: false,
    };
    Config {
        admin: Admin {
            listen: format!("unix/{}", text(&options.admin_socket)),
            origins: vec![ADMIN_ORIGIN.to_owned()],
            config: AdminConfig { persist: false },
        },
        logging: Logging {
            logs: Logs { default: log },
        },
        storage: Storage::FileSystem {
            root: text(&options.storage_dir),
        },
        apps: Apps {
            http: Http {
                http_port: options.http_port,
                https_port: options.https_port,
                grace_period: CaddyDuration(options.grace_period),
                metrics: options.metrics.then_some(HttpMetrics {}),
                servers,
            },
            tls,
            pki: Pki {
                certificate_authorities: BTreeMap::from([("local", authority)]),
            },
        },
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_matched_as_it_is_written() {
        assert_eq!(regexp_escaped("/run/sh0-agent"), "/run/sh0-agent");
        assert_eq!(regexp_escaped("/a.b(c)+[d]{e}"), r"/a\.b\(c\)\+\[d\]\{e\}");
    }
}
