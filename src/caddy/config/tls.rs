//! The `tls` and `pki` apps: where certificates come from.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Hidden;

/// Certificates and where they come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tls {
    /// Certificates that are given or forced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificates: Option<Certificates>,
    /// How the others are obtained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automation: Option<Automation>,
    /// How many are kept in memory, where Caddy's own bound is too few.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CertificateCache>,
}

/// The certificates in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CertificateCache {
    /// How many there may be; beyond that a random one is dropped, and read again for its next
    /// handshake.
    pub capacity: usize,
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<AutomationPolicy>,
    /// Who is asked about names at their first handshake; `None` where no policy waits for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_demand: Option<OnDemand>,
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
    /// Whether they are obtained at the first handshake for a name.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub on_demand: bool,
}

/// What holds for certificates that are obtained at the first handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OnDemand {
    /// Who is asked.
    pub permission: Permission,
}

/// Who is asked whether a name may have a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "module", rename_all = "snake_case")]
pub enum Permission {
    /// A server: 200 is yes, everything else no.
    Http {
        /// Its URL, to which `domain=<name>` is added.
        endpoint: String,
    },
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
    /// The account at the authority's own shop that this one is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_account: Option<ExternalAccount>,
    /// How names are shown to be ours; `None` is by the HTTP and the TLS challenge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenges: Option<Challenges>,
}

/// An account that was made outside ACME (RFC 8555, section 7.3.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExternalAccount {
    /// Its name.
    pub key_id: String,
    /// Its key, in base64url.
    pub mac_key: Hidden<String>,
}

/// How names are shown to be ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Challenges {
    /// By a record in the DNS.
    pub dns: DnsChallenge,
}

/// The challenge that takes a record in the DNS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DnsChallenge {
    /// Who writes the record: a module of a Caddy that was built with it.
    pub provider: Hidden<serde_json::Value>,
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
