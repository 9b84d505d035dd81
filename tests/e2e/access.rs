//! The agent behind a proxy that lets through little of Docker.

use std::collections::BTreeSet;

use rustix::process::Signal;
use sh0_agent::discovery::DockerRequest;

use crate::docker_trouble::{RECONNECT_MAX, machine_socket};
use crate::engine_proxy::{EngineProxy, Fault};
use crate::harness::{Agent, App, Container, Engine, Options, signal, until};

/// Stops, starts, recreates, disconnects and pauses a container.
async fn moves_about(engine: &Engine, agent: &Agent, web: Container, app: App) {
    let host = engine.host("web");
    engine.stop(&web).await;
    agent.refuses(&host, 503).await;
    engine.act("start", &web).await;
    agent.answers(&host, "web").await;
    engine.remove(&web).await;
    agent.refuses(&host, 503).await;
    let web = engine.run(app).await;
    agent.answers(&host, "web").await;
    let network = engine.network();
    let about = ["network", "disconnect", &network, &web.id];
    engine.docker(&about).await;
    agent.refuses(&host, 503).await;
    engine
        .docker(&["network", "connect", &network, &web.id])
        .await;
    agent.answers(&host, "web").await;
    engine.act("pause", &web).await;
    agent.refuses(&host, 503).await;
    engine.act("unpause", &web).await;
    agent.answers(&host, "web").await;
}

#[tokio::test]
async fn the_documented_requests_are_enough_for_all_that_the_agent_does() {
    let engine = Engine::without_network().await;
    let proxy = EngineProxy::strict(machine_socket());
    let options = Options::default().env("DOCKER_HOST", &proxy.endpoint());
    let mut agent = Agent::start_with(&engine, options).await;
    agent.logs("The routing network does not exist").await;
    engine.create_network().await;
    assert!(signal(agent.pid(), Signal::HUP), "it runs");
    agent.logs("The routing network exists now").await;

    let (host, healthy) = (engine.host("web"), engine.host("healthy"));
    let app = || App::named("web").host(&host).without_hold();
    let web = engine.run(app()).await;
    agent.answers(&host, "web").await;
    let sound = App::named("healthy").host(&healthy).with_health();
    engine.run(sound).await;
    agent.answers(&healthy, "healthy").await;
    // It leaves its route when it is told to stop, seconds before it has.
    let slow = engine.host("slow");
    let lingers = App::named("slow").host(&slow).without_hold();
    let lingers = engine.run(lingers.env("WHOAMI_LINGER_MS", "8000")).await;
    agent.answers(&slow, "slow").await;
    engine
        .docker(&["kill", "--signal", "TERM", &lingers.id])
        .await;
    agent.refuses(&slow, 503).await;
    let runs = engine.inspect(&lingers, "{{.State.Running}}").await;
    assert_eq!(runs, "true");

    moves_about(&engine, &agent, web, app()).await;

    // One in another's network, of which the list tells less.
    let guest = engine.host("guest");
    let lender = engine.run(App::named("lender")).await;
    let within = format!("container:{}", lender.id);
    let app = App::named("guest").host(&guest).network(&within);
    engine
        .run(app.env("WHOAMI_PORT", "9090").label("sh0.port", "9090"))
        .await;
    agent.answers(&guest, "guest").await;

    proxy.cut();
    let late = engine.host("late");
    engine.run(App::named("late").host(&late)).await;
    agent.answers(&late, "late").await;
    assert!(agent.routes().await.contains(&late));
    assert!(agent.stop().await.success());

    let seen = proxy.seen();
    assert_eq!(seen.forbidden, [""; 0]);
    assert_eq!(
        seen.allowed,
        BTreeSet::from(DockerRequest::ALL),
        "all are needed"
    );
    assert_eq!(agent.logged("blocks a request"), [""; 0]);
}

#[tokio::test]
async fn each_request_blocked_alone_is_said_once_and_sites_are_served_without_it() {
    let engine = Engine::start().await;
    let host = engine.host("web");
    engine.run(App::named("web").host(&host)).await;
    for request in DockerRequest::ALL {
        let proxy = EngineProxy::start(machine_socket());
        let text = match request {
            DockerRequest::Inspect => "/json HTTP",
            DockerRequest::Network => "/networks/",
            DockerRequest::Version
            | DockerRequest::List
            | DockerRequest::Events
            | DockerRequest::Info => request.path(),
        };
        proxy.strike(text, Fault::Refuse);
        let options = Options::default().env("DOCKER_HOST", &proxy.endpoint());
        let mut agent = Agent::prepare(&engine, options);
        agent.spawn();
        let said = agent.logs("A proxy before Docker blocks a request.").await;
        let expected = format!(
            "WARN A proxy before Docker blocks a request. request={request} status=403 \
             without_it=\"{}\" help=let it through; with docker-socket-proxy `{}`, and POST stays 0",
            request.without(),
            request.proxy_variable()
        );
        assert!(said.ends_with(&expected), "{said}\n{expected}");
        if request == DockerRequest::List {
            agent.refuses(&host, 503).await;
        } else {
            agent.answers(&host, "web").await;
        }
        let shown = format!("! a proxy before Docker blocks `{request}` with status 403: ");
        let report = agent.routes().await;
        assert!(report.contains(&shown), "{report}");
        // The others are asked for again only on a new connection.
        let asks_again = !matches!(request, DockerRequest::Info | DockerRequest::Version);
        let struck = proxy.struck();
        assert!(signal(agent.pid(), Signal::HUP), "it runs");
        until("it was tried again", RECONNECT_MAX, async || {
            let is_again = proxy.struck() > struck || !asks_again;
            is_again.then_some(()).ok_or_else(String::new)
        })
        .await;
        proxy.relent();
        proxy.cut();
        agent
            .logs("A request that was blocked is let through now.")
            .await;
        agent.answers(&host, "web").await;
        assert_eq!(
            agent.logged("blocks a request").len(),
            1,
            "once: {}",
            agent.log()
        );
        assert!(agent.stop().await.success());
    }
}
