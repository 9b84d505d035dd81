//! Certificates: from the internal authority, and from a directory.

use std::path::Path;
use std::time::Duration;

use crate::harness::{Agent, Answer, App, Engine, Options, command, patience, until};

/// Waits until HTTPS works for this host; the certificate is issued meanwhile.
async fn secure(agent: &Agent, host: &str, name: &str) {
    until(
        &format!("{host} is {name} over HTTPS"),
        patience(),
        async || {
            let answer = agent.get_tls(host, "/").await;
            if answer.is_from(name) {
                Ok(())
            } else {
                Err(answer.summary())
            }
        },
    )
    .await;
}

#[tokio::test]
async fn the_internal_authority_certifies_and_http_redirects_with_port_path_and_query() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let (host, plain) = (engine.host("web"), engine.host("plain"));
    engine
        .run(App::named("web").host(&host).label("sh0.tls", "internal"))
        .await;
    engine
        .run(App::named("plain").host(&plain).label("sh0.tls", "off"))
        .await;
    secure(&agent, &host, "web").await;
    let answer = agent.get_tls(&host, "/a/b?c=d").await;
    assert_eq!(answer.said("x-forwarded-proto"), Some("https"));
    assert_eq!(answer.said("path"), Some("/a/b?c=d"));
    let redirect = agent.get(&host, "/a%20b/c?d=e&f=%2F").await;
    let location = format!("https://{host}:{}/a%20b/c?d=e&f=%2F", agent.https_port);
    assert_eq!(
        (redirect.status, redirect.header("location")),
        (308, location.as_str())
    );
    agent.answers(&plain, "plain").await;
    let unknown = agent.get_tls(&engine.host("nobody"), "/").await;
    assert_eq!(
        unknown.status, 0,
        "no certificate for a host that nobody has: {unknown:?}"
    );
}

#[tokio::test]
async fn names_of_this_machine_are_internal_by_default() {
    let engine = Engine::start().await;
    let options = Options::default().env("SH0_DEFAULT_TLS", "auto");
    let agent = Agent::start_with(&engine, options).await;
    let host = format!("{}.localhost", engine.run_id());
    engine.run(App::named("web").host(&host)).await;
    secure(&agent, &host, "web").await;
    assert_eq!(agent.get(&host, "/").await.status, 308);
}

#[tokio::test]
async fn a_wildcard_serves_one_level_and_an_exact_host_beats_it() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let any = engine.host("*");
    engine
        .run(App::named("any").host(&any).label("sh0.tls", "internal"))
        .await;
    engine
        .run(
            App::named("exact")
                .host(&engine.host("exact"))
                .label("sh0.tls", "internal"),
        )
        .await;
    secure(&agent, &engine.host("exact"), "exact").await;
    secure(&agent, &engine.host("some"), "any").await;
    assert_eq!(agent.get(&engine.host("two.levels"), "/").await.status, 404);
    assert_eq!(agent.get(&engine.host("some"), "/").await.status, 308);
}

#[tokio::test]
async fn a_host_is_found_whatever_its_case_dot_and_port() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    engine
        .run(App::named("web").host(&format!("{}.", host.to_uppercase())))
        .await;
    agent.answers(&host, "web").await;
    for asked in [
        host.to_uppercase(),
        format!("{host}."),
        format!("{host}:8123"),
    ] {
        let answer = agent.get(&asked, "/").await;
        assert!(answer.is_from("web"), "{asked}: {}", answer.summary());
    }
}

/// Makes `<file>.crt` and `<file>.key` in this directory, for the host.
fn certify(directory: &Path, file: &str, host: &str) {
    let path = |extension: &str| directory.join(format!("{file}.{extension}"));
    let mut openssl = command("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
    ]);
    openssl.args(["-nodes", "-days", "2", "-subj", "/CN=test"]);
    openssl.args(["-addext", &format!("subjectAltName=DNS:{host}")]);
    openssl
        .arg("-keyout")
        .arg(path("key"))
        .arg("-out")
        .arg(path("crt"));
    let output = openssl.output().expect("openssl is installed");
    assert!(output.status.success(), "{output:?}");
}

async fn get_trusting(agent: &Agent, root: &Path, host: &str) -> Answer {
    crate::harness::get_tls(root, agent.https_port, host, "/").await
}

#[tokio::test]
async fn own_certificates_are_served_and_a_renewed_file_is_picked_up() {
    let engine = Engine::start().await;
    let directory = tempfile::tempdir().expect("a folder");
    let directory = directory.path();
    let (host, any) = (
        engine.host("web"),
        engine.host("sub.*").replacen("sub.*", "*.sub", 1),
    );
    certify(directory, &host, &host);
    certify(directory, &any.replacen('*', "_", 1), &any);
    // A pair that is wrong hurts nobody.
    std::fs::write(directory.join("bad.example.com.crt"), "no certificate").expect("ours");
    let options = Options::default().env("SH0_DEFAULT_TLS", "auto");
    let options = options.flags(["--certificates", directory.to_str().expect("a text")]);
    engine.run(App::named("web").host(&host)).await;
    engine.run(App::named("any").host(&any)).await;
    let agent = Agent::start_with(&engine, options).await;
    let said = agent.logs("A certificate is not used").await;
    assert!(said.contains("bad.example.com"), "{said}");
    let served = async |root: &Path, host: &str, name: &str| {
        until(
            &format!("{host} has its own certificate"),
            patience(),
            async || {
                let answer = get_trusting(&agent, root, host).await;
                if answer.is_from(name) {
                    Ok(())
                } else {
                    Err(answer.summary())
                }
            },
        )
        .await;
    };
    let crt = directory.join(format!("{host}.crt"));
    served(&crt, &host, "web").await;
    let wildcard = directory.join(format!("{}.crt", any.replacen('*', "_", 1)));
    served(&wildcard, &any.replacen('*', "one", 1), "any").await;

    let before = directory.join("before.pem");
    std::fs::copy(&crt, &before).expect("ours");
    certify(directory, &host, &host);
    served(&crt, &host, "web").await;
    let old = get_trusting(&agent, &before, &host).await;
    assert_eq!(old.status, 0, "the old one is not served any more: {old:?}");
}

#[tokio::test]
async fn a_wildcard_without_a_certificate_is_refused_and_live_when_it_has_one() {
    let engine = Engine::start().await;
    let directory = tempfile::tempdir().expect("a folder");
    let directory = directory.path();
    let options = Options::default().env("SH0_DEFAULT_TLS", "auto");
    let options = options.flags(["--certificates", directory.to_str().expect("a text")]);
    let agent = Agent::start_with(&engine, options).await;
    let any = engine.host("*");
    engine.run(App::named("any").host(&any)).await;
    let file = any.replacen('*', "_", 1);
    let said = agent
        .logs_about(engine.run_id(), "needs a certificate")
        .await;
    assert!(said.contains(&format!("put `{file}.crt`")), "{said}");
    assert_eq!(agent.get(&engine.host("one"), "/").await.status, 404);
    certify(directory, &file, &any);
    let crt = directory.join(format!("{file}.crt"));
    until("it is served", Duration::from_secs(20), async || {
        let answer = get_trusting(&agent, &crt, &engine.host("one")).await;
        if answer.is_from("any") {
            Ok(())
        } else {
            Err(answer.summary())
        }
    })
    .await;
}
