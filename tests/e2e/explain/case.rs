//! One broken set-up: what is run, what is asked, what is said, and what mends it.

use std::path::PathBuf;

use serde_json::Value;

use crate::harness::{Agent, Answer, App, Container, Engine, Options, patience, until};

/// An engine and an agent that sees the containers of this test alone.
pub(super) struct Scene {
    pub(super) engine: Engine,
    pub(super) agent: Agent,
    pub(super) prefix: String,
}

impl Scene {
    pub(super) async fn start(flags: &[&str]) -> Self {
        let (engine, prefix) = Engine::start().await.with_prefix();
        let options = Options::default().flags(["--label-prefix", &prefix]);
        let agent = Agent::start_with(&engine, options.flags(flags.iter().copied())).await;
        Self {
            engine,
            agent,
            prefix,
        }
    }

    /// `sh0-agent explain --json` of this; `Null` where it ends otherwise.
    pub(super) async fn explain(&self, asked: &str) -> Value {
        let mut command = self.agent.command("explain");
        command.args([asked, "--json"]);
        let output = tokio::process::Command::from(command).output();
        let output = output.await.expect("it was built");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            Value::String(said)
        })
    }

    pub(super) fn host(&self, name: &str) -> String {
        self.engine.host(name)
    }
}

/// What mends a set-up.
pub(super) enum Fix {
    /// The `docker` commands in the help are typed as they stand.
    Typed,
    /// The help says these words, and the container is made anew, with labels as they say.
    Anew(&'static [&'static str], App),
    /// The help says these words, and another container is run.
    Beside(&'static [&'static str], App),
    /// The help says this URL or host; nothing is changed.
    Asked(String),
}

/// How a mended site is asked.
#[derive(Debug, Clone)]
pub(super) struct Site {
    host: String,
    path: &'static str,
    tls: bool,
}

pub(super) struct Case {
    pub(super) name: &'static str,
    app: App,
    /// Started before it, and what is done to them after.
    beside: Vec<App>,
    /// What is done to the container once it runs.
    then: Option<&'static str>,
    /// `None` is the container's name.
    asked: Option<String>,
    /// The link that breaks, how, and what its text says.
    says: (&'static str, &'static str, String),
    code: Option<&'static str>,
    fix: Fix,
    site: Site,
}

/// A case about a container of this name, which serves the host of this name once it is mended.
pub(super) fn case(scene: &Scene, name: &'static str) -> Case {
    Case {
        name,
        app: App::named(name),
        beside: Vec::new(),
        then: None,
        asked: None,
        says: ("seen", "broken", String::new()),
        code: None,
        fix: Fix::Typed,
        site: Site {
            host: scene.host(name),
            path: "/",
            tls: false,
        },
    }
}

impl Case {
    pub(super) fn app(self, app: App) -> Self {
        Self { app, ..self }
    }

    pub(super) fn beside(mut self, app: App) -> Self {
        self.beside.push(app);
        self
    }

    pub(super) fn then(self, verb: &'static str) -> Self {
        Self {
            then: Some(verb),
            ..self
        }
    }

    pub(super) fn asked(self, asked: &str) -> Self {
        Self {
            asked: Some(asked.to_owned()),
            ..self
        }
    }

    pub(super) fn breaks(self, step: &'static str, text: &str) -> Self {
        Self {
            says: (step, "broken", text.to_owned()),
            ..self
        }
    }

    pub(super) fn waits(self, step: &'static str, text: &str) -> Self {
        Self {
            says: (step, "waiting", text.to_owned()),
            ..self
        }
    }

    pub(super) fn code(self, code: &'static str) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    pub(super) fn fix(self, fix: Fix) -> Self {
        Self { fix, ..self }
    }

    pub(super) fn at(self, host: &str, path: &'static str) -> Self {
        let site = Site {
            host: host.to_owned(),
            path,
            ..self.site
        };
        Self { site, ..self }
    }

    pub(super) fn over_tls(self) -> Self {
        let site = Site {
            tls: true,
            ..self.site
        };
        Self { site, ..self }
    }

