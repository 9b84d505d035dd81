//! Websockets that stay open, exchange a message now and then, and report any close.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};
use tokio_util::sync::CancellationToken;

use super::Plan;
use super::report::{Loss, milliseconds};

/// From one message to the next.
const PAUSE: Duration = Duration::from_millis(200);
/// Bounds the wait for an echo, and for the opening.
const ECHO_WAIT: Duration = Duration::from_secs(10);

/// What became of the websockets.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Counts {
    /// Opened, whatever came then.
    pub(crate) opened: u64,
    /// Messages that came back.
    pub(crate) messages: u64,
    /// Closed by somebody else, or never opened.
    pub(crate) closed: u64,
    /// Why, and when.
    pub(crate) closes: Vec<Loss>,
}

/// Counts that all sockets write to; behind a lock for the same reason as those of the clients.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    counts: Arc<Mutex<Counts>>,
    began: Instant,
}

impl Tally {
    /// No counts; closes are told with the time since `began`.
    pub(crate) fn new(began: Instant) -> Self {
        Self {
            counts: Arc::default(),
            began,
        }
    }

    /// The counts so far.
    pub(crate) fn counts(&self) -> Counts {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.clone()
    }

    fn change(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Opens a websocket and talks until it is told to stop.
pub(crate) async fn converse(plan: Arc<Plan>, tally: Tally, stop: CancellationToken) {
    let mut talked = Instant::now();
    let talk = async {
        let mut socket = open(&plan).await?;
        tally.change(|counts| counts.opened += 1);
        for number in 0_u64.. {
            sleep(PAUSE).await;
            talked = Instant::now();
            echo(&mut socket, &number.to_string()).await?;
            tally.change(|counts| counts.messages += 1);
        }
        Ok::<_, String>(())
    };
    if let Some(Err(reason)) = stop.run_until_cancelled(talk).await {
        let close = Loss {
            at_ms: milliseconds(tally.began.elapsed()),
            took_ms: milliseconds(talked.elapsed()),
            reason,
        };
        tally.change(|counts| {
            counts.closed += 1;
            counts.closes.push(close);
        });
    }
}

async fn open(plan: &Plan) -> Result<WebSocketStream<TcpStream>, String> {
    let opened = async {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, plan.http_port)).await;
        let stream = stream.map_err(|error| format!("no connection: {error}"))?;
        let url = format!("ws://{}:{}/ws", plan.sockets.host, plan.http_port);
        let opened = client_async(url, stream).await;
        let (mut socket, _) = opened.map_err(|error| format!("not opened: {error}"))?;
        // The backend says its name first.
        receive(&mut socket).await?;
        Ok(socket)
    };
    let opened = timeout(ECHO_WAIT, opened).await;
    opened.unwrap_or_else(|_| Err("not opened in time".to_owned()))
}

async fn echo(socket: &mut WebSocketStream<TcpStream>, text: &str) -> Result<(), String> {
    let exchange = async {
        let sent = socket.send(Message::text(text)).await;
        sent.map_err(|error| format!("cannot send: {error}"))?;
        match receive(socket).await? {
            echo if echo == text => Ok(()),
            echo => Err(format!("{echo:?} came back for {text:?}")),
        }
    };
    let exchanged = timeout(ECHO_WAIT, exchange).await;
    exchanged.unwrap_or_else(|_| Err("no echo in time".to_owned()))
}

/// The next text.
async fn receive(socket: &mut WebSocketStream<TcpStream>) -> Result<String, String> {
    while let Some(message) = socket.next().await {
        match message {
            Ok(Message::Text(text)) => return Ok(text.to_string()),
            Ok(Message::Close(frame)) => return Err(format!("closed: {frame:?}")),
            Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
            Err(error) => return Err(format!("cut: {error}")),
        }
    }
    Err("ended".to_owned())
}
