//! The fake Caddy keeps the promises of the real one.

use std::sync::Arc;

use sh0_agent::caddy::admin::{Admin, AdminError};

use crate::admin_contract::admin_contract;
use crate::fakes::caddy::FakeCaddy;

#[tokio::test(start_paused = true)]
async fn the_fake_keeps_the_contract() {
    admin_contract(
        &FakeCaddy::new(),
        b"{}"[..].into(),
        br#"{"apps":{}}"#[..].into(),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_fake_counts_changes_and_forgets_with_a_new_epoch() {
    let caddy = FakeCaddy::new();
    let config: Arc<[u8]> = b"{}"[..].into();
    for _ in 0..2 {
        (caddy.load(Arc::clone(&config)).await).expect("accepted");
    }
    assert_eq!(caddy.loads().len(), 1);

    caddy.crash();
    caddy.ping().await.expect_err("nobody answers");
    caddy.restart(None);
    assert_eq!((caddy.epoch(), caddy.config()), (2, None));

    caddy.judge(|_| {
        Some(AdminError::Environment {
            message: "no space".to_owned(),
        })
    });
    (caddy.load(config).await).expect_err("the verdict counts");
    assert_eq!((caddy.loads().len(), caddy.config()), (1, None));
}
