//! From when and until when a certificate counts.

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::pki_types::UnixTime;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use std::time::Duration;

/// So long before its end a certificate should have been renewed, in seconds: most are renewed a
/// third of their ninety days before it.
const SOON_SECONDS: u64 = 14 * 24 * 3600;

/// Whether the certificate counts at `now` (seconds since 1970), and what is to be said about its
/// end if that is near.
///
/// # Errors
/// Why it does not count.
pub(super) fn check(leaf: &ParsedCertificate<'_>, now: u64) -> Result<Option<String>, String> {
    let fault_now = fault(leaf, now);
    if let Some(CertificateError::ExpiredContext { not_after, .. }) = &fault_now {
        let ago = span(now.saturating_sub(not_after.as_secs()));
        return Err(format!("the certificate expired {ago} ago; renew it"));
    }
    if let Some(CertificateError::NotValidYetContext { not_before, .. }) = &fault_now {
        let left = span(not_before.as_secs().saturating_sub(now));
        return Err(format!(
            "the certificate counts in {left} only; is the clock right?"
        ));
    }
    Ok(ends_soon(leaf, now))
}

fn ends_soon(leaf: &ParsedCertificate<'_>, now: u64) -> Option<String> {
    let soon = fault(leaf, now.saturating_add(SOON_SECONDS))?;
    let CertificateError::ExpiredContext { not_after, .. } = soon else {
        return None;
    };
    let left = span(not_after.as_secs().saturating_sub(now));
    Some(format!("it expires in {left}; renew it"))
}

/// What webpki says of it at this moment. It looks at dates before it looks for an issuer
/// (`build_chain_inner` in rustls-webpki's `verify_cert.rs`), so that no root is needed.
fn fault(leaf: &ParsedCertificate<'_>, at: u64) -> Option<CertificateError> {
    let nobody = RootCertStore::empty();
    let provider = rustls::crypto::ring::default_provider();
    let algorithms = provider.signature_verification_algorithms.all;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at));
    let verified = verify_server_cert_signed_by_trust_anchor(leaf, &nobody, &[], at, algorithms);
    match verified {
        Err(Error::InvalidCertificate(error)) => Some(error),
        Ok(()) | Err(_) => None,
    }
}

/// A time for people, in whole days or hours, so that it is not another one at each look.
fn span(seconds: u64) -> String {
    let (count, unit) = match seconds / 3600 {
        0 => return "less than an hour".to_owned(),
        hours @ 1..48 => (hours, "hour"),
        hours => (hours / 24, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_for_people() {
        for (seconds, text) in [
            (0, "less than an hour"),
            (3_600, "1 hour"),
            (100_000, "27 hours"),
            (172_800, "2 days"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }
}
