//! Requests that wait: for how long, how many, and what those are told that wait in vain.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::harness::{Agent, Answer, App, Container, Engine, Options, SLOTS, patience, until};

/// An answer that nobody waited for takes a few milliseconds.
const AT_ONCE: Duration = Duration::from_millis(800);

/// An agent with one site, whose container was stopped just now.
async fn stopped(hold: &str, flags: &[&str]) -> (Engine, Agent, String, Container) {
    let engine = Engine::start().await;
    let options = Options::default().flags(SLOTS).flags(flags.iter().copied());
    let agent = Agent::start_with(&engine, options).await;
    let host = engine.host("web");
    let web = App::named("web").host(&host).label("sh0.hold", hold);
    let web = engine.run(web).await;
    agent.answers(&host, "web").await;
    engine.stop(&web).await;
    agent.logs("No container is ready").await;
    (engine, agent, host, web)
}

async fn timed(agent: &Agent, host: &str) -> (Answer, Duration) {
    let began = Instant::now();
    (agent.get(host, "/").await, began.elapsed())
}

fn is_told(answer: &Answer, host: &str) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.header("retry-after").parse::<u32>().is_ok());
    assert!(answer.body.starts_with(host), "{answer:?}");
}

#[tokio::test]
async fn a_site_that_is_away_for_longer_than_hold_answers_503_at_once() {
    let (engine, mut agent, host, web) = stopped("3s", &[]).await;
    let (answer, took) = timed(&agent, &host).await;
    is_told(&answer, &host);
    assert!(took < Duration::from_secs(5), "it waited for {took:?}");
    let (answer, took) = timed(&agent, &host).await;
    is_told(&answer, &host);
    assert!(took < AT_ONCE, "{took:?}");

    // The next agent knows that the container exists and does not run.
    assert!(agent.stop().await.success());
    agent.start_again().await;
    let (answer, took) = timed(&agent, &host).await;
    is_told(&answer, &host);
    assert!(took < AT_ONCE, "{took:?}");
    engine.act("start", &web).await;
    agent.answers(&host, "web").await;
}

#[tokio::test]
async fn without_hold_nobody_waits() {
    let (_engine, agent, host, _) = stopped("0s", &[]).await;
    let (answer, took) = timed(&agent, &host).await;
    is_told(&answer, &host);
    assert!(took < AT_ONCE, "{took:?}");
}

#[tokio::test]
async fn more_requests_than_may_wait_are_told_at_once_and_the_others_are_served() {
    let (engine, agent, host, web) = stopped("30s", &["--hold-app-max", "3"]).await;
    let ask = || timed(&agent, &host);
    let asked = futures::future::join_all((0..8).map(|_| ask()));
    let started = async {
        sleep(Duration::from_secs(1)).await;
        engine.act("start", &web).await;
    };
    let (answers, ()) = tokio::join!(asked, started);
    let (served, told): (Vec<_>, Vec<_>) =
        { answers.into_iter() }.partition(|(answer, _)| answer.is_from("web"));
    assert_eq!((served.len(), told.len()), (3, 5), "{told:?}");
    for (answer, took) in &told {
        is_told(answer, &host);
        assert!(*took < AT_ONCE, "{took:?}");
    }
}

/// A client that gives up frees its place for the next one.
#[tokio::test]
async fn a_client_that_goes_away_leaves_its_place_to_another() {
    let (_engine, agent, host, _) = stopped("30s", &["--hold-app-max", "1"]).await;
    let waits = || timeout(AT_ONCE, agent.get(&host, "/"));
    assert!(waits().await.is_err(), "it waits until it gives up");
    until("the place is free", patience(), async || {
        // The next one is told at once as long as there is no place to wait.
        waits().await.map_or(Ok(()), |answer| Err(answer.summary()))
    })
    .await;
}
