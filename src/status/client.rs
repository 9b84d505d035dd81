//! Asks a running agent for its status.

use std::io::{Error, ErrorKind};
use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Longest answer that is read, in bytes: ten thousand containers with diagnostics take about
/// 10 MB.
const ANSWER_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The status as JSON, from the agent behind this socket.
///
/// # Errors
/// When nobody answers, or not with a status.
pub async fn ask(socket: &Path) -> Result<Vec<u8>, Error> {
    get(socket, "/status").await
}

/// The explanation of a container, a host or a URL as JSON, from the agent behind this socket.
///
/// # Errors
/// When nobody answers, or not with an explanation.
pub async fn ask_about(socket: &Path, asked: &str) -> Result<Vec<u8>, Error> {
    get(socket, &format!("/explain/{}", segment(asked))).await
}

/// A text as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'-' | b'_' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

async fn get(socket: &Path, target: &str) -> Result<Vec<u8>, Error> {
    let mut stream = UnixStream::connect(socket).await?;
    // HTTP/1.0: the answer ends with the connection and is never chunked (RFC 9112, section 6.3).
    let request = format!("GET {target} HTTP/1.0\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream
        .take(ANSWER_BYTES_MAX)
        .read_to_end(&mut answer)
        .await?;
    let unusable = |what: &str| Error::new(ErrorKind::InvalidData, what.to_owned());
    let body = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|at| at + 4);
    let body = body.ok_or_else(|| unusable("the answer is not HTTP"))?;
    let head = answer.get(..body).unwrap_or_default();
    if !head.starts_with(b"HTTP/1.0 200") && !head.starts_with(b"HTTP/1.1 200") {
        return Err(unusable("the answer is not 200"));
    }
    Ok(answer.split_off(body))
}
