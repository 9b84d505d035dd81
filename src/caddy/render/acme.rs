//! Authorities that certify public hosts, and how they are spoken to.

use std::fmt;
use std::path::PathBuf;

use super::text;
use crate::caddy::config::{Acme, Challenges, DnsChallenge, ExternalAccount, Hidden, Issuer};

/// The authority that Caddy asks first by default (`certmagic.LetsEncryptProductionCA`).
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// The second authority that Caddy asks by default when it knows an e-mail address
/// (`DefaultIssuers` in modules/caddytls/automation.go).
const ZERO_SSL: &str = "https://acme.zerossl.com/v2/DV90";

/// How public certificates are obtained. All `None` is Caddy's default: Let's Encrypt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AcmeOptions {
    /// The account's address. With it and without `ca`, `ZeroSSL` is asked when Let's Encrypt
    /// fails, as Caddy does by default.
    pub email: Option<String>,
    /// The URL of another authority's directory.
    pub ca: Option<String>,
    /// A PEM file with the root of that directory's own certificate.
    pub ca_root: Option<PathBuf>,
    /// The account at the authority's own shop, where it asks for one.
    pub external_account: Option<ExternalAccountKey>,
    /// Who writes DNS records for wildcard hosts; `None` is that they get no certificate.
    pub dns_provider: Option<DnsProvider>,
}

/// An account that was made outside ACME (RFC 8555, section 7.3.4). Its key is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalAccountKey {
    /// Its name.
    pub key_id: String,
    /// Its key, in base64url.
    pub hmac: String,
}

impl fmt::Debug for ExternalAccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExternalAccountKey({})", self.key_id)
    }
}

/// A DNS provider's module, as Caddy's JSON names it: an object with `name` and what the module
/// takes, which is mostly secret and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct DnsProvider(serde_json::Value);

impl DnsProvider {
    /// Parses the object.
    ///
    /// # Errors
    /// What was found instead, without the text itself.
    pub fn parse(json: &str) -> Result<Self, String> {
        let value: serde_json::Value =
            serde_json::from_str(json).map_err(|error| format!("no JSON: {error}"))?;
        let name = value.get("name").and_then(serde_json::Value::as_str);
        match name {
            Some(name) if !name.is_empty() => Ok(Self(value)),
            Some(_) | None => Err("no object with a text `name`".to_owned()),
        }
    }

    /// The module's name below `dns.providers.`.
    #[must_use]
    pub fn name(&self) -> &str {
        let name = self.0.get("name").and_then(serde_json::Value::as_str);
        name.unwrap_or_default()
    }
}

impl fmt::Debug for DnsProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DnsProvider({})", self.name())
    }
}

/// Who certifies exact hosts. Empty means Caddy's default.
pub(super) fn public(acme: &AcmeOptions) -> Vec<Issuer> {
    let is_default = AcmeOptions {
        dns_provider: None,
        ..acme.clone()
    } == AcmeOptions::default();
    if is_default {
        return Vec::new();
    }
    issuers(acme, None)
}

/// Who certifies wildcard hosts; `None` without a DNS provider, whom every authority wants.
pub(super) fn wildcard(acme: &AcmeOptions) -> Option<Vec<Issuer>> {
    let DnsProvider(provider) = acme.dns_provider.clone()?;
    let provider = Hidden(provider);
    let dns = DnsChallenge { provider };
    Some(issuers(acme, Some(&Challenges { dns })))
}

fn issuers(acme: &AcmeOptions, challenges: Option<&Challenges>) -> Vec<Issuer> {
    let account = acme.external_account.as_ref();
    let first = Acme {
        // Caddy takes an account for an authority that is named only.
        ca: { acme.ca.clone() }.or_else(|| account.map(|_| LETS_ENCRYPT.to_owned())),
        email: acme.email.clone(),
        trusted_roots_pem_files: acme.ca_root.iter().map(|root| text(root)).collect(),
        external_account: account.map(|account| ExternalAccount {
            key_id: account.key_id.clone(),
            mac_key: Hidden(account.hmac.clone()),
        }),
        challenges: challenges.cloned(),
    };
    let default_ca = acme.ca.is_none() && acme.email.is_some() && account.is_none();
    let second = default_ca.then(|| Acme {
        ca: Some(ZERO_SSL.to_owned()),
        email: acme.email.clone(),
        challenges: challenges.cloned(),
        ..Acme::default()
    });
    let all = [first].into_iter().chain(second);
    all.map(Issuer::Acme).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let provider = DnsProvider::parse(r#"{"name":"acmedns","token":"s3cret"}"#);
        let options = AcmeOptions {
            external_account: Some(ExternalAccountKey {
                key_id: "kid-1".to_owned(),
                hmac: "s3cret".to_owned(),
            }),
            dns_provider: Some(provider.expect("a provider")),
            ..AcmeOptions::default()
        };
        let shown = format!("{options:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(
            shown.contains("kid-1") && shown.contains("acmedns"),
            "{shown}"
        );
        for wrong in ["", "[]", "{}", r#"{"name":""}"#, r#"{"name":1}"#, "s3cret"] {
            let error = DnsProvider::parse(wrong).expect_err(wrong);
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
