//! What every [`Admin`] does, the real one and the fake.

use std::sync::Arc;
use std::time::Duration;

use sh0_agent::caddy::admin::{Admin, AdminError, Disposition};
use tokio::time::{Instant, sleep};

/// Runs the contract against a Caddy that is up, with two different configs that it accepts. It
/// is stopped at the end.
pub(crate) async fn admin_contract(admin: &impl Admin, one: Arc<[u8]>, other: Arc<[u8]>) {
    admin.ping().await.expect("it is up");
    for config in [&one, &one, &other, &one] {
        (admin.load(Arc::clone(config)).await).expect("a good config is accepted");
    }
    for wrong in ["no JSON", r#"{"colour":"blue"}"#] {
        let error = (admin.load(wrong.as_bytes().into()).await).expect_err("it is wrong");
        assert_eq!(error.disposition(), Disposition::WaitForChange, "{wrong}");
        let expected = matches!(&error, AdminError::Rejected { message }
            if message.starts_with("loading config: "));
        assert!(expected, "`{wrong}`: {error:?}");
    }
    (admin.load(one).await).expect("the refused configs changed nothing");

    admin.stop().await.expect("it can be asked to stop");
    let deadline = Instant::now() + Duration::from_secs(10);
    while admin.ping().await.is_ok() {
        assert!(Instant::now() < deadline, "it still answers");
        sleep(Duration::from_millis(20)).await;
    }
    let error = (admin.load(other).await).expect_err("it is gone");
    assert!(matches!(error, AdminError::Unreachable { .. }), "{error:?}");
    assert_eq!(error.disposition(), Disposition::Retry);
}
