//! The compose files of `compose/`, started with docker-compose 1.29 as their comments say. Only
//! the network's name differs, so that tests do not meet on `sh0-net`.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::harness::{
    Agent, Answer, Engine, Options, command, get, get_tls, keeps, patience, until,
};

/// A compose project that was started; dropping it removes it.
struct Project<'a> {
    engine: &'a Engine,
    name: String,
    file: PathBuf,
    dir: TempDir,
    env: Vec<(&'static str, String)>,
}

impl<'a> Project<'a> {
    /// Starts `compose/<file>` as the project `name`. `services` are those in the file, each with
    /// what is to be added to it.
    async fn up(
        engine: &'a Engine,
        (name, file): (&str, &str),
        services: &[(&str, &str)],
        env: Vec<(&'static str, String)>,
    ) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let mut text = String::from("services:\n");
        for (service, more) in services {
            let label = format!("labels: {{sh0.test: {}}}", engine.run_id());
            writeln!(text, "  {service}:\n    {label}\n{more}").expect("a string");
        }
        let network = engine.network();
        writeln!(
            text,
            "networks:\n  sh0-net:\n    external: true\n    name: {network}"
        )
        .expect("a string");
        std::fs::write(dir.path().join("override.yml"), text).expect("ours");
        let project = Self {
            engine,
            name: name.to_owned(),
            file: Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("compose")
                .join(file),
            dir,
            env,
        };
        // What a killed run of this test left behind.
        project.remove_containers();
        project.compose(&["up", "--detach", "--no-build"]).await;
        project
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut compose = command("timeout");
        compose.args(["--kill-after=2", "60", "docker-compose", "-p", &self.name]);
        compose
            .arg("-f")
            .arg(&self.file)
            .arg("-f")
            .arg(self.dir.path().join("override.yml"));
        compose
            .args(words)
            .envs(self.env.iter().map(|(key, value)| (key, value)));
        compose
    }

