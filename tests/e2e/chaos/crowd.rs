//! The containers that things are done to.

use std::collections::BTreeMap;

use super::history::History;
use super::plan::Step;
use crate::harness::{App, Container, Engine};

/// The sites, with their compose projects.
pub(super) const SITES: [(&str, &str); 4] = [
    ("ant", "garden"),
    ("bee", "garden"),
    ("cat", "house"),
    ("dog", "house"),
];
pub(super) const REPLICAS: usize = 3;
/// The site that nobody touches: all that is done to it is done by labels of others.
pub(super) const CALM: &str = "calm";

/// Labels that are wrong, each in another way, or reach for what is another project's. `CALM`
/// stands for the host of the untouched site.
const BAD: [(&str, &str); 19] = [
    ("sh0.port", "80a"),
    ("sh0.port", "99999"),
    ("sh0.host", "not a host!"),
    ("sh0.hots", "ant.example"),
    ("sh0.path", "api"),
    ("sh0.path.regexp", "("),
    ("sh0.tls", "perhaps"),
    ("sh0.tls.client_ca", "../../etc/passwd"),
    ("sh0.lb.policy", "best"),
    ("sh0.timeout.connect", "fast"),
    ("sh0.body_max", "lots"),
    ("sh0.auth.basic", "user:plain"),
    ("sh0.allow", "10.0.0.0/99"),
    ("sh0.rewrite", "{file./etc/passwd}"),
    ("sh0.headers.response.X-Evil", "a\r\nSet-Cookie: b"),
    ("sh0.caddy.handlers", "[{\"handler\":\"static_response\"}]"),
    ("sh0.host", "CALM"),
    ("sh0.redirect.from", "CALM"),
    ("sh0.routes.evil.path", "/evil"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Stopped,
    Paused,
    OffNetwork,
}

/// A container and what was done to it last. What the engine makes of it may differ; nothing but
/// the choice of the next thing depends on it.
#[derive(Debug)]
struct Member {
    container: Container,
    state: State,
}

/// All of them, by site and replica.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    members: BTreeMap<(usize, usize), Member>,
    /// What containers say, by their ids.
    says: BTreeMap<String, String>,
    renames: u64,
}

impl Crowd {
    /// What the container of this id says that it is.
    pub(super) fn says(&self, id: &str) -> Option<&str> {
        self.says.get(id).map(String::as_str)
    }

    /// The engine has started what was stopped, as `--restart always` asks, and without live
    /// restore all others anew.
    pub(super) fn engine_restarted(&mut self, live_restore: bool) {
        for member in self.members.values_mut() {
            let is_started =
                member.state == State::Stopped || (member.state == State::Paused && !live_restore);
            if is_started {
                member.state = State::Running;
            }
        }
    }

    /// Does a thing to the container of a place.
    pub(super) async fn act(&mut self, step: Step, engine: &Engine, history: &History) {
        let place = (step.site, step.replica);
        let state = self.members.get(&place).map(|member| member.state);
        // The low bits choose the thing, the others its kind.
        let (which, kind) = (step.die % 8, step.die / 8);
        match (state, which) {
            (None, _) | (Some(State::Running), 0..=2) => {
                self.recreate(place, kind, engine, history).await;
            }
            (Some(State::Stopped), 0..=5) => {
                self.turn(place, "start", State::Running, engine, history)
                    .await;
            }
            (Some(State::Paused), 0..=5) => {
                self.turn(place, "unpause", State::Running, engine, history)
                    .await;
            }
            (Some(State::OffNetwork), 0..=5) => {
                self.join(place, engine, history).await;
            }
            (Some(State::Running), 3) => {
                let (verb, state) = [
                    ("stop --time 2", State::Stopped),
                    ("kill", State::Stopped),
                    ("restart --time 2", State::Running),
                ][usize::try_from(kind % 3).expect("below three")];
                self.turn(place, verb, state, engine, history).await;
            }
            (Some(State::Running), 4) => {
                self.turn(place, "pause", State::Paused, engine, history)
                    .await;
            }
            (Some(State::Running), 5) => self.leave(place, engine, history).await,
            (Some(State::Running), 6) => self.rename(place, engine, history).await,
            (Some(_), _) => self.remove(place, engine, history).await,
        }
    }

