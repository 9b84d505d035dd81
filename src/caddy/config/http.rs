//! The `http` app: servers, routes, handlers.

use std::collections::BTreeMap;

use serde::Serialize;

use super::handlers::{
    Authentication, Encode, ProxyRewrite, RequestBody, ResponseHandler, ResponseOps, Subroute,
};
use super::{CaddyDuration, TlsConnectionPolicy};

/// The web servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Http {
    /// The port on which ACME's HTTP challenge arrives.
    pub http_port: u16,
    /// The port on which ACME's TLS challenge arrives.
    pub https_port: u16,
    /// How long old servers wait for their connections after a load.
    pub grace_period: CaddyDuration,
    /// By name.
    pub servers: BTreeMap<ServerName, Server>,
}

/// The names of our servers; Caddy's errors speak of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerName {
    /// On the HTTP port.
    Http,
    /// On the HTTPS port.
    Https,
}

impl ServerName {
    /// The name in the config.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// One web server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Server {
    /// `:port` or `ip:port`.
    pub listen: Vec<String>,
    /// `None` is all that Caddy knows: `h1`, `h2`, `h3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocols: Option<[&'static str; 1]>,
    /// The first that matches answers.
    pub routes: Vec<Route>,
    /// `None` is a server without TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_connection_policies: Option<Vec<TlsConnectionPolicy>>,
    /// Whether a request must name the host that the handshake named; `None` is Caddy's choice,
    /// which is yes as soon as any policy asks for client certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict_sni_host: Option<bool>,
    /// What Caddy does by itself.
    pub automatic_https: AutomaticHttps,
    /// Whose word about the client's address is taken; `None` is nobody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_proxies: Option<TrustedProxies>,
    /// With 1, `X-Forwarded-For` is read from its end, up to the first that is not trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_proxies_strict: Option<u8>,
    /// The access log; `None` is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logs: Option<AccessLog>,
    /// What happens when a route ends in an error; `None` is Caddy's empty answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Errors>,
}

/// The access log, as Caddy writes it by default: credentials left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccessLog {}

/// Routes for requests that ended in an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Errors {
    /// The first that matches answers.
    pub routes: Vec<Route>,
}

/// What Caddy does by itself for the hosts of a server's routes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AutomaticHttps {
    /// Nothing at all.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable: bool,
    /// No redirects: Caddy's own drop the port and catch unknown hosts.
    pub disable_redirects: bool,
    /// Hosts that get no certificate.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skip: Vec<String>,
}

/// One route of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Unique in the whole config.
    #[serde(rename = "@id", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Alternatives; empty matches every request.
    #[serde(rename = "match", skip_serializing_if = "Vec::is_empty")]
    pub matchers: Vec<Matcher>,
    /// What happens to the request, in order.
    pub handle: Vec<Handler>,
    /// Whether later routes are left alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub terminal: bool,
}

/// What must hold, all of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Matcher {
    /// One of these hosts, in lower case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub host: Vec<String>,
    /// One of these paths; `*` at the end is any rest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<String>,
    /// The path, decoded and cleaned, contains this pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_regexp: Option<Pattern>,
    /// These placeholders have one of these values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub vars: BTreeMap<String, Vec<String>>,
    /// These header fields match.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub header_regexp: BTreeMap<String, Pattern>,
    /// These query parameters have one of the values; `*` is any. Placeholders are expanded.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, Vec<String>>,
    /// The client has one of these addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ip: Option<IpRanges>,
    /// These placeholders' values match.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub vars_regexp: BTreeMap<&'static str, Pattern>,
    /// One of these files is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<FileMatch>,
    /// One of these methods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub method: Vec<String>,
    /// None of these holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not: Vec<Self>,
}

/// A look whether a file is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileMatch {
    /// The folder that they are looked for in.
    pub root: String,
    /// Their names in it; `*` is any name, and placeholders are expanded.
    pub try_files: [&'static str; 1],
}

/// Ranges of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IpRanges {
    /// `10.0.0.0/8`
    pub ranges: Vec<String>,
}

/// Whose `X-Forwarded-*` header fields are believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum TrustedProxies {
    /// These addresses'.
    Static(IpRanges),
}

/// A regular expression (RE2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pattern {
    /// Its text.
    pub pattern: String,
}

/// One step of what happens to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "handler", rename_all = "snake_case")]
pub enum Handler {
    /// Goes on only for those who give a name and its password.
    Authentication(Authentication),
    /// Compresses answers.
    Encode(Encode),
    /// Changes header fields.
    Headers(Headers),
    /// Limits the body.
    RequestBody(RequestBody),
    /// Changes the path.
    Rewrite(Rewrite),
    /// Sets variables of the request; without any it does nothing, where a route must have a
    /// handler.
    Vars {
        /// Whether the request is left out of the access log.
        #[serde(skip_serializing_if = "Option::is_none")]
        log_skip: Option<bool>,
    },
    /// Passes the request on.
    ReverseProxy(Box<ReverseProxy>),
    /// Answers.
    StaticResponse(StaticResponse),
    /// Routes of its own, after which it goes on unless one of them has answered.
    Subroute(Subroute),
    /// What an operator wrote.
    #[serde(untagged)]
    Raw(serde_json::Value),
}

/// A change of the path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", untagged)]
pub enum Rewrite {
    /// Something is taken away.
    Strip {
        /// Removed from the path's beginning, without regard to case.
        strip_path_prefix: String,
    },
    /// There is another path.
    Set {
        /// The path; the query stays. Placeholders are expanded.
        uri: String,
    },
    /// Patterns are replaced, in the path as it is encoded.
    Replace {
        /// One after another.
        path_regexp: [PathReplacement; 1],
    },
}

/// A replacement in a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PathReplacement {
    /// What is searched (RE2).
    pub find: &'static str,
    /// What stands there afterwards; `$1` is the first group. Placeholders are expanded.
    pub replace: String,
}

/// Changes of header fields.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Headers {
    /// Of the request.
    #[serde(skip_serializing_if = "HeaderOps::is_nothing")]
    pub request: HeaderOps,
    /// Of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<ResponseOps>,
}

impl HeaderOps {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What is done to header fields.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct HeaderOps {
    /// These values are added.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub add: BTreeMap<String, Vec<String>>,
    /// Set to these values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, Vec<String>>,
    /// Removed, after all else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delete: Vec<String>,
    /// Replacements within the value, one after another.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub replace: BTreeMap<&'static str, Vec<Replacement>>,
}

/// A replacement within a header field's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Replacement {
    /// Of every occurrence of a text.
    Text {
        /// What is searched.
        search: String,
        /// What stands there afterwards.
        replace: String,
    },
    /// Of every match of a pattern.
    Regexp {
        /// What is searched (RE2).
        search_regexp: &'static str,
        /// What stands there afterwards; `$1` is the first group.
        replace: &'static str,
    },
}

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
    },
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

/// An answer of Caddy's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StaticResponse {
    /// The HTTP status.
    pub status_code: u16,
    /// Header fields. Placeholders are expanded.
    pub headers: BTreeMap<&'static str, Vec<String>>,
    /// The body. Placeholders are expanded.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub body: String,
}
