//! What a client may take of Caddy's time and memory.
//!
//! The reasons for the numbers, and what else bounds a client, are in `docs/limits.md`.

use std::time::Duration;

use crate::caddy::config::{CaddyDuration, ServerLimits};

/// Bounds for every connection, whatever its site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientLimits {
    /// How long a TLS handshake may take, and in HTTP/1.1 the header of a request from its first
    /// byte. Default 30 s.
    pub header_timeout: Duration,
    /// How long a connection may be idle between two requests. Default 5 min.
    pub idle_timeout: Duration,
    /// How long a client may take nothing of an answer that is there. Caddy is told the same for
    /// bodies, but 2.11.7 does not cut those of a known length. Default 1 h.
    pub stall_timeout: Duration,
    /// How long the header of a request may be, in bytes. Default 32 KiB.
    pub header_bytes_max: u32,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            // Caddy's own minute is more than any network needs.
            header_timeout: Duration::from_secs(30),
            // Caddy's own. Less would cost load balancers before this one their kept connections.
            idle_timeout: Duration::from_mins(5),
            // Caddy's own minute also cuts, in HTTP/1.1, the end of an answer without length that
            // comes after a minute of silence (`IdleTimeoutWriter` in
            // modules/caddyhttp/idletimeout.go sets the deadline at a write and leaves it).
            stall_timeout: Duration::from_hours(1),
            // As nginx; Caddy's own 16 KiB are little for tickets and tokens in cookies.
            header_bytes_max: 32 * 1024,
        }
    }
}

impl ClientLimits {
    /// The limits of a server.
    pub(super) fn of_server(self) -> ServerLimits {
        ServerLimits {
            read_header_timeout: CaddyDuration(self.header_timeout),
            read_idle_timeout: CaddyDuration(self.stall_timeout),
            write_idle_timeout: CaddyDuration(self.stall_timeout),
            idle_timeout: CaddyDuration(self.idle_timeout),
            max_header_bytes: self.header_bytes_max,
        }
    }
}
