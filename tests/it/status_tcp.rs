//! The status over TCP: who is answered, with what header fields, and what is told as it changes.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use expect_test::expect;
use sh0_agent::metrics::{HeldEnd, Metrics};
use sh0_agent::model::{Account, ContainerId, Hostname};
use sh0_agent::status::{Monitored, Status, StatusError, TcpOptions, serve_tcp};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::chain::status;

/// Bounds every wait for something that takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

struct Page {
    address: SocketAddr,
    latest: watch::Sender<Arc<Status>>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    served: JoinHandle<Result<(), StatusError>>,
    _folder: tempfile::TempDir,
}

impl Page {
    async fn start(account: Option<&str>) -> Self {
        Self::start_in(account, None).await
    }

    /// The same of an agent that runs in this container.
    async fn start_in(account: Option<&str>, container: Option<ContainerId>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let options = TcpOptions {
            address,
            account: account.map(|text| Account::parse(text).unwrap()),
            hosts: vec![Hostname::parse("status.example.com").unwrap()],
            container,
        };
        let first = status("web\n  sh0.host=a.example\n");
        let (latest, statuses) = watch::channel(Arc::new(first));
        let stop = CancellationToken::new();
        let (dir, token) = (folder.path().to_owned(), stop.clone());
        let counted = Monitored::default();
        let metrics = Arc::clone(&counted.metrics);
        let served =
            tokio::spawn(async move { serve_tcp(options, &dir, statuses, counted, token).await });
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Self {
            address,
            latest,
            metrics,
            stop,
            served,
            _folder: folder,
        }
    }

    async fn says(&self, line: &str, fields: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("{line} HTTP/1.1\r\nConnection: close\r\n{fields}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        timeout(PATIENCE, read).await.expect("in time").unwrap();
        String::from_utf8(answer).unwrap()
    }

    async fn code(&self, line: &str, fields: &str) -> String {
        let answer = self.says(line, fields).await;
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    }
}

#[tokio::test]
async fn only_who_names_this_machine_is_answered() {
    let page = Page::start(None).await;
    for (target, host, expected) in [
        ("/", "127.0.0.1:9180", "200"),
        ("/", "localhost", "200"),
        ("/", "status.example.com", "200"),
        ("/status", "attacker.example", "421"),
        ("/", "a.example", "421"),
        ("/events", "attacker.example:9180", "421"),
        ("http://attacker.example/status", "localhost", "421"),
    ] {
        let (line, field) = (format!("GET {target}"), format!("Host: {host}\r\n"));
        assert_eq!(page.code(&line, &field).await, expected, "{target} {host}");
    }
    assert_eq!(page.code("GET /status", "").await, "421");
}

#[tokio::test]
async fn it_is_read_and_never_written_to() {
    let page = Page::start(None).await;
    let host = "Host: localhost\r\nContent-Length: 0\r\n";
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        for target in ["/", "/status", "/site/a.example", "/events", "/explain/a"] {
            let code = page.code(&format!("{method} {target}"), host).await;
            assert_eq!(code, "405", "{method} {target}");
        }
    }
    for (target, expected) in [
        ("/", "200"),
        ("/?q=%3Cscript%3E&page=x", "200"),
        ("/site/a.example%2Fpath", "200"),
        ("/site/nobody.example", "404"),
        ("/code/e001", "200"),
        ("/code/E999", "404"),
        ("/favicon.ico", "404"),
        ("/../../etc/passwd", "404"),
    ] {
        for method in ["GET", "HEAD"] {
            let code = page.code(&format!("{method} {target}"), host).await;
            assert_eq!(code, expected, "{method} {target}");
        }
    }
}

#[tokio::test]
async fn the_docs_have_every_flag_and_paths_that_are_there() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/status.md");
    let docs = std::fs::read_to_string(path).unwrap();
    let command = sh0_agent::cli::command();
    let run = command.find_subcommand("run").unwrap();
    let flags = run.get_arguments().filter_map(|flag| flag.get_long());
    let own: Vec<&str> = flags.filter(|flag| flag.starts_with("status")).collect();
    assert_eq!(own, ["status", "status-auth", "status-host"]);
    for flag in own {
        assert!(docs.contains(&format!("`--{flag}`")), "--{flag}");
    }
    let page = Page::start(None).await;
    let rows = docs.lines().filter_map(|line| line.strip_prefix("| `/"));
    let paths: Vec<String> = { rows.filter_map(|row| row.split_once('`')) }
        .map(|(path, _)| path.replace("<host or container>", "a.example"))
        .map(|path| format!("/{}", path.replace("<code>", "E001")))
        .collect();
    assert_eq!(paths.len(), 6);
    for path in paths {
        let line = format!("HEAD {path}");
        let code = page.code(&line, "Host: localhost\r\n").await;
        assert_eq!(code, "200", "{path}");
    }
}

