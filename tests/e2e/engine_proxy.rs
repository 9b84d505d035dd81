//! A socket before the engine that misbehaves as told: it cuts streams, holds headers, hangs in
//! the middle of a list, refuses paths.
//!
//! It forwards one request per connection, as the agent asks. It knows paths and nothing else of
//! the API. A strict one lets through the documented requests alone, and writes down all.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sh0_agent::discovery::DockerRequest;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What happens to requests whose path contains a text.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The engine's answer never arrives.
    HoldAnswer,
    /// So many bytes of the answer arrive, and then nothing.
    HangAfter(u64),
    /// So many bytes of the answer arrive, and then the connection ends.
    CutAfter(u64),
    /// The answer is 403, as of a proxy that does not allow the path.
    Refuse,
}

/// The rules: the first whose text is in the path counts.
type Rules = Vec<(String, Fault)>;

/// The proxy. Dropping it closes the socket and all connections.
#[derive(Debug)]
pub(crate) struct EngineProxy {
    folder: tempfile::TempDir,
    shared: Arc<Shared>,
    _accepting: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    engine: PathBuf,
    rules: Mutex<Rules>,
    /// Counts cuts; a connection ends when it grows.
    cut: watch::Sender<u64>,
    /// Requests so far that a fault was done to.
    struck: AtomicUsize,
    /// What a strict proxy has seen; `None` is one that lets through all.
    seen: Option<Mutex<Seen>>,
}

/// What was asked of a strict proxy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Documented requests, sorted, each once.
    pub(crate) allowed: BTreeSet<DockerRequest>,
    /// Everything else, as it came.
    pub(crate) forbidden: Vec<String>,
}

impl EngineProxy {
    /// A proxy before the engine at this socket.
    pub(crate) fn start(engine: impl Into<PathBuf>) -> Self {
        Self::start_with(engine.into(), None)
    }

    /// One that lets through the documented requests alone.
    pub(crate) fn strict(engine: impl Into<PathBuf>) -> Self {
        Self::start_with(engine.into(), Some(Mutex::default()))
    }