    /// Runs its containers.
    pub(super) async fn start(self, scene: &Scene) -> Started {
        for app in &self.beside {
            scene.engine.run(app.clone()).await;
        }
        let container = match self.then {
            Some("create") => scene.engine.create(self.app.clone()).await,
            _ => scene.engine.run(self.app.clone()).await,
        };
        match self.then {
            Some("stop") => scene.engine.stop(&container).await,
            Some("remove-lender") => {
                let lender = scene.engine.name_of("lender");
                scene.engine.docker(&["rm", "--force", &lender]).await;
            }
            Some("pause") => scene.engine.act("pause", &container).await,
            Some(_) | None => {}
        }
        Started {
            case: self,
            container,
            help: String::new(),
        }
    }
}

/// A case whose containers were started.
pub(super) struct Started {
    case: Case,
    container: Container,
    help: String,
}

impl Started {
    /// The first link that breaks is the headline, and has the help.
    pub(super) async fn explained(&self, scene: &Scene) {
        let (step, state, text) = &self.case.says;
        let asked = self.case.asked.as_ref().unwrap_or(&self.container.name);
        let what = format!("{}: {step} {state}: {text}", self.case.name);
        until(&what, patience() * 2, async || {
            let said = scene.explain(asked).await;
            let links = said["links"].as_array().cloned().unwrap_or_default();
            let first = links.iter().find(|link| {
                let state = link["state"].as_str().unwrap_or_default();
                ["broken", "waiting"].contains(&state)
            });
            let first = first.cloned().unwrap_or_default();
            let headline = said["headline"]["text"].as_str().unwrap_or_default();
            let is_headline = first["text"]
                .as_str()
                .is_some_and(|text| headline.ends_with(text));
            let is_so = first["step"] == *step && first["state"] == *state;
            let code = first["code"].as_str();
            let found = first["text"].as_str().unwrap_or_default();
            if is_so && is_headline && found.contains(text) && code == self.case.code {
                Ok(())
            } else {
                Err(format!("{said:#}"))
            }
        })
        .await;
    }

    /// What it says to type is typed, and then the site answers and nothing is wrong.
    pub(super) async fn mended(mut self, scene: &Scene) {
        let asked = self.case.asked.clone();
        let asked = asked.unwrap_or_else(|| self.container.name.clone());
        let said = scene.explain(&asked).await;
        self.help = said["headline"]["help"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let asked_then = self.fix(scene, &asked).await;
        let site = &self.case.site;
        let name = self.case.name;
        until(&format!("{name} is served"), patience() * 2, async || {
            let answer = ask(&scene.agent, site).await;
            if answer.is_from(name) {
                Ok(())
            } else {
                Err(format!("{}; the help was: {}", answer.summary(), self.help))
            }
        })
        .await;
        until(
            &format!("{name} is said to be served"),
            patience(),
            async || {
                let said = scene.explain(&asked_then).await;
                if said["headline"]["state"] == "good" {
                    Ok(())
                } else {
                    Err(format!("{said:#}"))
                }
            },
        )
        .await;
    }

    /// Does what the help says; what is asked about afterwards.
    async fn fix(&mut self, scene: &Scene, asked: &str) -> String {
        let says = |words: &[&str]| {
            for word in words {
                let word = word.replace("sh0.", &format!("{}.", scene.prefix));
                assert!(
                    self.help.contains(&word),
                    "{}: {}",
                    self.case.name,
                    self.help
                );
            }
        };
        match &self.case.fix {
            Fix::Typed => {
                let commands = self.help.split('`').skip(1).step_by(2);
                let mut typed = 0;
                for command in commands.filter(|text| text.starts_with("docker ")) {
                    let words: Vec<&str> = command.split(' ').skip(1).collect();
                    if words.first() == Some(&"logs") {
                        continue;
                    }
                    scene.engine.docker(&words).await;
                    typed += 1;
                }
                assert!(
                    typed > 0,
                    "{}: nothing to type: {}",
                    self.case.name,
                    self.help
                );
            }
            Fix::Anew(words, app) => {
                says(words);
                scene.engine.remove(&self.container).await;
                self.container = scene.engine.run(app.clone()).await;
            }
            Fix::Beside(words, app) => {
                says(words);
                scene.engine.run(app.clone()).await;
            }
            Fix::Asked(asked) => {
                says(&[asked.as_str()]);
                return asked.clone();
            }
        }
        asked.to_owned()
    }
}

async fn ask(agent: &Agent, site: &Site) -> Answer {
    let root: PathBuf = agent.root();
    if site.tls && root.exists() {
        return agent.get_tls(&site.host, site.path).await;
    }
    agent.get(&site.host, site.path).await
}
