//! Labels that are wrong, and whom that hurts: their own route and nobody else's.

use crate::harness::{Agent, App, Container, Engine, Options, patience, until};

#[tokio::test]
async fn a_wrong_label_is_explained_and_hurts_no_other_container() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let (good, bad) = (engine.host("good"), engine.host("bad"));
    engine.run(App::named("good").host(&good)).await;
    let wrong = engine
        .run(App::named("bad").host(&bad).label("sh0.port", "80a"))
        .await;
    let said = agent
        .logs_about(&wrong.name, "takes a number from 1 to 65535")
        .await;
    for part in [
        "WARN",
        wrong.name.as_str(),
        "`sh0.port` takes a number from 1 to 65535, found",
        "[sh0.port=\"80a\"]",
        "write for example `sh0.port=8080`",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    agent.logs("`sh0-agent explain E001`").await;
    agent.answers(&good, "good").await;
    agent.refuses(&bad, 404).await;
    assert_eq!(
        agent.logged("sh0-agent explain").len(),
        1,
        "it is said once"
    );
    let routes = agent.routes().await;
    let row = routes
        .lines()
        .find(|line| line.contains(&wrong.name))
        .unwrap_or_default();
    assert!(
        row.contains("refused: `sh0.port` takes a number"),
        "{routes}"
    );
}

#[tokio::test]
async fn every_kind_of_wrong_label_is_named_with_its_help() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    let long = "x".repeat(300);
    for (number, (key, value, part)) in [
        ("sh0.hots", "a.example.com", "did you mean `sh0.host`?"),
        (
            "sh0.route.api.host",
            "a.example.com",
            "did you mean `sh0.routes.api.host`?",
        ),
        ("sh0.routes.api.enable", "true", "write `sh0.enable`"),
        (
            "sh0.routes.default.host",
            "a.example.com",
            "name it with letters",
        ),
        ("sh0.host", "under score.example.com", "`sh0.host` takes"),
        ("sh0.host", &long, "`sh0.host` takes"),
        ("sh0.host", "*", "--allow-catch-all"),
        ("sh0.port", "0", "from 1 to 65535"),
        ("sh0.path", "login", "`sh0.path` takes"),
        ("sh0.strip", "maybe", "`true` or `false`"),
        ("sh0.scheme", "ftp", "`http`, `https` or `h2c`"),
        ("sh0.tls", "on", "`auto`, `internal`, `on_demand` or `off`"),
        (
            "sh0.lb.policy",
            "header",
            "add for example `sh0.lb.header=X-Tenant`",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("wrong-{number}");
        let app = App::named(&name).label(key, value);
        let app = if key == "sh0.host" {
            app
        } else {
            app.host(&engine.host(&name))
        };
        let wrong = engine.run(app).await;
        let said = agent.logs(&format!("{} (", wrong.name)).await;
        assert!(
            said.contains(part) && said.contains(key),
            "{key}={value}: {said}"
        );
        assert!(said.len() < 1_000, "{said}");
        engine.remove(&wrong).await;
    }
    agent.answers(&host, "web").await;
}

/// Removes the old one and starts the next in its place, as docker-compose does.
async fn redeploy(engine: &Engine, old: &Container, new: App) -> Container {
    engine.remove(old).await;
    engine.run(new.of_project(engine.run_id(), "web")).await
}

