//! A headless Chromium with one tab, over the `DevTools` protocol.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{command, patience, signal, until};

/// Bounds each answer; a screenshot of a long page takes the longest.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// A browser; it ends with the test.
#[derive(Debug)]
pub(crate) struct Browser {
    child: Child,
    socket: WebSocketStream<TcpStream>,
    session: Option<String>,
    last_id: u64,
    events: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    /// Starts one, with an empty tab.
    pub(crate) async fn start() -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        let mut chromium = command("chromium");
        chromium
            // Its own sandbox needs another user than root, which is who tests often run as; it
            // shows nothing but our page.
            .args(["--headless=new", "--no-sandbox", "--disable-gpu"])
            .args([
                "--no-first-run",
                "--disable-extensions",
                "--hide-scrollbars",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
            ])
            .args(["--disable-dev-shm-usage", "--force-device-scale-factor=1"])
            .arg("--remote-debugging-port=0")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = { chromium.spawn() }.expect("chromium is there: type `scripts/setup chromium`");
        let (port, path) = endpoint(profile.path()).await;
        let stream = TcpStream::connect(("127.0.0.1", port)).await;
        let url = format!("ws://127.0.0.1:{port}{path}");
        let opened = client_async(url, stream.expect("it listens")).await;
        let mut browser = Self {
            child,
            socket: opened.expect("it speaks websocket").0,
            session: None,
            last_id: 0,
            events: Vec::new(),
            _profile: profile,
        };
        let tab = { browser.call("Target.createTarget", json!({"url": "about:blank"})) }.await;
        let tab = json!({"targetId": tab["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", tab).await;
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network", "Accessibility"] {
            browser.call(&format!("{domain}.enable"), json!({})).await;
        }
        browser
    }

    /// Calls a method and gives its result.
    pub(crate) async fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        let mut request = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            request["sessionId"] = json!(session);
        }
        let sent = self.socket.send(Message::text(request.to_string())).await;
        sent.expect("it reads");
        loop {
            let message = timeout(ANSWER_LIMIT, self.socket.next()).await;
            let message = message.expect("Chromium answers in time");
            let message = message.expect("it is there").expect("it speaks websocket");
            let Message::Text(text) = message else {
                continue;
            };
            let mut message: Value = serde_json::from_str(&text).expect("it is JSON");
            if message["id"] != json!(id) {
                self.events.push(message);
                continue;
            }
            assert!(message.get("error").is_none(), "{method}: {message}");
            return message["result"].take();
        }
    }

    /// What an expression of JavaScript comes to.
    pub(crate) async fn eval(&mut self, expression: &str) -> Value {
        let parameters = json!({
            "expression": expression,
            "awaitPromise": true,
            "returnByValue": true,
        });
        let mut result = self.call("Runtime.evaluate", parameters).await;
        let failed = result.get("exceptionDetails");
        assert!(failed.is_none(), "{expression}: {failed:?}");
        result["result"]["value"].take()
    }

    /// Opens a page and waits until it is there.
    pub(crate) async fn open(&mut self, url: &str) {
        let opened = self.call("Page.navigate", json!({"url": url})).await;
        assert!(opened.get("errorText").is_none(), "{url}: {opened}");
        self.until_true(&format!(
            "location.href === {} && document.readyState === 'complete'",
            json!(url)
        ))
        .await;
    }

    /// Waits until an expression is true; what the page says is in the message when it never is.
    pub(crate) async fn until_true(&mut self, expression: &str) {
        until(expression, patience(), async || {
            if self.eval(expression).await == json!(true) {
                return Ok(());
            }
            Err(self.text().await)
        })
        .await;
    }

    /// The text that a person sees.
    pub(crate) async fn text(&mut self) -> String {
        let text = self.eval("document.body.innerText").await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// A window of this width, light or dark.
    pub(crate) async fn look(&mut self, width: u32, scheme: &str) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size).await;
        let features = json!({"features": [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]});
        self.call("Emulation.setEmulatedMedia", features).await;
    }

    /// Presses the tabulator.
    pub(crate) async fn tab(&mut self) {
        for kind in ["keyDown", "keyUp"] {
            let key =
                json!({"type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9});
            self.call("Input.dispatchKeyEvent", key).await;
        }
    }

    /// The whole page as a picture, in base64.
    pub(crate) async fn picture(&mut self) -> String {
        let whole = json!({"format": "png", "captureBeyondViewport": true});
        let picture = self.call("Page.captureScreenshot", whole).await;
        picture["data"].as_str().expect("a picture").to_owned()
    }

    /// What the console said, and what went wrong in scripts.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let methods = [
            "Runtime.consoleAPICalled",
            "Runtime.exceptionThrown",
            "Log.entryAdded",
        ];
        let is_complaint =
            |event: &&Value| methods.contains(&event["method"].as_str().unwrap_or_default());
        let complaints = self.events.iter().filter(is_complaint);
        complaints.map(ToString::to_string).collect()
    }

    /// Every address that was asked for.
    pub(crate) fn requested(&self) -> Vec<String> {
        let is_request = |event: &&Value| event["method"] == "Network.requestWillBeSent";
        let requests = self.events.iter().filter(is_request);
        requests
            .filter_map(|event| Some(event["params"]["request"]["url"].as_str()?.to_owned()))
            .collect()
    }
}

/// Where a browser with this profile can be reached: it writes that down when it can.
async fn endpoint(profile: &Path) -> (u16, String) {
    until("chromium listens", patience(), async || {
        let said = std::fs::read_to_string(profile.join("DevToolsActivePort"));
        let said = said.map_err(|error| error.to_string())?;
        let (port, path) = said.split_once('\n').ok_or("a port alone")?;
        let port = port.parse().map_err(|_| format!("{port} is no port"))?;
        Ok((port, path.trim().to_owned()))
    })
    .await
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends its own processes then.
        signal(self.child.id(), Signal::KILL);
        self.child.wait().expect("it is our child");
    }
}