    async fn recreate(
        &mut self,
        place: (usize, usize),
        kind: u64,
        engine: &Engine,
        history: &History,
    ) {
        if self.members.contains_key(&place) {
            self.remove(place, engine, history).await;
        }
        let (site, project) = SITES[place.0];
        let name = format!("{site}-{}", place.1 + 1);
        let project = format!("{}-{project}", engine.run_id());
        let app = App::named(&name)
            .argument("--restart", "always")
            .label("sh0.hold", "300ms");
        // Without a project the name decides, which may change.
        let app = match kind % 5 {
            0 => app,
            _ => app.of_project(&project, site),
        };
        let kind = kind / 5;
        let (app, how) = match kind % 10 {
            0..=4 => (app.host(&engine.host(site)), "as is right".to_owned()),
            5 | 6 => {
                let other = SITES[(place.0 + 1) % SITES.len()].0;
                let app = app.host(&engine.host(other));
                (app, format!("with the host of {other}"))
            }
            _ => {
                let bad = usize::try_from(kind / 10 % BAD.len() as u64).expect("below its length");
                let (key, value) = BAD[bad];
                let value = value.replace("CALM", &engine.host(CALM));
                let how = format!("with {key}={value:?}");
                // A label given twice is the last.
                let app = app.host(&engine.host(site)).label(key, &value);
                (app, how)
            }
        };
        history.say(&format!("run {name} {how}"));
        let container = engine.run(app).await;
        self.says.insert(container.id.clone(), name);
        let state = State::Running;
        self.members.insert(place, Member { container, state });
    }

    async fn remove(&mut self, place: (usize, usize), engine: &Engine, history: &History) {
        let member = self.members.remove(&place).expect("it is there");
        let words = ["rm", "--force", "--volumes", &member.container.id];
        tell(&words, &member.container.says, engine, history).await;
    }

    async fn turn(
        &mut self,
        place: (usize, usize),
        verb: &str,
        state: State,
        engine: &Engine,
        history: &History,
    ) {
        let member = self.members.get_mut(&place).expect("it is there");
        let words = verb.split(' ').chain([member.container.id.as_str()]);
        let words: Vec<&str> = words.collect();
        tell(&words, &member.container.says, engine, history).await;
        member.state = state;
    }

    async fn leave(&mut self, place: (usize, usize), engine: &Engine, history: &History) {
        let network = engine.network();
        let verb = format!("network disconnect {network}");
        self.turn(place, &verb, State::OffNetwork, engine, history)
            .await;
    }

    async fn join(&mut self, place: (usize, usize), engine: &Engine, history: &History) {
        let network = engine.network();
        let verb = format!("network connect {network}");
        self.turn(place, &verb, State::Running, engine, history)
            .await;
    }

    async fn rename(&mut self, place: (usize, usize), engine: &Engine, history: &History) {
        self.renames += 1;
        let name = engine.name_of(&format!("renamed-{}", self.renames));
        let container = &self.members[&place].container;
        let words = ["rename", &container.id, &name];
        tell(&words, &container.says, engine, history).await;
    }
}

/// Runs `docker` with these words. It may refuse: an engine that was restarted has made something
/// else of a container than was thought.
async fn tell(words: &[&str], says: &str, engine: &Engine, history: &History) {
    let verb = words.first().copied().unwrap_or_default();
    let verb = match words.get(1) {
        Some(second) if verb == "network" => format!("{verb} {second}"),
        _ => verb.to_owned(),
    };
    match engine.try_docker(words).await {
        Ok(_) => history.say(&format!("{verb} {says}")),
        Err(error) => history.say(&format!("{verb} {says}: refused, {error}")),
    }
}
