//! So many containers on a fake daemon, each with a host of its own and labels for every proxy that
//! is measured, so that all do the same work.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::daemon::{Container, Daemon};
use super::proxy::Proxy;

/// Longer than the throttles of all proxies but Traefik's, which is as long and asks before it
/// throttles.
const QUIET: Duration = Duration::from_secs(2);

/// A container and its host.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// Where it is asked for.
    pub(crate) host: String,
    /// What answers.
    pub(crate) container: Container,
}

/// The daemon and its containers.
#[derive(Debug)]
pub(crate) struct World {
    /// The daemon.
    pub(crate) daemon: Daemon,
    /// How many sites there are.
    pub(crate) size: usize,
    /// Where all containers listen.
    pub(crate) port: u16,
    /// When nothing has been asked for so long, a proxy is done with the last change.
    pub(crate) quiet: Duration,
    proxies: Vec<Proxy>,
}

impl World {
    /// So many sites, and two containers without labels for anybody.
    pub(crate) fn new(size: usize, port: u16, proxies: &[Proxy]) -> Self {
        let sites = (0..size).map(|number| site(number, port, proxies).container);
        let strangers = (size..size + 2).map(stranger);
        Self {
            daemon: Daemon::start(sites.chain(strangers)),
            size,
            port,
            quiet: QUIET,
            proxies: proxies.to_vec(),
        }
    }

    /// The site of this number; from `size + 2` on it is not there yet.
    pub(crate) fn site(&self, number: usize) -> Site {
        site(number, self.port, &self.proxies)
    }

    /// The first, the middle and the last.
    pub(crate) fn chosen(&self) -> [Site; 3] {
        [0, self.size / 2, self.size - 1].map(|number| self.site(number))
    }

    /// A container without labels for anybody.
    pub(crate) fn stranger(&self) -> Container {
        stranger(self.size)
    }

    /// What was asked of the daemon, in all.
    pub(crate) fn calls(&self) -> u64 {
        let counts = self.daemon.counts();
        counts.values().map(|count| count.calls).sum()
    }

    /// Waits until nothing is asked any more, and gives the calls so far.
    pub(crate) async fn settled(&self, patience: Duration) -> Result<u64, String> {
        let deadline = Instant::now() + patience;
        let (mut calls, mut since) = (self.calls(), Instant::now());
        while since.elapsed() < self.quiet {
            sleep(Duration::from_millis(20)).await;
            if self.calls() != calls {
                (calls, since) = (self.calls(), Instant::now());
            }
            if deadline < Instant::now() {
                return Err(format!("the daemon was still asked after {patience:?}"));
            }
        }
        Ok(calls)
    }
}

/// A container's address: another one in each of its lives.
pub(crate) fn address(number: usize, life: u8) -> Ipv4Addr {
    let [.., c, d] = number.to_be_bytes();
    Ipv4Addr::new(127, life, c, d)
}

fn site(number: usize, port: u16, proxies: &[Proxy]) -> Site {
    let host = format!("app-{number}.bench.test");
    let labels = proxies.iter().flat_map(|proxy| proxy.labels(&host, port));
    let labels: Vec<(String, String)> = labels.collect();
    let labels: Vec<(&str, &str)> = { labels.iter() }.map(|(k, v)| (&**k, &**v)).collect();
    let mut container = Container::of_project(number, &labels);
    (container.ip, container.port) = (address(number, 1), port);
    Site { host, container }
}

fn stranger(number: usize) -> Container {
    let mut container = Container::of_project(number, &[]);
    container.ip = address(number, 1);
    container
}
