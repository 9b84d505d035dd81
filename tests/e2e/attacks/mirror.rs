//! A server that answers each request with its own bytes, head and body, as they came.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The server; dropping it ends it.
#[derive(Debug)]
pub(super) struct Mirror {
    pub(super) address: SocketAddr,
    asked: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl Mirror {
    /// One that adds this to the head of its answers, as `X-A: b\r\n`.
    pub(super) async fn answering(fields: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(answer(stream, fields, Arc::clone(&count)));
            }
        });
        Self {
            address,
            asked,
            _serving: serving,
        }
    }

    pub(super) async fn start() -> Self {
        Self::answering("").await
    }

    /// How many requests have come.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

async fn answer(stream: TcpStream, fields: &'static str, asked: Arc<AtomicUsize>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = request(&mut stream).await {
        asked.fetch_add(1, Ordering::Relaxed);
        let head = format!(
            "HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n",
            request.len()
        );
        let answer = [head.as_bytes(), &request].concat();
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

/// The bytes of the next request; `None` at the end of the connection.
async fn request(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut length = 0;
    let mut is_chunked = false;
    loop {
        let line = line(stream, &mut bytes).await?;
        let line = line.to_ascii_lowercase();
        if let Some(number) = line.strip_prefix("content-length:") {
            length = number.trim().parse().ok()?;
        }
        is_chunked |= line == "transfer-encoding: chunked";
        if line.is_empty() {
            break;
        }
    }
    while is_chunked {
        let size = line(stream, &mut bytes).await?;
        let size = usize::from_str_radix(&size, 16).ok()?;
        exactly(stream, &mut bytes, size).await?;
        line(stream, &mut bytes).await?;
        is_chunked = size > 0;
    }
    exactly(stream, &mut bytes, length).await?;
    Some(bytes)
}

async fn line(stream: &mut BufReader<TcpStream>, bytes: &mut Vec<u8>) -> Option<String> {
    let before = bytes.len();
    let read = stream.read_until(b'\n', bytes).await.ok()?;
    let line = String::from_utf8_lossy(&bytes[before..]).into_owned();
    (read > 0).then(|| line.trim_end().to_owned())
}

async fn exactly(stream: &mut BufReader<TcpStream>, bytes: &mut Vec<u8>, n: usize) -> Option<()> {
    let before = bytes.len();
    bytes.resize(before + n, 0);
    let read = stream.read_exact(&mut bytes[before..]).await;
    read.is_ok().then_some(())
}
