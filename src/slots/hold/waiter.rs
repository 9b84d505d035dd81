//! One connection: waits for a container, dials it, passes bytes on.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{Interest, copy_bidirectional};
use tokio::net::{TcpStream, UnixStream};
use tokio::select;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::debug;

use super::gap::Place;
use super::{GapState, Tally};
use crate::metrics::{HeldEnd, Metrics};

/// One dial. Containers are a bridge away: what takes longer is a full queue of connections, whose
/// kernel would ask again only after a second.
const DIAL_MAX: Duration = Duration::from_millis(500);
/// After the first round of refused dials; doubled by each further round.
const DIAL_PAUSE_MIN: Duration = Duration::from_millis(20);
/// The longest pause between two rounds.
const DIAL_PAUSE_MAX: Duration = Duration::from_millis(250);
/// Who is told of a ready container in its last moment still may dial it for so long.
const DIAL_TIME_MIN: Duration = Duration::from_secs(1);

/// A connection that has a place.
pub(super) struct Waiter {
    pub(super) client: UnixStream,
    pub(super) place: Place,
    pub(super) states: watch::Receiver<GapState>,
    /// When it gives up, whatever the gap's state says.
    pub(super) deadline: Instant,
    /// By which it chooses among several containers.
    pub(super) turn: usize,
    pub(super) metrics: Arc<Metrics>,
    pub(super) tally: Arc<Tally>,
}

impl Waiter {
    pub(super) async fn run(self) {
        let Self {
            client,
            place,
            mut states,
            deadline,
            turn,
            metrics,
            tally,
        } = self;
        if *states.borrow() == GapState::GivenUp {
            metrics.held_ends.of(HeldEnd::NotExpected).increment();
            return;
        }
        let began = Instant::now();
        metrics.held.increment();
        tally.begin();
        let (end, server) = select! { biased;
            () = gone(&client) => (HeldEnd::Left, None),
            server = server(&mut states, deadline, turn) => match server {
                Some(server) => (HeldEnd::Passed, Some(server)),
                None => (HeldEnd::GaveUp, None),
            },
        };
        metrics.held_ends.of(end).increment();
        metrics.held_wait.observe(began.elapsed());
        tally.end(began.elapsed(), end == HeldEnd::GaveUp);
        // From here on it does not wait any more, however it goes on.
        drop((place, states));
        let Some(server) = server else { return };
        if let Err(error) = splice(client, server).await {
            debug!(%error, "A connection that had waited was cut.");
        }
    }
}

async fn splice(client: UnixStream, mut server: TcpStream) -> io::Result<()> {
    server.set_nodelay(true)?;
    // Registered anew, because `gone` has made the runtime forget that it is readable and writable.
    let mut client = UnixStream::from_std(client.into_std()?)?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// Ends when the client has closed the connection, and not when it only has nothing more to send.
/// Reads nothing of what it sent.
async fn gone(client: &UnixStream) {
    loop {
        // Epoll tells with every event whether the connection is closed (EPOLLHUP), and Tokio
        // keeps that beside the readiness to write.
        match client.ready(Interest::WRITABLE).await {
            Ok(ready) if !ready.is_write_closed() => {}
            Ok(_) | Err(_) => return,
        }
        // Makes the runtime forget the readiness, and so wait for the next event.
        let nothing = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
        drop(client.try_io(Interest::WRITABLE, nothing));
    }
}

/// A connection to a ready container, or `None` when it is time to give up.
async fn server(
    states: &mut watch::Receiver<GapState>,
    deadline: Instant,
    turn: usize,
) -> Option<TcpStream> {
    loop {
        let state = states.borrow_and_update().clone();
        let (until, addresses) = match state {
            GapState::GivenUp => return None,
            GapState::Waiting { until } => (until.unwrap_or(deadline).min(deadline), Vec::new()),
            GapState::Ready(addresses) => (deadline.max(Instant::now() + DIAL_TIME_MIN), addresses),
        };
        select! { biased;
            server = dial(&addresses, turn) => return Some(server),
            () = changed(states) => {}
            () = sleep_until(until) => return None,
        }
    }
}

/// Dials one after the other until one accepts.
async fn dial(addresses: &[SocketAddr], turn: usize) -> TcpStream {
    let first = turn.checked_rem(addresses.len()).unwrap_or_default();
    let (before, after) = addresses.split_at(first);
    let mut pause = DIAL_PAUSE_MIN;
    while !addresses.is_empty() {
        for address in after.iter().chain(before) {
            if let Ok(Ok(server)) = timeout(DIAL_MAX, TcpStream::connect(address)).await {
                return server;
            }
        }
        sleep(pause).await;
        pause = pause.saturating_mul(2).min(DIAL_PAUSE_MAX);
    }
    pending().await
}

/// When the gap is over nothing changes any more.
async fn changed(states: &mut watch::Receiver<GapState>) {
    if states.changed().await.is_err() {
        pending::<()>().await;
    }
}
