//! What only a real Caddy can show of its supervisor.

mod scene;

use std::time::Duration;

use rustix::process::Signal;
use sh0_agent::supervise::{ExitCause, Phase, caddy_version};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use self::scene::{PATIENCE, Scene, caddy, get, kill};
use crate::harness::is_alive;

#[tokio::test]
async fn the_caddy_under_test_is_new_enough() {
    caddy_version(&caddy(), None)
        .await
        .expect("set SH0_CADDY to a Caddy that is new enough");
}

#[tokio::test]
async fn caddy_serves_its_routes_when_it_is_up_and_stop_leaves_nothing() {
    let mut scene = Scene::start().await;
    scene.give("hello");
    let (epoch, pid) = scene.until_up().await;
    assert_eq!(
        (epoch, get(scene.port()).await.as_deref()),
        (1, Some("hello"))
    );
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
    let session = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.split_whitespace().nth(3));
    assert_eq!(
        session,
        Some(pid.to_string().as_str()),
        "Caddy has a session of its own"
    );
    assert!(scene.has_socket() && scene.has_pid_file());
    scene.stop().await;
    assert!(!is_alive(pid) && !scene.has_socket() && !scene.has_pid_file());
}

#[tokio::test]
async fn a_killed_caddy_answers_again_with_its_routes_within_a_second() {
    let mut scene = Scene::start().await;
    scene.give("hello");
    for epoch in 1..=2 {
        let (now, pid) = scene.until_up().await;
        assert_eq!(now, epoch);
        let killed = Instant::now();
        kill(pid, Signal::KILL);
        scene
            .until("it is gone", |phase| !matches!(phase, Phase::Up { .. }))
            .await;
        while get(scene.port()).await.as_deref() != Some("hello") {
            assert!(
                killed.elapsed() < Duration::from_secs(1),
                "no answer for a second"
            );
            sleep(Duration::from_millis(5)).await;
        }
        println!(
            "kill -9 {epoch}: answered again after {:?}",
            killed.elapsed()
        );
        assert!(!is_alive(pid));
    }
    scene.stop().await;
}

#[tokio::test]
async fn a_wrong_first_config_is_told_in_caddys_words_and_a_new_one_ends_the_wait() {
    let mut scene = Scene::start().await;
    scene.give_wrong();
    let grown = |phase: &Phase| matches!(phase, Phase::Waiting { retry_in, .. } if *retry_in >= Duration::from_secs(3));
    let waiting = scene.until("the waits have grown", grown).await;
    let Phase::Waiting { id, cause, .. } = waiting else {
        unreachable!("just matched")
    };
    assert_eq!(&*id, "wrong");
    let ExitCause::Exited {
        status,
        before_up: true,
        last_words,
    } = cause
    else {
        panic!("{cause:?}")
    };
    assert_eq!(status, "exit status: 1");
    assert!(
        last_words.contains("unknown module: http.handlers.no_such_handler"),
        "{last_words}"
    );
    let given = Instant::now();
    scene.give("better");
    scene.until_up().await;
    assert!(given.elapsed() < Duration::from_secs(1), "the wait went on");
    assert_eq!(get(scene.port()).await.as_deref(), Some("better"));
    scene.stop().await;
}

/// Caddy writes about 4 MB of access log here; a pipe that nobody reads holds 64 KB.
#[tokio::test]
async fn megabytes_of_log_never_block_caddy() {
    let mut scene = Scene::start().await;
    scene.give("hello");
    let (_, pid) = scene.until_up().await;
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        let port = scene.port();
        clients.spawn(async move {
            for _ in 0..300 {
                assert_eq!(get(port).await.as_deref(), Some("hello"));
            }
        });
    }
    let all = async {
        while clients
            .join_next()
            .await
            .transpose()
            .expect("answered")
            .is_some()
        {}
    };
    timeout(PATIENCE, all)
        .await
        .expect("Caddy goes on answering");
    assert_eq!(scene.until_up().await, (1, pid));
    scene.stop().await;
}

#[tokio::test]
async fn a_stale_caddy_that_answers_is_stopped_through_its_socket() {
    let mut scene = Scene::start().await;
    scene.give("old");
    let (_, pid) = scene.until_up().await;
    scene.crash().await;
    assert_eq!(
        get(scene.port()).await.as_deref(),
        Some("old"),
        "routes outlive a crash"
    );
    std::fs::remove_file(scene.pid_file()).expect("it was recorded");
    scene.restart();
    scene.give("new");
    scene.until_up().await;
    assert!(!is_alive(pid));
    assert_eq!(get(scene.port()).await.as_deref(), Some("new"));
    scene.stop().await;
}

#[tokio::test]
async fn a_stale_caddy_without_a_socket_or_frozen_is_stopped_by_its_recorded_pid() {
    for freeze in [false, true] {
        let mut scene = Scene::start().await;
        scene.give("old");
        let (_, pid) = scene.until_up().await;
        scene.crash().await;
        if freeze {
            kill(pid, Signal::STOP);
        } else {
            std::fs::remove_file(scene.socket()).expect("it was there");
        }
        scene.restart();
        scene.give("new");
        scene.until_up().await;
        assert!(!is_alive(pid));
        assert_eq!(get(scene.port()).await.as_deref(), Some("new"));
        scene.stop().await;
    }
}

#[tokio::test]
async fn another_caddy_on_our_port_is_named_and_outlasted() {
    let mut theirs = Scene::start().await;
    theirs.give("theirs");
    let (_, pid) = theirs.until_up().await;
    let mut ours = Scene::on(theirs.port());
    ours.give("ours");
    let taken = ours
        .until("it is found", |phase| matches!(phase, Phase::PortTaken(_)))
        .await;
    let Phase::PortTaken(listener) = taken else {
        unreachable!("just matched")
    };
    let program = std::fs::canonicalize(caddy())
        .expect("a path")
        .display()
        .to_string();
    assert_eq!(
        (listener.address.port(), listener.pid),
        (theirs.port(), Some(pid))
    );
    assert_eq!(listener.program, Some(program));
    theirs.stop().await;
    ours.until_up().await;
    assert_eq!(get(ours.port()).await.as_deref(), Some("ours"));
    ours.stop().await;
}
