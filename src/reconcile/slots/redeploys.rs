//! One line for each redeploy in which requests waited.

use std::sync::Arc;

use tracing::{info, warn};

use crate::routes::Pool;
use crate::slots::{Gap, Tally};

/// Gaps that are over, until nobody waits in them any more.
#[derive(Debug, Default)]
pub(super) struct Redeploys(Vec<(String, Arc<Tally>)>);

impl Redeploys {
    /// The gap of this pool is over.
    pub(super) fn note(&mut self, pool: &Pool, gap: &Gap) {
        let container = pool.upstreams.first();
        let container = container.map(|upstream| upstream.container.name.to_string());
        self.0.push((container.unwrap_or_default(), gap.tally()));
    }

    /// Says of those that nobody waits in any more how it went, if anybody did.
    pub(super) fn say(&mut self) {
        self.0.retain(|(container, tally)| {
            let is_over = tally.waiting() == 0;
            if is_over {
                say(container, tally);
            }
            !is_over
        });
    }
}

fn say(container: &str, tally: &Tally) {
    let (held, lost, longest) = (tally.held(), tally.lost(), tally.longest());
    match (held, lost) {
        (0, 0) => {}
        (_, 0) => info!(
            container,
            held,
            ?longest,
            lost,
            "Requests waited for the container."
        ),
        _ => warn!(
            container,
            held,
            ?longest,
            lost,
            "Requests waited for the container, and some in vain: they were answered 503."
        ),
    }
}
