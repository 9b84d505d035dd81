//! How a request is passed on.

use serde::Serialize;

use super::{CaddyDuration, Headers, Matcher, ProxyRewrite, ResponseHandler};

/// Passes a request to one of several upstreams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReverseProxy {
    /// Whom to dial.
    pub upstreams: Vec<Upstream>,
    /// When an upstream is left out; `None` is never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_checks: Option<HealthChecks>,
    /// How to choose, and how long to try.
    pub load_balancing: LoadBalancing,
    /// How to speak.
    pub transport: Transport,
    /// What is asked for instead of what the client asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<ProxyRewrite>,
    /// What becomes of answers; the first that matches counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub handle_response: Vec<ResponseHandler>,
    /// Header fields set on the way to the upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Headers>,
    /// How long upgraded connections (websockets) outlive the config they began under.
    pub stream_close_delay: CaddyDuration,
}

/// One upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Upstream {
    /// `ip:port`.
    pub dial: String,
}

/// When an upstream is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthChecks {
    /// By what becomes of requests.
    pub passive: PassiveHealthChecks,
}

/// When an upstream is left out by what becomes of requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PassiveHealthChecks {
    /// How long a failed request is remembered.
    pub fail_duration: CaddyDuration,
    /// So many remembered ones leave the upstream out.
    pub max_fails: u32,
}

/// How an upstream is chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoadBalancing {
    /// Which one.
    pub selection_policy: SelectionPolicy,
    /// How long it is tried when none can be dialled; `None` is once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub try_duration: Option<CaddyDuration>,
    /// The pause between two tries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub try_interval: Option<CaddyDuration>,
    /// Which requests are tried again after another failure than a failed dial; empty is every
    /// GET.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retry_match: Vec<Matcher>,
}

/// Which upstream is chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "policy", rename_all = "snake_case")]
pub enum SelectionPolicy {
    /// The one with the fewest requests.
    LeastConn,
    /// Any.
    Random,
    /// Each in turn.
    RoundRobin,
    /// The first that is up.
    First,
    /// By the client's address.
    ClientIpHash,
    /// By path and query.
    UriHash,
    /// By a request header.
    Header {
        /// Its name.
        field: String,
    },
    /// By a cookie.
    Cookie {
        /// Its name.
        name: String,
    },
}

/// How an upstream is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "protocol", rename_all = "snake_case")]
pub enum Transport {
    /// HTTP.
    Http {
        /// How long a dial may take.
        dial_timeout: CaddyDuration,
        /// How long the header of an answer may take; `None` is for ever.
        #[serde(skip_serializing_if = "Option::is_none")]
        response_header_timeout: Option<CaddyDuration>,
        /// Versions other than the default.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        versions: Vec<&'static str>,
        /// `None` is clear text.
        #[serde(skip_serializing_if = "Option::is_none")]
        tls: Option<TransportTls>,
        /// `None` is what Caddy's environment says (`HTTP_PROXY` and its like).
        #[serde(skip_serializing_if = "Option::is_none")]
        network_proxy: Option<NetworkProxy>,
    },
}

/// The proxy on the way to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "from")]
pub enum NetworkProxy {
    /// No proxy, whatever the environment says.
    #[serde(rename = "none")]
    Direct,
}

/// TLS towards an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct TransportTls {
    /// The name that the certificate must carry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// Whether any certificate will do.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub insecure_skip_verify: bool,
    /// Who may have signed the certificate; `None` is the machine's authorities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<CaPool>,
}

/// Authorities that are trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "provider", rename_all = "snake_case")]
pub enum CaPool {
    /// Those in files.
    File {
        /// PEM files.
        pem_files: Vec<String>,
    },
}
