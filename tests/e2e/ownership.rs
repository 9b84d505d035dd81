//! Who owns a host: the project that claimed it first, through redeploys and restarts.

use crate::harness::{Agent, App, Engine, Options, SLOTS, patience, until};
use crate::private_engine::PrivateEngine;

/// An app of the project that owns `host`.
fn owner(engine: &Engine, host: &str) -> App {
    App::named("owner")
        .of_project(&format!("{}-shop", engine.run_id()), "web")
        .host(host)
}

/// An app of another project.
fn newcomer(engine: &Engine, name: &str, host: &str) -> App {
    App::named(name)
        .of_project(&format!("{}-blog", engine.run_id()), "web")
        .host(host)
}

/// Waits until the report says that this container is refused, and gives its row.
async fn refused(agent: &Agent, container: &str) -> String {
    until(&format!("{container} is refused"), patience(), async || {
        let routes = agent.routes().await;
        let row = routes
            .lines()
            .find(|line| line.contains(container) && line.contains("refused"));
        row.map(str::to_owned).ok_or(routes)
    })
    .await
}

#[tokio::test]
async fn another_project_gets_nothing_of_a_host_that_is_taken() {
    let engine = Engine::start().await;
    let mut agent = Agent::start_with(&engine, Options::default().flags(SLOTS)).await;
    let host = engine.host("web");
    let shop = owner(&engine, &host).without_hold();
    let shop = engine.run(shop).await;
    agent.answers(&host, "owner").await;
    let thief = engine.run(newcomer(&engine, "thief", &host)).await;
    let login = newcomer(&engine, "login", &host).label("sh0.path", "/login");
    let login = engine
        .run(login.label("com.docker.compose.service", "login"))
        .await;
    let project = format!("project `{}-shop`", engine.run_id());
    for newcomer in [&thief, &login] {
        let row = refused(&agent, &newcomer.name).await;
        assert!(row.contains(&format!("belongs to {project}")), "{row}");
    }
    let said = agent.logs_about(&thief.name, "belongs to project").await;
    let share = format!("sh0.share={}-blog", engine.run_id());
    assert!(said.contains("WARN") && said.contains(&share), "{said}");
    let is_owners = async |agent: &Agent| {
        for path in ["/", "/login", "/login/x", "/LOGIN"] {
            let answer = agent.get(&host, path).await;
            assert!(answer.is_from("owner"), "{path}: {}", answer.summary());
        }
    };
    is_owners(&agent).await;

    // The owner's redeploy leaves a gap that nobody may step into.
    engine.remove(&shop).await;
    agent.refuses(&host, 503).await;
    assert_eq!(agent.get(&host, "/login").await.status, 503);
    assert!(agent.stop().await.success());
    agent.start_again().await;
    assert_eq!(agent.get(&host, "/").await.status, 503);
    assert_eq!(agent.get(&host, "/login").await.status, 503);
    let row = refused(&agent, &thief.name).await;
    assert!(row.contains("belongs to"), "{row}");

    engine.run(owner(&engine, &host)).await;
    agent.answers(&host, "owner").await;
    is_owners(&agent).await;
}

#[tokio::test]
async fn the_older_container_owns_a_host_that_two_claim_before_the_agent_starts() {
    let engine = Engine::start().await;
    let host = engine.host("web");
    engine.run(owner(&engine, &host)).await;
    // Creation counts in seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let thief = engine.run(newcomer(&engine, "thief", &host)).await;
    let agent = Agent::start(&engine).await;
    refused(&agent, &thief.name).await;
    for _ in 0..5 {
        assert!(agent.get(&host, "/").await.is_from("owner"));
    }
}

#[tokio::test]
async fn a_shared_host_gives_the_named_project_its_paths_and_nothing_more() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let shared = owner(&engine, &host).label("sh0.share", &format!("{}-blog", engine.run_id()));
    let shop = engine.run(shared).await;
    agent.answers(&host, "owner").await;
    engine
        .run(newcomer(&engine, "blog", &host).label("sh0.path", "/blog"))
        .await;
    until("the guest has its path", patience(), async || {
        let answer = agent.get(&host, "/blog/post").await;
        if answer.is_from("blog") {
            Ok(())
        } else {
            Err(answer.summary())
        }
    })
    .await;
    assert!(agent.get(&host, "/").await.is_from("owner"));
    let whole = newcomer(&engine, "whole", &host).label("com.docker.compose.service", "whole");
    let whole = engine.run(whole).await;
    refused(&agent, &whole.name).await;
    let stranger = App::named("stranger").of_project(&format!("{}-x", engine.run_id()), "web");
    let stranger = engine
        .run(stranger.host(&host).label("sh0.path", "/login"))
        .await;
    refused(&agent, &stranger.name).await;
    assert!(agent.get(&host, "/").await.is_from("owner"));
    assert!(agent.get(&host, "/login").await.is_from("owner"));

    // The share ends with the owner's next form.
    engine.remove(&shop).await;
    engine.run(owner(&engine, &host)).await;
    until("the guest is out", patience(), async || {
        let answer = agent.get(&host, "/blog/post").await;
        if answer.is_from("owner") {
            Ok(())
        } else {
            Err(answer.summary())
        }
    })
    .await;
}

