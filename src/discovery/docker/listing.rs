//! The request for the container list, whose answer becomes containers while it comes.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;
use serde::Deserialize;

use super::Inner;
use crate::discovery::list::List;
use crate::discovery::version::versioned;
use crate::discovery::{DockerRequest, EngineError};
use crate::model::{Container, ContainerId};

/// How much of an answer is read that says no: an engine's sentence, or a proxy's page.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// The answer that says no, as engines write it.
#[derive(Deserialize)]
struct Refusal {
    message: String,
}

/// The list of all containers in any state.
pub(super) fn all() -> String {
    format!("{}?all=true&size=false", DockerRequest::List.path())
}

/// The list of these alone.
pub(super) fn of<'a>(ids: impl IntoIterator<Item = &'a ContainerId>) -> String {
    let ids: Vec<&str> = ids.into_iter().map(ContainerId::as_str).collect();
    let filters = serde_json::json!({ "id": ids }).to_string();
    format!("{}&filters={}", all(), super::percent_encoded(&filters))
}

impl Inner {
    /// The containers of a list, or an error: never a part of them.
    pub(super) async fn list(
        &self,
        query: &str,
        limit: Duration,
    ) -> Result<Vec<Container>, EngineError> {
        let request = self.request(DockerRequest::List, limit);
        let version = self.version().await?;
        let read = async {
            let answer = self.way.send(&versioned(query, version)).await;
            let answer = answer.map_err(|why| request.unanswered(why))?;
            let status = answer.status();
            if status.is_success() {
                let containers = containers(answer, &self.label_prefix).await;
                return containers.map_err(|error| request.broken(error));
            }
            let message = refusal(answer).await;
            let message = message.map_err(|error| request.broken(error))?;
            Err(request.refused(status.as_u16(), &message))
        };
        let listed = self.within(request, read).await;
        self.note_silence(listed.as_ref().err());
        listed
    }
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

async fn containers(answer: Response<Incoming>, prefix: &str) -> Result<Vec<Container>, AnyError> {
    let mut body = answer.into_body();
    let mut list = List::new(prefix);
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame?.into_data() {
            list.push(&piece)?;
        }
    }
    Ok(list.end()?)
}

/// The words of an answer that says no.
async fn refusal(answer: Response<Incoming>) -> Result<String, AnyError> {
    let mut body = answer.into_body();
    let mut bytes = Vec::new();
    while bytes.len() < REFUSAL_BYTES_MAX
        && let Some(frame) = body.frame().await
    {
        if let Ok(piece) = frame?.into_data() {
            bytes.extend_from_slice(&piece);
        }
    }
    let told = serde_json::from_slice(&bytes).map(|Refusal { message }| message);
    Ok(told.unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned()))
}
