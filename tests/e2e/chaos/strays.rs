//! Interfaces that the engine left on its bridge, with addresses that are others' by now.
//!
//! An engine that is killed, and starts its containers anew, now and then leaves the network
//! namespace of an ended one behind, with its interface and address. Engine 20.10 gives that
//! address to another container, and as interfaces are named by their addresses on the bridge,
//! requests for the one reach the other, where nobody listens. An agent that saw the container
//! start lets it wait, one that comes later takes it as ready, as it runs. Both are right, so what
//! was left behind goes before the two are compared.

use std::collections::BTreeSet;
use std::fs;

use super::history::History;
use crate::harness::{Engine, command};

/// Removes the interfaces on the engine's bridge that belong to no running container.
pub(super) async fn swept(engine: &Engine, history: &History) {
    let network = engine.network();
    let words = ["network", "inspect", "--format", "{{.Id}}", &network];
    let id = engine.docker(&words).await;
    let bridge = format!("br-{}", id.get(..12).expect("ids are longer"));
    let owned = interfaces_of_containers(engine).await;
    for (link, peer) in on_bridge(&bridge) {
        if !owned.contains(&peer) {
            history.say(&format!("{link} on {bridge} is nobody's"));
            let delete = command("ip").args(["link", "delete", &link]).status();
            assert!(
                delete.is_ok_and(|status| status.success()),
                "ip link delete"
            );
        }
    }
}

/// The numbers of the interfaces in the containers' namespaces.
async fn interfaces_of_containers(engine: &Engine) -> BTreeSet<String> {
    let running = engine.docker(&["ps", "--quiet"]).await;
    let mut words = vec!["inspect", "--format", "{{.State.Pid}}"];
    words.extend(running.split_whitespace());
    let pids = engine.docker(&words).await;
    let mut owned = BTreeSet::new();
    for pid in pids.split_whitespace() {
        // Lines such as `12	eth0      :     1      V3`, of each interface with an address.
        let igmp = fs::read_to_string(format!("/proc/{pid}/net/igmp")).unwrap_or_default();
        let numbers = igmp.lines().filter(|line| line.contains("eth"));
        owned.extend(numbers.filter_map(|line| Some(line.split_whitespace().next()?.to_owned())));
    }
    owned
}

/// The interfaces on a bridge, each with the number of its other end.
fn on_bridge(bridge: &str) -> Vec<(String, String)> {
    let links = command("ip")
        .args(["-oneline", "link", "show", "master", bridge])
        .output();
    let links = links.expect("ip is installed").stdout;
    let links = String::from_utf8_lossy(&links).into_owned();
    // Lines such as `2590: vethf7af66b@if2589: <BROADCAST,…`.
    let pairs = links.lines().filter_map(|line| {
        let name = line.split(": ").nth(1)?;
        let (link, peer) = name.split_once("@if")?;
        Some((link.to_owned(), peer.to_owned()))
    });
    pairs.collect()
}
