//! A client that sends what it is told, byte for byte.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Who is not answered for so long waits for more of the request.
const SILENCE: Duration = Duration::from_secs(3);

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Client(BufReader<TcpStream>);

impl Client {
    pub(super) async fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await;
        Self(BufReader::new(stream.expect("Caddy listens")))
    }

    /// Sends these bytes; whether they were taken.
    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).await.is_ok()
    }

    /// The next answer, or `None` where the connection ended instead, or nothing came.
    pub(super) async fn answer(&mut self) -> Option<Answer> {
        timeout(SILENCE, self.read()).await.ok().flatten()
    }

    async fn read(&mut self) -> Option<Answer> {
        let first = self.line().await?;
        let status = first.split(' ').nth(1)?.parse().expect("a status");
        let mut length = None;
        let mut is_chunked = false;
        loop {
            let line = self.line().await?.to_ascii_lowercase();
            if let Some(number) = line.strip_prefix("content-length:") {
                length = Some(number.trim().parse().expect("a length"));
            }
            is_chunked |= line == "transfer-encoding: chunked";
            if line.is_empty() {
                break;
            }
        }
        let mut body = Vec::new();
        while is_chunked {
            let size = usize::from_str_radix(&self.line().await?, 16).expect("a size");
            body.extend(self.bytes(size).await?);
            self.line().await?;
            is_chunked = size > 0;
        }
        match length {
            Some(length) => body.extend(self.bytes(length).await?),
            // Go's own answers to what it cannot read end with the connection.
            None if status == 400 || status == 431 => {
                self.0.read_to_end(&mut body).await.ok()?;
            }
            None => {}
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        Some(Answer { status, body })
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).await.ok()?;
        (read > 0).then(|| line.trim_end().to_owned())
    }

    async fn bytes(&mut self, count: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).await.ok()?;
        Some(bytes)
    }

    /// Waits until Caddy closes the connection, after at most so long; what it said first.
    pub(super) async fn closed_within(&mut self, most: Duration) -> String {
        let mut said = Vec::new();
        let read = timeout(most, self.0.read_to_end(&mut said)).await;
        assert!(read.is_ok(), "it is still open after {most:?}");
        String::from_utf8_lossy(&said).into_owned()
    }
}

/// Sends these bytes over a connection of their own: the first answer.
pub(super) async fn ask(port: u16, bytes: impl AsRef<[u8]>) -> Option<Answer> {
    let mut client = Client::connect(port).await;
    client.send(bytes).await;
    client.answer().await
}

/// `GET` of this path with these lines of header fields: what the container saw of it.
pub(super) async fn seen(port: u16, host: &str, path: &str, fields: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n");
    match ask(port, &request).await {
        Some(Answer { status: 200, body }) => body,
        other => format!("{other:?}"),
    }
}
