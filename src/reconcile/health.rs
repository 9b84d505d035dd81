//! Active checks: the containers that take requests are asked again and again whether they are
//! well.
//!
//! The agent asks, not Caddy: Caddy forgets what it found at each load, and would ask slots, which
//! name another container tomorrow. A change of a verdict is a rebuild like any other, and where
//! addresses are in slots that is a file write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use super::Loop;
use super::backoff::Spread;
use super::ready::ended;
use crate::caddy::admin::Admin;
use crate::discovery::Engine;
use crate::model::ContainerId;
use crate::probe::{Check, HttpQuestion, Probe, Question, Verdict};
use crate::routes::{Gates, Watch};
use crate::state::Store;

/// Failures in a row after which a container leaves: one may be a hiccup of the machine.
const FAILURES_MAX: u32 = 2;
/// From a first failure to the next question, unless the interval is shorter: whoever is broken
/// should be known soon, not after another interval.
const RECHECK: Duration = Duration::from_secs(1);
/// Questions under way at once. Containers that answer take milliseconds; when more than these
/// hang at the same time, the others are asked later than they should be.
const QUESTIONS_MAX: usize = 256;

/// The checks under way, one task for each watched container.
pub(super) struct HealthChecks {
    tasks: JoinSet<Changed>,
    running: BTreeMap<Watch, AbortHandle>,
    permits: Arc<Semaphore>,
    spread: Spread,
}

impl Default for HealthChecks {
    fn default() -> Self {
        Self {
            tasks: JoinSet::new(),
            running: BTreeMap::new(),
            permits: Arc::new(Semaphore::new(QUESTIONS_MAX)),
            spread: Spread::default(),
        }
    }
}

/// That a container fails now, and why, or that it is well again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) watch: Watch,
    pub(super) failure: Option<String>,
}

impl HealthChecks {
    /// Waits for the next change. May be dropped at any await.
    pub(super) async fn next(&mut self) -> Changed {
        let changed = ended(&mut self.tasks).await;
        self.running.remove(&changed.watch);
        changed
    }

    /// Asks just these, and forgets what is known of others. The first questions are spread over
    /// an interval, so that many containers are not asked in the same moment.
    pub(super) fn run<P: Probe + Clone>(
        &mut self,
        watches: &BTreeSet<Watch>,
        failing: &mut BTreeMap<Watch, String>,
        prober: &P,
    ) {
        failing.retain(|watch, _| watches.contains(watch));
        self.running.retain(|watch, task| {
            let goes_on = watches.contains(watch);
            if !goes_on {
                task.abort();
            }
            goes_on
        });
        for watch in watches {
            if !self.running.contains_key(watch) {
                let first = self.spread.share_of(watch.check.interval);
                self.begin(watch, failing.contains_key(watch), first, prober);
            }
        }
    }

    /// The container was started anew: nothing that was found before counts.
    pub(super) fn forget(&mut self, id: &ContainerId, failing: &mut BTreeMap<Watch, String>) {
        failing.retain(|watch, _| watch.container.id != *id);
        self.running.retain(|watch, task| {
            let is_other = watch.container.id != *id;
            if !is_other {
                task.abort();
            }
            is_other
        });
    }

    fn begin<P: Probe + Clone>(
        &mut self,
        watch: &Watch,
        is_failing: bool,
        first: Duration,
        prober: &P,
    ) {
        let asker = Asker {
            prober: prober.clone(),
            permits: Arc::clone(&self.permits),
            check: question(watch),
            watch: watch.clone(),
            at: Instant::now() + first,
        };
        let task = if is_failing {
            self.tasks.spawn(asker.until_well())
        } else {
            self.tasks.spawn(asker.until_failing())
        };
        self.running.insert(watch.clone(), task);
    }
}

/// One container's questions.
struct Asker<P> {
    prober: P,
    permits: Arc<Semaphore>,
    check: Check,
    watch: Watch,
    /// When the next one is due.
    at: Instant,
}

impl<P: Probe> Asker<P> {
    async fn ask(&mut self) -> Verdict {
        sleep_until(self.at).await;
        self.at += self.watch.check.interval;
        let permit = self.permits.acquire().await;
        let _permit = permit.expect("the semaphore is never closed");
        let verdict = self.prober.check(&self.check).await;
        // Who was kept waiting is not asked twice in a row for it.
        self.at = self.at.max(Instant::now());
        verdict
    }

    async fn until_failing(mut self) -> Changed {
        let mut failures = 0;
        loop {
            match self.ask().await {
                Verdict::Healthy => failures = 0,
                Verdict::Unhealthy(reason) => {
                    failures += 1;
                    if failures == FAILURES_MAX {
                        return self.changed(Some(reason.to_string()));
                    }
                    self.at = self.at.min(Instant::now() + RECHECK);
                }
            }
        }
    }

    async fn until_well(mut self) -> Changed {
        while self.ask().await != Verdict::Healthy {}
        self.changed(None)
    }

    fn changed(self, failure: Option<String>) -> Changed {
        Changed {
            watch: self.watch,
            failure,
        }
    }
}

fn question(watch: &Watch) -> Check {
    Check {
        address: watch.address,
        question: Question::Http(HttpQuestion {
            scheme: watch.scheme,
            host: watch.host.as_str().to_owned(),
            path: watch.check.path.clone(),
            expected: watch.check.status.clone(),
        }),
        timeout: watch.check.timeout,
    }
}

impl<E, A, S, P> Loop<E, A, S, P>
where
    E: Engine + Clone,
    A: Admin + Clone,
    S: Store + Clone,
    P: Probe + Clone,
{
    /// A container fails its checks, or is well again.
    pub(super) fn on_health(&mut self, changed: Changed) {
        let Changed { watch, failure } = changed;
        let readiness = &mut self.readiness;
        match &failure {
            Some(reason) => drop({
                let failing = &mut readiness.gates.failing;
                failing.insert(watch.clone(), reason.clone())
            }),
            None => drop(readiness.gates.failing.remove(&watch)),
        }
        let (is_failing, next) = (failure.is_some(), watch.check.interval);
        let prober = &self.world.prober;
        readiness.health.begin(&watch, is_failing, next, prober);
        self.rebuild();
        let (container, path) = (&watch.container, &watch.check.path);
        match failure {
            Some(reason) if self.takes_requests(&watch) => {
                warn!(%container, %path, %reason, "The container fails its health check; it goes on taking requests, because no other replica is ready.");
            }
            Some(reason) => {
                warn!(%container, %path, %reason, "The container fails its health check and takes no requests until it passes.");
            }
            None => info!(%container, %path, "The container passes its health check again."),
        }
    }

    /// Takes those that are not well as the last that were ready: a start knows no better.
    pub(super) fn take_ailing_as_ready(&mut self) {
        let certificates = Arc::clone(&self.channels.certificates.borrow());
        if let Some(built) = self.build(&certificates, &Gates::open()) {
            self.readiness.gates.ready_last = built.ready_last;
        }
    }

    fn takes_requests(&self, watch: &Watch) -> bool {
        let mut routes = self.status.table.routes.values();
        routes.any(|route| {
            let mut upstreams = route.pool.upstreams.iter();
            upstreams.any(|upstream| {
                upstream.address == watch.address && upstream.container == watch.container
            })
        })
    }
}
