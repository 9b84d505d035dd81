//! The directory of certificates that a person keeps.
//!
//! Owns the reading and checking of `<name>.crt` and `<name>.key` pairs and of authorities in
//! `<name>.pem`, and their copies under
//! content names: Caddy reads a file again only when its name in the config changes, and panics at
//! key files under 40 bytes, so what it gets is checked first. A pair that is wrong is said by
//! name and left out.

mod client;
mod pem;
mod validity;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rustls::CertificateError;
use rustls::client::verify_server_name;
use rustls::pki_types::ServerName;
use rustls::server::ParsedCertificate;
use sha2::{Digest, Sha256};

pub(crate) use self::client::{ClientFiles, WrongFile};
use self::pem::{certificates_in, pair_in, read};
use crate::caddy::render::CertificatePair;
use crate::model::{FileName, Hostname};
use crate::state::replace_shared_file;

/// Most pairs that are read.
const PAIRS_MAX: usize = 10_000;

/// The usable pairs of the directory, and what is wrong with the others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CertificateSet {
    /// The hosts that a pair is named for.
    pub names: BTreeSet<Hostname>,
    /// The copies for Caddy, sorted.
    pub pairs: Vec<CertificatePair>,
    /// By copy of a certificate: the file it was made from.
    pub sources: BTreeMap<PathBuf, PathBuf>,
    /// The copies of files with authorities, of client certificates or of containers'.
    pub authorities: BTreeMap<FileName, PathBuf>,
    /// By file: what is wrong and what to do.
    pub problems: BTreeMap<PathBuf, String>,
    /// By file that is used: what will soon be wrong.
    pub warnings: BTreeMap<PathBuf, String>,
}

