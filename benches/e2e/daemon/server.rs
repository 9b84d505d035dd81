//! The daemon's HTTP server.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use futures::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::sleep;

use super::event::FILTERS;
use super::filters::Filters;
use super::{Known, NETWORK, NETWORK_ID, Shared, Weather, lock};

/// The newest API version that it speaks; current clients of peers refuse less than 1.44.
const API_VERSION: &str = "1.47";
const LIST_FILTERS: [&str; 5] = ["id", "label", "name", "network", "status"];

type Daemon = State<Arc<Shared>>;

/// The socket, at which nobody is while the daemon is gone.
#[derive(Debug)]
pub(super) struct Door {
    listener: UnixListener,
    shared: Arc<Shared>,
}

impl Door {
    pub(super) fn new(listener: UnixListener, shared: Arc<Shared>) -> Self {
        Self { listener, shared }
    }
}

impl Listener for Door {
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (UnixStream, SocketAddr) {
        loop {
            let accepted = Listener::accept(&mut self.listener).await;
            if *self.shared.weather.borrow() != Weather::Gone {
                return accepted;
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Answers until it is dropped.
pub(super) async fn serve(door: Door, shared: Arc<Shared>) {
    let app = api().nest("/{version}", api()).fallback(unknown);
    let weather = from_fn_with_state(Arc::clone(&shared), weather);
    let served = axum::serve(door, app.layer(weather).with_state(shared)).await;
    served.expect("axum serves for ever");
}

fn api() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_ping", get(ping))
        .route("/version", get(version))
        .route("/info", get(info))
        .route("/containers/json", get(list))
        .route("/containers/{id}/json", get(inspect))
        .route("/networks", get(networks))
        .route("/networks/{name}", get(network))
        .route("/events", get(events))
}

/// Holds a request up, or breaks it off, as the weather is.
async fn weather(State(shared): Daemon, request: Request, next: Next) -> Response {
    let mut now = shared.weather.subscribe();
    let turned = now.wait_for(|now| *now != Weather::Frozen).await;
    let now = turned.map_or(Weather::Gone, |now| *now);
    match now {
        Weather::Slow(wait) => sleep(wait).await,
        Weather::Gone => return broken_off(),
        Weather::Fair | Weather::Frozen => {}
    }
    next.run(request).await
}

/// A connection can be ended only by an answer that breaks off.
fn broken_off() -> Response {
    let error = std::io::Error::other("the daemon is gone");
    Body::from_stream(stream::iter([Err::<String, _>(error)])).into_response()
}

impl Shared {
    fn answer(&self, endpoint: &'static str, body: String) -> Response {
        self.count(endpoint, 1, body.len());
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    }

    fn refuse(&self, endpoint: &'static str, status: StatusCode, message: &str) -> Response {
        let body = json!({"message": message}).to_string();
        (status, self.answer(endpoint, body)).into_response()
    }
}

async fn ping(State(shared): Daemon) -> Response {
    shared.count("/_ping", 1, 2);
    ([("Api-Version", API_VERSION), ("Ostype", "linux")], "OK").into_response()
}

async fn version(State(shared): Daemon) -> Response {
    let body = json!({
        "Platform": {"Name": ""}, "Version": "27.5.1", "ApiVersion": API_VERSION,
        "MinAPIVersion": "1.24", "GitCommit": "4c9b3b0", "GoVersion": "go1.22.11", "Os": "linux",
        "Arch": "amd64", "KernelVersion": "6.1.0", "BuildTime": "2025-01-22T13:41:48.000000000+00:00"
    });
    shared.answer("/version", body.to_string())
}

async fn info(State(shared): Daemon) -> Response {
    let count = lock(&shared.containers).len();
    let body = json!({
        "ID": "MA4N:TV7E:JZ75:GHUX", "Containers": count, "ContainersRunning": count,
        "ContainersPaused": 0, "ContainersStopped": 0, "Name": "fake", "ServerVersion": "27.5.1",
        "OSType": "linux", "Architecture": "x86_64", "NCPU": 2, "LiveRestoreEnabled": false,
        "Swarm": {"NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive",
                  "ControlAvailable": false, "Error": "", "RemoteManagers": null}
    });
    shared.answer("/info", body.to_string())
}

/// The parameters of the list that somebody uses; `size` and `limit` are left to Docker.
#[derive(Deserialize)]
struct ListQuery {
    all: Option<String>,
    filters: Option<String>,
}

async fn list(State(shared): Daemon, Query(query): Query<ListQuery>) -> Response {
    let filters = match Filters::parse(query.filters.as_deref(), &LIST_FILTERS) {
        Ok(filters) => filters,
        Err(message) => {
            return shared.refuse("/containers/json", StatusCode::BAD_REQUEST, &message);
        }
    };
    let all = query.all.is_some_and(|all| all == "1" || all == "true") || filters.has("status");
    let mut body = String::from("[");
    for known in lock(&shared.containers).values() {
        if is_wanted(known, &filters, all) {
            body.push_str(if body.len() == 1 { "" } else { "," });
            body.push_str(&known.listed);
        }
    }
    body.push(']');
    shared.answer("/containers/json", body)
}

fn is_wanted(known: &Known, filters: &Filters, all: bool) -> bool {
    let container = &known.container;
    (all || container.state != super::State::Exited)
        && filters.any("id", |id| container.id.starts_with(id))
        && filters.any("name", |name| container.name.contains(name))
        && filters.any("network", |name| [NETWORK, NETWORK_ID].contains(&name))
        && filters.any("status", |status| container.state.word() == status)
        && filters.labels(&container.labels)
}

/// The id behind the version, if there is one.
fn last(segments: Vec<(String, String)>) -> String {
    segments.into_iter().next_back().unwrap_or_default().1
}

async fn inspect(State(shared): Daemon, Path(path): Path<Vec<(String, String)>>) -> Response {
    let (endpoint, name) = ("/containers/{id}/json", last(path));
    let body = {
        let containers = lock(&shared.containers);
        let found = containers
            .values()
            .find(|known| known.container.id.starts_with(&name) || known.container.name == name);
        found.map(|known| known.container.inspected())
    };
    match body {
        Some(body) => shared.answer(endpoint, body.to_string()),
        None => shared.refuse(
            endpoint,
            StatusCode::NOT_FOUND,
            &format!("No such container: {name}"),
        ),
    }
}

fn routing_network() -> Value {
    json!({
        "Name": NETWORK, "Id": NETWORK_ID, "Created": "2026-01-01T00:00:00.000000001Z",
        "Scope": "local", "Driver": "bridge", "EnableIPv6": false,
        "IPAM": {"Driver": "default", "Options": {},
                 "Config": [{"Subnet": "127.0.0.0/8", "Gateway": "127.0.0.1"}]},
        "Internal": false, "Attachable": false, "Ingress": false, "ConfigFrom": {"Network": ""},
        "ConfigOnly": false, "Containers": {}, "Options": {}, "Labels": {}
    })
}

async fn networks(State(shared): Daemon) -> Response {
    shared.answer("/networks", json!([routing_network()]).to_string())
}

async fn network(State(shared): Daemon, Path(path): Path<Vec<(String, String)>>) -> Response {
    let (endpoint, name) = ("/networks/{name}", last(path));
    if [NETWORK, NETWORK_ID].contains(&name.as_str()) {
        shared.answer(endpoint, routing_network().to_string())
    } else {
        let message = format!("network {name} not found");
        shared.refuse(endpoint, StatusCode::NOT_FOUND, &message)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventsQuery {
    since: Option<f64>,
    filters: Option<String>,
}

async fn events(State(shared): Daemon, Query(query): Query<EventsQuery>) -> Response {
    let filters = match Filters::parse(query.filters.as_deref(), &FILTERS) {
        Ok(filters) => filters,
        Err(message) => return shared.refuse("/events", StatusCode::BAD_REQUEST, &message),
    };
    shared.count("/events", 1, 0);
    let since = { query.since }.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let events = lock(&shared.streams).subscribe(filters, since);
    let lines = stream::unfold((shared, events), |(shared, mut events)| async move {
        let line = events.recv().await;
        let mut weather = shared.weather.subscribe();
        if weather
            .wait_for(|now| *now != Weather::Frozen)
            .await
            .is_err()
        {
            pending::<()>().await;
        }
        drop(weather);
        let line = line?;
        shared.count("/events", 0, line.len());
        Some((Ok::<_, std::io::Error>(line.to_string()), (shared, events)))
    });
    (
        [(header::CONTENT_TYPE, "application/json")],
        Body::from_stream(lines),
    )
        .into_response()
}

async fn unknown(State(shared): Daemon, request: Request) -> Response {
    let message = format!("the fake daemon does not know {}", request.uri().path());
    shared.refuse("unknown", StatusCode::NOT_FOUND, &message)
}
