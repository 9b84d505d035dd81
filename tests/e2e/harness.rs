//! What every end-to-end test needs: an agent under test, containers, and clients.
//!
//! Each test has names, a network, ports and folders of its own and removes all of them, so tests
//! do not see each other and leave nothing behind. `KEEP=1` leaves containers, network and folders
//! for a look at them.

mod agent;
mod browser;
mod clients;
mod engine;
mod http;
#[path = "../../examples/load/work.rs"]
pub(crate) mod load;
mod process;

use std::time::Duration;

use tokio::time::{Instant, sleep};

pub(crate) use self::agent::{Agent, Options, patience};
pub(crate) use self::browser::Browser;
pub(crate) use self::engine::{App, Container, Engine};
pub(crate) use self::http::{Answer, answer, client, get, get_tls, request};
pub(crate) use self::process::{command, free_ports, is_alive, signal};

/// Flags for an agent in a test of what only slots can do: that requests wait, and that a redeploy is
/// no load. `SH0_UPSTREAMS` of the environment does not count there.
pub(crate) const SLOTS: [&str; 2] = ["--upstreams", "slots"];

/// From one look at a condition to the next.
const PACE: Duration = Duration::from_millis(10);

/// Whether things are to be left behind for a look at them.
pub(crate) fn keeps() -> bool {
    std::env::var_os("KEEP").is_some_and(|value| value != "0")
}

/// Looks until there is something; what it saw last is in the message when time is up.
pub(crate) async fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + limit;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) => assert!(
                Instant::now() < deadline,
                "not within {limit:?}: {what}; last seen: {seen}"
            ),
        }
        sleep(PACE).await;
    }
}
