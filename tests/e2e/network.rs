//! Containers that are not where they can be reached, and how that is said and mended.

use std::net::TcpListener;

use crate::harness::{Agent, App, Engine, Options, patience, until};

/// Waits until the report of `routes` has this text.
async fn reports(agent: &Agent, text: &str) {
    until(&format!("routes say {text:?}"), patience(), async || {
        let routes = agent.routes().await;
        if routes.contains(text) {
            Ok(())
        } else {
            Err(routes)
        }
    })
    .await;
}

#[tokio::test]
async fn a_container_off_the_network_is_explained_and_live_once_it_is_connected() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let (host, network) = (engine.host("web"), engine.network());
    let other = format!("{}-other", engine.run_id());
    engine.create_network_named(&other).await;
    let app = App::named("web").host(&host).without_hold();
    let web = engine.run(app.network(&other)).await;
    reports(
        &agent,
        &format!("refused: it is not attached to the network `{network}`"),
    )
    .await;
    let said = agent
        .logs_about(&web.name, "is not on the routing network")
        .await;
    for part in [
        web.name.as_str(),
        &format!("routing network `{network}`; it is on `{other}`"),
        &format!("docker network connect {network} {}", web.name),
    ] {
        assert!(said.contains(part), "{said}");
    }
    engine
        .docker(&["network", "connect", &network, &web.id])
        .await;
    agent.answers(&host, "web").await;
    engine
        .docker(&["network", "disconnect", &network, &web.id])
        .await;
    reports(&agent, "refused: it is not attached").await;
    agent.settled().await;
    agent.refuses(&host, 503).await;
    engine
        .docker(&["network", "connect", &network, &web.id])
        .await;
    agent.answers(&host, "web").await;
}

#[tokio::test]
async fn a_network_that_compose_made_for_its_project_is_recognised() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let network = engine.network();
    let of_project = format!("shop_{network}");
    engine.create_network_named(&of_project).await;
    engine
        .run(
            App::named("web")
                .host(&engine.host("web"))
                .network(&of_project),
        )
        .await;
    let said = agent
        .logs_about(&network, "compose made a network of the project")
        .await;
    let lines = format!("`networks:` and below it `  {network}: {{external: true}}`");
    assert!(said.contains(&lines), "{said}");
}

#[tokio::test]
async fn a_missing_network_is_said_and_heals_when_it_is_created() {
    let engine = Engine::without_network().await;
    let agent = Agent::start(&engine).await;
    let (host, network) = (engine.host("web"), engine.network());
    let said = agent.logs("The routing network does not exist").await;
    assert!(
        said.contains(&format!("docker network create {network}")),
        "{said}"
    );
    reports(&agent, "! the routing network").await;
    let other = format!("{}-other", engine.run_id());
    engine.create_network_named(&other).await;
    let app = App::named("web").host(&host).network(&other);
    let web = engine.run(app).await;
    agent.refuses(&host, 503).await;
    engine.create_network().await;
    engine
        .docker(&["network", "connect", &network, &web.id])
        .await;
    agent.answers(&host, "web").await;
    agent
        .status_when("the network is there", |s| {
            s["docker"]["network_missing"] == false
        })
        .await;
}

#[tokio::test]
async fn a_container_may_name_a_network_of_its_own() {
    let engine = Engine::start().await;
    let (host, other) = (engine.host("web"), format!("{}-other", engine.run_id()));
    engine.create_network_named(&other).await;
    let agent = Agent::start(&engine).await;
    let app = App::named("web").host(&host).label("sh0.network", &other);
    let web = engine.run(app.network(&other)).await;
    agent.answers(&host, "web").await;
    // On both it is still the named one that counts.
    engine
        .docker(&["network", "connect", &engine.network(), &web.id])
        .await;
    let template = format!("{{{{(index .NetworkSettings.Networks \"{other}\").IPAddress}}}}");
    let ip = engine.inspect(&web, &template).await;
    agent.answers(&host, "web").await;
    reports(&agent, &format!("{ip}:8080")).await;
}

