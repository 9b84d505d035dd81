//! The pure core: from a snapshot to config bytes, at three sizes.
//!
//! `cargo bench --bench core`. Figures are per pass over all containers; compare ratios of one run.

#[path = "core/sites.rs"]
mod sites;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use sh0_agent::caddy::render::{RenderOptions, SlotOptions, render};
use sh0_agent::labels::{TlsSetting, parse};
use sh0_agent::model::Snapshot;
use sh0_agent::routes::{Builder, Built, Claims};
use sh0_agent::settings::Settings;
use sh0_agent::status::{Search, Status, home};
use tikv_jemallocator::Jemalloc;

use self::sites::{built_by, container, moved};

/// The agent's own.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

const SIZES: [u32; 3] = [100, 1_000, 10_000];

/// The table of these containers, from nothing.
fn built(snapshot: &Snapshot, claims: &Claims, default_tls: TlsSetting) -> Built {
    built_by(&mut Builder::default(), snapshot, claims, default_tls)
}

fn core(criterion: &mut Criterion) {
    let options = Settings::default().render_options();
    let mut group = criterion.benchmark_group("core");
    group.sample_size(10);
    for size in SIZES {
        let snapshot = Snapshot::new((0..size).map(container));
        let before = built(&snapshot, &Claims::new(), TlsSetting::Auto);
        group.bench_function(BenchmarkId::new("parse labels", size), |bench| {
            bench.iter(|| {
                for container in snapshot.containers() {
                    black_box(parse(black_box(container), "sh0"));
                }
            });
        });
        group.bench_function(BenchmarkId::new("build table", size), |bench| {
            bench.iter(|| built(black_box(&snapshot), &before.claims, TlsSetting::Auto));
        });
        group.bench_function(BenchmarkId::new("render and fingerprint", size), |bench| {
            bench.iter(|| render(black_box(&before.table), &options));
        });
        // As the agent does it by default, for sites without TLS.
        let slots = SlotOptions {
            runtime_dir: "/run/sh0-agent".into(),
            counts: Arc::default(),
        };
        let options = RenderOptions {
            slots: Some(slots),
            ..options.clone()
        };
        let before = built(&snapshot, &Claims::new(), TlsSetting::Off);
        group.bench_function(
            BenchmarkId::new("render to slots without TLS", size),
            |bench| {
                bench.iter(|| render(black_box(&before.table), &options));
            },
        );
        group.bench_function(
            BenchmarkId::new("snapshot to slots without TLS", size),
            |bench| {
                // The agent keeps what it builds.
                bench.iter_with_large_drop(|| {
                    let mut builder = Builder::default();
                    let snapshot = black_box(&snapshot);
                    let built = built_by(&mut builder, snapshot, &before.claims, TlsSetting::Off);
                    let rendered = render(&built.table, &options);
                    (builder, built, rendered)
                });
            },
        );
        group.bench_function(BenchmarkId::new("one container moves", size), |bench| {
            let places = [1, 2].map(|last| moved(&snapshot, size / 2, last));
            let mut builder = Builder::default();
            // As in the agent, the claims are those that the last build gave.
            let claims = built_by(&mut builder, &snapshot, &before.claims, TlsSetting::Off).claims;
            let mut turn = places.iter().cycle();
            bench.iter(|| {
                let next = turn.next().expect("it goes round");
                built_by(&mut builder, black_box(next), &claims, TlsSetting::Off)
            });
        });
        group.bench_function(BenchmarkId::new("nothing but addresses", size), |bench| {
            let again = built(&snapshot, &before.claims, TlsSetting::Off);
            bench.iter(|| black_box(&before.table).is_alike_but_for_members(&again.table));
        });
    }
    group.finish();
}

/// What a person or a program reads of ten thousand sites.
fn status(criterion: &mut Criterion) {
    let snapshot = Snapshot::new((0..10_000).map(container));
    let built = built(&snapshot, &Claims::new(), TlsSetting::Off);
    let status = Status {
        rows: built.rows,
        table: built.table,
        ..Status::default()
    };
    let search = |q: &str| Search {
        q: q.to_owned(),
        page: String::new(),
    };
    let mut group = criterion.benchmark_group("status of 10000 sites");
    group.sample_size(10);
    group.bench_function("page", |bench| {
        bench.iter(|| home(black_box(&status), &search("")));
    });
    group.bench_function("page of a search", |bench| {
        bench.iter(|| home(black_box(&status), &search("app-9999.")));
    });
    group.bench_function("JSON", |bench| {
        bench.iter(|| serde_json::to_vec(black_box(&status)).expect("it is plain data"));
    });
    group.finish();
}

criterion_group!(benches, core, status);
criterion_main!(benches);
