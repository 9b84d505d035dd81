//! The real engine: Docker's HTTP API through bollard.
//!
//! Owns the requests, their time limits and the negotiated API version. Deliberately keeps no
//! connection: every request dials the endpoint anew by its path, because a socket may be
//! recreated under the same name. The container list is read as it comes; all other answers are
//! short, and collected whole in memory, as bollard does.

mod about;
mod events;
mod listing;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bollard::ClientVersion;
use bollard::errors::Error;
use bollard::models::ContainerInspectResponse;
use futures::future::{join, join_all};
use futures::stream::BoxStream;
use tokio::time::timeout;

pub use self::about::About;
use super::exposed::ExposedPorts;
use super::failure::Request;
use super::relevance::Known;
use super::version::{UNVERSIONED, common_version};
use super::way::Way;
use super::{
    Caution, DockerRequest, Engine, EngineError, EngineProcess, Notice, StopRule, convert, process,
};
use crate::model::{Container, ContainerId, Snapshot};

/// The engine answers this from memory within a millisecond or two; longer means that it hangs.
const VERSION_LIMIT: Duration = Duration::from_secs(3);

/// The engine needs about 70 µs per container; ten times as long on a busy machine with ten
/// thousand containers is still below this.
const LIST_LIMIT: Duration = Duration::from_secs(10);

/// The engine finds a container by its id; as long as this takes only one that hangs.
const LOOK_AT_LIMIT: Duration = Duration::from_secs(3);

/// The engine counts its containers for it; asked once for each event stream.
const INFO_LIMIT: Duration = Duration::from_secs(3);

/// One record from memory, but it may wait for a lock of the network driver.
const NETWORK_LIMIT: Duration = Duration::from_secs(3);

/// An inspect waits while its container starts (up to 450 ms seen) or stops (up to its stop
/// timeout); a look must not wait so long for a port that is only nice to know.
const INSPECT_LIMIT: Duration = Duration::from_millis(500);

/// An id that no container has, of a form that any proxy takes for one.
const NOBODY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// bollard's own limit, in whole seconds, for the headers of an answer: longer than all of ours, so
/// that ours are the ones that count.
const BOLLARD_LIMIT_SECS: u64 = 60;

/// Which engine to look at, and for what.
#[derive(Debug, Clone, Default)]
pub struct DockerOptions {
    /// `unix:///path`, a plain path, `tcp://host:port`, `http://host:port` or
    /// `https://host:port`; `None` is `/var/run/docker.sock`.
    pub endpoint: Option<String>,
    /// Whether `tcp://` means TLS.
    pub tls: bool,
    /// The directory with `ca.pem`, `cert.pem` and `key.pem` for TLS; `None` is `~/.docker`.
    pub certificates: Option<PathBuf>,
    /// The word before the first dot of our labels, such as `sh0`: events of containers without
    /// such a label are dropped.
    pub label_prefix: String,
}

/// A Docker engine, or what speaks its API (Podman). Cloning gives another handle to the same.
#[derive(Debug, Clone)]
pub struct Docker {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    way: Way,
    label_prefix: String,
    /// A lock, because looks and streams run in tasks of their own; it is held for a few
    /// instructions and never across an await.
    memory: Mutex<Memory>,
}

/// What is remembered between requests. All of it can be lost without harm.
#[derive(Debug, Default)]
struct Memory {
    /// The API version that was agreed on; forgotten when a request fails or a stream ends.
    version: Option<ClientVersion>,
    /// The containers whose events matter, by the last whole snapshot and the looks since.
    known: Option<Known>,
    exposed: ExposedPorts,
    /// The requests that were not let through, each with the status that said so.
    blocked: BTreeMap<DockerRequest, u16>,
}

impl Docker {
    /// An engine at this endpoint. Nothing is dialled yet.
    ///
    /// # Errors
    /// [`EngineError::Endpoint`] when the endpoint is not of a form that can be dialled.
    pub fn new(options: DockerOptions) -> Result<Self, EngineError> {
        let way = Way::parse(
            options.endpoint.as_deref(),
            options.tls,
            options.certificates,
        );
        Ok(Self {
            inner: Arc::new(Inner {
                way: way?,
                label_prefix: options.label_prefix,
                memory: Mutex::default(),
            }),
        })
    }
}