#[tokio::test]
async fn a_container_on_the_hosts_network_is_served_at_the_loopback() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener
        .local_addr()
        .expect("it is bound")
        .port()
        .to_string();
    drop(listener);
    let host = engine.host("web");
    let app = App::named("web")
        .host(&host)
        .network("host")
        .env("WHOAMI_PORT", &port);
    let without_port = engine.run(app.clone()).await;
    let said = agent
        .logs_about(&without_port.name, "port is not known")
        .await;
    assert!(said.contains("it uses the host's network") && said.contains("sh0.port=8080"));
    engine.remove(&without_port).await;
    engine.run(app.label("sh0.port", &port)).await;
    agent.answers(&host, "web").await;
    reports(&agent, &format!("127.0.0.1:{port}")).await;
}

#[tokio::test]
async fn a_container_in_anothers_network_is_served_at_that_ones_address() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let lender = engine.run(App::named("vpn")).await;
    let host = engine.host("web");
    let app = App::named("web").network(&format!("container:{}", lender.id));
    let app = app
        .host(&host)
        .env("WHOAMI_PORT", "9000")
        .label("sh0.port", "9000");
    engine.run(app).await;
    agent.answers(&host, "web").await;
    reports(&agent, &format!("{}:9000", engine.ip(&lender).await)).await;
}

#[tokio::test]
async fn the_exposed_port_is_found_and_the_label_beats_it() {
    let engine = Engine::start().await;
    let agent = Agent::start(&engine).await;
    let several = App::named("several").host(&engine.host("several"));
    let several = several
        .argument("--expose", "80")
        .argument("--expose", "9999");
    engine.run(several.env("WHOAMI_PORT", "80")).await;
    let named = App::named("named").host(&engine.host("named"));
    let named = named.argument("--expose", "80").label("sh0.port", "9000");
    engine.run(named.env("WHOAMI_PORT", "9000")).await;
    let unclear = App::named("unclear").host(&engine.host("unclear"));
    let unclear = engine.run(unclear.argument("--expose", "9999")).await;
    agent.answers(&engine.host("several"), "several").await;
    agent.answers(&engine.host("named"), "named").await;
    let said = agent
        .logs_about(&unclear.name, "it exposes 8080, 9999")
        .await;
    assert!(
        said.contains(&unclear.name) && said.contains("add `sh0.port=8080`"),
        "{said}"
    );
    agent.refuses(&engine.host("unclear"), 404).await;
}

#[tokio::test]
async fn another_label_prefix_makes_other_labels_count() {
    let engine = Engine::start().await;
    let prefix = format!("p{}", engine.run_id());
    let agent = Agent::start_with(
        &engine,
        Options::default().flags(["--label-prefix", &prefix]),
    );
    let agent = agent.await;
    let host = engine.host("web");
    engine.run(App::named("other").host(&host)).await;
    engine
        .run(App::named("web").label(&format!("{prefix}.host"), &host))
        .await;
    agent.answers(&host, "web").await;
    assert!(!agent.routes().await.contains(&engine.name_of("other")));
}

#[tokio::test]
async fn requests_for_containers_do_not_go_through_a_proxy_of_the_environment() {
    let engine = Engine::start().await;
    let proxy = TcpListener::bind("127.0.0.1:0").expect("a free port");
    proxy.set_nonblocking(true).expect("it is a socket");
    let url = format!("http://{}", proxy.local_addr().expect("it is bound"));
    let variables = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"];
    let options = variables.iter().fold(Options::default(), |options, name| {
        options.env(name, &url).env("NO_PROXY", "")
    });
    let agent = Agent::start_with(&engine, options).await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    agent.answers(&host, "web").await;
    let asked = proxy.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(asked, Err(std::io::ErrorKind::WouldBlock), "nobody came");
}