    /// Runs `docker-compose` with these words and gives its output; its failure is the test's.
    async fn compose(&self, words: &[&str]) -> String {
        let output = tokio::process::Command::from(self.command(words))
            .output()
            .await;
        let output = output.expect("docker-compose is installed");
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// One after another, and not by `down`, which removes in parallel.
    fn remove_containers(&self) {
        let filter = format!("label=com.docker.compose.project={}", self.name);
        self.engine.remove_containers(&filter);
    }
}

impl Drop for Project<'_> {
    fn drop(&mut self) {
        if keeps() {
            return;
        }
        self.remove_containers();
        let down = self
            .command(&["down", "--volumes"])
            .output()
            .expect("docker-compose is installed");
        if !down.status.success() {
            println!("{}: {}", self.name, said(&down));
        }
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// An agent whose hosts have certificates, as by default.
async fn agent(engine: &Engine) -> Agent {
    Agent::start_with(engine, Options::default().env("SH0_DEFAULT_TLS", "auto")).await
}

/// Waits until HTTPS gives this path of the host from that container.
async fn serves(agent: &Agent, host: &str, path: &str, name: &str) -> Answer {
    until(
        &format!("https://{host}{path} is {name}"),
        patience(),
        async || {
            let answer = agent.get_tls(host, path).await;
            if answer.is_from(name) {
                Ok(answer)
            } else {
                Err(answer.summary())
            }
        },
    )
    .await
}

#[tokio::test]
async fn single_site() {
    let engine = Engine::start().await;
    let agent = agent(&engine).await;
    let project = (engine.run_id(), "single-site.yml");
    let _site = Project::up(&engine, project, &[("web", "")], Vec::new()).await;
    serves(&agent, "site.localhost", "/", "web").await;
    assert_eq!(agent.get("site.localhost", "/").await.status, 308);
}

#[tokio::test]
async fn replicas_that_are_ready_share_the_requests() {
    let engine = Engine::start().await;
    let agent = agent(&engine).await;
    let project = (engine.run_id(), "replicas.yml");
    let site = Project::up(&engine, project, &[("web", "")], Vec::new()).await;
    let answering = async |count: usize| {
        until(
            &format!("{count} replicas answer"),
            patience(),
            async || {
                let mut seen = Vec::new();
                for _ in 0..count * 8 {
                    let answer = agent.get_tls("replicas.localhost", "/").await;
                    seen.push(answer.said("hostname").unwrap_or_default().to_owned());
                }
                seen.sort_unstable();
                seen.dedup();
                let is_whole = seen.len() == count && !seen.contains(&String::new());
                if is_whole {
                    Ok(())
                } else {
                    Err(seen.join(" "))
                }
            },
        )
        .await;
    };
    answering(3).await;
    site.compose(&["up", "--detach", "--no-build", "--scale", "web=5"])
        .await;
    answering(5).await;
}

#[tokio::test]
async fn services_share_a_host_by_path() {
    let engine = Engine::start().await;
    let agent = agent(&engine).await;
    let services = [("web", ""), ("api", ""), ("docs", "")];
    let _site = Project::up(
        &engine,
        (engine.run_id(), "paths.yml"),
        &services,
        Vec::new(),
    )
    .await;
    for (host, path, name, seen) in [
        ("paths.localhost", "/", "web", "/"),
        ("paths.localhost", "/api/users", "api", "/users"),
        ("paths.localhost", "/apis", "web", "/apis"),
        ("paths.localhost", "/docs", "docs", "/docs"),
        ("paths.localhost", "/manual/a", "docs", "/manual/a"),
        ("docs.localhost", "/", "docs", "/"),
    ] {
        let answer = serves(&agent, host, path, name).await;
        assert_eq!(answer.said("path"), Some(seen), "{host}{path}");
    }
}

#[tokio::test]
async fn a_shared_host_lets_the_named_project_in_and_nobody_else() {
    let engine = Engine::start().await;
    let agent = agent(&engine).await;
    let web = [("web", "")];
    let _shop = Project::up(&engine, ("shop", "share-shop.yml"), &web, Vec::new()).await;
    serves(&agent, "shared.localhost", "/", "shop").await;
    let _blog = Project::up(&engine, ("blog", "share-blog.yml"), &web, Vec::new()).await;
    let stranger = ("stranger", "share-stranger.yml");
    let _stranger = Project::up(&engine, stranger, &web, Vec::new()).await;
    serves(&agent, "shared.localhost", "/blog", "blog").await;
    let said = agent
        .logs_about("stranger_web_1", "belongs to project `shop`")
        .await;
    assert!(said.contains("sh0.share=stranger"), "{said}");
    serves(&agent, "shared.localhost", "/login", "shop").await;
    serves(&agent, "shared.localhost", "/", "shop").await;
}

#[tokio::test]
async fn the_agent_runs_in_a_container_of_its_own() {
    let engine = Engine::start().await;
    // Never started: it only has free ports.
    let ports = Agent::prepare(&engine, Options::default());
    let env = vec![
        ("SH0_HTTP_PORT", ports.http_port.to_string()),
        ("SH0_HTTPS_PORT", ports.https_port.to_string()),
    ];
    let settings = format!("    environment: {{SH0_NETWORK: {}}}\n", engine.network());
    let project = (format!("{}-agent", engine.run_id()), "agent.yml");
    let services = [("agent", settings.as_str())];
    let project = Project::up(&engine, (&project.0, project.1), &services, env).await;
    let site = (engine.run_id(), "single-site.yml");
    let site = Project::up(&engine, site, &[("web", "")], Vec::new()).await;

    until("the site answers", patience(), async || {
        let answer = get(ports.http_port, "site.localhost", "/").await;
        if answer.status == 308 {
            Ok(())
        } else {
            Err(answer.summary())
        }
    })
    .await;
    let id = project.compose(&["ps", "-q", "agent"]).await;
    let root = ports.home().join("root.crt");
    let from = format!("{id}:/var/lib/sh0-agent/caddy/pki/authorities/local/root.crt");
    engine
        .docker(&["cp", &from, root.to_str().expect("a text")])
        .await;
    until("it answers over HTTPS", patience(), async || {
        let answer = get_tls(&root, ports.https_port, "site.localhost", "/").await;
        if answer.is_from("web") {
            Ok(())
        } else {
            Err(answer.summary())
        }
    })
    .await;
    let routes = engine.docker(&["exec", &id, "sh0-agent", "routes"]).await;
    assert!(routes.contains("site.localhost"), "{routes}");
    drop(site);
    until("the site is gone", patience(), async || {
        let routes = engine.docker(&["exec", &id, "sh0-agent", "routes"]).await;
        let is_gone = !routes.contains("site.localhost");
        is_gone.then_some(()).ok_or(routes)
    })
    .await;
    // In order, with exit code 0.
    engine.docker(&["stop", &id]).await;
    let exit = engine
        .docker(&["inspect", "--format", "{{.State.ExitCode}}", &id])
        .await;
    assert_eq!(exit, "0", "{}", engine.docker(&["logs", &id]).await);
}

/// The status, and the page where there is one, that the agent's page answers through Caddy.
async fn page(root: &Path, https_port: u16, user: Option<&str>) -> (String, String) {
    let mut curl = command("curl");
    let host = format!("status.localhost:{https_port}");
    curl.args(["-s", "--noproxy", "*", "-w", "\n%{http_code}", "--cacert"]);
    curl.arg(root)
        .args(["--resolve", &format!("{host}:127.0.0.1")]);
    curl.args(user.into_iter().flat_map(|user| ["-u", user]));
    curl.arg(format!("https://{host}/"));
    let output = tokio::process::Command::from(curl).output().await;
    let text = String::from_utf8_lossy(&output.expect("curl is installed").stdout).into_owned();
    let (page, code) = text.rsplit_once('\n').unwrap_or(("", &text));
    (code.to_owned(), page.to_owned())
}

#[tokio::test]
async fn the_agents_page_is_routed_by_its_own_labels_with_a_password_and_never_without() {
    let engine = Engine::start().await;
    let ports = Agent::prepare(&engine, Options::default());
    let settings = format!("    environment: {{SH0_NETWORK: {}}}\n", engine.network());
    let services = [("agent", settings.as_str())];
    let name = format!("{}-page", engine.run_id());
    let start = async |password: &str| {
        let env = vec![
            ("SH0_HTTP_PORT", ports.http_port.to_string()),
            ("SH0_HTTPS_PORT", ports.https_port.to_string()),
            ("SH0_STATUS_AUTH", password.to_owned()),
        ];
        Project::up(&engine, (&name, "agent-page.yml"), &services, env).await
    };
    let routes = async |project: &Project<'_>, part: &str| {
        let id = project.compose(&["ps", "-q", "agent"]).await;
        let said = until("the routes say so", patience(), async || {
            let routes = engine.docker(&["exec", &id, "sh0-agent", "routes"]).await;
            if routes.contains(part) {
                Ok(routes)
            } else {
                Err(routes)
            }
        });
        (id.clone(), said.await)
    };
    let open = start("").await;
    let (_, said) = routes(&open, "the status page of the agent would be open").await;
    assert!(
        said.contains("E012") && said.contains("--status-auth"),
        "{said}"
    );
    drop(open);
    let hash = bcrypt::hash("open sesame", 4).expect("a hash");
    let guarded = start(&format!("admin:{hash}")).await;
    let (id, _) = routes(&guarded, "routed").await;
    let root = ports.home().join("root.crt");
    let from = format!("{id}:/var/lib/sh0-agent/caddy/pki/authorities/local/root.crt");
    let to = root.to_str().expect("a text");
    engine.docker(&["cp", &from, to]).await;
    until("it asks for a password", patience(), async || {
        let (code, text) = page(&root, ports.https_port, None).await;
        if code == "401" {
            Ok(())
        } else {
            Err(format!("{code} {text}"))
        }
    })
    .await;
    let (code, text) = page(&root, ports.https_port, Some("admin:open sesame")).await;
    assert_eq!(code, "200", "{text}");
    assert!(
        text.contains("status.localhost") && text.contains("1 site live"),
        "{text}"
    );
    let (code, _) = page(&root, ports.https_port, Some("admin:wrong")).await;
    assert_eq!(code, "401");
}