#[tokio::test]
async fn a_browser_may_do_no_more_with_the_page_than_show_it() {
    let page = Page::start(None).await;
    let answer = page.says("GET /", "Host: localhost\r\n").await;
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    let mut fields: Vec<String> = { head.lines().skip(1) }
        .filter(|line| !line.starts_with("date:") && !line.starts_with("content-length:"))
        .map(|line| match line.split_once("sha256-") {
            Some((before, _)) => format!("{before}…"),
            None => line.to_owned(),
        })
        .collect();
    fields.sort();
    expect![[r"
        cache-control: no-store
        connection: close
        content-security-policy: default-src 'none'; script-src '…
        content-type: text/html; charset=utf-8
        cross-origin-resource-policy: same-origin
        referrer-policy: no-referrer
        x-content-type-options: nosniff
        x-frame-options: DENY"]]
    .assert_eq(&fields.join("\n"));
    let policy = head
        .lines()
        .find(|line| line.starts_with("content-security-policy"));
    let policy = policy.expect("just seen");
    for part in [
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "connect-src 'self'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
}

#[tokio::test]
async fn a_password_opens_every_path_and_nothing_else_does() {
    let hash = bcrypt::hash("open sesame", 4).unwrap();
    let page = Page::start(Some(&format!("me:{hash}"))).await;
    let host = "Host: localhost\r\n";
    // `me:open sesame` and `me:close sesame`.
    let right = format!("{host}Authorization: Basic bWU6b3BlbiBzZXNhbWU=\r\n");
    let wrong = format!("{host}Authorization: Basic bWU6Y2xvc2Ugc2VzYW1l\r\n");
    for target in [
        "/",
        "/status",
        "/site/a.example",
        "/explain/a.example",
        "/code/E001",
    ] {
        let line = format!("GET {target}");
        assert_eq!(page.code(&line, host).await, "401", "{target}");
        assert_eq!(page.code(&line, &wrong).await, "401", "{target}");
        assert_eq!(page.code(&line, &right).await, "200", "{target}");
    }
    let asked = page.says("GET /", host).await;
    assert!(asked.contains("www-authenticate: Basic realm="), "{asked}");
    assert!(!asked.contains("a.example"), "{asked}");
}

#[tokio::test]
async fn changes_are_told_and_a_stop_ends_who_listens() {
    let page = Page::start(None).await;
    let stream = TcpStream::connect(page.address).await.unwrap();
    let mut stream = BufReader::new(stream);
    let request = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.get_mut().write_all(request).await.unwrap();
    let mut heard = async || {
        loop {
            let mut line = String::new();
            let read = timeout(PATIENCE, stream.read_line(&mut line)).await;
            if read.expect("in time").unwrap() == 0 {
                return false;
            }
            if line.starts_with("data: changed") {
                return true;
            }
        }
    };
    assert!(heard().await, "at once");
    // Nothing to see, so nothing is told, and the next event is that of the second change.
    page.latest
        .send_modify(|now| Arc::make_mut(now).docker.looks += 1);
    page.latest.send_replace(Arc::new(status("")));
    assert!(heard().await, "at the change");
    page.metrics.held.increment();
    assert!(heard().await, "as a request begins to wait");
    page.metrics.held_ends.of(HeldEnd::Passed).increment();
    assert!(heard().await, "and as it ends");
    page.stop.cancel();
    assert!(!heard().await, "it has ended");
    let ended = timeout(PATIENCE, page.served).await;
    ended
        .expect("in time")
        .expect("no panic")
        .expect("as asked");
}

#[tokio::test]
async fn the_hosts_of_a_route_to_the_agents_own_container_are_its_own() {
    let rows = status("web\n  sh0.host=a.example\n").rows;
    let own = rows.iter().next().map(|row| row.container.id.clone());
    let page = Page::start_in(None, own).await;
    let mut refused = status("web ports=none\n  sh0.host=b.example\n");
    let other = status("first\n  sh0.host=d.example\nother\n  sh0.host=c.example\n");
    for (host, expected) in [
        ("a.example", "200"),
        ("A.example.:443", "200"),
        ("b.example", "421"),
    ] {
        let answer = page.code("GET /", &format!("Host: {host}\r\n")).await;
        assert_eq!(answer, expected, "{host}");
    }
    let others = other.rows.iter().filter(|row| row.host == "c.example");
    let rows = refused.rows.iter().chain(others).cloned();
    refused.rows = rows.collect();
    page.latest.send_replace(Arc::new(refused));
    for host in ["a.example", "b.example", "c.example"] {
        let answer = page.code("GET /", &format!("Host: {host}\r\n")).await;
        assert_eq!(answer, "421", "{host}");
    }
}
