//! Requests through a real Caddy with our configs, every answer's body checked.

use std::time::Duration;

use sh0_agent::caddy::admin::Admin;
use sh0_agent::caddy::render::{RenderOptions, render, render_unavailable};
use sh0_agent::model::Hostname;
use sh0_agent::routes::UpstreamTls;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use super::client::{Backends, get, get_tls};
use crate::child::{CaddyChild, free_port, place};
use crate::harness::{patience, until};
use crate::tables::{Site, site, table};

const NOT_FOUND: &str = "Not found: there is no site at this address.\n";

/// A Caddy that serves these sites.
async fn serve(sites: impl IntoIterator<Item = Site>) -> (TempDir, RenderOptions, CaddyChild) {
    let (dir, options) = place();
    let rendered = render(&table(sites), &options);
    let caddy = CaddyChild::start(dir.path(), &rendered.json).await;
    (dir, options, caddy)
}

#[tokio::test]
async fn requests_find_the_most_specific_route() {
    let b = Backends::start().await;
    let (_dir, options, _caddy) = serve([
        site("app.example.test", &b.alpha),
        site("app.example.test/api", &b.beta),
        site("app.example.test/api/v1", &b.alpha),
        site("*.example.test", &b.beta),
        site("only.example.org/api", &b.alpha),
    ])
    .await;
    let check = async |host: &str, path: &str, expected: &str| {
        let answer = get(options.http_port, host, path).await;
        assert_eq!(answer.body, expected, "{host}{path}");
        answer
    };
    let get_line =
        |name: &str, host: &str, path: &str| format!("{name}: GET {host} {path} HTTP/1.1 http\n");
    for (host, path, name) in [
        ("app.example.test", "/", "alpha"),
        ("app.example.test", "/apis", "alpha"),
        ("app.example.test", "/api", "beta"),
        ("app.example.test", "/api/x?q=1", "beta"),
        ("app.example.test", "/API/x", "beta"),
        ("app.example.test", "/api/v1/x", "alpha"),
        ("app.example.test:8080", "/", "alpha"),
        ("other.example.test", "/api", "beta"),
    ] {
        check(host, path, &get_line(name, host, path)).await;
    }
    for (host, normal) in [
        ("APP.EXAMPLE.TEST.:8080", "app.example.test:8080"),
        ("App.Example.Test.", "app.example.test"),
        ("aPp.example.test", "app.example.test"),
    ] {
        check(host, "/", &get_line("alpha", normal, "/")).await;
    }
    for (host, path) in [
        ("deep.app.example.test", "/"),
        ("example.test", "/"),
        ("app.example.test..", "/"),
        ("only.example.org", "/"),
        ("only.example.org", "/apis"),
        ("127.0.0.1", "/<script>"),
    ] {
        let answer = check(host, path, NOT_FOUND).await;
        assert_eq!(answer.status, 404, "{host}{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    }
}

#[tokio::test]
async fn strip_removes_the_prefix_in_any_spelling() {
    let b = Backends::start().await;
    let (_dir, options, _caddy) = serve([
        site("app.example.test", &b.alpha),
        site("app.example.test/api", &b.beta).strip(),
        site("app.example.test/bücher", &b.beta).strip(),
    ])
    .await;
    for (asked, seen) in [
        ("/api", "/"),
        ("/api?q=1", "/?q=1"),
        ("/api/", "/"),
        ("/api/x/y?q=a%20b", "/x/y?q=a%20b"),
        ("/API/X", "/X"),
        ("/%61pi/x", "/x"),
        ("/api/a%2Fb", "/a%2Fb"),
        ("/b%C3%BCcher/1", "/1"),
        ("/b%c3%bccher/1", "/1"),
    ] {
        let answer = get(options.http_port, "app.example.test", asked).await;
        let expected = format!("beta: GET app.example.test {seen} HTTP/1.1 http\n");
        assert_eq!(answer.body, expected, "{asked}");
    }
}

#[tokio::test]
async fn upstreams_are_spoken_to_in_their_protocol() {
    let b = Backends::start().await;
    let name = Hostname::parse("backend.test").expect("a host");
    let (_dir, options, _caddy) = serve([
        site("h2c.example.test", &b.h2c).h2c(),
        site("skip.example.test", &b.tls).https(UpstreamTls::SkipVerify),
        site("verify.example.test", &b.tls).https(UpstreamTls::Verify(name)),
    ])
    .await;
    let ask = async |host: &str| get(options.http_port, host, "/x").await;
    let h2c = ask("h2c.example.test").await;
    assert_eq!(h2c.body, "h2c: GET h2c.example.test /x HTTP/2.0 http\n");
    let skip = ask("skip.example.test").await;
    assert_eq!(skip.body, "tls: GET skip.example.test /x HTTP/2.0 http\n");
    let verify = ask("verify.example.test").await;
    assert_eq!((verify.status, verify.body.as_str()), (502, ""));
}

#[tokio::test]
async fn a_site_that_is_not_ready_says_so() {
    let (_dir, options, caddy) =
        serve([site("app.example.test", ""), site("*.example.test", "")]).await;
    let check = async |host: &str, body: &str| {
        let answer = get(options.http_port, host, "/x").await;
        assert_eq!((answer.status, answer.body.as_str()), (503, body));
        assert_eq!(answer.header("retry-after"), "5");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    };
    let later = "Please try again in a few seconds.\n";
    check(
        "app.example.test",
        &format!("app.example.test is not ready: it is starting or stopped. {later}"),
    )
    .await;
    check(
        "b.example.test",
        &format!("This site is not ready: it is starting or stopped. {later}"),
    )
    .await;

    let unavailable = render_unavailable(&options);
    (caddy.admin.load(unavailable.json).await).expect("it is accepted");
    let whole = format!("This server is not ready to serve its sites. {later}");
    check("app.example.test", &whole).await;
    check("unknown.example.test", &whole).await;
}

#[tokio::test]
async fn a_request_waits_for_a_server_that_restarts() {
    let port = free_port();
    let (_dir, options, _caddy) =
        serve([site("app.example.test", &format!("127.0.0.1:{port}"))]).await;
    let restart = async {
        sleep(Duration::from_millis(300)).await;
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("free");
        let (mut stream, _) = listener.accept().await.expect("Caddy dials again");
        let read = stream.read(&mut [0; 4096]).await.expect("a request");
        assert!(read > 0);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nback";
        stream.write_all(answer).await.expect("Caddy reads");
    };
    let ask = get(options.http_port, "app.example.test", "/");
    let both = async { tokio::join!(ask, restart) };
    let (answer, ()) = timeout(Duration::from_secs(10), both)
        .await
        .expect("in time");
    assert_eq!((answer.status, answer.body.as_str()), (200, "back"));
}

#[tokio::test]
async fn hosts_with_tls_are_served_there_and_redirected_to_it() {
    let b = Backends::start().await;
    let (_dir, options, _caddy) = serve([
        site("*", &b.beta),
        site("app.internal", &b.alpha).internal(),
        site("*.site.internal", &b.beta).internal(),
        site("off.site.internal", &b.alpha),
        site("127.0.0.1", &b.alpha).internal(),
    ])
    .await;
    let (http, https) = (options.http_port, options.https_port);
    for (host, path) in [
        ("app.internal", "/a/b?q=1&r=%20"),
        ("APP.internal.:8080", "/"),
        ("any.site.internal", "//evil.example/x"),
        ("127.0.0.1", "/"),
    ] {
        let answer = get(http, host, path).await;
        let name = host.to_lowercase();
        let name = name
            .split(':')
            .next()
            .expect("a name")
            .trim_end_matches('.');
        assert_eq!(answer.status, 308, "{host}{path}");
        assert_eq!(
            answer.header("location"),
            format!("https://{name}:{https}{path}")
        );
    }
    let plain = async |host: &str| get(http, host, "/").await.body;
    assert_eq!(
        plain("off.site.internal").await,
        "alpha: GET off.site.internal / HTTP/1.1 http\n"
    );
    assert_eq!(
        plain("any.example").await,
        "beta: GET any.example / HTTP/1.1 http\n"
    );

    let root = options.storage_dir.join("pki/authorities/local/root.crt");
    let secure = async |host: &str| get_tls(&root, https, host, "/x").await;
    // Certificates are issued one after another once Caddy serves.
    for host in ["app.internal", "any.site.internal", "127.0.0.1"] {
        until("it has its certificate", patience(), async || {
            let answer = secure(host).await;
            if answer.ends_with("200") {
                Ok(())
            } else {
                Err(answer)
            }
        })
        .await;
    }
    assert_eq!(
        secure("app.internal").await,
        format!("alpha: GET app.internal:{https} /x HTTP/1.1 https\n200")
    );
    assert_eq!(
        secure("any.site.internal").await,
        format!("beta: GET any.site.internal:{https} /x HTTP/1.1 https\n200")
    );
    assert_eq!(
        secure("127.0.0.1").await,
        format!("alpha: GET 127.0.0.1:{https} /x HTTP/1.1 https\n200")
    );
    assert_eq!(secure("off.site.internal").await, format!("{NOT_FOUND}404"));
}
