//! Clients at work: what they are to do, and what came of it.
//!
//! They run on a thread of their own, so that whoever watches them does not hold them up. They own
//! their connections; all that is shared are the counts.

#[path = "answer.rs"]
mod answer;
#[path = "client.rs"]
mod client;
#[path = "http1.rs"]
mod http1;
#[path = "http2.rs"]
mod http2;
#[path = "report.rs"]
pub(crate) mod report;
#[path = "socket.rs"]
mod socket;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;
use tokio::runtime;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use self::report::Report;

use self::report::{Tally, milliseconds};

/// How a client treats its connections and its losses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// GET over HTTP/1.1; keeps its connection, and looks whether it was closed before it uses it
    /// again
    Kept,
    /// The same without looking
    Blind,
    /// As `kept`, and asks once more over a new connection when there was no answer, as browsers do
    Retry,
    /// POST with bodies, otherwise as `kept`
    Post,
    /// GET over a new connection each time
    Fresh,
    /// POST over HTTP/2 and TLS; sends again what the server says that it has not looked at
    Http2,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: &[Self] = &[
        Self::Kept,
        Self::Blind,
        Self::Retry,
        Self::Post,
        Self::Fresh,
        Self::Http2,
    ];
}

/// What the clients are to do.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Where the site is, on the loopback.
    pub(crate) http_port: u16,
    pub(crate) host: String,
    /// Where it is over HTTPS; [`Kind::Http2`] needs it.
    pub(crate) secure: Option<Secure>,
    /// Who must answer: this name, or it with a dash and more behind it.
    pub(crate) name: String,
    pub(crate) kinds: Vec<Kind>,
    /// How many of each kind.
    pub(crate) clients: usize,
    /// From an answer to the client's next request.
    pub(crate) think_time: Duration,
    pub(crate) sockets: Sockets,
}

/// The pause of a person who is in a hurry, and of a script that does something with the answer.
const THINK_TIME: Duration = Duration::from_millis(20);

impl Plan {
    /// Eight clients that GET over connections which they keep and look at, with 20 ms between an
    /// answer and the next request.
    pub(crate) fn new(http_port: u16, host: &str, name: &str) -> Self {
        Self {
            http_port,
            host: host.to_owned(),
            secure: None,
            name: name.to_owned(),
            kinds: vec![Kind::Kept],
            clients: 8,
            think_time: THINK_TIME,
            sockets: Sockets::default(),
        }
    }
}

/// A site over HTTPS.
#[derive(Debug, Clone)]
pub(crate) struct Secure {
    /// On the loopback.
    pub(crate) port: u16,
    pub(crate) host: String,
    /// PEM file of the authority that is trusted.
    pub(crate) root: PathBuf,
}

/// Websockets that stay open.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sockets {
    pub(crate) count: usize,
    pub(crate) host: String,
}

/// Clients at work. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct Load {
    tallies: BTreeMap<Kind, Tally>,
    sockets: socket::Tally,
    began: Instant,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// Starts them.
    pub(crate) fn start(plan: Plan) -> Self {
        let (began, stop) = (Instant::now(), CancellationToken::new());
        let tallies = plan.kinds.iter().map(|kind| (*kind, Tally::new(began)));
        let tallies: BTreeMap<Kind, Tally> = tallies.collect();
        let sockets = socket::Tally::new(began);
        let work = work(Arc::new(plan), tallies.clone(), sockets.clone());
        let until = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime needs a few file descriptors only");
            runtime.block_on(work(until));
        });
        Self {
            tallies,
            sockets,
            began,
            stop,
            thread: Some(thread),
        }
    }

    /// What came back so far.
    pub(crate) fn report(&self) -> Report {
        let counts = |(kind, tally): (&Kind, &Tally)| (*kind, tally.counts());
        Report {
            clients: self.tallies.iter().map(counts).collect(),
            websockets: self.sockets.counts(),
        }
    }

    /// How long they have been at work, in milliseconds.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        milliseconds(self.began.elapsed())
    }

    /// Ends the clients after their last answer, and sums up.
    pub(crate) async fn stop(mut self) -> Report {
        self.stop.cancel();
        let thread = self.thread.take().expect("it is stopped once");
        let ended = tokio::task::spawn_blocking(move || thread.join()).await;
        ended
            .expect("it only waits")
            .expect("a client does not panic");
        self.report()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// All clients and sockets; ends when they have ended after `stop`.
fn work(
    plan: Arc<Plan>,
    tallies: BTreeMap<Kind, Tally>,
    sockets: socket::Tally,
) -> impl AsyncFnOnce(CancellationToken) + Send {
    async move |stop| {
        let mut tasks = JoinSet::new();
        for (kind, tally) in tallies {
            for number in 0..plan.clients {
                let client = client::Client::new(kind, Arc::clone(&plan), number, tally.clone());
                tasks.spawn(client.run(stop.clone()));
            }
        }
        for _ in 0..plan.sockets.count {
            let socket = socket::converse(Arc::clone(&plan), sockets.clone(), stop.clone());
            tasks.spawn(socket);
        }
        while let Some(ended) = tasks.join_next().await {
            ended.expect("a client does not panic");
        }
    }
}
