//! Who may read the status over TCP: only who names this machine, and says the password where one
//! is set.
//!
//! A page of another site may lead a browser here under a name of its own (DNS rebinding), so a name
//! counts only when the operator said it. Deliberately not for the Unix socket, which its mode guards.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, watch};

use crate::model::{Account, ContainerId, Hostname};
use crate::routes::RowState;
use crate::status::Status;

/// Longest credentials that are looked at, in bytes: a name, a colon and the 72 bytes of a password
/// that bcrypt reads, in base64, several times over.
const CREDENTIALS_BYTES_MAX: usize = 1_024;

/// Where and for whom the status is served over TCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpOptions {
    /// Where.
    pub address: SocketAddr,
    /// Who may read it, with a bcrypt hash; `None` is everybody who gets there.
    pub account: Option<Account>,
    /// Names by which it may be asked for, besides IP addresses and `localhost`.
    pub hosts: Vec<Hostname>,
    /// The agent's own container: it may be asked for by the hosts of that one's routes, too.
    pub container: Option<ContainerId>,
}

impl TcpOptions {
    /// Whether other machines can read it without a password.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.account.is_none() && !self.address.ip().to_canonical().is_loopback()
    }
}

/// What a request is answered before its path is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may be answered.
    Welcome,
    /// It asks for a name that is not ours.
    ForeignHost,
    /// It must say a name and a password.
    Unknown,
}

/// Judges requests.
#[derive(Debug)]
pub(super) struct Guard {
    options: TcpOptions,
    latest: watch::Receiver<Arc<Status>>,
    /// Of the credentials that were right last: a check takes bcrypt up to a second, and a page asks
    /// again at each change. A lock, because requests come at the same time; held to copy 32 bytes.
    known: Mutex<Option<[u8; 32]>>,
    /// One check at a time, so that who guesses passwords takes one processor at most.
    checks: Semaphore,
}

impl Guard {
    pub(super) fn new(options: TcpOptions, latest: watch::Receiver<Arc<Status>>) -> Self {
        Self {
            options,
            latest,
            known: Mutex::new(None),
            checks: Semaphore::new(1),
        }
    }

    /// Judges a request by its `Host` and `Authorization`.
    pub(super) async fn judge(
        self: &Arc<Self>,
        host: Option<&str>,
        authorization: Option<&str>,
    ) -> Verdict {
        if !host.is_some_and(|host| is_ours(host, &self.options.hosts) || self.leads_here(host)) {
            return Verdict::ForeignHost;
        }
        let Some(account) = &self.options.account else {
            return Verdict::Welcome;
        };
        let Some((name, password)) = authorization.and_then(credentials) else {
            return Verdict::Unknown;
        };
        let digest: [u8; 32] = Sha256::digest(format!("{name}:{password}")).into();
        if *self.known() == Some(digest) {
            return Verdict::Welcome;
        }
        // Closed never: the semaphore is ours.
        let _turn = self.checks.acquire().await;
        let hash = account.hash.secret().to_owned();
        let checked = move || bcrypt::verify(password, &hash).unwrap_or(false);
        let is_right = tokio::task::spawn_blocking(checked).await;
        // The name is compared last, so that a wrong one takes as long as a wrong password.
        if !is_right.unwrap_or(false) || name != account.name {
            return Verdict::Unknown;
        }
        *self.known() = Some(digest);
        Verdict::Welcome
    }

