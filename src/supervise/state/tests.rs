//! A random world against the state machine: a child that answers, hangs, dies or ignores
//! signals; configs that come at any time; ports that are taken.

use proptest::prelude::*;

use super::*;

mod adopt;

/// One turn of the world.
#[derive(Debug, Clone, Copy)]
enum Turn {
    Pass(u16),
    Config,
    Prepared { port_taken: bool },
    Answer(Answer),
    Die,
    SpawnFails,
    Stop,
    Abort,
    Leave,
    Looked { found: bool },
}

/// Holds the machine and what its actions did to the world, and checks each action.
struct World {
    timing: Timing,
    state: State,
    now: Instant,
    start: Instant,
    child: Option<Signal>,
    looking: bool,
    preparing: bool,
    asked: bool,
    spawns: Vec<(u64, Instant)>,
    stop_asked_at: Option<Instant>,
}

/// The strongest signal that the child got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    None,
    Terminate,
    Kill,
}

impl World {
    /// A world in which no earlier agent left anything.
    fn new() -> Self {
        let mut world = Self::looking();
        world.turn(Turn::Looked { found: false });
        world
    }

    /// A world at its first moment.
    fn looking() -> Self {
        let now = Instant::now();
        let (state, first) = State::begin();
        assert_eq!(first, [Action::Look]);
        Self {
            timing: Timing::default(),
            state,
            now,
            start: now,
            child: None,
            looking: true,
            preparing: false,
            asked: false,
            spawns: vec![],
            stop_asked_at: None,
        }
    }

    fn turn(&mut self, turn: Turn) {
        match turn {
            Turn::Pass(ms) => self.pass(Duration::from_millis(u64::from(ms))),
            Turn::Config => self.input(Input::Config),
            Turn::Prepared { port_taken } if self.preparing => {
                self.preparing = false;
                self.input(if port_taken {
                    Input::PortTaken
                } else {
                    Input::Clear
                });
            }
            Turn::Answer(answer) if self.asked => {
                self.asked = false;
                self.input(Input::Answered(answer));
            }
            Turn::Die if self.child.is_some() => self.die(Input::Exited),
            Turn::SpawnFails if matches!(self.state.stage, Stage::Starting { .. }) => {
                self.die(Input::SpawnFailed);
            }
            Turn::Looked { found } if self.looking => {
                self.looking = false;
                if found && !self.state.is_over() {
                    self.child = Some(Signal::None);
                }
                self.input(if found {
                    Input::Adopted
                } else {
                    Input::NoneToAdopt
                });
            }
            Turn::Leave => self.stop(Input::Leave),
            Turn::Stop => self.stop(Input::Stop),
            Turn::Abort => self.stop(Input::Abort),
            Turn::Looked { .. }
            | Turn::Prepared { .. }
            | Turn::Answer(_)
            | Turn::Die
            | Turn::SpawnFails => {}
        }
    }

    fn die(&mut self, input: Input) {
        self.child = None;
        self.asked = false;
        self.input(input);
    }

    fn stop(&mut self, input: Input) {
        self.stop_asked_at = self.stop_asked_at.or(Some(self.now));
        self.input(input);
    }

