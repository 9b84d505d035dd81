//! Whether a name may have a certificate at its first handshake: Caddy asks, the route table
//! answers.
//!
//! Owns a small server on the loopback that is there only while a host needs it, and the count of
//! new names. Deliberately obtains nothing itself, and refuses every name that no route has: a
//! stranger's handshakes must not use up the authority's patience.

mod names;
mod server;

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{debug, error};

use self::names::Names;
use crate::routes::RouteTable;
use crate::telemetry::chain;

/// The endpoint that Caddy asks. Dropping it ends it.
#[derive(Debug)]
pub struct OnDemand {
    storage: PathBuf,
    names_max: usize,
    names: watch::Sender<Arc<Names>>,
    listening: Option<Listening>,
}

/// The server while it is there.
#[derive(Debug)]
struct Listening {
    url: String,
    /// Its task; dropped with it.
    _tasks: JoinSet<()>,
}

impl OnDemand {
    /// An endpoint that is not there yet. `storage` is where Caddy keeps certificates; names that
    /// have one there are not new. Of new ones `names_max` are allowed in an hour.
    #[must_use]
    pub fn new(storage: PathBuf, names_max: usize) -> Self {
        Self {
            storage,
            names_max,
            names: watch::Sender::default(),
            listening: None,
        }
    }

    /// Answers by this table from now on. The URL to ask at, if it has hosts that need it; `None`
    /// also when nobody can listen, which is said.
    pub(crate) fn settle(&mut self, table: &RouteTable) -> Option<String> {
        let names = Names::of(table);
        if names.is_empty() {
            if self.listening.take().is_some() {
                debug!("No host needs certificates at the first handshake any more.");
            }
            return None;
        }
        self.names.send_replace(Arc::new(names));
        if self.listening.is_none() {
            self.listening = match self.listen() {
                Ok(listening) => Some(listening),
                Err(error) => {
                    error!(error = %chain(&error), "Cannot listen for Caddy's questions; new names get no certificates with `tls=on_demand`.");
                    None
                }
            };
        }
        { self.listening.as_ref() }.map(|listening| listening.url.clone())
    }

    fn listen(&self) -> std::io::Result<Listening> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let path = format!("/{}", secret()?);
        let url = format!("http://{}{path}", listener.local_addr()?);
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let asked = server::Asked::new(
            self.names.subscribe(),
            self.storage.join("certificates"),
            self.names_max,
        );
        let mut tasks = JoinSet::new();
        tasks.spawn(server::serve(listener, path, asked));
        Ok(Listening { url, _tasks: tasks })
    }
}

/// A path that no other program on the machine can guess, so that none can use up the new names.
fn secret() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
