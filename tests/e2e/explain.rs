//! `sh0-agent explain` for set-ups that are broken in one way each: the headline names what is wrong,
//! and what it says to type mends it.

mod agent;
mod case;
mod labels;
mod network;
mod ready;
mod route;

use self::case::{Case, Scene};

/// Breaks all of them beside each other, explains each, mends each, and asks each site.
async fn all(scene: &Scene, cases: Vec<Case>) {
    let mut broken = Vec::new();
    for case in cases {
        broken.push(case.start(scene).await);
    }
    for case in broken {
        case.explained(scene).await;
        case.mended(scene).await;
    }
}

#[tokio::test]
async fn labels_that_are_wrong_are_named_and_mended() {
    let scene = Scene::start(&[]).await;
    all(&scene, labels::cases(&scene)).await;
}

#[tokio::test]
async fn what_is_wrong_with_networks_and_ports_is_named_and_mended() {
    let scene = Scene::start(&[]).await;
    let elsewhere = network::elsewhere(&scene);
    scene.engine.create_network_named(&elsewhere).await;
    all(&scene, network::cases(&scene)).await;
}

#[tokio::test]
async fn containers_that_do_not_run_or_answer_are_named_and_mended() {
    let scene = Scene::start(&[]).await;
    all(&scene, ready::cases(&scene)).await;
}

#[tokio::test]
async fn what_is_wrong_with_hosts_and_routes_is_named_and_mended() {
    let scene = Scene::start(&["--allow-raw-caddy", "--deny-hosts", "*.denied.test"]).await;
    all(&scene, route::cases(&scene)).await;
}
