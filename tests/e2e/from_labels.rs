//! From labels to what a real Caddy serves by them: containers that are backends on the loopback.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use sh0_agent::caddy::render::{RenderOptions, render};
use sh0_agent::labels::{Permits, TlsSetting};
use sh0_agent::model::{
    Address, Container, ContainerId, ContainerState, Few, FileName, Health, Labels, NetworkMode,
    Snapshot,
};
use sh0_agent::routes::{Absent, Built, Gates, Inputs, Refused, RouteTable, build};
use tempfile::TempDir;

use crate::child::CaddyChild;

/// A container of this service of the project `shop`, with these labels, at this address.
pub(crate) fn container<'a>(
    service: &str,
    address: SocketAddr,
    labels: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Container {
    let own = labels.into_iter();
    let own = own.map(|(key, value)| (format!("sh0.{key}"), value.to_owned()));
    let mut labels = Labels::from([
        ("com.docker.compose.project".to_owned(), "shop".to_owned()),
        ("com.docker.compose.service".to_owned(), service.to_owned()),
        ("sh0.port".to_owned(), address.port().to_string()),
    ]);
    labels.extend(own);
    let ip = Address {
        ipv4: address.ip().to_string().parse().ok(),
        ipv6: None,
    };
    Container {
        id: ContainerId::new(format!("c-{service}")).expect("not empty"),
        name: format!("shop-{service}-1").into(),
        labels,
        state: ContainerState::Running,
        health: Health::None,
        created: 1,
        network_mode: NetworkMode::Attached,
        networks: Few::from([("sh0-net".to_owned(), ip)]),
        ports: BTreeSet::new(),
    }
}

/// What an agent makes of these containers that has seen nothing before and allows everything.
pub(crate) fn built(
    containers: Vec<Container>,
    default_tls: TlsSetting,
    authorities: &BTreeMap<FileName, PathBuf>,
) -> Built {
    build(&Inputs {
        snapshot: &Snapshot::new(containers),
        claims: &std::sync::Arc::default(),
        last_good: &std::sync::Arc::default(),
        absent: &Absent::new(),
        refused: &Refused::new(),
        prefix: "sh0",
        network: "sh0-net",
        default_tls,
        own_ports: [80, 443],
        permits: &Permits {
            catch_all: true,
            raw_caddy: true,
            auth_urls: true,
            ..Permits::default()
        },
        certificate_names: &BTreeSet::new(),
        authorities,
        has_dns_provider: false,
        gates: &Gates::open(),
        linger_seconds: 0,
        now: 1_000,
    })
}

/// A Caddy that serves this table.
pub(crate) async fn serve(
    dir: &TempDir,
    table: &RouteTable,
    options: &RenderOptions,
) -> CaddyChild {
    CaddyChild::start(dir.path(), &render(table, options).json).await
}
