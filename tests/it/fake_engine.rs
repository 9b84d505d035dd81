//! The fake engine keeps the contract of the real one, and fails on demand.

use std::time::Duration;

use futures::StreamExt;
use sh0_agent::discovery::{Engine, EngineError, Notice};
use sh0_agent::model::{Address, Container, ContainerId, ContainerState, NetworkMode};
use tokio::time::Instant;

use crate::engine_contract::{Action, World, engine_contract};
use crate::fakes::engine::{Delivery, FakeEngine, Listing, address};

/// The contract's world in a fake engine.
struct FakeWorld {
    engine: FakeEngine,
    started: u8,
}

impl World for FakeWorld {
    fn prefix(&self) -> &'static str {
        "sh0"
    }

    fn network(&self) -> String {
        "sh0-net".to_owned()
    }

    async fn start(&mut self, labels: &[(&str, &str)]) -> ContainerId {
        self.started += 1;
        let container = FakeEngine::container("contract", self.started, labels);
        let id = container.id.clone();
        self.engine.put("start", container);
        id
    }

    async fn start_guest(&mut self, host: &ContainerId, labels: &[(&str, &str)]) -> ContainerId {
        self.started += 1;
        let mut container = FakeEngine::container("contract", self.started, labels);
        container.network_mode = NetworkMode::Container(host.clone());
        container.networks.clear();
        let id = container.id.clone();
        self.engine.put("start", container);
        id
    }

    async fn act(&mut self, action: Action, id: &ContainerId) {
        let network = self.network();
        let at = address(self.started);
        let change = |word: &str, change: &dyn Fn(&mut Container)| {
            self.engine.change(word, id, change);
        };
        match action {
            Action::Start => change("start", &|c| {
                c.state = ContainerState::Running;
                c.networks.insert(network.clone(), at);
            }),
            Action::Stop | Action::Kill => change("die", &|c| {
                c.state = ContainerState::Exited;
                c.networks.insert(network.clone(), Address::default());
            }),
            Action::Pause => change("pause", &|c| c.state = ContainerState::Paused),
            Action::Unpause => change("unpause", &|c| c.state = ContainerState::Running),
            Action::Rename(name) => change("rename", &|c| c.name = name.as_str().into()),
            Action::Disconnect => change("disconnect", &|c| {
                c.networks.remove(&network);
            }),
            Action::Connect => change("connect", &|c| {
                c.networks.insert(network.clone(), at);
            }),
            Action::Remove => self.engine.remove(id),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_fake_engine_keeps_the_contract() {
    let engine = FakeEngine::new();
    let mut world = FakeWorld {
        engine: engine.clone(),
        started: 0,
    };
    engine_contract(&engine, &mut world).await;
    assert!(engine.now().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_fake_engine_fails_on_demand() {
    let engine = FakeEngine::new();
    let container = FakeEngine::container("web", 1, &[("sh0.host", "a.example")]);
    engine.set_delivery(Delivery::Lost);
    engine.put("start", container.clone());
    engine.set_delivery(Delivery::After(Duration::from_secs(2)));
    engine.change("rename", &container.id, |c| c.name = "web2".into());

    let begin = Instant::now();
    let mut notices = engine.notices();
    let first = notices.next().await;
    assert!(
        matches!(&first, Some(Ok(Notice::LookAgain { action, .. })) if action == "rename"),
        "{first:?}"
    );
    assert_eq!(begin.elapsed(), Duration::from_secs(2));
    engine.cut_streams();
    assert!(notices.next().await.is_none());
    engine.refuse_streams(true);
    assert!(matches!(engine.notices().next().await, Some(Err(_))));

    engine.set_listing(Listing::Hangs);
    assert!(matches!(
        engine.snapshot().await,
        Err(EngineError::Timeout { .. })
    ));
    engine.set_listing(Listing::Fails);
    assert!(engine.snapshot().await.is_err());
    engine.set_listing(Listing::Takes(Duration::from_secs(1)));
    assert_eq!(engine.snapshot().await.unwrap().len(), 1);
    assert_eq!(engine.listings(), 3);
    engine.set_network(false);
    assert!(!engine.network_exists("sh0-net").await.unwrap());
}
