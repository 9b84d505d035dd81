//! The `http` app: servers, routes, handlers.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::handlers::{Authentication, Encode, RequestBody, ResponseOps, Subroute};
use super::{CaddyDuration, Hidden, IpRanges, Matcher, ReverseProxy, TlsConnectionPolicy};

/// The web servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Http {
    /// The port on which ACME's HTTP challenge arrives.
    pub http_port: u16,
    /// The port on which ACME's TLS challenge arrives.
    pub https_port: u16,
    /// How long old servers wait for their connections after a load.
    pub grace_period: CaddyDuration,
    /// What is counted of requests; `None` is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<HttpMetrics>,
    /// By name.
    pub servers: BTreeMap<ServerName, Server>,
}

/// Counts requests by server, handler, status and method, and not by host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HttpMetrics {}

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
    /// What a client may take.
    #[serde(flatten)]
    pub limits: ServerLimits,
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

/// Bounds for the connections of a server. What Caddy is not told has defaults of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ServerLimits {
    /// For a TLS handshake, and for the header of an HTTP/1.1 request.
    pub read_header_timeout: CaddyDuration,
    /// For each read of a body.
    pub read_idle_timeout: CaddyDuration,
    /// From each write of an answer's body to the next or to its end.
    pub write_idle_timeout: CaddyDuration,
    /// Between two requests.
    pub idle_timeout: CaddyDuration,
    /// Of a request, beyond a few hundred bytes that Go adds.
    pub max_header_bytes: u32,
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

/// Whose `X-Forwarded-*` header fields are believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum TrustedProxies {
    /// These addresses'.
    Static(IpRanges),
}

/// One step of what happens to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "handler", rename_all = "snake_case")]
pub enum Handler {
    /// Goes on only for those who give a name and its password.
    Authentication(Authentication),
    /// Compresses answers.
    Encode(Encode),
    /// Answers with a file.
    FileServer(FileServer),
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
    /// Gives a placeholder its value, by that of another.
    Map(Map),
    /// Passes the request on.
    ReverseProxy(Box<ReverseProxy>),
    /// Answers.
    StaticResponse(StaticResponse),
    /// Routes of its own, after which it goes on unless one of them has answered.
    Subroute(Subroute),
    /// What an operator wrote.
    #[serde(untagged)]
    Raw(Hidden<serde_json::Value>),
}

/// A table of values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Map {
    /// The text that is looked up; placeholders are expanded.
    pub source: &'static str,
    /// The placeholders that get a value.
    pub destinations: Vec<String>,
    /// What is what, each input once. They are compared one by one.
    pub mappings: Vec<Mapping>,
}

/// One line of a table of values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mapping {
    /// The whole text.
    pub input: String,
    /// The values, in the order of the placeholders; placeholders in them are expanded.
    pub outputs: Vec<String>,
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
    /// Another request.
    Ask {
        /// Its method.
        method: &'static str,
        /// Its path; the query stays. Placeholders are expanded.
        uri: &'static str,
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

impl fmt::Debug for HeaderOps {
    /// Leaves the values out: they may be credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.add.keys().chain(self.set.keys()).chain(&self.delete);
        f.debug_set().entries(names).finish()
    }
}

impl HeaderOps {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What is done to header fields.
#[derive(Clone, PartialEq, Eq, Default, Serialize)]
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

/// An answer that is in a file: the one that the request's path names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileServer {
    /// The folder that it is looked for in.
    pub root: String,
    /// The HTTP status.
    pub status_code: u16,
    /// Whether a path that lacks a slash, or has one too many, is redirected.
    pub canonical_uris: bool,
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
