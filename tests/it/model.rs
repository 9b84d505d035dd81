//! Whatever happens to Docker, to Caddy and to the notices between them: after a quiet moment and
//! one resync, Caddy serves what the containers ask for, and loads stayed few.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use sh0_agent::caddy::admin::AdminError;
use sh0_agent::model::{ContainerState, Health};
use tokio::time::sleep;

use crate::fakes::engine::{Delivery, FakeEngine, Listing};
use crate::scene::{Scene, id, site};

/// Containers of the model; few, so that steps meet.
const CONTAINERS: u8 = 5;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Start { n: u8, host: u8 },
    Remove { n: u8 },
    Stop { n: u8 },
    Pause { n: u8 },
    Health { n: u8, healthy: bool },
    Kill { n: u8, signal: i32 },
    Silent { n: u8 },
    Notices(Delivery),
    Listings(Listing),
    CutStreams,
    RefuseStreams(bool),
    CaddyCrashes,
    CaddyFails(bool),
    TimePasses(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let n = 1..=CONTAINERS;
    prop_oneof![
        6 => (n.clone(), 1_u8..4).prop_map(|(n, host)| Step::Start { n, host }),
        2 => n.clone().prop_map(|n| Step::Remove { n }),
        2 => n.clone().prop_map(|n| Step::Stop { n }),
        1 => n.clone().prop_map(|n| Step::Pause { n }),
        2 => (n, any::<bool>()).prop_map(|(n, healthy)| Step::Health { n, healthy }),
        1 => (1..=CONTAINERS, prop_oneof![Just(1), Just(9), Just(15)])
            .prop_map(|(n, signal)| Step::Kill { n, signal }),
        1 => (1..=CONTAINERS).prop_map(|n| Step::Silent { n }),
        1 => prop_oneof![
            Just(Delivery::AtOnce),
            Just(Delivery::After(Duration::from_secs(3))),
            Just(Delivery::Lost),
        ].prop_map(Step::Notices),
        1 => prop_oneof![
            Just(Listing::Works),
            Just(Listing::Takes(Duration::from_millis(200))),
            Just(Listing::Fails),
            Just(Listing::Hangs),
        ].prop_map(Step::Listings),
        1 => Just(Step::CutStreams),
        1 => any::<bool>().prop_map(Step::RefuseStreams),
        1 => Just(Step::CaddyCrashes),
        1 => any::<bool>().prop_map(Step::CaddyFails),
        6 => (1_u64..2_000).prop_map(Step::TimePasses),
    ]
}

async fn take(scene: &Scene, step: &Step) {
    let engine = &scene.engine;
    let exists = |n: u8| engine.now().get(&id(&named(n, 1))).is_some();
    match step {
        Step::Start { n, host } => engine.put("start", named(*n, *host)),
        Step::Remove { n } if exists(*n) => engine.remove(&id(&named(*n, 1))),
        Step::Stop { n } if exists(*n) => change(engine, "die", *n, ContainerState::Exited),
        Step::Pause { n } if exists(*n) => change(engine, "pause", *n, ContainerState::Paused),
        Step::Health { n, healthy } if exists(*n) => {
            let health = if *healthy {
                Health::Healthy
            } else {
                Health::Unhealthy
            };
            engine.change("health_status", &id(&named(*n, 1)), |c| c.health = health);
        }
        Step::Remove { .. } | Step::Stop { .. } | Step::Pause { .. } | Step::Health { .. } => {}
        Step::Kill { n, signal } => engine.kill(&id(&named(*n, 1)), *signal),
        Step::Silent { n } => scene.prober.silence(&format!("10.0.0.{n}:80")),
        Step::Notices(delivery) => engine.set_delivery(*delivery),
        Step::Listings(listing) => engine.set_listing(*listing),
        Step::CutStreams => engine.cut_streams(),
        Step::RefuseStreams(refuse) => engine.refuse_streams(*refuse),
        Step::CaddyCrashes => scene.crash_caddy(),
        Step::CaddyFails(fails) => {
            let fails = *fails;
            scene.caddy.judge(move |_| {
                let message = "no space left on device".to_owned();
                fails.then_some(AdminError::Environment { message })
            });
        }
        Step::TimePasses(ms) => sleep(Duration::from_millis(*ms)).await,
    }
}

fn named(n: u8, host: u8) -> sh0_agent::model::Container {
    site(&format!("c{n}"), n, &format!("h{host}.example"))
}

fn change(engine: &FakeEngine, action: &str, n: u8, state: ContainerState) {
    engine.change(action, &id(&named(n, 1)), |container| {
        container.state = state;
    });
}

/// The world is well again: everything answers, and one resync has passed.
async fn recover(scene: &Scene) {
    scene.engine.set_listing(Listing::Works);
    scene.engine.set_delivery(Delivery::AtOnce);
    scene.engine.refuse_streams(false);
    scene.caddy.judge(|_| None);
    scene.prober.unsilence();
    // Who is not well stays or is out by what was before.
    for container in scene.engine.now().containers() {
        if container.health == Health::Unhealthy {
            let healthy = |c: &mut sh0_agent::model::Container| c.health = Health::Healthy;
            scene.engine.change("health_status", &container.id, healthy);
        }
    }
    sleep(Duration::from_mins(2)).await;
}

fn run(steps: &[Step]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let scene = Scene::empty();
        scene.settle().await;
        for step in steps {
            take(&scene, step).await;
        }
        recover(&scene).await;
        let (served, expected) = (scene.caddy.config().unwrap(), scene.expected());
        assert_eq!(
            String::from_utf8_lossy(&served),
            String::from_utf8_lossy(&expected),
            "what is served is not what the containers ask for"
        );
        let passed = scene.began.elapsed().as_millis();
        let (loads, most) = (scene.caddy.loads().len() as u128, passed / 50 + 2);
        assert!(loads <= most, "{loads} loads in {passed} ms");
        let before = Arc::clone(&served);
        sleep(Duration::from_mins(2)).await;
        assert_eq!(
            scene.caddy.config(),
            Some(before),
            "quiet means no more loads"
        );
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn caddy_serves_what_the_containers_ask_for(steps in proptest::collection::vec(step(), 1..60)) {
        run(&steps);
    }
}