    fn start_with(engine: PathBuf, seen: Option<Mutex<Seen>>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join("docker.sock")).expect("it is free");
        let shared = Arc::new(Shared {
            engine,
            rules: Mutex::default(),
            cut: watch::Sender::new(0),
            struck: AtomicUsize::new(0),
            seen,
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&shared)));
        Self {
            folder,
            shared,
            _accepting: accepting,
        }
    }

    /// Where it listens, as `DOCKER_HOST` has it.
    pub(crate) fn endpoint(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The socket itself.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// From now on requests whose path has this text suffer so.
    pub(crate) fn strike(&self, path: &str, fault: Fault) {
        self.rules().push((path.to_owned(), fault));
    }

    /// From now on all is well, for new requests.
    pub(crate) fn relent(&self) {
        self.rules().clear();
    }

    /// Ends every connection.
    pub(crate) fn cut(&self) {
        self.shared.cut.send_modify(|count| *count += 1);
    }

    /// How many requests a fault was done to.
    pub(crate) fn struck(&self) -> usize {
        self.shared.struck.load(Ordering::Relaxed)
    }

    /// What a strict proxy was asked.
    pub(crate) fn seen(&self) -> Seen {
        let seen = self.shared.seen.as_ref().expect("it is strict").lock();
        seen.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn rules(&self) -> std::sync::MutexGuard<'_, Rules> {
        let rules = self.shared.rules.lock();
        rules.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Writes down a request; whether it may pass.
    fn admits(&self, head: &str) -> bool {
        let Some(seen) = &self.seen else { return true };
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let request = documented(head);
        seen.allowed.extend(request);
        if request.is_none() {
            seen.forbidden.push(head.to_owned());
        }
        request.is_some()
    }

    fn fault(&self, path: &str) -> Option<Fault> {
        let rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let rule = rules.iter().find(|(text, _)| path.contains(text.as_str()));
        rule.map(|(_, fault)| fault.clone())
    }
}

async fn accept(listener: UnixListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        let mut cut = shared.cut.subscribe();
        connections.spawn(async move {
            tokio::select! {
                // A connection that breaks is what this is about.
                _ = forward(client, &shared) => {}
                _ = cut.changed() => {}
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// The documented request that this is the head of: method, versioned path, no body and no upgrade.
fn documented(head: &str) -> Option<DockerRequest> {
    let lower = head.to_ascii_lowercase();
    let more = ["content-length:", "transfer-encoding:", "upgrade:"];
    if more.iter().any(|field| lower.contains(field)) {
        return None;
    }
    let target = head.strip_prefix("GET ")?.split(' ').next()?;
    let path = target.split('?').next()?;
    let versioned = path.strip_prefix("/v1.").and_then(|rest| {
        let (minor, rest) = rest.split_once('/')?;
        let is_number = !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then_some(rest)
    });
    let found = DockerRequest::ALL.into_iter().find(|request| {
        // The question for the version itself goes out without one.
        let path = match (request, versioned) {
            (DockerRequest::Version, None) => path.strip_prefix('/'),
            (_, versioned) => versioned,
        };
        path.is_some_and(|path| has_form(path, request.path().trim_start_matches('/')))
    })?;
    Some(found)
}

/// Whether the path has this form, in which braces stand for one segment.
fn has_form(path: &str, form: &str) -> bool {
    let (mut path, mut form) = (path.split('/'), form.split('/'));
    loop {
        match (path.next(), form.next()) {
            (None, None) => return true,
            (Some(segment), Some(form)) if form.starts_with('{') => {
                if segment.is_empty() || segment.starts_with('.') {
                    return false;
                }
            }
            (Some(segment), Some(form)) if segment == form => {}
            _ => return false,
        }
    }
}

/// Passes on an answer, and notes whatever else the client sends meanwhile.
async fn answer_only(
    client: &mut UnixStream,
    engine: &mut UnixStream,
    shared: &Shared,
) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.split();
    let mut byte = [0];
    let more = async {
        if let Ok(1) = from_client.read(&mut byte).await {
            shared.admits("more than a request");
        }
    };
    tokio::select! {
        copied = tokio::io::copy(engine, &mut to_client) => drop(copied?),
        () = more => {}
    }
    Ok(())
}

async fn forward(mut client: UnixStream, shared: &Shared) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let line = String::from_utf8_lossy(&head).into_owned();
    let fault = shared.fault(line.lines().next().unwrap_or_default());
    if fault.is_some() {
        shared.struck.fetch_add(1, Ordering::Relaxed);
    }
    if matches!(fault, Some(Fault::Refuse)) || !shared.admits(&line) {
        let body = "<html><body>403 Forbidden</body></html>";
        let length = body.len();
        let head = format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {length}\r\n\r\n");
        return client.write_all((head + body).as_bytes()).await;
    }
    let mut engine = UnixStream::connect(&shared.engine).await?;
    engine.write_all(&head).await?;
    match fault {
        Some(Fault::HoldAnswer) => std::future::pending().await,
        Some(Fault::HangAfter(bytes)) => {
            tokio::io::copy(&mut (&mut engine).take(bytes), &mut client).await?;
            std::future::pending::<()>().await;
        }
        Some(Fault::CutAfter(bytes)) => {
            tokio::io::copy(&mut (&mut engine).take(bytes), &mut client).await?;
        }
        Some(Fault::Refuse) | None if shared.seen.is_some() => {
            answer_only(&mut client, &mut engine, shared).await?;
        }
        Some(Fault::Refuse) | None => drop(copy_bidirectional(&mut client, &mut engine).await?),
    }
    Ok(())
}

#[test]
fn a_strict_proxy_knows_the_documented_requests_from_all_others() {
    let check = |line: &str, expected: Option<DockerRequest>| {
        let head = format!("{line} HTTP/1.1\r\nhost: x\r\n\r\n");
        assert_eq!(documented(&head), expected, "{line}");
    };
    check("GET /version", Some(DockerRequest::Version));
    check("GET /v1.41/info", Some(DockerRequest::Info));
    check("GET /v1.41/events?since=1", Some(DockerRequest::Events));
    check(
        "GET /v1.53/containers/json?all=true",
        Some(DockerRequest::List),
    );
    check(
        "GET /v1.41/containers/beef/json",
        Some(DockerRequest::Inspect),
    );
    check("GET /v1.41/networks/a%2Fb", Some(DockerRequest::Network));
    for line in [
        "POST /v1.41/containers/beef/json",
        "HEAD /v1.41/info",
        "GET /info",
        "GET /v1./info",
        "GET /v1.41/containers/beef/logs",
        "GET /v1.41/containers/../json",
        "GET /v1.41/containers//json",
        "GET /v1.41/networks",
        "GET /v1.41/networks/a/b",
        "GET /v1.41/images/json",
        "GET /v1.41/info HTTP/1.1\r\ncontent-length: 3",
        "GET /v1.41/info HTTP/1.1\r\nUpgrade: tcp",
    ] {
        check(line, None);
    }
}
