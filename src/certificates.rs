//! The directory of certificates that a person keeps.
//!
//! Owns the reading and checking of `<name>.crt` and `<name>.key` pairs and of authorities in
//! `<name>.pem`, and their copies under
//! content names: Caddy reads a file again only when its name in the config changes, and panics at
//! key files under 40 bytes, so what it gets is checked first. A pair that is wrong is said by
//! name and left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rustls::CertificateError;
use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};

use crate::caddy::render::CertificatePair;
use crate::model::Hostname;
use crate::state::replace_file;

/// Largest certificate or key file, in bytes: a chain of ten with large keys is under 64 KiB.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Most pairs that are read.
const PAIRS_MAX: usize = 10_000;

/// The usable pairs of the directory, and what is wrong with the others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CertificateSet {
    /// The hosts that a pair is named for.
    pub names: BTreeSet<Hostname>,
    /// The copies for Caddy, sorted.
    pub pairs: Vec<CertificatePair>,
    /// By name: the copies of files `<name>.pem`, authorities of containers' certificates.
    pub authorities: BTreeMap<String, PathBuf>,
    /// By copy of a certificate: the file it was made from.
    pub sources: BTreeMap<PathBuf, PathBuf>,
    /// By file: what is wrong and what to do.
    pub problems: BTreeMap<PathBuf, String>,
}

/// Reads the directory and copies its usable pairs into `copies`.
#[must_use]
pub fn scan(directory: &Path, copies: &Path) -> CertificateSet {
    let mut set = CertificateSet::default();
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => {
            let problem =
                format!("cannot be read: {error}; create it, or correct `--certificates`");
            set.problems.insert(directory.to_owned(), problem);
            return set;
        }
    };
    let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let ends_in = |path: &PathBuf, ending: &str| path.extension().is_some_and(|own| own == ending);
    let files = files.filter(|path| ends_in(path, "crt") || ends_in(path, "pem"));
    let mut files: Vec<PathBuf> = files.take(PAIRS_MAX).collect();
    files.sort();
    let (certificates, authorities): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|path| ends_in(path, "crt"));
    set.read_authorities(authorities, copies);
    for certificate in certificates {
        match usable(&certificate, copies) {
            Ok((name, pair)) => {
                set.names.insert(name);
                set.sources.insert(pair.certificate.clone(), certificate);
                set.pairs.push(pair);
            }
            Err(problem) => drop(set.problems.insert(certificate, problem)),
        }
    }
    set.pairs.sort_by(|a, b| a.certificate.cmp(&b.certificate));
    set
}

impl CertificateSet {
    fn read_authorities(&mut self, files: Vec<PathBuf>, copies: &Path) {
        for file in files {
            let name = file.file_stem().and_then(|stem| stem.to_str());
            let name = name.unwrap_or_default().to_owned();
            match authority(&file, copies) {
                Ok(copy) => drop(self.authorities.insert(name, copy)),
                Err(problem) => drop(self.problems.insert(file, problem)),
            }
        }
    }
}

/// Copies a file with authorities, if it is one. Caddy refuses every config with one that it cannot
/// read.
fn authority(file: &Path, copies: &Path) -> Result<PathBuf, String> {
    let pem = read(file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|e| format!("is not PEM: {e}"))?;
    if found.is_empty() {
        return Err("holds no certificate (`BEGIN CERTIFICATE`)".to_owned());
    }
    for certificate in &found {
        ParsedCertificate::try_from(certificate)
            .map_err(|error| format!("a certificate in it cannot be read: {error}"))?;
    }
    let path = copies.join(format!("{}.pem", content_name(&[&pem])));
    if !path.exists() {
        replace_file(&path, &pem).map_err(|e| format!("cannot be copied: {e}"))?;
    }
    Ok(path)
}

/// A name for files of this content.
fn content_name(parts: &[&[u8]]) -> String {
    let digest = { parts.iter() }.fold(Sha256::new(), Sha256::chain_update);
    let digest = digest.finalize();
    let (name, _) = digest.split_at(16);
    let name = u128::from_be_bytes(name.try_into().expect("sixteen bytes"));
    format!("{name:032x}")
}

/// Whether the file holds a certificate; if not, what is wrong with it.
pub(crate) fn check_root(path: &Path) -> Result<(), String> {
    let pem = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|e| format!("is not PEM: {e}"))?;
    if found.is_empty() {
        return Err("holds no certificate (`BEGIN CERTIFICATE`)".to_owned());
    }
    Ok(())
}

