//! A socket before the engine that misbehaves as told: it cuts streams, holds headers, hangs in
//! the middle of a list, refuses paths.
//!
//! It forwards one request per connection, as the agent asks. It knows paths and nothing else of
//! the API.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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
}

impl EngineProxy {
    /// A proxy before the engine at this socket.
    pub(crate) fn start(engine: impl Into<PathBuf>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join("docker.sock")).expect("it is free");
        let shared = Arc::new(Shared {
            engine: engine.into(),
            rules: Mutex::default(),
            cut: watch::Sender::new(0),
            struck: AtomicUsize::new(0),
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

    fn rules(&self) -> std::sync::MutexGuard<'_, Rules> {
        let rules = self.shared.rules.lock();
        rules.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
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
    if let Some(Fault::Refuse) = fault {
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
        Some(Fault::Refuse) | None => drop(copy_bidirectional(&mut client, &mut engine).await?),
    }
    Ok(())
}
