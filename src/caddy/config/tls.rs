//! The `tls` and `pki` apps: where certificates come from.

use std::collections::BTreeMap;

use serde::Serialize;

/// Certificates and where they come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tls {
    /// Certificates that are given or forced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificates: Option<Certificates>,
    /// How the others are obtained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automation: Option<Automation>,
}

/// Certificates that are given or forced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certificates {
    /// Read from files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub load_files: Vec<CertificateFile>,
    /// Names that get a certificate of their own although a wildcard covers them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub automate: Vec<String>,
}

/// A certificate with its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CertificateFile {
    /// The chain, leaf first.
    pub certificate: String,
    /// The key.
    pub key: String,
}

/// How certificates are obtained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Automation {
    /// The first whose subjects cover a name counts for it.
    pub policies: Vec<AutomationPolicy>,
}

/// How the certificates of some names are obtained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AutomationPolicy {
    /// The names; empty is all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// Who issues, tried in order; empty is Caddy's default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub issuers: Vec<Issuer>,
}

/// Who issues a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "module", rename_all = "snake_case")]
pub enum Issuer {
    /// The internal authority.
    Internal,
    /// An authority that speaks ACME.
    Acme(Acme),
}

/// An authority that speaks ACME.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Acme {
    /// Its directory; Let's Encrypt's by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// The account's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Roots that its directory's own certificate may chain to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted_roots_pem_files: Vec<String>,
}

/// The internal authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pki {
    /// By id; only `local` is used.
    pub certificate_authorities: BTreeMap<&'static str, CertificateAuthority>,
}

/// One internal authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CertificateAuthority {
    /// Whether Caddy puts its root into the machine's trust store.
    pub install_trust: bool,
}
