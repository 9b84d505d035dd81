//! The pure core: from a snapshot to config bytes, at three sizes.
//!
//! `cargo bench --bench core`. Figures are per pass over all containers; compare ratios of one run.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use sh0_agent::caddy::render::{RenderOptions, SlotOptions, render};
use sh0_agent::labels::{Permits, TlsSetting, parse};
use sh0_agent::model::{
    Address, Container, ContainerId, ContainerState, Health, Labels, NetworkMode, Snapshot,
};
use sh0_agent::routes::{Absent, Built, Claims, Inputs, LastGood, Refused, build};
use sh0_agent::settings::Settings;

const SIZES: [u32; 3] = [100, 1_000, 10_000];

fn container(n: u32) -> Container {
    let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + n);
    let label = |key: &str, value: String| (key.to_owned(), value);
    Container {
        id: ContainerId::new(format!("{n:064x}")).expect("not empty"),
        name: format!("app-{n}").into(),
        labels: Labels::from([
            label("sh0.host", format!("app-{n}.example.com")),
            label("com.docker.compose.project", format!("project-{n}")),
            label("com.docker.compose.service", "web".to_owned()),
        ]),
        state: ContainerState::Running,
        health: Health::None,
        created: i64::from(n),
        network_mode: NetworkMode::Attached,
        networks: BTreeMap::from([(
            "sh0-net".to_owned(),
            Address {
                ipv4: Some(address),
                ipv6: None,
            },
        )]),
        ports: BTreeSet::from([8080]),
    }
}

fn built(snapshot: &Snapshot, claims: &Claims, default_tls: TlsSetting) -> Built {
    build(&Inputs {
        snapshot,
        claims,
        last_good: &LastGood::new(),
        absent: &Absent::new(),
        refused: &Refused::new(),
        prefix: "sh0",
        network: "sh0-net",
        default_tls,
        permits: &Permits::default(),
        own_ports: [80, 443],
        certificate_names: &BTreeSet::new(),
        authorities: &std::collections::BTreeMap::new(),
        has_dns_provider: false,
        gates: &sh0_agent::routes::Gates::open(),
        linger_seconds: 0,
        now: 1_700_000_000,
    })
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
                bench.iter(|| {
                    let built = built(black_box(&snapshot), &before.claims, TlsSetting::Off);
                    render(&built.table, &options)
                });
            },
        );
        group.bench_function(BenchmarkId::new("nothing but addresses", size), |bench| {
            let again = built(&snapshot, &before.claims, TlsSetting::Off);
            bench.iter(|| black_box(&before.table).is_alike_but_for_members(&again.table));
        });
    }
    group.finish();
}

criterion_group!(benches, core);
criterion_main!(benches);