    /// Lets time pass, waking the machine at each of its deadlines.
    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(deadline) = self.state.deadline().filter(|deadline| *deadline <= end) {
            self.now = self.now.max(deadline);
            let before = self.state;
            self.input(Input::Time);
            assert_ne!(
                before, self.state,
                "a deadline that changes nothing would spin"
            );
        }
        self.now = end;
    }

    fn input(&mut self, input: Input) {
        let (state, actions) = self.state.step(&self.timing, input, self.now);
        self.state = state;
        for action in actions {
            self.obey(action);
        }
        let lives = matches!(
            self.state.stage,
            Stage::Starting { .. } | Stage::Up { .. } | Stage::Stopping { .. } | Stage::Left
        );
        assert_eq!(
            lives,
            self.child.is_some(),
            "the stage says whether a child lives"
        );
        self.preparing &= self.state.stage == Stage::Preparing;
    }

    fn obey(&mut self, action: Action) {
        match action {
            Action::Look => unreachable!("only the beginning looks"),
            Action::Prepare => {
                assert!(self.child.is_none() && !self.preparing);
                self.preparing = true;
            }
            Action::Spawn { epoch } => {
                assert!(self.child.is_none(), "never two children");
                assert!(self.stop_asked_at.is_none(), "no spawn after a stop");
                if let Some((last, at)) = self.spawns.last() {
                    assert!(*last < epoch, "each spawn has a new epoch");
                    assert!(
                        self.timing.backoff_min <= self.now - *at,
                        "spawns lie apart"
                    );
                }
                self.spawns.push((epoch, self.now));
                self.child = Some(Signal::None);
            }
            Action::AskServing | Action::AskAlive => {
                assert!(
                    self.child.is_some() && !self.asked,
                    "one ask at a time, to a child"
                );
                self.asked = true;
            }
            Action::Terminate => self.child = self.child.map(|_| Signal::Terminate),
            Action::Kill => self.child = self.child.map(|_| Signal::Kill),
        }
    }
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        6 => (0u16..7_000).prop_map(Turn::Pass),
        4 => Just(Turn::Config),
        6 => any::<bool>().prop_map(|port_taken| Turn::Prepared { port_taken }),
        6 => prop::sample::select(vec![Answer::Nothing, Answer::Alive, Answer::Serving])
            .prop_map(Turn::Answer),
        3 => Just(Turn::Die),
        1 => Just(Turn::SpawnFails),
    ]
}

proptest! {
    #[test]
    fn the_machine_keeps_its_promises_and_stop_always_reaches_stopped(
        turns in prop::collection::vec(turn(), 0..80),
        last in prop_oneof![Just(Turn::Stop), Just(Turn::Abort)],
        second in prop::option::of(Just(Turn::Abort)),
    ) {
        let mut world = World::new();
        for turn in turns.into_iter().chain([last]).chain(second) {
            world.turn(turn);
        }
        // A child that dies of nothing but SIGKILL.
        world.pass(world.timing.stop_timeout);
        prop_assert!(world.child.is_none_or(|signal| signal == Signal::Kill));
        world.turn(Turn::Die);
        prop_assert_eq!(world.state.stage, Stage::Stopped);
    }

    #[test]
    fn attempts_that_all_fail_are_bounded_per_minute(
        ends in prop::collection::vec(prop_oneof![
            Just(Turn::Die), Just(Turn::SpawnFails), Just(Turn::Prepared { port_taken: true }),
        ], 200),
        passes in prop::collection::vec(0u16..200, 200),
    ) {
        let mut world = World::new();
        world.turn(Turn::Config);
        for (end, pass) in ends.into_iter().zip(passes) {
            world.turn(Turn::Prepared { port_taken: matches!(end, Turn::Prepared { .. }) });
            world.turn(end);
            world.turn(Turn::Pass(pass));
            world.pass(world.state.deadline().map_or(Duration::ZERO, |at| at - world.now));
        }
        let minute = Duration::from_mins(1);
        let within = |from: Instant| {
            world.spawns.iter().filter(|(_, at)| from <= *at && *at - from < minute).count()
        };
        // 0.1 + 0.2 + … + 3.2 s are six, then one every 5 s.
        prop_assert!(world.spawns.iter().all(|(_, at)| within(*at) <= 20));
        prop_assert!(world.start < world.now);
    }
}

/// A world whose first child is up.
fn up() -> World {
    let mut world = World::new();
    world.turn(Turn::Config);
    world.turn(Turn::Prepared { port_taken: false });
    world.turn(Turn::Pass(20));
    world.turn(Turn::Answer(Answer::Serving));
    assert!(matches!(world.state.stage, Stage::Up { .. }));
    world
}

fn delay(world: &World) -> Option<Duration> {
    let Stage::Waiting { delay, .. } = world.state.stage else {
        return None;
    };
    Some(delay)
}