fn usable(certificate: &Path, copies: &Path) -> Result<(Hostname, CertificatePair), String> {
    let stem = certificate
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    let name = match stem.strip_prefix('_') {
        Some(rest) => format!("*{rest}"),
        None => stem.to_owned(),
    };
    let name = Hostname::parse(&name).map_err(|error| {
        format!(
            "the file's name is no host name: found {}; name it `<host>.crt`",
            error.found
        )
    })?;
    let key = certificate.with_extension("key");
    let certificate_pem = read(certificate)?;
    let key_pem = read(&key).map_err(|e| format!("its key `{}` {e}", key.display()))?;
    check(&certificate_pem, &key_pem, &name)?;
    let copy = |extension: &str, pem: &[u8]| -> Result<PathBuf, String> {
        let name = content_name(&[&certificate_pem, &key_pem]);
        let path = copies.join(format!("{name}.{extension}"));
        if !path.exists() {
            replace_file(&path, pem).map_err(|e| format!("cannot be copied: {e}"))?;
        }
        Ok(path)
    };
    let certificate = copy("crt", &certificate_pem)?;
    let key = copy("key", &key_pem)?;
    Ok((name, CertificatePair { certificate, key }))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
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

/// Whether the two are PEM, belong together, and are for this host.
fn check(certificate: &[u8], key: &[u8], name: &Hostname) -> Result<(), String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
    let chain = chain.map_err(|e| format!("the certificate is not PEM: {e}"))?;
    if chain.is_empty() {
        return Err("there is no certificate (`BEGIN CERTIFICATE`) in it".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|e| format!("its key is not a private key in PEM: {e}"))?;
    let leaf = chain.first().cloned();
    let provider = rustls::crypto::ring::default_provider();
    match CertifiedKey::from_der(chain, key, &provider) {
        Ok(_) => {}
        Err(error) => {
            return Err(format!(
                "certificate and key do not belong together: {error}"
            ));
        }
    }
    leaf.map_or(Ok(()), |leaf| covers(&leaf, name))
}

/// Whether the certificate is for the host that its file is named for. Caddy refuses every config
/// with a certificate that names nobody.
fn covers(leaf: &CertificateDer<'_>, name: &Hostname) -> Result<(), String> {
    let unusable = |error: rustls::Error| format!("the certificate cannot be read: {error}");
    let leaf = ParsedCertificate::try_from(leaf).map_err(unusable)?;
    // A wildcard is tried with a host that it covers.
    let host = name.as_str().replace('*', "any");
    let host = ServerName::try_from(host.as_str())
        .map_err(|_| "the file's name is no name that a certificate can have".to_owned())?;
    match verify_server_name(&leaf, &host) {
        Ok(()) => Ok(()),
        Err(rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            presented,
            ..
        })) if presented.is_empty() => Err(format!(
            "the certificate names no host; make one with `{name}` as subjectAltName, which is \
             where browsers look"
        )),
        Err(rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            presented,
            ..
        })) => Err(format!(
            "the certificate is not for `{name}`, but for {}; name the files after the host",
            presented.join(", ")
        )),
        Err(error) => Err(format!("the certificate is not for `{name}`: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(files: &[(&str, &str)]) -> Vec<String> {
        let (directory, copies) = (tempfile::tempdir(), tempfile::tempdir());
        let (directory, copies) = (directory.expect("a folder"), copies.expect("a folder"));
        for (name, content) in files {
            std::fs::write(directory.path().join(name), content).expect("written");
        }
        scan(directory.path(), copies.path())
            .problems
            .into_values()
            .collect()
    }

    #[test]
    fn a_wrong_pair_is_said_and_left_out() {
        let said = problems(&[("a.example.crt", "short"), ("a.example.key", "short")]);
        assert_eq!(
            said,
            ["there is no certificate (`BEGIN CERTIFICATE`) in it"]
        );
        let said = problems(&[("a.example.crt", "x")]);
        assert!(said.iter().all(|text| text.contains("its key")), "{said:?}");
        let said = problems(&[("a b.crt", "x"), ("a b.key", "x")]);
        assert!(
            said.iter().all(|text| text.contains("no host name")),
            "{said:?}"
        );
    }

    #[test]
    fn a_missing_directory_is_said() {
        let set = scan(
            Path::new("/nonexistent/certificates"),
            Path::new("/nonexistent"),
        );
        assert_eq!(set.problems.len(), 1);
        assert!(set.pairs.is_empty());
    }
}
