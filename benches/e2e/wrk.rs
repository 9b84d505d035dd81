//! Requests per second by `wrk`, every one of them answered by the right container.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::backend::Backend;
use super::proxy::Running;
use crate::harness::command;

/// Connections that `wrk` keeps: enough to keep two cores busy.
const CONNECTIONS: u8 = 16;

/// How many requests per second a host is good for.
///
/// # Errors
/// When one of them was not answered, or not by the container.
pub(crate) async fn requests_per_second(
    proxy: &Running,
    backend: &Backend,
    host: &str,
    ip: Ipv4Addr,
    load: Duration,
) -> Result<f64, String> {
    let patience = Duration::from_secs(5);
    proxy.answered(host, ip, patience).await?;
    let before = backend.answers();
    let mut wrk = command("wrk");
    let (connections, seconds) = (
        CONNECTIONS.to_string(),
        format!("{}s", load.as_secs().max(1)),
    );
    wrk.args(["-t", "1", "-c", &connections, "-d", &seconds, "-H"]);
    wrk.arg(format!("Host: {host}"));
    wrk.arg(format!("http://127.0.0.1:{}/", proxy.port));
    let output = tokio::process::Command::from(wrk).output().await;
    let output = output.map_err(|error| {
        format!("`wrk` cannot be started ({error}): type `scripts/setup bench`, or use --seconds 0")
    })?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let answered = backend.answers() - before;
    proxy.answered(host, ip, patience).await?;
    read(&said, answered)
        .ok_or_else(|| format!("{host}: {answered} answers by the container; wrk said: {said}"))
}

/// The figure, unless a request failed or was answered by somebody else than the container.
fn read(said: &str, answered: u64) -> Option<f64> {
    let after = |name: &str| said.lines().find_map(|line| line.trim().strip_prefix(name));
    let is_clean = after("Non-2xx").is_none() && after("Socket errors").is_none();
    let mut lines = said.lines().map(str::trim);
    let requests = lines.find_map(|line| line.split_once(" requests in "))?.0;
    let requests: u64 = requests.parse().ok()?;
    let figure = after("Requests/sec:")?.trim().parse().ok()?;
    (is_clean && requests <= answered).then_some(figure)
}
