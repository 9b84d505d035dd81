//! What one event costs in allocations: a container moves, and the table follows.
//!
//! `cargo bench --bench allocations`. Counts do not depend on the machine, or on what else it does.

#[path = "core/sites.rs"]
mod sites;

use std::sync::Arc;

use sh0_agent::labels::TlsSetting;
use sh0_agent::model::Snapshot;
use sh0_agent::routes::Builder;

use self::sites::{built_by, container, moved};

#[expect(clippy::print_stdout, reason = "the figures of a benchmark")]
fn main() {
    println!("| containers | allocations for one that moves | bytes | for all, from nothing |");
    println!("|---:|---:|---:|---:|");
    for size in [10, 100, 1_000, 10_000] {
        let snapshot = Snapshot::new((0..size).map(container));
        let mut builder = Builder::default();
        let mut claims = Arc::default();
        let mut all = 0;
        // The second time what the first said about claims is known.
        for _ in 0..2 {
            let measured = allocation_counter::measure(|| {
                let before = built_by(&mut builder, &snapshot, &claims, TlsSetting::Off);
                claims = before.claims;
            });
            all = all.max(measured.count_total);
        }
        let table = built_by(&mut builder, &snapshot, &claims, TlsSetting::Off).table;
        let one = allocation_counter::measure(|| {
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
