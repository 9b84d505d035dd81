//! Requests without a pause, from a few clients, counted by what came back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::http::{answer, client};

/// From an answer to the client's next request: the machine has to do something else, too.
const THINK_TIME: Duration = Duration::from_millis(5);
/// So many failures are told in words.
const TOLD_MAX: usize = 10;

/// What a client does with its connection after an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Connections {
    /// Closes it.
    Fresh,
    /// Keeps it, as browsers do, and looks whether it is still open before it uses it again.
    Kept,
}

/// Clients at work.
#[derive(Debug)]
pub(crate) struct Load {
    clients: JoinSet<Counts>,
    stop: CancellationToken,
    done: Arc<AtomicUsize>,
}

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Answers with status 200 whose body names the container.
    pub(crate) ok: usize,
    /// All others.
    pub(crate) failed: usize,
    /// The first of them in words.
    pub(crate) failures: Vec<String>,
}

impl Load {
    /// Starts so many clients that ask for `/` of this host, which any container with a name that
    /// begins with `name` may answer.
    pub(crate) fn start(
        (port, host, name): (u16, &str, &str),
        clients: usize,
        connections: Connections,
    ) -> Self {
        let (stop, done) = (CancellationToken::new(), Arc::<AtomicUsize>::default());
        let mut set = JoinSet::new();
        for _ in 0..clients {
            let client = client(match connections {
                Connections::Fresh => 0,
                Connections::Kept => 1,
            });
            let request = client.request(Method::GET, format!("http://127.0.0.1:{port}/"));
            let request = request.header("Host", host);
            let request = request.build().expect("a request");
            let (stop, done, name) = (stop.clone(), Arc::clone(&done), name.to_owned());
            set.spawn(async move {
                let mut counts = Counts::default();
                while !stop.is_cancelled() {
                    let again = request.try_clone().expect("it has no body");
                    let builder = reqwest::RequestBuilder::from_parts(client.clone(), again);
                    let answer = answer(builder).await;
                    let from = answer.said("name").unwrap_or_default();
                    if answer.status == 200 && from.starts_with(&name) {
                        counts.ok += 1;
                    } else {
                        counts.failed += 1;
                        counts.failures.push(answer.summary());
                        counts.failures.truncate(TOLD_MAX);
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                    sleep(THINK_TIME).await;
                }
                counts
            });
        }
        Self {
            clients: set,
            stop,
            done,
        }
    }

    /// How many answers there were so far.
    pub(crate) fn answers(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// Ends the clients and sums up.
    pub(crate) async fn stop(mut self) -> Counts {
        self.stop.cancel();
        let mut sum = Counts::default();
        while let Some(counts) = self.clients.join_next().await {
            let counts = counts.expect("a client does not panic");
            sum.ok += counts.ok;
            sum.failed += counts.failed;
            sum.failures.extend(counts.failures);
        }
        sum.failures.truncate(TOLD_MAX);
        sum
    }
}