    /// Whether a route to the agent's own container has this host. Only one that is guarded is
    /// served, so that this says no more than a name of the operator's.
    fn leads_here(&self, host: &str) -> bool {
        let Some(own) = &self.options.container else {
            return false;
        };
        let Some(host) = name(host).and_then(|name| Hostname::parse(name).ok()) else {
            return false;
        };
        let status = self.latest.borrow();
        let mut rows = status.rows.iter();
        rows.any(|row| {
            let is_its = row.container.id == *own && row.state == RowState::Routed;
            is_its && row.host == host.as_str()
        })
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<[u8; 32]>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Name and password of the `Authorization` field (RFC 7617).
fn credentials(field: &str) -> Option<(String, String)> {
    if field.len() > CREDENTIALS_BYTES_MAX {
        return None;
    }
    let (scheme, rest) = field.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// What stands before the port of a `Host`; `None` where that is no port.
fn name(host: &str) -> Option<&str> {
    match host.split_once(':') {
        Some((name, port)) => port.parse::<u16>().is_ok().then_some(name),
        None => Some(host),
    }
}

/// Whether a `Host` names this machine: by an address, as `localhost`, or as the operator does.
fn is_ours(host: &str, hosts: &[Hostname]) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        let address = rest.split_once(']').map(|(address, _)| address);
        return address.is_some_and(|address| address.parse::<IpAddr>().is_ok());
    }
    let Some(name) = name(host) else {
        return false;
    };
    let is_local = name.eq_ignore_ascii_case("localhost");
    let is_named = || Hostname::parse(name).is_ok_and(|name| hosts.contains(&name));
    is_local || name.parse::<IpAddr>().is_ok() || is_named()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(account: Option<&str>) -> Arc<Guard> {
        let account = account.map(|text| Account::parse(text).expect("an account"));
        let options = TcpOptions {
            address: SocketAddr::from(([127, 0, 0, 1], 9180)),
            account,
            hosts: vec![Hostname::parse("status.example.com").expect("a host")],
            container: None,
        };
        let (_, latest) = watch::channel(Arc::default());
        Arc::new(Guard::new(options, latest))
    }

    #[test]
    fn a_host_is_an_address_localhost_or_named_by_the_operator() {
        let hosts = [Hostname::parse("status.example.com").expect("a host")];
        for (host, expected) in [
            ("127.0.0.1:9180", true),
            ("192.0.2.7", true),
            ("[::1]:9180", true),
            ("[fd00::1]", true),
            ("localhost", true),
            ("LocalHost:9180", true),
            ("status.example.com", true),
            ("Status.Example.com.:80", true),
            ("rebound.attacker.example", false),
            ("status.example.com.attacker.example", false),
            ("localhost.attacker.example", false),
            ("127.0.0.1.attacker.example:9180", false),
            ("[attacker.example]", false),
            ("127.0.0.1:9180:1", false),
            ("attacker.example@127.0.0.1", false),
            ("", false),
        ] {
            assert_eq!(is_ours(host, &hosts), expected, "{host}");
        }
    }

    #[tokio::test]
    async fn a_password_is_asked_for_and_checked() {
        let hash = bcrypt::hash("open sesame", 4).expect("a hash");
        let guard = guard(Some(&format!("me:{hash}")));
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        let host = Some("127.0.0.1:9180");
        for (field, expected) in [
            (None, Verdict::Unknown),
            (Some(basic("me:wrong")), Verdict::Unknown),
            (Some(basic("you:open sesame")), Verdict::Unknown),
            (Some(basic("me")), Verdict::Unknown),
            (Some("Basic !".to_owned()), Verdict::Unknown),
            (Some("Bearer x".to_owned()), Verdict::Unknown),
            (Some(basic(&"x".repeat(2_000))), Verdict::Unknown),
            (Some(basic("me:open sesame")), Verdict::Welcome),
            // As remembered, and others still are not.
            (Some(basic("me:open sesame")), Verdict::Welcome),
            (Some(basic("me:open sesame!")), Verdict::Unknown),
        ] {
            assert_eq!(guard.judge(host, field.as_deref()).await, expected);
        }
        let right = basic("me:open sesame");
        let foreign = guard.judge(Some("attacker.example"), Some(&right)).await;
        assert_eq!(foreign, Verdict::ForeignHost);
        assert_eq!(guard.judge(None, Some(&right)).await, Verdict::ForeignHost);
    }

    #[tokio::test]
    async fn without_a_password_everybody_who_names_this_machine_may_read() {
        let guard = guard(None);
        assert_eq!(guard.judge(Some("localhost"), None).await, Verdict::Welcome);
        assert_eq!(
            guard.judge(Some("status.example.com"), None).await,
            Verdict::Welcome
        );
        assert_eq!(
            guard.judge(Some("other.example.com"), None).await,
            Verdict::ForeignHost
        );
    }

    #[test]
    fn it_is_open_without_a_password_where_others_get_to_it() {
        let open = |address: &str, account: Option<Account>| {
            let address = address.parse().expect("an address");
            let hosts = Vec::new();
            TcpOptions {
                address,
                account,
                hosts,
                container: None,
            }
            .is_open()
        };
        let account = Account::parse(&format!("me:$2b$10${}", "a".repeat(53))).ok();
        assert!(account.is_some());
        assert!(!open("127.0.0.1:1", None) && !open("[::1]:1", None));
        assert!(!open("[::ffff:127.0.0.1]:1", None));
        assert!(open("0.0.0.0:1", None) && open("192.0.2.7:1", None) && open("[::]:1", None));
        assert!(!open("0.0.0.0:1", account));
    }
}
