//! Requests that try to reach a part of a site without what protects it: by how they name the host
//! or the path. Nothing of the protected part may come back, and the container must not see a
//! protected path that the proxy took for another.

use super::mirror::Mirror;
use super::raw::ask;
use super::serving;

/// Who answers: the open part with the path that its container sees, or a status of Caddy's own.
async fn outcome(port: u16, request: &[u8]) -> String {
    match ask(port, request).await {
        None => "nothing".to_owned(),
        Some(answer) if answer.status == 200 => {
            let line = answer.body.lines().next().unwrap_or_default().to_owned();
            let host = answer.body.lines().find(|line| line.starts_with("Host:"));
            match host {
                Some(host) => format!("{line} {host}"),
                None => "200".to_owned(),
            }
        }
        Some(answer) => answer.status.to_string(),
    }
}

/// What is asked for, below `/admin` or beside it, and what the open part's container sees; 401 is
/// the protected part's.
const PATHS: &[(&str, &str)] = &[
    ("/", "/"),
    ("/admin", "401"),
    ("/admin/", "401"),
    ("/admin/x", "401"),
    ("/ADMIN", "401"),
    ("/Admin/x", "401"),
    ("/%61dmin", "401"),
    ("/%41DMIN", "401"),
    ("//admin", "401"),
    ("///admin//x", "401"),
    ("/./admin", "401"),
    ("/x/../admin", "401"),
    ("/x/..//admin", "401"),
    ("/%2e/admin", "401"),
    ("/x/%2e%2e/admin", "401"),
    ("/x/.%2E/admin", "401"),
    ("/admin?x=/", "401"),
    ("/admin%3Fx", "/admin%3Fx"),
    ("/admin%00", "/admin%00"),
    ("/admin;x", "/admin;x"),
    ("/admin;/x", "/admin;/x"),
    ("/admin%3Bx", "/admin%3Bx"),
    ("/admin%20", "/admin%20"),
    ("/admin.", "/admin."),
    ("/admin%2Fx", "401"),
    ("/%2Fadmin", "401"),
    ("/x%2F..%2Fadmin", "401"),
    ("/\\admin", "/%5Cadmin"),
    ("/%5Cadmin", "/%5Cadmin"),
    ("/x\\..\\admin", "/x%5C..%5Cadmin"),
    ("/%c0%afadmin", "/%c0%afadmin"),
    ("/%u0061dmin", "400"),
    ("/%2561dmin", "/%2561dmin"),
    ("/admi%6e", "401"),
    ("/adm\u{131}n", "/adm%C4%B1n"),
    ("/x/%2e%2e%2fadmin", "401"),
    ("/admin/../x", "/admin/../x"),
    ("/admin#x", "/admin%23x"),
    ("/admin/.", "401"),
    ("/admin/..", "/admin/.."),
];

