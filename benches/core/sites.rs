//! Containers for the benchmarks of the core.

use std::collections::{BTreeMap, BTreeSet};

use sh0_agent::labels::{Permits, TlsSetting};
use sh0_agent::model::{
    Address, Container, ContainerId, ContainerState, Few, Health, Labels, NetworkMode, Snapshot,
};
use sh0_agent::routes::{Absent, Builder, Built, Claims, Gates, Inputs, LastGood, Refused};

/// A site like most: one host, and no options.
pub(crate) fn container(n: u32) -> Container {
    let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + n);
    let label = |key: &str, value: String| (key.to_owned(), value);
    // As Docker's, two ids differ in their first characters.
    let first = n.wrapping_mul(0x9e37_79b9);
    Container {
        id: ContainerId::new(format!("{first:08x}{n:056x}")).expect("not empty"),
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
        networks: Few::from([(
            "sh0-net".to_owned(),
            Address {
                ipv4: Some(address),
                ipv6: None,
            },
        )]),
        ports: BTreeSet::from([8080]),
    }
}

/// The table of these containers by this builder, which may have built before.
pub(crate) fn built_by(
    builder: &mut Builder,
    snapshot: &Snapshot,
    claims: &Claims,
    default_tls: TlsSetting,
) -> Built {
    builder.build(&Inputs {
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
        authorities: &BTreeMap::new(),
        has_dns_provider: false,
        gates: &Gates::open(),
        linger_seconds: 0,
        now: 1_700_000_000,
    })
}

/// The containers with one of them at another address.
pub(crate) fn moved(snapshot: &Snapshot, number: u32, last: u8) -> Snapshot {
    let mut one = container(number);
    if let Some(address) = one.networks.get_mut("sh0-net") {
        address.ipv4 = Some([192, 168, 0, last].into());
    }
    let mut next = snapshot.clone();
    next.update(&[one.id.clone()].into(), &Snapshot::new([one]));
    next
}