/// Reads the directory and copies its usable pairs and authorities into `copies`. `now` is in
/// seconds since 1970.
#[must_use]
pub fn scan(directory: &Path, copies: &Path, now: u64) -> CertificateSet {
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
    let files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    let of_kind = |kind: &str| {
        let has_kind = |path: &&PathBuf| path.extension().is_some_and(|own| own == kind);
        let mut files: Vec<PathBuf> = files.iter().filter(has_kind).cloned().collect();
        files.sort();
        files.truncate(PAIRS_MAX);
        files
    };
    for file in of_kind("pem") {
        match authorities(&file, copies) {
            Ok((name, copy)) => drop(set.authorities.insert(name, copy)),
            Err(problem) => drop(set.problems.insert(file, problem)),
        }
    }
    for certificate in of_kind("crt") {
        match usable(&certificate, copies, now) {
            Ok(Usable {
                name,
                pair,
                warning,
            }) => {
                set.warnings
                    .extend(warning.map(|warning| (certificate.clone(), warning)));
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

/// Whether the file holds a certificate; if not, what is wrong with it.
pub(crate) fn check_root(path: &Path) -> Result<(), String> {
    certificates_in(&read(path)?).map(drop)
}

/// Copies the file of a root for Caddy; where it is then.
pub(crate) fn copied_root(path: &Path, copies: &Path) -> Result<PathBuf, String> {
    let pem = read(path)?;
    copied(copies, "pem", &[&pem], &pem)
}

/// A file of authorities: its name in labels, and its copy.
fn authorities(file: &Path, copies: &Path) -> Result<(FileName, PathBuf), String> {
    let name = file.file_name().and_then(|name| name.to_str());
    let name = FileName::parse(name.unwrap_or_default()).map_err(|error| {
        format!(
            "the file's name cannot stand in a label: found {}; name it as `partners.pem`",
            error.found
        )
    })?;
    let pem = read(file)?;
    for certificate in &certificates_in(&pem)? {
        ParsedCertificate::try_from(certificate)
            .map_err(|error| format!("holds a certificate that cannot be read: {error}"))?;
    }
    Ok((name, copied(copies, "pem", &[&pem], &pem)?))
}

/// The copy of a file under a name that says its content and what belongs to it.
fn copied(
    copies: &Path,
    extension: &str,
    named_by: &[&[u8]],
    pem: &[u8],
) -> Result<PathBuf, String> {
    let mut digest = Sha256::new();
    for part in named_by {
        digest.update(part);
    }
    let digest = digest.finalize();
    let (name, _) = digest.split_at(16);
    let name = u128::from_be_bytes(name.try_into().expect("sixteen bytes"));
    let path = copies.join(format!("{name:032x}.{extension}"));
    if !path.exists() {
        replace_shared_file(&path, pem).map_err(|e| format!("cannot be copied: {e}"))?;
    }
    Ok(path)
}

/// A pair that can be served.
struct Usable {
    name: Hostname,
    pair: CertificatePair,
    warning: Option<String>,
}

fn usable(certificate: &Path, copies: &Path, now: u64) -> Result<Usable, String> {
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
    let warning = check(&certificate_pem, &key_pem, &name, now)?;
    let named_by: [&[u8]; 2] = [&certificate_pem, &key_pem];
    let certificate = copied(copies, "crt", &named_by, &certificate_pem)?;
    let key = copied(copies, "key", &named_by, &key_pem)?;
    Ok(Usable {
        name,
        pair: CertificatePair { certificate, key },
        warning,
    })
}

/// Whether the two are PEM, belong together, are for this host and count now; what is to be said
/// about them if so.
fn check(
    certificate: &[u8],
    key: &[u8],
    name: &Hostname,
    now: u64,
) -> Result<Option<String>, String> {
    let (chain, _) = pair_in(certificate, key)?;
    let leaf = chain.first().expect("a pair has a certificate");
    let unusable = |error: rustls::Error| format!("the certificate cannot be read: {error}");
    let leaf = ParsedCertificate::try_from(leaf).map_err(unusable)?;
    covers(&leaf, name)?;
    validity::check(&leaf, now)
}

/// Whether the certificate is for the host that its file is named for. Caddy refuses every config
/// with a certificate that names nobody.
fn covers(leaf: &ParsedCertificate<'_>, name: &Hostname) -> Result<(), String> {
    // A wildcard is tried with a host that it covers.
    let host = name.as_str().replace('*', "any");
    let host = ServerName::try_from(host.as_str())
        .map_err(|_| "the file's name is no name that a certificate can have".to_owned())?;
    match verify_server_name(leaf, &host) {
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
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn problems(files: &[(&str, &str)]) -> Vec<String> {
        let (directory, copies) = (tempfile::tempdir(), tempfile::tempdir());
        let (directory, copies) = (directory.expect("a folder"), copies.expect("a folder"));
        for (name, content) in files {
            std::fs::write(directory.path().join(name), content).expect("written");
        }
        scan(directory.path(), copies.path(), 0)
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

    /// A certificate for `a.example` from the first day of 2026 for thirty days, and its key.
    fn pair() -> (String, String) {
        let mut params = CertificateParams::new(["a.example".to_owned()]).expect("a name");
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 1, 31);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn a_pair_counts_in_its_time_only_and_its_end_is_said_before() {
        const NEW_YEAR: u64 = 1_767_225_600;
        const DAY: u64 = 24 * 3600;
        let folders = [tempfile::tempdir(), tempfile::tempdir()];
        let [directory, copies] = folders.map(|folder| folder.expect("a folder"));
        let (certificate, key) = pair();
        let (_, other) = pair();
        for (name, text) in [
            ("a.example.crt", &certificate),
            ("a.example.key", &key),
            ("b.example.crt", &certificate),
            ("b.example.key", &key),
            ("c.example.crt", &certificate),
            ("c.example.key", &other),
            ("partners.pem", &certificate),
            ("cut.pem", &"-----BEGIN CERTIFICATE-----".to_owned()),
            ("my file.pem", &certificate),
        ] {
            std::fs::write(directory.path().join(name), text).expect("written");
        }
        let seen = |now: u64| {
            let set = scan(directory.path(), copies.path(), now);
            assert_eq!(set.names.len(), set.pairs.len());
            let authorities: Vec<_> = set.authorities.keys().map(FileName::as_str).collect();
            assert_eq!(authorities, ["partners.pem"]);
            let name = |path: &PathBuf| path.file_name().map(ToOwned::to_owned);
            let said = { set.problems.iter() }.chain(&set.warnings);
            let said =
                said.map(|(path, text)| format!("{:?}: {text}", name(path).expect("a file")));
            said.collect::<Vec<_>>().join("\n")
        };
        expect_test::expect![[r#"
            "b.example.crt": the certificate is not for `b.example`, but for DnsName("a.example"); name the files after the host
            "c.example.crt": certificate and key do not belong together: keys may not be consistent: KeyMismatch
            "cut.pem": is not PEM: missing section end marker: [67, 69, 82, 84, 73, 70, 73, 67, 65, 84, 69]
            "my file.pem": the file's name cannot stand in a label: found `my file.pem`; name it as `partners.pem`"#]].assert_eq(&seen(NEW_YEAR + DAY));
        for (now, text) in [
            (NEW_YEAR - 2 * DAY, "counts in 2 days only"),
            (NEW_YEAR + 33 * DAY, "expired 3 days ago"),
            (NEW_YEAR + 20 * DAY, "it expires in 10 days"),
        ] {
            let said = seen(now);
            let said = said
                .lines()
                .find(|line| line.starts_with("\"a.example.crt"));
            assert!(
                said.is_some_and(|said| said.contains(text)),
                "{text}: {said:?}"
            );
        }
    }

    #[test]
    fn a_missing_directory_is_said() {
        let set = scan(
            Path::new("/nonexistent/certificates"),
            Path::new("/nonexistent"),
            0,
        );
        assert_eq!(set.problems.len(), 1);
        assert!(set.pairs.is_empty());
    }
}