#[tokio::test]
async fn no_spelling_of_a_path_slips_past_what_protects_it() {
    let mirror = Mirror::start().await;
    let site: &[_] = &[
        ("host", "a.example"),
        ("routes.admin.path", "/admin"),
        (
            "routes.admin.auth.basic",
            "ada:$2a$04$/3DyloKJlePp7qJfPtiO7edscyI6ZO1Pecc6NZ3.HYPvwDj5ZzH.6",
        ),
    ];
    let port = ("routes.admin.port", mirror.address.port().to_string());
    let all: Vec<(&str, &str)> = { site.iter().copied() }
        .chain([(port.0, port.1.as_str())])
        .collect();
    let (_dir, options, _caddy) = serving(&[("web", mirror.address, &all)], |_| ()).await;
    let mut wrong = Vec::new();
    for (path, expected) in PATHS {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n");
        let found = outcome(options.http_port, request.as_bytes()).await;
        let expected = match expected.strip_prefix('/') {
            Some(_) => format!("GET {expected} HTTP/1.1 Host: a.example"),
            None => (*expected).to_owned(),
        };
        if found != expected {
            wrong.push(format!("{path}: {found:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is sent, and who answers: `a` is open, `b` lets in nobody.
const REQUESTS: &[(&str, &str)] = &[
    (
        "GET / HTTP/1.1\r\nHost: a.example:80\r\n\r\n",
        "GET / HTTP/1.1 Host: a.example:80",
    ),
    (
        "GET / HTTP/1.1\r\nHost: A.EXAMPLE.\r\n\r\n",
        "GET / HTTP/1.1 Host: a.example",
    ),
    ("GET / HTTP/1.1\r\nHost: B.example.\r\n\r\n", "403"),
    ("GET / HTTP/1.1\r\nHost: b.example:99\r\n\r\n", "403"),
    ("GET / HTTP/1.1\r\nHost: b.example..\r\n\r\n", "404"),
    (
        "GET / HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n",
        "400",
    ),
    ("GET / HTTP/1.1\r\nHost: a.example b.example\r\n\r\n", "400"),
    (
        "GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n",
        "400",
    ),
    (
        "GET / HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\n\r\n",
        "400",
    ),
    (
        "GET / HTTP/1.1\r\n Host: b.example\r\nHost: a.example\r\n\r\n",
        "400",
    ),
    (
        "GET / HTTP/1.1\r\nHost : b.example\r\nHost: a.example\r\n\r\n",
        "400",
    ),
    (
        "GET / HTTP/1.1\r\nHost: a.example\r\n b.example\r\n\r\n",
        "400",
    ),
    ("GET / HTTP/1.1\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost:\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a.example/admin\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: user@b.example\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a.example#\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a.example\0\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: {env.HOME}\r\n\r\n", "400"),
    (
        "GET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-Host: b.example\r\n\r\n",
        "GET / HTTP/1.1 Host: a.example",
    ),
    (
        "GET / HTTP/1.1\r\nHost: b.example\r\nX-Forwarded-Host: a.example\r\nX-Original-URL: /\r\n\r\n",
        "403",
    ),
    (
        "GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "403",
    ),
    (
        "GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n",
        "GET / HTTP/1.1 Host: a.example",
    ),
    (
        "GET https://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "403",
    ),
    (
        "GET //b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET //b.example/ HTTP/1.1 Host: a.example",
    ),
    ("GET b.example HTTP/1.1\r\nHost: a.example\r\n\r\n", "400"),
    (
        "GET ftp://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "403",
    ),
    ("GET / HTTP/1.0\r\n\r\n", "404"),
    ("GET / HTTP/1.0\r\nHost: b.example\r\n\r\n", "403"),
    (
        "GET / HTTP/1.0\r\nHost: a.example\r\n\r\n",
        "GET / HTTP/1.1 Host: a.example",
    ),
    ("GET / HTTP/2.0\r\nHost: a.example\r\n\r\n", "505"),
    ("GET / HTTP/0.9\r\nHost: a.example\r\n\r\n", "505"),
    ("GET /\r\n\r\n", "400"),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "nothing"),
    (
        "CONNECT b.example:22 HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "403",
    ),
    (
        "CONNECT 10.0.0.1:22 HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "404",
    ),
    ("TRACE / HTTP/1.1\r\nHost: b.example\r\n\r\n", "403"),
    (
        "TRACE / HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "TRACE / HTTP/1.1 Host: a.example",
    ),
    ("OPTIONS * HTTP/1.1\r\nHost: b.example\r\n\r\n", "200"),
    ("G\u{202e}T / HTTP/1.1\r\nHost: a.example\r\n\r\n", "400"),
    ("get / HTTP/1.1\r\nHost: b.example\r\n\r\n", "403"),
    (
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "405",
    ),
    ("GET / HTTP/1.1\nHost: b.example\n\n", "403"),
    (
        "GET / HTTP/1.1\r\nHost: a.example\r\nX: a\0b\r\n\r\n",
        "400",
    ),
    ("GET / HTTP/1.1\r\nHost: a.example\r\nX\0: a\r\n\r\n", "400"),
    ("GET /a b HTTP/1.1\r\nHost: a.example\r\n\r\n", "400"),
    ("GET /\u{1} HTTP/1.1\r\nHost: a.example\r\n\r\n", "400"),
];

#[tokio::test]
async fn no_way_to_name_a_host_reaches_another_ones_site() {
    let mirror = Mirror::start().await;
    let (open, closed): (&[_], &[_]) = (
        &[("host", "a.example")],
        &[("host", "b.example"), ("allow", "192.0.2.1")],
    );
    let sites = [("a", mirror.address, open), ("b", mirror.address, closed)];
    let (_dir, options, _caddy) = serving(&sites, |_| ()).await;
    let mut wrong = Vec::new();
    for (request, expected) in REQUESTS {
        let found = outcome(options.http_port, request.as_bytes()).await;
        if found.trim() != *expected {
            wrong.push(format!("{request:?}: {found:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