impl Docker {
    /// What is not safe about the way to the engine, to be said once.
    #[must_use]
    pub fn cautions(&self) -> Vec<Caution> {
        self.inner.way.cautions()
    }
}

impl Engine for Docker {
    async fn snapshot(&self) -> Result<Snapshot, EngineError> {
        let mut containers = self.inner.list(&listing::all(), LIST_LIMIT).await?;
        self.inner.memory().exposed.keep_only(&containers);
        self.inner.complete_ports(&mut containers).await;
        let snapshot = Snapshot::new(containers);
        let known = Known::of(&snapshot, &self.inner.label_prefix);
        self.inner.memory().known = Some(known);
        Ok(snapshot)
    }

    async fn look_at(&self, ids: &BTreeSet<ContainerId>) -> Result<Snapshot, EngineError> {
        let mut containers = self.inner.list(&listing::of(ids), LOOK_AT_LIMIT).await?;
        // Engines also find containers by parts of their ids.
        containers.retain(|container| ids.contains(&container.id));
        self.inner.complete_ports(&mut containers).await;
        let seen = Snapshot::new(containers);
        if let Some(known) = &mut self.inner.memory().known {
            known.update(ids, &seen, &self.inner.label_prefix);
        }
        Ok(seen)
    }

    fn notices(&self) -> BoxStream<'static, Result<Notice, EngineError>> {
        events::notices(Arc::clone(&self.inner))
    }

    async fn network_exists(&self, name: &str) -> Result<bool, EngineError> {
        let Some(segment) = path_segment(name) else {
            return Ok(false);
        };
        let request = self.inner.request(DockerRequest::Network, NETWORK_LIMIT);
        let asked = self.inner.call(request.about(name), |docker| async move {
            docker.inspect_network(&segment, None).await
        });
        match asked.await {
            // The engine also finds networks by the beginning of their id.
            Ok(network) => Ok(network.name.as_deref() == Some(name)),
            Err(EngineError::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn live_restore(&self) -> Result<bool, EngineError> {
        let ask = |docker: bollard::Docker| async move { docker.info().await };
        let request = self.inner.request(DockerRequest::Info, INFO_LIMIT);
        let info = self.inner.call(request, ask).await?;
        Ok(info.live_restore_enabled.unwrap_or(false))
    }

    async fn process(&self) -> EngineProcess {
        process::of(self.inner.way.endpoint()).await
    }

    async fn stop_rule(&self, id: &ContainerId) -> Result<StopRule, EngineError> {
        let inspected = self.inner.inspect(id.clone());
        inspected.await.map(convert::stop_rule)
    }

    async fn check_access(&self) {
        let nobody = ContainerId::new(NOBODY).expect("it is not empty");
        // What they say is noted where they are asked.
        let (_, _) = join(self.live_restore(), self.stop_rule(&nobody)).await;
    }

    fn api_version(&self) -> Option<String> {
        let version = self.inner.memory().version?;
        (version != UNVERSIONED).then(|| version.to_string())
    }

    fn blocked(&self) -> BTreeMap<DockerRequest, u16> {
        self.inner.memory().blocked.clone()
    }
}

impl Inner {
    /// Adds the ports that only an inspect tells. A failed inspect is no failed look.
    async fn complete_ports(&self, containers: &mut [Container]) {
        let wanted = self.memory().exposed.wanted(containers, &self.label_prefix);
        let inspected = join_all(wanted.into_iter().map(|id| self.inspect_ports(id))).await;
        let mut memory = self.memory();
        for (id, ports) in inspected {
            memory.exposed.learn(id, ports);
        }
        memory.exposed.fill(containers);
    }

    async fn inspect_ports(&self, id: ContainerId) -> (ContainerId, Option<BTreeSet<u16>>) {
        let inspected = self.inspect(id.clone());
        (id, inspected.await.ok().map(convert::exposed_ports))
    }

    async fn inspect(&self, id: ContainerId) -> Result<ContainerInspectResponse, EngineError> {
        let (request, id) = (
            self.request(DockerRequest::Inspect, INSPECT_LIMIT),
            id.as_str(),
        );
        self.call(request.about(id), |docker| async move {
            docker.inspect_container(id, None).await
        })
        .await
    }

    /// Makes one request, with a limit on the whole of it.
    async fn call<T, F>(
        &self,
        request: Request<'_>,
        ask: impl FnOnce(bollard::Docker) -> F,
    ) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let version = self.version().await?;
        let answer = self.ask(request, version, ask).await;
        self.note_silence(answer.as_ref().err());
        answer
    }

    async fn ask<T, F>(
        &self,
        request: Request<'_>,
        version: ClientVersion,
        ask: impl FnOnce(bollard::Docker) -> F,
    ) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let docker = self
            .way
            .dial(version, BOLLARD_LIMIT_SECS)
            .map_err(|error| request.failed(error))?;
        let answer = async { ask(docker).await.map_err(|error| request.failed(error)) };
        self.within(request, answer).await
    }

    /// Waits for the answer to a request, with a limit on the whole of it.
    async fn within<T>(
        &self,
        request: Request<'_>,
        answer: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let answer = timeout(request.limit, answer).await;
        let answer = answer.unwrap_or_else(|_elapsed| Err(request.timed_out()));
        self.note_access(request.operation, answer.as_ref().err());
        answer
    }

    /// The version holds until a request fails: the engine that answers next may be another one.
    fn note_silence(&self, error: Option<&EngineError>) {
        if error.is_some_and(|error| !error.is_answer()) {
            self.forget_version();
        }
    }

    /// Remembers whether a request was let through, where its end says so.
    fn note_access(&self, request: DockerRequest, error: Option<&EngineError>) {
        let blocked = &mut self.memory().blocked;
        match error {
            None | Some(EngineError::Missing { .. }) => drop(blocked.remove(&request)),
            Some(EngineError::Refused { status, .. })
                if error.is_some_and(EngineError::is_blocked) =>
            {
                blocked.insert(request, *status);
            }
            Some(_) => {}
        }
    }

    /// The API version that both sides speak: remembered, or asked for. The question itself goes
    /// out without a version, as an engine refuses one that it does not know; where a proxy does
    /// not let it through, all others do, too.
    async fn version(&self) -> Result<ClientVersion, EngineError> {
        if let Some(version) = self.memory().version {
            return Ok(version);
        }
        let request = self.request(DockerRequest::Version, VERSION_LIMIT);
        let ask = |docker: bollard::Docker| async move { docker.version().await };
        let answer = match self.ask(request, UNVERSIONED, ask).await {
            Err(error) if error.is_blocked() => {
                self.memory().version = Some(UNVERSIONED);
                return Ok(UNVERSIONED);
            }
            answer => answer?,
        };
        let text = answer.api_version.unwrap_or_default();
        let version = common_version(&text).ok_or_else(|| {
            request.broken(format!(
                "expected an `ApiVersion` such as 1.41, found `{text}`"
            ))
        })?;
        self.memory().version = Some(version);
        Ok(version)
    }

    fn request(&self, operation: DockerRequest, limit: Duration) -> Request<'_> {
        Request {
            operation,
            limit,
            endpoint: self.way.endpoint(),
            thing: None,
        }
    }

    /// The engine that answers next may be another one.
    fn forget_version(&self) {
        self.memory().version = None;
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name as one segment of a path: Docker lets networks have any name, `a/b` too. The dots cannot
/// be written so that they stay a name.
fn path_segment(name: &str) -> Option<String> {
    (!matches!(name, "" | "." | "..")).then(|| percent_encoded(name))
}

/// A text as it may stand anywhere in a URL.
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_one_path_segment() {
        let check = |name, expected: Option<&str>| {
            assert_eq!(path_segment(name).as_deref(), expected);
        };
        check("shop_sh0-net.1", Some("shop_sh0-net.1"));
        check("a/b?c#d e%", Some("a%2Fb%3Fc%23d%20e%25"));
        check("..", None);
        check("", None);
    }
}
