//! From labels to answers: what happens to requests, over a real Caddy. One Caddy serves all routes
//! of a test; the backend answers with the request that it got.

mod accepted;
mod fields;
mod protection;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, Response};
use reqwest::Method;
use sh0_agent::caddy::render::RenderOptions;
use sh0_agent::labels::TlsSetting;
use sh0_agent::model::Container;
use sh0_agent::routes::Built;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::client::Answer;
use crate::child::{CaddyChild, place};
use crate::from_labels;

/// Answers with the method, the target, and the header fields whose names begin with `x-`, `host`,
/// `authorization`, `cookie` and `remote`; says no at `/no`, and lets in with a name at `/yes`.
async fn backend() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let app = Router::new().fallback(echo);
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn echo(request: Request) -> Response<String> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await;
    let bytes = body.map_or("cut".to_owned(), |body| body.len().to_string());
    let status = match parts.uri.path() {
        "/no" => 401,
        "/missing" => 404,
        "/broken" => 503,
        _ => 200,
    };
    let mut text = format!("{} {} {bytes}\n", parts.method, parts.uri);
    text.push_str(&shown(&parts.headers));
    let response = Response::builder().status(status).header("x-from", "app");
    let response = match parts.uri.path() {
        "/yes" => response.header("Remote-User", "ada"),
        "/no" => response.header("x-why", "no"),
        "/long" => return response.body("long ".repeat(1_000)).expect("a response"),
        _ => response,
    };
    response
        .header("content-type", "text/plain")
        .body(text)
        .expect("a response")
}

fn shown(headers: &HeaderMap) -> String {
    let kept = ["x-", "host", "authorization", "cookie", "remote"];
    let lines: BTreeSet<String> = { headers.iter() }
        .filter(|(name, _)| kept.iter().any(|kept| name.as_str().starts_with(kept)))
        .filter(|(name, _)| !name.as_str().starts_with("x-forwarded-") && *name != "x-real-ip")
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    lines.into_iter().collect()
}

/// A container with these labels at this address.
fn container(service: &str, address: SocketAddr, labels: &[(&str, &str)]) -> Container {
    from_labels::container(service, address, labels.iter().copied())
}

fn built(containers: Vec<Container>, options: &RenderOptions) -> Built {
    from_labels::built(containers, TlsSetting::Off, &options.authorities)
}

struct Scene {
    _dir: TempDir,
    _caddy: CaddyChild,
    port: u16,
}

impl Scene {
    async fn start(containers: Vec<Container>) -> Self {
        let (dir, options) = place();
        Self {
            _caddy: from_labels::serve(&dir, &built(containers, &options).table, &options).await,
            _dir: dir,
            port: options.http_port,
        }
    }

    async fn get(&self, host: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(Method::GET, host, path, headers, None).await
    }

    async fn ask(
        &self,
        method: Method,
        host: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<reqwest::Body>,
    ) -> Answer {
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let mut request = client.request(method, url).header("Host", host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.expect("Caddy answers");
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap_or_default(),
        }
    }
}
