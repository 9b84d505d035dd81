//! A client of HTTP/2 that sends what it is told, field for field.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::named::first_line;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GO_AWAY: u8 = 7;
/// Flags of frames: of `SETTINGS`, and of the others.
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("short").to_be_bytes();
    let head = [0, length[0], length[1], kind, flags, 0, 0, 0, stream];
    [&head, payload].concat()
}

/// Fields as literals that nobody needs to remember (RFC 7541, section 6.2.2).
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| {
        let length = u8::try_from(text.len()).expect("short");
        assert!(length < 127, "a longer length has more bytes");
        [&[length], text.as_bytes()].concat()
    };
    let literals = fields.iter();
    literals
        .flat_map(|(name, value)| [vec![0], text(name), text(value)].concat())
        .collect()
}

/// The first line of the answer's body, or how the request ended without one.
pub(super) async fn asked_over_http2(
    mut stream: TlsStream<TcpStream>,
    fields: &[(&str, &str)],
) -> String {
    let sent = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(SETTINGS, 0, 0, &[]),
        frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(fields)),
    ];
    stream.write_all(&sent.concat()).await.expect("it is taken");
    let mut body = Vec::new();
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).await.is_err() {
            return "cut".to_owned();
        }
        let [_, high, low, kind, flags, ..] = head;
        let mut payload = vec![0; usize::from(u16::from_be_bytes([high, low]))];
        let read = stream.read_exact(&mut payload).await;
        read.expect("frames are whole");
        match kind {
            SETTINGS if flags & ACK == 0 => {
                let taken = stream.write_all(&frame(SETTINGS, ACK, 0, &[])).await;
                taken.expect("it is taken");
            }
            RESET => return format!("reset {}", payload[3]),
            GO_AWAY => return format!("goes away {}", payload[7]),
            DATA => body.extend(payload),
            _ => {}
        }
        if (kind == DATA || kind == HEADERS) && flags & END_STREAM != 0 {
            return first_line(&String::from_utf8_lossy(&body));
        }
    }
}
