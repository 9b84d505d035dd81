//! What containers cost in allocations: an event, in which a container moves and the table follows;
//! and the memory that a list of all and the table take.
//!
//! `cargo bench --bench allocations`. Counts do not depend on the machine, or on what else it does.

#[path = "core/sites.rs"]
mod sites;

use allocation_counter::{AllocationInfo, measure};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::json;
use sh0_agent::caddy::render::render;
use sh0_agent::discovery::wire;
use sh0_agent::labels::TlsSetting;
use sh0_agent::model::{Container, Snapshot};
use sh0_agent::routes::{Builder, Claims};
use sh0_agent::settings::Settings;

use self::sites::{built_by, container, moved};

const SIZES: [u32; 4] = [10, 100, 1_000, 10_000];

fn main() {
    stay_on_one_core();
    changes();
    memory();
}

/// Only what this thread allocates is counted, and where there is one core it does all of the work.
fn stay_on_one_core() {
    let mut first = CpuSet::new();
    let allowed = sched_getaffinity(None).expect("Linux says where a thread may run");
    let core = (0..CpuSet::MAX_CPU).find(|core| allowed.is_set(*core));
    first.set(core.expect("it runs somewhere"));
    sched_setaffinity(None, &first).expect("it may run there");
}

#[expect(clippy::print_stdout, reason = "the figures of a benchmark")]
fn changes() {
    println!("| containers | allocations for one that moves | bytes | for all, from nothing |");
    println!("|---:|---:|---:|---:|");
    for size in SIZES {
        let snapshot = Snapshot::new((0..size).map(container));
        let mut builder = Builder::default();
        let mut claims = Claims::new();
        let mut all = 0;
        // The second time what the first said about claims is known.
        for _ in 0..2 {
            let measured = measure(|| {
                let before = built_by(&mut builder, &snapshot, &claims, TlsSetting::Off);
                claims = before.claims;
            });
            all = all.max(measured.count_total);
        }
        let table = built_by(&mut builder, &snapshot, &claims, TlsSetting::Off).table;
        let one = measure(|| {
            let next = moved(&snapshot, size / 2, 1);
            let built = built_by(&mut builder, &next, &claims, TlsSetting::Off);
            assert!(
                table.is_alike_but_for_members(&built.table),
                "only an address"
            );
        });
        println!(
            "| {size} | {} | {} | {all} |",
            one.count_total, one.bytes_total
        );
    }
}

/// In KiB, what stays and what is there at most on the way.
#[expect(clippy::print_stdout, reason = "the figures of a benchmark")]
fn memory() {
    let options = Settings::default().render_options();
    println!("\n| KiB | list | its snapshot | at most | table | at most | config | at most |");
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|");
    for size in SIZES {
        let list = list((0..size).map(container));
        let (mut snapshot, mut built, mut rendered) = (Snapshot::default(), None, None);
        let of_snapshot = measure(|| {
            snapshot = wire::snapshot(list.as_bytes(), "sh0").expect("a list");
        });
        let mut builder = Builder::default();
        let of_table = measure(|| {
            let claims = Claims::new();
            built = Some(built_by(&mut builder, &snapshot, &claims, TlsSetting::Off));
        });
        let of_config = measure(|| {
            let table = &built.as_ref().expect("it was built").table;
            let config = render(table, &options);
            rendered = Some((config.json, config.places));
        });
        let figures = [of_snapshot, of_table, of_config].map(|one| stays_and_peak(&one));
        println!(
            "| {size} | {} | {} |",
            list.len() / 1024,
            figures.join(" | ")
        );
    }
}

fn stays_and_peak(measured: &AllocationInfo) -> String {
    let stays = measured.bytes_current / 1024;
    format!("{stays} | {}", measured.bytes_max / 1024)
}

/// The list of these containers as Docker writes it.
fn list(containers: impl Iterator<Item = Container>) -> String {
    let others = (0..9).map(|n| {
        (
            format!("com.docker.compose.other-{n}"),
            "0123456789".repeat(4),
        )
    });
    let others: Vec<(String, String)> = others.collect();
    let entry = |one: Container| {
        let own = one
            .labels
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()));
        let labels: std::collections::BTreeMap<_, _> = own.chain(others.clone()).collect();
        let endpoint = json!({
            "IPAMConfig": null, "NetworkID": "n".repeat(64), "EndpointID": "e".repeat(64),
            "Gateway": "172.18.0.1", "IPPrefixLen": 16, "GlobalIPv6Address": "",
            "IPAddress": one.networks.get("sh0-net").and_then(|address| address.ipv4), "MacAddress": "02:42:ac:12:00:02",
        });
        json!({
            "Id": one.id, "Names": [format!("/{}", one.name)], "Image": "shop", "ImageID": "i".repeat(71),
            "Command": "/web", "Created": one.created, "Labels": labels,
            "Ports": [{"PrivatePort": 8080, "Type": "tcp"}],
            "State": "running", "Status": "Up 3 minutes", "HostConfig": {"NetworkMode": "sh0-net"},
            "NetworkSettings": {"Networks": {"sh0-net": endpoint}}, "Mounts": [],
        })
    };
    let entries: serde_json::Value = containers.map(entry).collect();
    entries.to_string()
}