#[tokio::test]
async fn two_services_of_one_project_with_one_path_are_told_and_the_first_stays() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let (host, project) = (engine.host("web"), engine.run_id());
    engine
        .run(App::named("a").of_project(project, "a").host(&host))
        .await;
    agent.answers(&host, "a").await;
    let second = engine
        .run(App::named("b").of_project(project, "b").host(&host))
        .await;
    let row = refused(&agent, &second.name).await;
    assert!(
        row.contains(&format!(
            "served by the route `{project}/a:default` already"
        )),
        "{row}"
    );
    for _ in 0..5 {
        assert!(agent.get(&host, "/").await.is_from("a"));
    }
}

#[tokio::test]
async fn of_several_hosts_only_the_taken_one_is_refused() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let (taken, free) = (engine.host("taken"), engine.host("free"));
    engine.run(owner(&engine, &taken)).await;
    agent.answers(&taken, "owner").await;
    let both = newcomer(&engine, "both", &format!("{taken}, {free}"));
    let both = engine.run(both).await;
    agent.answers(&free, "both").await;
    let row = refused(&agent, &both.name).await;
    assert!(row.starts_with(&taken), "{row}");
    assert!(agent.get(&taken, "/").await.is_from("owner"));
}

/// What is answered over HTTP and over HTTPS at this path, never by the wildcard.
async fn statuses(agent: &Agent, host: &str, path: &str) -> [u16; 2] {
    let answers = [agent.get(host, path).await, agent.get_tls(host, path).await];
    for answer in &answers {
        assert!(
            !answer.is_from("wild"),
            "{host}{path}: {}",
            answer.summary()
        );
    }
    answers.map(|answer| answer.status)
}

#[tokio::test]
async fn another_owners_wildcard_answers_for_nothing_that_is_claimed() {
    let engine = Engine::start().await;
    let mut agent = Agent::start(&engine).await;
    let [api, gone, www, old, free] = ["api", "gone", "www", "old", "free"].map(|n| engine.host(n));
    let on_both = |app: App| {
        let app = app.label("sh0.tls", "internal").without_hold();
        app.label("sh0.redirect.https", "false")
    };
    let shop = |hosts: &str| {
        let app = owner(&engine, hosts).label("sh0.path", "/v1");
        let app = on_both(app).label("sh0.routes.www.host", &www);
        let app = app.label("sh0.routes.www.path", "/");
        let app = app.label("sh0.routes.www.tls", "internal");
        app.label("sh0.routes.www.redirect.from", &old)
    };
    let first = engine.run(shop(&format!("{api}, {gone}"))).await;
    agent.routed(&first).await;
    let wild = newcomer(&engine, "wild", &engine.host("*"));
    engine.run(on_both(wild)).await;
    agent.answers(&free, "wild").await;
    assert!(agent.get_tls(&free, "/").await.is_from("wild"));
    assert_eq!(statuses(&agent, &api, "/v1").await, [200, 200]);
    assert_eq!(statuses(&agent, &api, "/other").await, [404, 404]);
    assert_eq!(statuses(&agent, &gone, "/other").await, [404, 404]);
    assert_eq!(statuses(&agent, &old, "/").await, [308, 308]);

    // The next form names one host less; its claim goes on for ten minutes.
    engine.remove(&first).await;
    let second = engine.run(shop(&api)).await;
    agent.routed(&second).await;
    until(
        "the dropped host is fenced",
        patience(),
        async || match statuses(&agent, &gone, "/v1").await {
            [404, 404] => Ok(()),
            other => Err(format!("{other:?}")),
        },
    )
    .await;

    // In the gap of all of them, and after a restart of the agent in it.
    engine.remove(&second).await;
    agent.settled().await;
    for _ in 0..2 {
        for host in [&api, &gone, &old] {
            for path in ["/", "/v1", "/V1/x", "/other"] {
                for status in statuses(&agent, host, path).await {
                    assert!([308, 404, 503].contains(&status), "{host}{path}: {status}");
                }
            }
        }
        assert!(agent.stop().await.success());
        agent.start_again().await;
        agent.answers(&free, "wild").await;
    }

    // A name below it that nobody has is anybody's, and leaves the wildcard.
    let docs = App::named("docs").of_project(&format!("{}-docs", engine.run_id()), "web");
    engine.run(docs.host(&free)).await;
    agent.answers(&free, "docs").await;
}

#[tokio::test]
async fn a_restart_of_docker_changes_no_owner() {
    let mut private = PrivateEngine::without_live_restore().await;
    let engine = private.handle().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let always = |app: App| app.argument("--restart", "always");
    engine.run(always(owner(&engine, &host))).await;
    agent.answers(&host, "owner").await;
    let thief = engine.run(always(newcomer(&engine, "thief", &host))).await;
    refused(&agent, &thief.name).await;

    private.kill();
    private.restart().await;
    // A look that failed, or one that was not answered yet.
    until("the restart is noticed", patience(), async || {
        let said = ["Docker answers again", "Docker was restarted"];
        let is_said = said.iter().any(|said| !agent.logged(said).is_empty());
        is_said.then_some(()).ok_or_else(|| agent.log())
    })
    .await;
    agent.answers(&host, "owner").await;
    let row = refused(&agent, &thief.name).await;
    assert!(row.contains("belongs to"), "{row}");
    for _ in 0..5 {
        assert!(!agent.get(&host, "/login").await.is_from("thief"));
    }
}
