//! Clients of the sites that nobody touches, and what they may lose.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use crate::harness::load::report::Loss;
use crate::harness::load::{Kind, Load, Plan, Report, Secure, Sockets};
use crate::harness::{Agent, Engine, until};
use crate::redeploy::Cost;

use super::crowd::CALM;

/// Clients of each kind, and websockets. With their pause some 100 requests a second in all, which
/// is little work for two cores that do other things, too.
const CLIENTS: usize = 2;
const THINK_TIME: Duration = Duration::from_millis(100);
/// A connection that Caddy's end has closed is found closed with the next request.
const FOUND_CLOSED_MS: u64 = 500;
/// A websocket waits so long for its echo, and then finds that it is closed.
const ECHO_WAIT_MS: u64 = 10_500;
const PATIENCE: Duration = Duration::from_secs(20);

/// Clients at work for one round.
pub(super) struct Traffic {
    load: Load,
    /// When Caddy, or the sites' containers, were away: what is under way then may be lost.
    away: Vec<Range<u64>>,
    /// When no agent ran.
    agentless: Vec<Range<u64>>,
}

/// What was asked and lost, of one round or of all.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    answers: u64,
    /// While Caddy, or the sites' containers, were away.
    lost_away: usize,
    away_ms: u64,
    /// While no agent ran.
    lost_agentless: usize,
    agentless_ms: u64,
    /// At all other times.
    lost_else: usize,
    loads: u64,
}

impl Traffic {
    pub(super) async fn start(agent: &Agent, engine: &Engine) -> Self {
        let host = engine.host(CALM);
        let mut plan = Plan::new(agent.http_port, &host, CALM);
        plan.kinds = Kind::ALL.to_vec();
        plan.clients = CLIENTS;
        plan.think_time = THINK_TIME;
        plan.secure = Some(Secure {
            port: agent.https_port,
            host: engine.host("secure"),
            root: agent.root(),
        });
        plan.sockets = Sockets {
            count: CLIENTS,
            host,
        };
        let load = Load::start(plan);
        let traffic = Self {
            load,
            away: Vec::new(),
            agentless: Vec::new(),
        };
        until("all clients have answers", PATIENCE, async || {
            let report = traffic.load.report();
            let is_used = report.clients.values().all(|counts| counts.ok > 0);
            (is_used && report.websockets.opened == CLIENTS as u64)
                .then_some(())
                .ok_or(format!("{report:?}"))
        })
        .await;
        traffic
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.load.elapsed_ms()
    }

    /// Caddy, or the sites' containers, were away since then.
    pub(super) fn was_away_since(&mut self, from_ms: u64) {
        self.away.push(from_ms..self.now_ms());
    }

    /// No agent ran since then.
    pub(super) fn was_agentless_since(&mut self, from_ms: u64) {
        self.agentless.push(from_ms..self.now_ms());
    }

    /// Ends the clients, and asserts that they lost no more than they may: nothing while only the
    /// agent was away; at each load what the redeploys' rule allows; no answer of another app.
    pub(super) async fn end(self, loads: u64) -> Totals {
        let report = self.load.stop().await;
        let sum = |ranges: &[Range<u64>]| ranges.iter().map(|r| r.end - r.start).sum();
        let mut totals = Totals {
            answers: report.ok(),
            away_ms: sum(&self.away),
            agentless_ms: sum(&self.agentless),
            loads,
            ..Totals::default()
        };
        no_answer_of_another(&report);
        let cost = Cost { loads, stops: 0 };
        for (&kind, counts) in &report.clients {
            assert_eq!(counts.failed, counts.failures.len() as u64, "all are told");
            let (away, other): (Vec<&Loss>, Vec<&Loss>) =
                { counts.failures.iter() }.partition(|l| is_in(l, &self.away, FOUND_CLOSED_MS));
            totals.lost_away += away.len();
            let agentless = other
                .iter()
                .filter(|l| is_in(l, &self.agentless, 0))
                .count();
            totals.lost_agentless += agentless;
            totals.lost_else += other.len() - agentless;
            // A load may reset a connection that is just being opened: by a request that is sent
            // again after another load, or by an HTTP/2 client that another load told to leave, or
            // that has only come. Rare, and likelier on a busy machine.
            let most = match kind {
                Kind::Retry | Kind::Http2 => loads,
                Kind::Kept | Kind::Blind | Kind::Fresh | Kind::Post => {
                    CLIENTS as u64 * cost.most_per_client(kind)
                }
            };
            assert!(
                other.len() as u64 <= most,
                "{kind:?} lost more than {most} with {cost:?}, away {:?}, without an agent {:?}: \
                 {other:?}",
                self.away,
                self.agentless
            );
        }
        let sockets = &report.websockets.closes;
        let lost = { sockets.iter() }.filter(|loss| !is_in(loss, &self.away, ECHO_WAIT_MS));
        assert_eq!(lost.count(), 0, "websockets were closed: {sockets:?}");
        totals
    }
}

/// Whatever happens: one site never gets what is another's.
fn no_answer_of_another(report: &Report) {
    let wrong = report.losses().filter(|loss| {
        let reason = loss.reason.as_str();
        reason.ends_with("another app's body") || reason.ends_with("the app got another body")
    });
    let wrong: Vec<&Loss> = wrong.collect();
    assert!(wrong.is_empty(), "answers of others: {wrong:?}");
}

/// Whether it was under way in one of these times, or so much later.
fn is_in(loss: &Loss, times: &[Range<u64>], later_ms: u64) -> bool {
    let sent_ms = loss.at_ms - loss.took_ms;
    let mut times = times.iter();
    times.any(|time| time.start <= loss.at_ms && sent_ms <= time.end + later_ms)
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, more: Self) {
        self.answers += more.answers;
        self.lost_away += more.lost_away;
        self.away_ms += more.away_ms;
        self.lost_agentless += more.lost_agentless;
        self.agentless_ms += more.agentless_ms;
        self.lost_else += more.lost_else;
        self.loads += more.loads;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} right answers; lost: {} in {} ms with Caddy or the containers away, {} in {} ms \
             without an agent, {} else, with {} loads",
            self.answers,
            self.lost_away,
            self.away_ms,
            self.lost_agentless,
            self.agentless_ms,
            self.lost_else,
            self.loads
        )
    }
}