#[test]
fn two_silent_asks_kill_at_once_and_the_next_child_waits_for_the_exit() {
    let mut world = up();
    world.pass(Duration::from_secs(5));
    world.turn(Turn::Answer(Answer::Nothing));
    world.pass(Duration::from_secs(5));
    world.turn(Turn::Answer(Answer::Nothing));
    assert_eq!(world.child, Some(Signal::Kill));
    world.pass(Duration::from_mins(1));
    assert_eq!(world.spawns.len(), 1);
    world.turn(Turn::Die);
    assert_eq!(delay(&world), Some(Duration::from_millis(100)));
}

#[test]
fn an_answer_between_two_silent_asks_forgives_the_first() {
    let mut world = up();
    for answer in [Answer::Nothing, Answer::Alive].repeat(2) {
        world.pass(Duration::from_secs(5));
        world.turn(Turn::Answer(answer));
    }
    assert_eq!(world.child, Some(Signal::None));
}

#[test]
fn waits_grow_to_the_maximum_and_start_anew_after_half_a_minute_up() {
    let mut world = up();
    let mut delays = vec![];
    for _ in 0..8 {
        world.turn(Turn::Die);
        let waited = delay(&world).expect("an exit is followed by a wait");
        delays.push(waited.as_millis());
        world.pass(waited);
        world.turn(Turn::Prepared { port_taken: false });
        world.turn(Turn::Pass(20));
        world.turn(Turn::Answer(Answer::Serving));
    }
    assert_eq!(delays, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    world.pass(Duration::from_secs(30));
    world.turn(Turn::Die);
    assert_eq!(delay(&world), Some(Duration::from_millis(100)));
}

#[test]
fn a_new_config_ends_the_wait_only_after_an_exit_before_up() {
    let mut world = up();
    world.turn(Turn::Die);
    world.turn(Turn::Config);
    assert_eq!(
        world.state.deadline(),
        Some(world.now + Duration::from_millis(100))
    );
    for _ in 0..5 {
        world.pass(Duration::from_secs(5));
        world.turn(Turn::Prepared { port_taken: false });
        world.turn(Turn::Pass(150));
        world.turn(Turn::Die);
    }
    assert_eq!(delay(&world), Some(Duration::from_millis(3_200)));
    world.turn(Turn::Config);
    world.turn(Turn::Pass(0));
    assert_eq!(world.state.stage, Stage::Preparing);
}

/// A world whose first child starts, and has been asked.
fn starting() -> World {
    let mut world = World::new();
    world.turn(Turn::Config);
    world.turn(Turn::Prepared { port_taken: false });
    world.turn(Turn::Pass(20));
    assert!(matches!(world.state.stage, Stage::Starting { .. }));
    world
}

#[test]
fn a_child_that_works_on_its_first_config_is_waited_for_as_long_as_it_answers() {
    let mut world = starting();
    for _ in 0..20 {
        world.turn(Turn::Answer(Answer::Alive));
        world.pass(Duration::from_secs(5));
        assert_eq!(world.child, Some(Signal::None));
    }
    world.turn(Turn::Answer(Answer::Serving));
    assert!(matches!(world.state.stage, Stage::Up { .. }));

    let mut world = starting();
    world.turn(Turn::Answer(Answer::Alive));
    world.pass(Duration::from_secs(10));
    assert_eq!(world.child, Some(Signal::Terminate), "it fell silent");

    let mut world = starting();
    for _ in 0..24 {
        world.turn(Turn::Answer(Answer::Alive));
        world.pass(Duration::from_secs(5));
    }
    assert_eq!(world.child, Some(Signal::Terminate), "two minutes are over");
}

#[test]
fn a_child_that_never_answers_gets_term_then_kill_then_a_successor() {
    let mut world = World::new();
    world.turn(Turn::Config);
    world.turn(Turn::Prepared { port_taken: false });
    world.pass(Duration::from_secs(10));
    assert_eq!(world.child, Some(Signal::Terminate));
    world.pass(Duration::from_secs(5));
    assert_eq!(world.child, Some(Signal::Kill));
    world.turn(Turn::Die);
    assert!(delay(&world).is_some());
}
