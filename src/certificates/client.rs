//! The files by which a client of TLS knows a server and is known to it, named as Docker's own
//! command line names them.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::ParsedCertificate;

use super::pem::{certificates_in, pair_in, read};
use super::validity;

/// The directory with `ca.pem`, `cert.pem` and `key.pem`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientFiles {
    directory: PathBuf,
}

/// What is in the files.
#[derive(Debug)]
pub(crate) struct ClientCertificates {
    /// The authorities that a server's certificate must come from; the system's do not count.
    pub(crate) roots: RootCertStore,
    /// The client's own certificate with its key, where it has one.
    pub(crate) pair: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

/// A file that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WrongFile {
    /// Which.
    pub(crate) path: PathBuf,
    /// What is wrong with it.
    pub(crate) problem: String,
}

impl ClientFiles {
    pub(crate) fn in_directory(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The authorities.
    pub(crate) fn authorities(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// The client's certificate.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory.join("cert.pem")
    }

    /// Its key.
    pub(crate) fn key(&self) -> PathBuf {
        self.directory.join("key.pem")
    }

    /// Reads the files and checks what can be known before anybody is dialled.
    ///
    /// # Errors
    /// The first file that is wrong.
    pub(crate) fn load(&self) -> Result<ClientCertificates, WrongFile> {
        let authorities = self.authorities();
        let roots = roots(&authorities).map_err(|problem| WrongFile {
            path: authorities,
            problem,
        })?;
        let (certificate, key) = (self.certificate(), self.key());
        let pair = (certificate.exists() || key.exists()).then(|| pair(&certificate, &key));
        let pair = pair.transpose()?;
        Ok(ClientCertificates { roots, pair })
    }
}

fn roots(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates_in(&read(path)?)? {
        let added = roots.add(certificate);
        added.map_err(|e| format!("holds a certificate that cannot be read: {e}"))?;
    }
    Ok(roots)
}

type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn pair(certificate: &Path, key: &Path) -> Result<Pair, WrongFile> {
    let wrong = |path: &Path| {
        let path = path.to_owned();
        move |problem| WrongFile { path, problem }
    };
    let certificate_pem = read(certificate).map_err(wrong(certificate))?;
    let key_pem = read(key).map_err(wrong(key))?;
    let pair = pair_in(&certificate_pem, &key_pem).map_err(wrong(certificate))?;
    let leaf = pair.0.first().expect("a pair has a certificate");
    let leaf = ParsedCertificate::try_from(leaf);
    let leaf = leaf.map_err(|e| wrong(certificate)(format!("cannot be read: {e}")))?;
    validity::check(&leaf, UnixTime::now().as_secs()).map_err(wrong(certificate))?;
    Ok(pair)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn certificate(years: std::ops::Range<i32>) -> (String, String) {
        let mut params = CertificateParams::new(["engine".to_owned()]).expect("a name");
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    /// What is said of a directory with these files.
    fn said(files: &[(&str, &str)]) -> String {
        let directory = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).expect("written");
        }
        match ClientFiles::in_directory(directory.path().to_owned()).load() {
            Ok(loaded) if loaded.pair.is_some() => "a pair".to_owned(),
            Ok(_) => "no pair".to_owned(),
            Err(wrong) => {
                let name = wrong.path.file_name().expect("a file").to_owned();
                format!("{}: {}", name.display(), wrong.problem)
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said_by_file() {
        let (ca, _) = certificate(2020..2100);
        let (own, key) = certificate(2020..2100);
        let (_, other) = certificate(2020..2100);
        let (old, old_key) = certificate(2000..2001);
        let check = |files: &[(&str, &str)], expected: &str| {
            let found = said(files);
            assert!(found.starts_with(expected), "{found}");
        };
        check(&[], "ca.pem: cannot be read: No such file");
        check(&[("ca.pem", "x")], "ca.pem: holds no certificate");
        check(&[("ca.pem", &ca)], "no pair");
        let with = |cert: &str, key: &str, expected: &str| {
            check(
                &[("ca.pem", &ca), ("cert.pem", cert), ("key.pem", key)],
                expected,
            );
        };
        with(&own, &key, "a pair");
        with(
            &own,
            &other,
            "cert.pem: certificate and key do not belong together",
        );
        with(&own, "x", "cert.pem: its key is not a private key in PEM");
        with(&old, &old_key, "cert.pem: the certificate expired 9");
        check(
            &[("ca.pem", &ca), ("cert.pem", &own)],
            "key.pem: cannot be read",
        );
        check(
            &[("ca.pem", &ca), ("key.pem", &key)],
            "cert.pem: cannot be read",
        );
    }
}
