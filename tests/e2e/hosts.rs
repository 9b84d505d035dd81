//! What labels say of hosts, from the labels to what a client sees: a real Caddy with backends of
//! this process.

pub(crate) mod served;

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};

use self::served::Served;

/// An authority of client certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self {
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a server at the loopback, and its key.
    pub(crate) fn server(&self) -> (String, String) {
        self.server_named("localhost")
    }

    /// A certificate for a server of this name or at the loopback, and its key.
    pub(crate) fn server_named(&self, name: &str) -> (String, String) {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        let loopback = SanType::IpAddress(std::net::Ipv4Addr::LOCALHOST.into());
        params.subject_alt_names.push(loopback);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    /// A certificate for a server of this name, which may be a wildcard, and its key.
    pub(crate) fn server_for(&self, name: &str) -> (String, String) {
        let params = CertificateParams::new([name.to_owned()]).expect("a name");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    /// A client's certificate and key in one file.
    pub(crate) fn client(&self, folder: &Path, name: &str) -> PathBuf {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let file = folder.join(format!("{name}.client"));
        let text = format!("{}{}", certificate.pem(), key.serialize_pem());
        std::fs::write(&file, text).expect("ours");
        file
    }
}

const GUARDED: &str = "
alpha
host=one.internal
tls.client_ca=one.pem
routes.api.path=/api

alpha
app=two
host=two.internal
tls.client_ca=two.pem

alpha
app=any
host=*.any.internal
tls.client_ca=one.pem

beta
app=open
host=open.internal, open.any.internal, 127.0.0.1

beta
app=lost
host=lost.internal
tls.client_ca=lost.pem
";

#[tokio::test]
async fn clients_must_show_a_certificate_of_their_hosts_authority() {
    let [one, two] = ["one", "two"].map(Authority::new);
    let served = Served::start_with(GUARDED, &[("one.pem", &one), ("two.pem", &two)]).await;
    let folder = served.dir.path();
    let [one, two] = [one.client(folder, "one"), two.client(folder, "two")];
    let [one, two] = [&one, &two].map(|file| file.to_str().expect("a text"));
    let nobody: &[&str] = &[];
    let (by_one, by_two) = (["--cert", one], ["--cert", two]);
    for (url, client, expected) in [
        ("one.internal", nobody, "cut"),
        ("one.internal", &by_one[..], "200 alpha"),
        ("one.internal", &by_two[..], "cut"),
        ("two.internal", &by_one[..], "cut"),
        ("two.internal", &by_two[..], "200 alpha"),
        ("x.any.internal", nobody, "cut"),
        ("x.any.internal", &by_one[..], "200 alpha"),
        ("open.any.internal", nobody, "200 beta"),
        ("open.internal", nobody, "200 beta"),
        ("OPEN.internal.", nobody, "200 beta"),
        ("127.0.0.1", nobody, "200 beta"),
        ("lost.internal", nobody, "503 This"),
    ] {
        for version in ["--http1.1", "--http2"] {
            let arguments = [client, &[version]].concat();
            let answer = served
                .curl(&format!("https://{url}:HTTPS/"), &arguments)
                .await;
            assert_eq!(answer, expected, "{url} {client:?} {version}");
        }
    }
    // A host that the handshake did not name is not reached over another's connection.
    for (named, asked, client, expected) in [
        ("open.internal", "one.internal", nobody, "421 This"),
        ("open.internal", "ONE.internal.", nobody, "421 This"),
        ("open.internal", "x.any.internal", nobody, "421 This"),
        ("open.any.internal", "x.any.internal", nobody, "421 This"),
        ("127.0.0.1", "one.internal", nobody, "421 This"),
        ("two.internal", "one.internal", &by_two[..], "421 This"),
        ("two.internal", "x.any.internal", &by_two[..], "421 This"),
        ("one.internal", "open.internal", &by_one[..], "200 beta"),
        ("y.any.internal", "x.any.internal", &by_one[..], "200 alpha"),
    ] {
        for version in ["--http1.1", "--http2"] {
            let host = format!("Host: {asked}");
            let arguments = [client, &[version, "-H", &host]].concat();
            let answer = served
                .curl(&format!("https://{named}:HTTPS/"), &arguments)
                .await;
            assert_eq!(answer, expected, "{named} {asked} {version}");
        }
    }
    for host in ["one.internal", "x.any.internal"] {
        let plain = served.curl(&format!("http://{host}:HTTP/"), &[]).await;
        assert!(plain.starts_with("308 https://"), "{plain}");
    }
}

#[tokio::test]
async fn the_oldest_tls_version_is_the_hosts_own() {
    let served = Served::start(
        "
        alpha
        host=new.internal, *.new.internal
        tls.min=1.3

        beta
        app=old
        host=old.internal, old.new.internal
        ",
    )
    .await;
    for (host, version, expected) in [
        ("new.internal", "1.2", "curl 35"),
        ("new.internal", "1.3", "200 alpha"),
        ("x.new.internal", "1.2", "curl 35"),
        ("x.new.internal", "1.3", "200 alpha"),
        ("old.internal", "1.2", "200 beta"),
        ("old.new.internal", "1.2", "200 beta"),
        ("old.internal", "1.1", "curl 35"),
    ] {
        let url = format!("https://{host}:HTTPS/");
        let answer = served.curl(&url, &["--tls-max", version]).await;
        assert_eq!(answer, expected, "{host} {version}");
    }
}

const REDIRECTED: &str = "
alpha
host=app.internal, second.internal
hsts=true
redirect.from=www.app.internal, old.internal

alpha
app=both
host=both.internal
redirect.https=false
hsts=max-age=60; includeSubDomains
redirect.from=www.both.internal

alpha
app=any
host=*.app.internal
hsts=max-age=30

beta
app=off
host=off.internal
tls=off
redirect.from=www.off.internal, off.app.internal

beta
app=none
host=none.app.internal

beta
app=late
host=late.example
";

#[tokio::test]
async fn redirects_and_hsts_are_the_hosts_own() {
    let served = Served::start(REDIRECTED).await;
    let (http, https) = (served.options.http_port, served.options.https_port);
    for (url, expected) in [
        ("https://app.internal:HTTPS/", "200 max-age=31536000 alpha"),
        (
            "https://second.internal:HTTPS/",
            "200 max-age=31536000 alpha",
        ),
        ("https://x.app.internal:HTTPS/", "200 max-age=30 alpha"),
        ("https://none.app.internal:HTTPS/", "200 beta"),
        (
            "http://app.internal:HTTP/a%20b?c=%2F&{x}",
            "308 https://app.internal:HTTPS/a%20b?c=%2F&{x}",
        ),
        (
            "https://www.app.internal:HTTPS//evil.example/?q=1",
            "308 https://app.internal:HTTPS//evil.example/?q=1 max-age=31536000",
        ),
        (
            "http://old.internal:HTTP/x?y",
            "308 https://app.internal:HTTPS/x?y",
        ),
        ("http://both.internal:HTTP/", "200 alpha"),
        (
            "https://both.internal:HTTPS/",
            "200 max-age=60; includeSubDomains alpha",
        ),
        (
            "http://www.both.internal:HTTP/",
            "308 https://both.internal:HTTPS/",
        ),
        ("http://off.internal:HTTP/", "200 beta"),
        ("https://off.internal:HTTPS/", "curl 35"),
        (
            "http://www.off.internal:HTTP/x",
            "308 http://off.internal:HTTP/x",
        ),
        (
            "http://off.app.internal:HTTP/x",
            "308 http://off.internal:HTTP/x",
        ),
        ("http://nobody.internal:HTTP/x", "404 Not"),
        ("http://late.example:HTTP/x", "503 late.example"),
        ("https://late.example:HTTPS/x", "curl 35"),
    ] {
        let expected = expected.replace("HTTPS", &https.to_string());
        let expected = expected.replace("HTTP", &http.to_string());
        let answer = served.curl(url, &["-g"]).await;
        assert_eq!(answer, expected, "{url}");
    }
}
