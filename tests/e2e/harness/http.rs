//! Asks through the proxy. Nothing here fails: a refused connection is an answer, too.

use std::path::Path;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder};

use super::command;

/// Bounds every request.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// What came back. Status 0 with the reason as the body is no answer at all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// A header field's value, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// What the demo backend said under this name, such as `name` or `path`; `None` when it was
    /// not the demo backend who answered.
    pub(crate) fn said(&self, field: &str) -> Option<&str> {
        self.body.strip_prefix("name: ")?;
        let lines = self.body.lines().filter_map(|line| line.split_once(": "));
        { lines }.find_map(|(key, value)| (key == field).then_some(value))
    }

    /// Whether the container of this name answered.
    pub(crate) fn is_from(&self, name: &str) -> bool {
        self.status == 200 && self.said("name") == Some(name)
    }

    /// Short enough for a message.
    pub(crate) fn summary(&self) -> String {
        let body: String = self.body.chars().take(200).collect();
        format!("{} {body:?}", self.status)
    }
}

/// A client that follows no redirects; `idle` is the number of connections it keeps.
pub(crate) fn client(idle: usize) -> reqwest::Client {
    let builder = reqwest::Client::builder()
        .redirect(Policy::none())
        .no_proxy();
    let builder = builder.pool_max_idle_per_host(idle).timeout(ANSWER_WAIT);
    builder.build().expect("a plain client")
}

/// A request for `http://<host><path>` to this port of the loopback.
pub(crate) fn request(port: u16, host: &str, path: &str, method: Method) -> RequestBuilder {
    let client = client(0);
    let request = client.request(method, format!("http://127.0.0.1:{port}{path}"));
    request.header("Host", host)
}

/// The answer to a request.
pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let asked = async {
        let response = request.send().await?;
        Ok::<_, reqwest::Error>(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await?,
        })
    };
    asked.await.unwrap_or_else(|error| Answer {
        body: sh0_agent::telemetry::chain(&error),
        ..Answer::default()
    })
}

/// `GET http://<host><path>` at this port of the loopback, over a connection of its own.
pub(crate) async fn get(port: u16, host: &str, path: &str) -> Answer {
    answer(request(port, host, path, Method::GET)).await
}

/// `GET https://<host>:<port><path>` on the loopback, trusting the authority in `root` only. The
/// answer has no headers.
pub(crate) async fn get_tls(root: &Path, port: u16, host: &str, path: &str) -> Answer {
    let mut curl = command("curl");
    curl.args([
        "-sS",
        "--max-time",
        "10",
        "--noproxy",
        "*",
        "-w",
        "\n%{http_code}",
    ]);
    curl.args(["--connect-to", &format!("::127.0.0.1:{port}"), "--cacert"])
        .arg(root);
    curl.arg(format!("https://{host}:{port}{path}"));
    let output = tokio::process::Command::from(curl).output().await;
    let output = output.expect("curl is installed");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    match stdout.rsplit_once('\n') {
        Some((body, status)) if output.status.success() => Answer {
            status: status.parse().expect("curl writes a number"),
            body: body.to_owned(),
            ..Answer::default()
        },
        _ => Answer {
            body: stderr,
            ..Answer::default()
        },
    }
}
