//! What a person is shown: the table of routes, and the config.

use expect_test::expect;

use crate::child::CaddyChild;
use crate::harness::{Agent, App, Container, Engine, Options, patience, until};

/// The text without what differs from run to run, and without the padding that depends on it.
fn anonymous(text: &str, engine: &Engine, containers: &[(Container, String)]) -> String {
    let mut text = text.to_owned();
    for (container, ip) in containers {
        let id = container.id.get(..12).expect("a long id");
        text = text.replace(id, &format!("<id of {}>", container.says));
        if !ip.is_empty() {
            text = text.replace(ip.as_str(), &format!("<ip of {}>", container.says));
        }
    }
    let text = text.replace(engine.run_id(), "RUN");
    let squeeze = |line: &str| {
        if line.starts_with(' ') {
            return format!("{line}\n");
        }
        line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n"
    };
    text.lines().map(squeeze).collect()
}

/// A project in which not everything goes well, and a stranger; with the addresses that count.
async fn shop(engine: &Engine, prefix: &str) -> Vec<(Container, String)> {
    let label = |key: &str| format!("{prefix}.{key}");
    let app = |name: &str, host: &str| {
        let app = App::named(name).of_project(&format!("{}-shop", engine.run_id()), name);
        app.label(&label("host"), &engine.host(host))
    };
    let other = format!("{}-other", engine.run_id());
    engine.create_network_named(&other).await;
    let blog = format!("{}-blog", engine.run_id());
    let mut containers = Vec::new();
    for app in [
        app("web", "www"),
        app("api", "www").label(&label("path"), "/api, /v1"),
        app("stopped", "stopped"),
        app("away", "away").network(&other),
        app("bad", "bad")
            .label(&label("prot"), "80")
            .label(&label("port"), "0"),
        app("off", "off").label(&label("enable"), "no"),
        app("thief", "www").of_project(&blog, "thief"),
    ] {
        let container = engine.run(app).await;
        let ip = match container.says.as_str() {
            "web" | "api" => engine.ip(&container).await,
            "stopped" => {
                engine.stop(&container).await;
                String::new()
            }
            _ => String::new(),
        };
        containers.push((container, ip));
    }
    containers
}

#[tokio::test]
async fn the_table_shows_every_labelled_container_and_why_it_is_not_routed() {
    let engine = Engine::start().await;
    let prefix = format!("p{}", engine.run_id());
    let options = Options::default().flags(["--label-prefix", &prefix]);
    let agent = Agent::start_with(&engine, options).await;
    assert_eq!(
        agent.routes().await,
        "No container asks for a route. Label one `sh0.host=app.example.com`.\n"
    );
    let containers = shop(&engine, &prefix).await;
    let is_seen = |status: &serde_json::Value| {
        let rows = status["rows"].as_array().map_or(&[][..], Vec::as_slice);
        rows.len() == 8 && rows.iter().any(|row| row["state"] == "waiting")
    };
    agent.status_when("all are seen", is_seen).await;
    agent.settled().await;
    let report = anonymous(&agent.routes().await, &engine, &containers);
    expect![[r#"
        HOST PATH APP CONTAINER ADDRESS STATE
        - - - RUN-off - off: its labels say `pRUN.enable=false`
        - - RUN-shop/bad RUN-bad - refused: `pRUN.port` takes a number from 1 to 65535, found `0`, which is out of range
        away.RUN.test / RUN-shop/away RUN-away - refused: it is not attached to the network `RUN-net`
        stopped.RUN.test / RUN-shop/stopped RUN-stopped - waiting: the container has exited
        www.RUN.test / RUN-blog/thief RUN-thief - refused: the host `www.RUN.test` belongs to project `RUN-shop`
        www.RUN.test / RUN-shop/web RUN-web <ip of web>:8080 routed
        www.RUN.test /api RUN-shop/api RUN-api <ip of api>:8080 routed
        www.RUN.test /v1 RUN-shop/api RUN-api <ip of api>:8080 routed

        error[E003]: it is not on the routing network `RUN-net`; it is on `RUN-other`
          --> container RUN-away (<id of away>)
           = help: add `networks: [RUN-net]` to the service, or type `docker network connect RUN-net RUN-away`

        error[E001]: `pRUN.port` takes a number from 1 to 65535, found `0`, which is out of range
          --> container RUN-bad (<id of bad>)
           | pRUN.port = "0"
           = help: write for example `pRUN.port=8080`

        warning[W001]: `pRUN.prot` is not a label of the agent
          --> container RUN-bad (<id of bad>)
           | pRUN.prot = "80"
           = help: did you mean `pRUN.port`?

        error[E004]: the host `www.RUN.test` belongs to project `RUN-shop`
          --> container RUN-thief (<id of thief>)
           = help: choose another host, or let project `RUN-shop` add `pRUN.share=RUN-blog` to serve a path of it

        `sh0-agent explain E003` says more.
    "#]].assert_eq(&report);

    let output = agent
        .command("routes")
        .arg("--json")
        .output()
        .expect("it was built");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(json["rows"], agent.status().await["rows"]);
}

#[tokio::test]
async fn what_render_prints_is_what_caddy_accepts() {
    let engine = Engine::start().await;
    let host = engine.host("web");
    let web = engine
        .run(App::named("web").host(&host).label("sh0.tls", "internal"))
        .await;
    engine
        .run(
            App::named("bad")
                .host(&engine.host("bad"))
                .label("sh0.port", "0"),
        )
        .await;
    let agent = Agent::prepare(&engine, Options::default());
    let output = agent.command("render").output().expect("it was built");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("error[E001]: `sh0.port` takes"), "{said}");
    let config = String::from_utf8(output.stdout).expect("it is text");
    assert!(config.contains(&format!("{}:8080", engine.ip(&web).await)));
    let folder = agent.runtime_dir().join("caddy");
    for dir in [&folder, &agent.state_dir()] {
        std::fs::create_dir_all(dir).expect("ours");
    }
    let _caddy = CaddyChild::start(&folder, config.as_bytes()).await;
    until("the site is served", patience(), async || {
        let answer = agent.get_tls(&host, "/").await;
        if answer.is_from("web") {
            Ok(())
        } else {
            Err(answer.summary())
        }
    })
    .await;
}

#[tokio::test]
async fn render_reads_a_file_of_containers_and_says_what_is_wrong_with_it() {
    let engine = Engine::without_network().await;
    let agent = Agent::prepare(&engine, Options::default());
    let file = agent.home().join("containers.json");
    let render = |content: &str| {
        std::fs::write(&file, content).expect("ours");
        let output = agent
            .command("render")
            .arg(&file)
            .output()
            .expect("it was built");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let network = engine.network();
    let container = serde_json::json!([{
        "id": "a1", "name": "web", "state": "running",
        "labels": {"sh0.host": "app.example.com"},
        "networks": {network: {"ipv4": "10.1.2.3"}}, "ports": [3000],
    }]);
    let (code, config, said) = render(&container.to_string());
    assert_eq!((code, said.as_str()), (Some(0), ""));
    assert!(config.contains("10.1.2.3:3000") && config.contains("app.example.com"));
    let (code, _, said) = render("{}");
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("is not a list of containers") && said.contains("help: give a JSON"));
}
