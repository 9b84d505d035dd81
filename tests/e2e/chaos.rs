//! Chaos: a private engine, an agent and its Caddy, to which everything happens that does happen,
//! in an order that a seed decides, while clients ask sites that nobody touches.
//!
//! After each round it must be quiet again: untouched sites have lost nothing but what Caddy's own
//! end, or the end of their containers, explains; the routes are those of a fresh agent with a copy
//! of the state directory; and nothing is left behind.
//!
//! `SH0_CHAOS_SEED` repeats a sequence (it is printed at the start and at a failure), and
//! `SH0_CHAOS_SECONDS` is how long rounds are begun, 80 by default. The usual run has the same
//! sequence each time, so that it fails by a change and by no chance; `scripts/test chaos` has
//! another each time.

mod convergence;
mod crowd;
mod fault;
mod history;
mod leaks;
mod plan;
mod scene;
mod strays;
mod traffic;

use std::time::Duration;

use tokio::time::Instant;

use self::history::History;
use self::leaks::Usage;
use self::plan::Dice;
use self::scene::Scene;

/// How long rounds are begun when nothing else is said: with the start and the last round it stays
/// below three minutes.
const SECONDS: u64 = 80;
/// The sequence of the usual run: it has nearly each kind of fault, and found bugs.
const SEED: u64 = 393_267_525;
/// The first rounds warm up: caches, pools of connections, allocators.
const WARM_ROUNDS: usize = 2;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}

#[tokio::test]
async fn whatever_happens_untouched_sites_go_on_and_the_routes_are_a_fresh_agents() {
    let seed = number("SH0_CHAOS_SEED").unwrap_or(SEED);
    let length = Duration::from_secs(number("SH0_CHAOS_SECONDS").unwrap_or(SECONDS));
    let history = History::begin(seed);
    let mut dice = Dice::new(seed);
    let mut scene = Scene::start(&history, dice.live_restore()).await;
    let began = Instant::now();
    let (mut warm, mut last) = (Usage::default(), Usage::default());
    let mut rounds = 0;
    while rounds <= WARM_ROUNDS || began.elapsed() < length {
        rounds += 1;
        let round = dice.round();
        history.say(&format!("round {rounds}: {round}"));
        last = scene.round(&round).await;
        if rounds == WARM_ROUNDS {
            warm = last;
        }
    }
    last.has_not_grown_since(&warm);
    history.say(&format!("{rounds} rounds; {}", scene.totals()));
}
