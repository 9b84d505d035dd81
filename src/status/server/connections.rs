//! Connections over TCP, bounded: slow clients, and many, cost others nothing.
//!
//! A connection without a request under way gives its place to a newer one when all are taken, so
//! that whoever only holds connections open keeps nobody out. A head that does not come, and an
//! answer that is not read, end the connection; so does doing nothing.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::{Body as Streamed, Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Sleep, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// Connections at a time: a browser opens up to six, and each costs some 10 KB.
const CONNECTIONS_MAX: usize = 256;
/// How long the head of a request may take, also of the next one on a connection that is kept.
const HEAD_WAIT: Duration = Duration::from_secs(10);
/// How long a client may read nothing of an answer.
const STALL_MAX: Duration = Duration::from_secs(30);
/// How long answers under way may still take when the agent stops.
const LAST_ANSWERS_WAIT: Duration = Duration::from_secs(2);
/// After an accept that failed, mostly for want of file descriptors: long enough not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How much clients may take. Default as the constants say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Connections at a time.
    connections_max: usize,
    /// How long the head of a request may take.
    head_wait: Duration,
    /// How long nothing may be read of an answer.
    stall_max: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections_max: CONNECTIONS_MAX,
            head_wait: HEAD_WAIT,
            stall_max: STALL_MAX,
        }
    }
}

/// A connection, as the others see it.
#[derive(Debug, Default)]
struct Place {
    /// Requests whose answers have not ended.
    busy: AtomicUsize,
    /// Another connection gets the place.
    lost: CancellationToken,
}

/// All connections, the oldest first.
#[derive(Default)]
struct Connections {
    places: BTreeMap<u64, Arc<Place>>,
    next: u64,
    tasks: JoinSet<u64>,
}

/// Serves until asked to stop.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    stop: CancellationToken,
) {
    let mut all = Connections::default();
    loop {
        let accepted = tokio::select! { biased;
            () = stop.cancelled() => break,
            Some(ended) = all.tasks.join_next() => {
                all.ended(ended);
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => all.add(stream, &router, bounds, &stop),
            Err(error) => {
                debug!(%error, "Could not accept a reader of the status.");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    while let Some(ended) = all.tasks.join_next().await {
        all.ended(ended);
    }
}

impl Connections {
    fn add(
        &mut self,
        stream: TcpStream,
        router: &Router,
        bounds: Bounds,
        stop: &CancellationToken,
    ) {
        if self.places.len() >= bounds.connections_max && !self.make_room() {
            debug!("Too many read the status; refusing one more.");
            return;
        }
        let (id, place) = (self.next, Arc::new(Place::default()));
        self.next += 1;
        self.places.insert(id, Arc::clone(&place));
        let (router, stop) = (router.clone(), stop.clone());
        self.tasks.spawn(async move {
            answer(stream, router, &place, bounds, &stop).await;
            id
        });
    }

    /// Ends the oldest connection without a request under way; whether there is one.
    fn make_room(&mut self) -> bool {
        let mut places = self.places.iter();
        let idle = places.find(|(_, place)| place.busy.load(Ordering::Relaxed) == 0);
        let Some((id, place)) = idle.map(|(id, place)| (*id, Arc::clone(place))) else {
            return false;
        };
        place.lost.cancel();
        self.places.remove(&id);
        true
    }

    fn ended(&mut self, ended: Result<u64, JoinError>) {
        match ended {
            Ok(id) => drop(self.places.remove(&id)),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => {}
        }
    }
}

/// Answers what is asked on one connection.
async fn answer(
    stream: TcpStream,
    router: Router,
    place: &Arc<Place>,
    bounds: Bounds,
    stop: &CancellationToken,
) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request: Request<Incoming>| {
        let busy = Busy::new(place);
        let answered = router.call(request);
        async move {
            let Ok(response) = answered.await;
            let counted = |body| Counted { body, _busy: busy };
            Ok::<_, Infallible>(Response::map(response, counted))
        }
    });
    let io = TokioIo::new(Impatient::new(stream, bounds.stall_max));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new());
    http.header_read_timeout(bounds.head_wait);
    let mut connection = pin!(http.serve_connection(io, service));
    let ended = tokio::select! { biased;
        () = place.lost.cancelled() => return,
        ended = connection.as_mut() => Some(ended),
        () = stop.cancelled() => None,
    };
    let Some(ended) = ended else {
        connection.as_mut().graceful_shutdown();
        drop(timeout(LAST_ANSWERS_WAIT, connection).await);
        return;
    };
    if let Err(error) = ended {
        debug!(%error, "A connection to the status ended early.");
    }
}

/// A request under way, until it is dropped.
struct Busy(Arc<Place>);

impl Busy {
    fn new(place: &Arc<Place>) -> Self {
        place.busy.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(place))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer, which is under way as long as it is there.
struct Counted {
    body: Body,
    _busy: Busy,
}

impl Streamed for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection that fails when the other side takes nothing for too long.
struct Impatient {
    stream: TcpStream,
    stall_max: Duration,
    /// Until when something must be taken, while it waits for that.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Impatient {
    fn new(stream: TcpStream, stall_max: Duration) -> Self {
        Self {
            stream,
            stall_max,
            stalled: None,
        }
    }

    /// Lets a write that waits fail when it has for too long.
    fn judge<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stall_max = self.stall_max;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(stall_max)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Impatient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Impatient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.judge(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
