//! What every `Engine` promises, checked on a world in which containers can be moved about. The
//! real engine and the fake pass the same checks, so a test with the fake says something true.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join;
use futures::stream::BoxStream;
use sh0_agent::discovery::{Engine, EngineError, Notice};
use sh0_agent::model::{Container, ContainerId, ContainerState};
use tokio::time::{Instant, sleep, timeout};

/// How long the engine may take to show what was done: a busy machine starts a container in
/// seconds at worst.
const DEADLINE: Duration = Duration::from_secs(20);

/// The port that a world's containers expose.
pub(crate) const EXPOSED_PORT: u16 = 8080;

/// Moves containers about. Every method returns when the engine says that it is done.
pub(crate) trait World {
    /// The prefix of our labels, as the engine was told.
    fn prefix(&self) -> &'static str;

    /// The name of a network that exists.
    fn network(&self) -> String;

    /// Starts a container on that network; its image exposes [`EXPOSED_PORT`].
    fn start(&mut self, labels: &[(&str, &str)]) -> impl Future<Output = ContainerId>;

    /// Starts one that uses another's network.
    fn start_guest(
        &mut self,
        host: &ContainerId,
        labels: &[(&str, &str)],
    ) -> impl Future<Output = ContainerId>;

    /// Does one thing to a container.
    fn act(&mut self, action: Action, id: &ContainerId) -> impl Future<Output = ()>;
}

/// What can be done to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ends its process as a user would; the container stays.
    Stop,
    /// Ends its process at once, as a crash would.
    Kill,
    /// Starts it again.
    Start,
    /// Freezes its process.
    Pause,
    /// Thaws it.
    Unpause,
    /// Gives it this name.
    Rename(String),
    /// Takes it off the network.
    Disconnect,
    /// Puts it back.
    Connect,
    /// Ends and removes it.
    Remove,
}

/// Checks every promise. The world may hold other containers, but nobody else may touch them.
pub(crate) async fn engine_contract(engine: &impl Engine, world: &mut impl World) {
    networks_are_found_by_their_whole_name(engine, world).await;
    a_started_container_is_seen_whole(engine, world).await;
    every_change_is_told_and_then_seen(engine, world).await;
    a_new_stream_begins_shortly_before_now(engine, world).await;
    unlabelled_containers_cause_no_notice_unless_they_lend_their_network(engine, world).await;
}

async fn networks_are_found_by_their_whole_name(engine: &impl Engine, world: &impl World) {
    let name = world.network();
    let exists = async |name: &str| engine.network_exists(name).await.expect("an answer");
    assert!(exists(&name).await);
    assert!(!exists(&format!("{name}x")).await);
    assert!(!exists(name.get(1..).unwrap()).await);
    assert!(!exists("").await);
}

async fn a_started_container_is_seen_whole(engine: &impl Engine, world: &mut impl World) {
    let id = start_labelled(world).await;
    let container = seen(engine, &id, |c| c.state == ContainerState::Running).await;
    let label = format!("{}.host", world.prefix());
    assert_eq!(&*container.labels[&label], "contract.example");
    assert_eq!(container.ports, BTreeSet::from([EXPOSED_PORT]));
    assert!(container.networks[&world.network()].preferred().is_some());
    assert!(!container.name.starts_with('/'));
    assert!(container.created > 0);

    let guest = start_labelled_guest(world, &id).await;
    let container = seen(engine, &guest, |c| !c.ports.is_empty()).await;
    assert_eq!(container.ports, BTreeSet::from([EXPOSED_PORT]));
    assert!(container.networks.is_empty());
    world.act(Action::Remove, &guest).await;
    world.act(Action::Remove, &id).await;
}

