//! What clients may try, over plain sockets: a real Caddy with our configs, and behind it servers
//! that answer with the very bytes that reached them.

mod fields;
mod frames;
mod labels;
mod limits;
mod mirror;
mod named;
mod paths;
mod raw;
mod smuggled;
mod waiting;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sh0_agent::caddy::render::RenderOptions;
use sh0_agent::labels::TlsSetting;
use tempfile::TempDir;

use crate::child::{CaddyChild, place};
use crate::from_labels::{built, container, serve};

/// A container's service, address and labels.
type Site<'a> = (&'a str, SocketAddr, &'a [(&'a str, &'a str)]);

/// A Caddy that serves these containers.
async fn serving(
    sites: &[Site<'_>],
    set: impl FnOnce(&mut RenderOptions),
) -> (TempDir, RenderOptions, CaddyChild) {
    let (dir, mut options) = place();
    set(&mut options);
    let containers = sites
        .iter()
        .map(|(service, address, labels)| container(service, *address, labels.iter().copied()));
    let built = built(containers.collect(), TlsSetting::Off, &BTreeMap::new());
    assert_eq!(*built.diagnostics, [], "the labels are right");
    let caddy = serve(&dir, &built.table, &options).await;
    (dir, options, caddy)
}
