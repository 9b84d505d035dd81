//! Dials a container.

use std::io::ErrorKind;
use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::{Reason, complaint};

/// A connection, which is all that a TCP probe asks for.
pub(super) async fn connect(address: SocketAddr) -> Result<TcpStream, Reason> {
    TcpStream::connect(address).await.map_err(|error| {
        if error.kind() == ErrorKind::ConnectionRefused {
            Reason::Refused
        } else {
            Reason::Network(complaint(&error))
        }
    })
}
