//! Everything that an attacker may write on a container, in a real Caddy: each batch is accepted,
//! and somebody else's site answers as before.

use std::collections::BTreeMap;

use sh0_agent::caddy::render::render;
use sh0_agent::labels::TlsSetting;

use super::mirror::Mirror;
use super::raw::seen;
use crate::child::{CaddyChild, place};
use crate::from_labels::{built, container};
use crate::hostile_rows::{self, FILES, rows};

/// Rows in one config.
const BATCH: usize = 64;

/// What is seen of a connection that ends without an answer, as the end of a load may have it.
const CUT: &str = "None";

#[tokio::test]
async fn caddy_takes_what_becomes_of_every_row_and_serves_its_neighbour() {
    let mirror = Mirror::start().await;
    let site = [("host", "neighbour.test")];
    let neighbour = container("neighbour", mirror.address, site);
    let (dir, options) = place();
    let serving = |evil| {
        let all = [neighbour.clone()].into_iter().chain(evil).collect();
        let built = built(all, TlsSetting::Off, &BTreeMap::new());
        render(&built.table, &options)
    };
    let first = serving(Vec::new());
    let caddy = CaddyChild::start(dir.path(), &first.json).await;
    let alone = seen(options.http_port, "neighbour.test", "/", "").await;
    assert!(alone.starts_with("GET / HTTP/1.1\r\n"), "{alone}");
    let all = FILES.iter().flat_map(|(_, text)| rows(text));
    let all: Vec<_> = all.enumerate().collect();
    for batch in all.chunks(BATCH) {
        let evil = batch.iter().map(|(place, row)| {
            hostile_rows::container(row, place + 1, &format!("e{place}.evil.test"))
        });
        let rendered = serving(evil.collect());
        let loaded = caddy.load(rendered.json).await;
        loaded.unwrap_or_else(|error| panic!("{error:?} in {batch:?}"));
        let mut answer = seen(options.http_port, "neighbour.test", "/", "").await;
        if answer == CUT {
            answer = seen(options.http_port, "neighbour.test", "/", "").await;
        }
        assert_eq!(answer, alone, "{batch:?}");
    }
    assert_eq!(caddy.logged("panic"), 0);
}
