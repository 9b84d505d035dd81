//! The admin socket as the supervisor sees it.

use crate::caddy::Fingerprint;
use crate::caddy::admin::{Admin, AdminClient};
use crate::supervise::{Ping, StartConfig};

/// What the supervisor asks of it.
pub(super) struct AdminPing(pub(super) AdminClient);

impl Ping for AdminPing {
    async fn ping(&self) -> bool {
        self.0.ping().await.is_ok()
    }

    async fn serving(&self) -> bool {
        self.0.serving().await
    }

    async fn served(&self) -> Option<StartConfig> {
        let json = self.0.served().await?;
        let id = Fingerprint::of_meaning(&json)?.to_string().into();
        let json = json.into();
        Some(StartConfig { id, json })
    }

    async fn stop(&self) -> bool {
        self.0.stop().await.is_ok()
    }
}
