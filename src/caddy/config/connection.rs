//! How TLS connections are accepted.

use serde::Serialize;

/// How some TLS connections are accepted; the default is all of them, as Caddy does by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct TlsConnectionPolicy {
    /// Which; `None` is all.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub matcher: Option<SniMatch>,
    /// The oldest TLS version; `None` is `tls1.2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol_min: Option<&'static str>,
    /// Whether none is accepted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub drop: bool,
    /// What clients must show; `None` is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_authentication: Option<ClientAuthentication>,
}

/// Connections whose handshake names one of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SniMatch {
    /// Exact names, or wildcards for one label.
    pub sni: Vec<String>,
}

/// What clients must show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClientAuthentication {
    /// Whose certificates.
    pub ca: ClientAuthorities,
    /// How strictly.
    pub mode: &'static str,
}

/// Authorities of client certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "provider", rename_all = "snake_case")]
pub enum ClientAuthorities {
    /// Those in files.
    File {
        /// Absolute paths of PEM files.
        pem_files: Vec<String>,
    },
}