async fn every_change_is_told_and_then_seen(engine: &impl Engine, world: &mut impl World) {
    let network = world.network();
    let id = start_labelled(world).await;
    let mut notices = engine.notices();
    told(&mut notices, &id).await;
    let on_network = |c: &Container| {
        let address = c.networks.get(&network);
        address.is_some_and(|address| address.preferred().is_some())
    };
    let mut check = async |action: Action, is_so: &dyn Fn(&Container) -> bool| {
        quiet(&mut notices).await;
        // Looked at while it happens, as the agent does: events may come before the list is true.
        let look = seen_when_told(engine, &mut notices, &id, is_so);
        join(world.act(action, &id), look).await;
    };
    check(Action::Pause, &|c| c.state == ContainerState::Paused).await;
    check(Action::Unpause, &|c| c.state == ContainerState::Running).await;
    let name = format!("contract-renamed-{id}");
    check(Action::Rename(name.clone()), &|c| *c.name == name).await;
    check(Action::Disconnect, &|c| !on_network(c)).await;
    check(Action::Connect, &on_network).await;
    let gone = |c: &Container| c.state == ContainerState::Exited && !on_network(c);
    check(Action::Kill, &gone).await;
    check(Action::Start, &on_network).await;
    check(Action::Stop, &gone).await;
    quiet(&mut notices).await;
    world.act(Action::Remove, &id).await;
    told(&mut notices, &id).await;
    let snapshot = engine.snapshot().await.expect("a list");
    assert!(snapshot.get(&id).is_none());
}

async fn a_new_stream_begins_shortly_before_now(engine: &impl Engine, world: &mut impl World) {
    let id = start_labelled(world).await;
    told(&mut engine.notices(), &id).await;
    world.act(Action::Remove, &id).await;
}

async fn unlabelled_containers_cause_no_notice_unless_they_lend_their_network(
    engine: &impl Engine,
    world: &mut impl World,
) {
    let stranger = world.start(&[("almost", "contract.example")]).await;
    let lender = world.start(&[]).await;
    let guest = start_labelled_guest(world, &lender).await;
    seen(engine, &guest, |c| c.state == ContainerState::Running).await;
    let mut notices = engine.notices();
    told(&mut notices, &guest).await;
    quiet(&mut notices).await;
    world.act(Action::Pause, &stranger).await;
    world.act(Action::Unpause, &stranger).await;
    world.act(Action::Pause, &lender).await;
    let first = timeout(DEADLINE, notices.next()).await.expect("in time");
    let Some(Ok(Notice::LookAgain { container, .. })) = first else {
        panic!("the stream ended: {first:?}");
    };
    assert_eq!(container, Some(lender.clone()));
    world.act(Action::Unpause, &lender).await;
    for id in [guest, lender, stranger] {
        world.act(Action::Remove, &id).await;
    }
}

async fn start_labelled(world: &mut impl World) -> ContainerId {
    let label = format!("{}.host", world.prefix());
    world.start(&[(&label, "contract.example")]).await
}

async fn start_labelled_guest(world: &mut impl World, host: &ContainerId) -> ContainerId {
    let label = format!("{}.host", world.prefix());
    world
        .start_guest(host, &[(&label, "contract.example")])
        .await
}

/// Looks until the container is as expected.
async fn seen(
    engine: &impl Engine,
    id: &ContainerId,
    expected: impl Fn(&Container) -> bool,
) -> Container {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let snapshot = engine.snapshot().await.expect("a list");
        let found = snapshot.get(id).cloned();
        match found {
            Some(container) if expected(&container) => return container,
            _ => assert!(Instant::now() < deadline, "still not so: {found:?}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Looks once at each notice, and never otherwise, until the container is as expected.
async fn seen_when_told(
    engine: &impl Engine,
    notices: &mut BoxStream<'static, Result<Notice, EngineError>>,
    id: &ContainerId,
    expected: &dyn Fn(&Container) -> bool,
) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        timeout(left, told(notices, id))
            .await
            .expect("it is told until it is seen");
        let snapshot = engine.snapshot().await.expect("a list");
        if snapshot.get(id).is_some_and(expected) {
            return;
        }
    }
}

/// Waits for a notice that names the container.
async fn told(notices: &mut BoxStream<'static, Result<Notice, EngineError>>, id: &ContainerId) {
    let wanted = Some(id.clone());
    let told = async {
        loop {
            match notices.next().await {
                Some(Ok(Notice::LookAgain { container, .. })) if container == wanted => return,
                Some(Ok(Notice::LookAgain { .. } | Notice::Kill { .. })) => {}
                end @ (None | Some(Err(_))) => panic!("the stream ended: {end:?}"),
            }
        }
    };
    timeout(DEADLINE, told).await.expect("a notice in time");
}

/// Takes what is still under way, so that the next notice belongs to the next action.
async fn quiet(notices: &mut BoxStream<'static, Result<Notice, EngineError>>) {
    // Longer than the longest pause between an event and its repeats.
    let pause = Duration::from_secs(2);
    while timeout(pause, notices.next()).await.is_ok() {}
}
