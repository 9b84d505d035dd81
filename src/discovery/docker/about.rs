//! What an engine says of itself: for people who look at the machine, not for the loop.

use super::{Docker, INFO_LIMIT};
use crate::discovery::time::seconds;
use crate::discovery::{DockerRequest, EngineError};

/// What an engine says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its version.
    pub engine: String,
    /// Its clock, in seconds since 1970; `None` where it does not say.
    pub time: Option<u64>,
}

impl Docker {
    /// What the engine says of itself.
    ///
    /// # Errors
    /// When the engine could not be asked.
    pub async fn about(&self) -> Result<About, EngineError> {
        let ask = |docker: bollard::Docker| async move { docker.info().await };
        let request = self.inner.request(DockerRequest::Info, INFO_LIMIT);
        let info = self.inner.call(request, ask).await?;
        Ok(About {
            engine: info.server_version.unwrap_or_default(),
            time: info.system_time.as_deref().and_then(seconds),
        })
    }

    /// The endpoint, as it is named in messages.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.inner.way.endpoint().to_string()
    }
}
