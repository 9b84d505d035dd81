//! The one app behind all containers: it listens on every address of the loopback, and each answer
//! says at which one it was asked, so that a body proves to which container a request went.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, State};
use axum::serve::{IncomingStream, Listener};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The app; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Backend {
    /// Where it listens, at each address.
    pub(crate) port: u16,
    answers: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Backend {
    /// Starts it.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await;
        let listener = listener.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let answers = Arc::<AtomicU64>::default();
        let app = Router::new()
            .fallback(say_address)
            .with_state(Arc::clone(&answers));
        let app = app.into_make_service_with_connect_info::<Asked>();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let served = axum::serve(Loopback(listener), app).await;
            served.expect("axum serves for ever");
        });
        Self {
            port,
            answers,
            _tasks: tasks,
        }
    }

    /// How many requests it has answered.
    pub(crate) fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    /// What it answers at this address.
    pub(crate) fn body(ip: Ipv4Addr) -> String {
        format!("name: {ip}\n")
    }
}

async fn say_address(
    State(answers): State<Arc<AtomicU64>>,
    ConnectInfo(Asked(ip)): ConnectInfo<Asked>,
) -> String {
    answers.fetch_add(1, Ordering::Relaxed);
    Backend::body(ip)
}

/// At which address a connection came in.
#[derive(Debug, Clone, Copy)]
struct Asked(Ipv4Addr);

impl Connected<IncomingStream<'_, Loopback>> for Asked {
    fn connect_info(stream: IncomingStream<'_, Loopback>) -> Self {
        match stream.remote_addr().ip() {
            IpAddr::V4(ip) => Self(ip),
            IpAddr::V6(_) => Self(Ipv4Addr::UNSPECIFIED),
        }
    }
}

/// Takes connections from this machine alone. Each is known by the address that it was made to.
struct Loopback(TcpListener);

impl Listener for Loopback {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let (connection, from) = Listener::accept(&mut self.0).await;
            if let Ok(to) = connection.local_addr()
                && from.ip().is_loopback()
            {
                drop(connection.set_nodelay(true));
                return (connection, to);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}