#[tokio::test]
async fn a_redeploy_with_a_wrong_label_keeps_the_last_good_form() {
    let engine = Engine::start().await;
    let mut agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let first = App::named("first").of_project(engine.run_id(), "web");
    let first = engine
        .run(first.host(&host).label("sh0.path", "/api"))
        .await;
    until("it is live", patience(), async || {
        let answer = agent.get(&host, "/api").await;
        if answer.is_from("first") {
            Ok(())
        } else {
            Err(answer.summary())
        }
    })
    .await;
    let second = App::named("second").host(&host).label("sh0.path", "api");
    let second = redeploy(&engine, &first, second).await;
    let is_last_good = async |agent: &Agent| {
        until("the new one serves the old form", patience(), async || {
            let answer = agent.get(&host, "/api/x").await;
            if answer.is_from("second") {
                Ok(())
            } else {
                Err(answer.summary())
            }
        })
        .await;
        assert_eq!(agent.get(&host, "/other").await.status, 404);
    };
    is_last_good(&agent).await;
    let said = agent.logged("`sh0.path` takes");
    assert_eq!(
        said.iter()
            .filter(|line| line.contains(&second.name))
            .count(),
        1
    );

    assert!(agent.stop().await.success());
    agent.start_again().await;
    is_last_good(&agent).await;

    let third = App::named("third").host(&host).label("sh0.path", "/shop");
    redeploy(&engine, &second, third).await;
    until("the mended form is in force", patience(), async || {
        let answer = agent.get(&host, "/shop").await;
        if answer.is_from("third") {
            Ok(())
        } else {
            Err(answer.summary())
        }
    })
    .await;
    assert_eq!(agent.get(&host, "/api").await.status, 404);
}

#[tokio::test]
async fn a_misspelt_host_in_a_redeploy_keeps_the_site() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let first = App::named("first").of_project(engine.run_id(), "web");
    let first = engine.run(first.host(&host)).await;
    agent.answers(&host, "first").await;
    redeploy(
        &engine,
        &first,
        App::named("second").label("sh0.hots", &host),
    )
    .await;
    agent.answers(&host, "second").await;
    agent
        .logs_about(engine.run_id(), "did you mean `sh0.host`?")
        .await;
}

#[tokio::test]
async fn a_container_that_says_enable_false_takes_no_part() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let host = engine.host("web");
    let off = App::named("off").host(&host).label("sh0.enable", "false");
    engine.run(off).await;
    let one_off = App::named("run")
        .host(&host)
        .label("com.docker.compose.oneoff", "True");
    engine.run(one_off).await;
    engine.run(App::named("web").host(&host)).await;
    agent.answers(&host, "web").await;
    for _ in 0..5 {
        assert!(agent.get(&host, "/").await.is_from("web"));
    }
    let routes = agent.routes().await;
    assert!(
        routes.contains("off: its labels say `sh0.enable=false`"),
        "{routes}"
    );
    assert!(
        routes.contains("off: it is a one-off container (`run`)"),
        "{routes}"
    );
}

#[tokio::test]
async fn several_routes_of_one_container_have_ports_and_hosts_of_their_own() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let (host, admin) = (engine.host("web"), engine.host("admin"));
    let app = App::named("web").host(&format!("{host}, {}", engine.host("www")));
    let app = app
        .label("sh0.routes.admin.host", &admin)
        .label("sh0.routes.admin.path", "/panel");
    engine.run(app).await;
    agent.answers(&host, "web").await;
    agent.answers(&engine.host("www"), "web").await;
    assert!(agent.get(&admin, "/panel/x").await.is_from("web"));
    assert_eq!(agent.get(&admin, "/").await.status, 404);
}

#[tokio::test]
async fn a_unicode_host_is_served_by_its_ascii_form() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    engine
        .run(App::named("web").host(&engine.host("Bücher")))
        .await;
    agent.answers(&engine.host("xn--bcher-kva"), "web").await;
}

#[tokio::test]
async fn a_catch_all_is_refused_until_the_agent_allows_it() {
    let engine = Engine::start().await;
    let mut agent = Agent::start(&engine).await;
    let exact = engine.host("exact");
    // A path of this test's own, because every test's agent sees this container.
    let any = App::named("any").host("*").label("sh0.path", "/any");
    let any = engine.run(any).await;
    engine.run(App::named("exact").host(&exact)).await;
    agent.answers(&exact, "exact").await;
    agent.logs_about(&any.name, "--allow-catch-all").await;
    assert_eq!(agent.get("anything.example", "/any").await.status, 404);
    assert!(agent.stop().await.success());

    let options = Options::default().flags(["--allow-catch-all"]);
    let agent = Agent::start_with(&engine, options).await;
    assert!(agent.get("anything.example", "/any").await.is_from("any"));
    assert!(agent.get("127.0.0.1", "/any").await.is_from("any"));
    assert!(agent.get(&exact, "/").await.is_from("exact"));
    assert_eq!(agent.get("anything.example", "/").await.status, 404);
}
