//! Certificates and keys as files of PEM.

use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Largest certificate or key file, in bytes: a chain of ten with large keys is under 64 KiB.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// A file's content, if it has a size that certificates have.
///
/// # Errors
/// What is wrong with it, as it follows its name; so for all in this file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let length = std::fs::metadata(path)
        .map_err(|e| format!("cannot be read: {e}"))?
        .len();
    if length > FILE_BYTES_MAX {
        return Err(format!(
            "has {length} bytes, at most {FILE_BYTES_MAX} are read"
        ));
    }
    std::fs::read(path).map_err(|e| format!("cannot be read: {e}"))
}

/// The certificates of a file that must hold some.
pub(super) fn certificates_in(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|e| format!("is not PEM: {e}"))?;
    if found.is_empty() {
        return Err("holds no certificate (`BEGIN CERTIFICATE`)".to_owned());
    }
    Ok(found)
}

/// A chain that is not empty, and the key that belongs to it.
pub(super) fn pair_in(
    certificate: &[u8],
    key: &[u8],
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
    let chain = chain.map_err(|e| format!("the certificate is not PEM: {e}"))?;
    if chain.is_empty() {
        return Err("there is no certificate (`BEGIN CERTIFICATE`) in it".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|e| format!("its key is not a private key in PEM: {e}"))?;
    let provider = rustls::crypto::ring::default_provider();
    match CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider) {
        Ok(_) => Ok((chain, key)),
        Err(error) => Err(format!(
            "certificate and key do not belong together: {error}"
        )),
    }
}
