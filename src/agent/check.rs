//! What is wrong with settings that are right one by one.
//!
//! Deliberately only what can be known before anything runs; what the machine lacks is found when
//! it is used.

use std::path::Path;

use super::StartError;
use crate::certificates::check_root;
use crate::settings::{Settings, UpstreamsMode};

/// The longest path of a Unix socket, in bytes: `sun_path` of unix(7) less its closing zero.
const SOCKET_BYTES_MAX: usize = 107;

/// A waiting socket's path, with the number of a gap that no agent lives to see.
const LONGEST_HOLD_SOCKET: &str = "hold/0123456789abcdef.4294967295.sock";

/// Checks that the settings fit together, and that the files they name are there.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn check(settings: &Settings) -> Result<(), StartError> {
    if settings.http_port == settings.https_port {
        return Err(StartError::SamePort {
            port: settings.http_port,
        });
    }
    let mut sockets = vec![
        settings.admin_socket(),
        settings.status_socket(),
        settings.control_socket(),
    ];
    if settings.upstreams == UpstreamsMode::Slots {
        sockets.push(settings.runtime_dir.join(LONGEST_HOLD_SOCKET));
    }
    let bytes = sockets.iter().map(|socket| socket.as_os_str().len()).max();
    let over = bytes.unwrap_or_default().saturating_sub(SOCKET_BYTES_MAX);
    if over > 0 {
        return Err(StartError::LongPath {
            path: settings.runtime_dir.clone(),
            over,
        });
    }
    match &settings.acme.ca_root {
        Some(path) => root(path),
        None => Ok(()),
    }
}

/// Caddy would refuse every config that names an unusable root.
fn root(path: &Path) -> Result<(), StartError> {
    check_root(path).map_err(|problem| StartError::Root {
        path: path.to_owned(),
        problem,
    })
}
