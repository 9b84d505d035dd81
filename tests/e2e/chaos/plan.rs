//! What is to happen, out of a seed and nothing else.

use std::fmt;
use std::time::Duration;

use rustix::process::Signal;

use super::crowd::{REPLICAS, SITES};

/// Numbers that look random and follow from the seed (`SplitMix64`).
#[derive(Debug)]
pub(super) struct Dice {
    state: u64,
    /// Whether the round before took the containers' engine away from them.
    has_just_restarted: bool,
}

/// A round: some things done to containers, and one fault that begins before one of them.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) steps: Vec<Step>,
    pub(super) fault: Fault,
    /// Before which step the fault begins.
    pub(super) fault_at: usize,
}

/// Something done to the container of one place; what, depends on what there is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) site: usize,
    pub(super) replica: usize,
    pub(super) die: u64,
}

/// What happens to agent, Caddy or engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Nothing,
    /// Caddy gets a signal that ends it.
    CaddyEnds(Signal),
    /// Caddy stands still, and does not answer at its admin socket either.
    CaddyStands,
    /// The agent ends and another comes after the steps.
    AgentEnds {
        by: Signal,
        damage: Damage,
        /// Its Caddy ends, too, while nobody watches it.
        caddy_ends: bool,
    },
    /// The agent is asked to look.
    AgentHup,
    /// What is between agent and engine misbehaves until the steps are done.
    Proxy(ProxyFault),
    /// The engine is killed and started again.
    EngineRestarts {
        away: Duration,
    },
    EngineStands(Duration),
    /// The runtime directory is emptied while the agent runs.
    RuntimeEmptied,
}

/// What happens to files while no agent runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    None,
    StateCut,
    StateGarbage,
    StateOfAnotherVersion,
    StateRemoved,
    ContainersCut,
    AllRemoved,
    SlotsRemoved,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProxyFault {
    RefuseAll,
    RefuseEvents,
    HoldEvents,
    HangLists,
    CutLists,
    CutStreams,
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.steps.len();
        write!(
            f,
            "{:?} before step {} of {steps}",
            self.fault,
            self.fault_at + 1
        )
    }
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            state: seed,
            has_just_restarted: false,
        }
    }

    /// Whether containers outlive the engine. It stays as it is: an agent cannot know that an engine
    /// which has not answered yet was started with another setting than the last.
    pub(super) fn live_restore(&mut self) -> bool {
        self.below(2) == 0
    }

    fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        let roll = self.roll() % limit as u64;
        usize::try_from(roll).expect("less than the limit")
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// The next round.
    pub(super) fn round(&mut self) -> Round {
        let steps = (0..2 + self.below(5))
            .map(|_| self.step())
            .collect::<Vec<_>>();
        let fault_at = self.below(steps.len());
        let fault = self.fault();
        self.has_just_restarted = matches!(fault, Fault::EngineRestarts { .. });
        Round {
            steps,
            fault,
            fault_at,
        }
    }

    fn step(&mut self) -> Step {
        Step {
            site: self.below(SITES.len()),
            replica: self.below(REPLICAS),
            die: self.roll(),
        }
    }

    fn fault(&mut self) -> Fault {
        match self.below(20) {
            0 | 1 => Fault::CaddyEnds(Signal::KILL),
            2 => Fault::CaddyEnds(Signal::TERM),
            3 | 4 => Fault::CaddyStands,
            5..=8 => Fault::AgentEnds {
                by: self.pick(&[Signal::KILL, Signal::KILL, Signal::USR2, Signal::TERM]),
                damage: self.damage(),
                caddy_ends: self.below(5) == 0,
            },
            9 => Fault::AgentHup,
            10..=13 => Fault::Proxy(self.pick(&[
                ProxyFault::RefuseAll,
                ProxyFault::RefuseEvents,
                ProxyFault::HoldEvents,
                ProxyFault::HangLists,
                ProxyFault::CutLists,
                ProxyFault::CutStreams,
            ])),
            // A container that ends by itself three times in a row must run for a second before it
            // is asked again, and engines that restart one after another are just that.
            14 | 15 if !self.has_just_restarted => Fault::EngineRestarts {
                away: Duration::from_millis(self.roll() % 2_000),
            },
            16 => Fault::EngineStands(Duration::from_millis(500 + self.roll() % 1_500)),
            17 => Fault::RuntimeEmptied,
            _ => Fault::Nothing,
        }
    }

    fn damage(&mut self) -> Damage {
        self.pick(&[
            Damage::None,
            Damage::None,
            Damage::StateCut,
            Damage::StateGarbage,
            Damage::StateOfAnotherVersion,
            Damage::StateRemoved,
            Damage::ContainersCut,
            Damage::AllRemoved,
            Damage::SlotsRemoved,
        ])
    }
}
