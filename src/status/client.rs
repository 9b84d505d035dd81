//! Asks a running agent for its status, and tells it what to do.

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

/// Tells the agent behind this control socket what to do; the body is JSON. Gives whether it was
/// done, and the answer as JSON: a [`Done`] or a [`Refusal`].
///
/// [`Done`]: super::control::Done
/// [`Refusal`]: super::control::Refusal
///
/// # Errors
/// When nobody answers, or not in HTTP; also when this user may not connect.
pub async fn order(socket: &Path, verb: &str, body: &[u8]) -> Result<(bool, Vec<u8>), Error> {
    let head = format!(
        "POST /{verb} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    exchange(socket, &[head.as_bytes(), body].concat()).await
}

async fn get(socket: &Path, target: &str) -> Result<Vec<u8>, Error> {
    let request = format!("GET {target} HTTP/1.0\r\n\r\n");
    match exchange(socket, request.as_bytes()).await? {
        (true, body) => Ok(body),
        (false, _) => Err(unusable("the answer is not 200")),
    }
}

/// Whether the answer is 200, and its body.
async fn exchange(socket: &Path, request: &[u8]) -> Result<(bool, Vec<u8>), Error> {
    let mut stream = UnixStream::connect(socket).await?;
    // HTTP/1.0: the answer ends with the connection and is never chunked (RFC 9112, section 6.3).
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    stream
        .take(ANSWER_BYTES_MAX)
        .read_to_end(&mut answer)
        .await?;
    let body = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|at| at + 4);
    let body = body.ok_or_else(|| unusable("the answer is not HTTP"))?;
    let head = answer.get(..body).unwrap_or_default();
    if !head.starts_with(b"HTTP/1.") {
        return Err(unusable("the answer is not HTTP"));
    }
    let is_ok = head.get(8..12) == Some(b" 200".as_slice());
    Ok((is_ok, answer.split_off(body)))
}

fn unusable(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what.to_owned())
}
