//! Header fields, bodies, pages and compression.

use reqwest::Method;

use super::{Scene, backend, container};

#[tokio::test]
async fn header_fields_are_changed_and_few_words_stand_for_the_request() {
    let app = backend().await;
    let plain = r"{env.HOME} {file./etc/passwd} {http.request.host} \{host} } {";
    let fields = [
        ("host", "fields.test"),
        (
            "headers.request.X-Place",
            "{scheme} {host} {method} {uri} {query} {remote}",
        ),
        ("headers.request.X-Plain", plain),
        ("headers.request.X-Gone", ""),
        ("headers.request.+X-More", "two"),
        ("headers.response.X-From", ""),
        ("headers.response.X-Plain", r"{env.HOME}{{host}}"),
        ("headers.response.Cache-Control", "no-store"),
    ];
    let host = [
        ("host", "host.test"),
        ("headers.request.Host", "other.test"),
    ];
    let scene = Scene::start(vec![
        container("a", app, &fields),
        container("b", app, &host),
    ])
    .await;
    let sent = [("X-Gone", "a"), ("X-More", "one"), ("X-Plain", "client")];
    let answer = scene.get("fields.test", "/a?b=c", &sent).await;
    assert_eq!(
        answer.body,
        format!(
            "GET /a?b=c 0\nhost: fields.test\nx-more: one\nx-more: two\n\
             x-place: http fields.test GET /a?b=c b=c 127.0.0.1\nx-plain: {plain}\n"
        )
    );
    assert_eq!(answer.header("x-from"), "");
    assert_eq!(answer.header("x-plain"), "{env.HOME}{fields.test}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let other = scene.get("host.test", "/", &[]).await;
    assert_eq!(other.body, "GET / 0\nhost: other.test\n");
}

#[tokio::test]
async fn a_body_that_is_too_long_is_turned_away() {
    let app = backend().await;
    let labels = [("host", "body.test"), ("body_max", "10")];
    let scene = Scene::start(vec![container("c", app, &labels)]).await;
    for (bytes, chunked, status) in [
        (10, false, 200),
        (11, false, 413),
        (10, true, 200),
        (11, true, 413),
    ] {
        let body = "x".repeat(bytes);
        let body = if chunked {
            let part = hyper::body::Frame::data(axum::body::Bytes::from(body));
            let parts = futures::stream::iter([Ok::<_, std::io::Error>(part)]);
            reqwest::Body::wrap(http_body_util::StreamBody::new(parts))
        } else {
            body.into()
        };
        let ask = scene.ask(Method::POST, "body.test", "/", &[], Some(body));
        let answer = ask.await;
        assert_eq!(answer.status, status, "{bytes} {chunked}: {}", answer.body);
        let page = "The body of the request is too long for this site.\n";
        assert_eq!(answer.body == page, status == 413, "{}", answer.body);
    }
}

#[tokio::test]
async fn a_page_of_the_app_stands_for_a_status() {
    let app = backend().await;
    let labels = [
        ("host", "page.test"),
        ("error.404", "/pages/404?x=1"),
        ("error.503", "/missing"),
    ];
    let scene = Scene::start(vec![container("d", app, &labels)]).await;
    let get = async |path: &str| {
        scene
            .get("page.test", path, &[("If-None-Match", "*")])
            .await
    };
    let page = get("/missing").await;
    assert_eq!(page.status, 404);
    assert_eq!(page.body, "GET /pages/404?x=1 0\nhost: page.test\n");
    let ask = scene.ask(
        Method::POST,
        "page.test",
        "/missing",
        &[],
        Some("body".into()),
    );
    let post = ask.await;
    assert_eq!(post.status, 404);
    assert_eq!(post.body.lines().next(), Some("GET /pages/404?x=1 0"));
    let broken = get("/broken").await;
    assert_eq!(broken.status, 503);
    assert_eq!(broken.body.lines().next(), Some("GET /missing 0"));
    assert_eq!(get("/").await.status, 200);
}

#[tokio::test]
async fn answers_are_compressed_and_raw_handlers_come_first() {
    let app = backend().await;
    let raw =
        r#"[{"handler": "headers", "request": {"set": {"X-Raw": ["{http.request.method}"]}}}]"#;
    let compressed = [("host", "small.test"), ("compress", "true")];
    let handled = [("host", "raw.test"), ("caddy.handlers", raw)];
    let containers = vec![
        container("e", app, &compressed),
        container("f", app, &handled),
    ];
    let scene = Scene::start(containers).await;
    for (accepted, encoding) in [("gzip", "gzip"), ("zstd, gzip", "zstd"), ("identity", "")] {
        let accepted = ("Accept-Encoding", accepted);
        let small = scene.get("small.test", "/long", &[accepted]).await;
        assert_eq!(small.header("content-encoding"), encoding, "{accepted:?}");
    }
    let raw = scene.get("raw.test", "/", &[]).await;
    assert_eq!(raw.body, "GET / 0\nhost: raw.test\nx-raw: GET\n");
}
