//! Slots on a real folder, with real sockets.

use super::*;
use crate::model::{
    AppKey, ContainerId, ContainerRef, Halt, HaltKind, Hostname, LbPolicy, Owner, RouteId,
    RouteName, Scheme, Weight,
};
use crate::routes::{Pool, PoolHealth, Route, RouteKey, Timeouts, Upstream};

fn key(host: &str) -> PoolKey {
    PoolKey::new(&app(host), Scheme::Http, "80")
}

fn app(host: &str) -> AppKey {
    AppKey {
        owner: Owner::App(host.into()),
        name: host.into(),
    }
}

/// One route for each host, served at these addresses.
fn table(sites: &[(&str, &[&str])]) -> Arc<RouteTable> {
    let mut table = RouteTable::default();
    for (host, addresses) in sites {
        let upstream = |address: &&str| Upstream {
            address: address.parse().expect("an address"),
            container: ContainerRef {
                name: (*address).into(),
                id: ContainerId::new(*address).expect("not empty"),
            },
            weight: Weight::default(),
        };
        let pool = Pool {
            key: key(host),
            is_starting: false,
            expected: addresses.len(),
            is_weighted: false,
            scheme: Scheme::Http,
            tls: None,
            hold: Duration::from_secs(30),
            retry: Duration::from_secs(5),
            policy: LbPolicy::default(),
            upstreams: addresses.iter().map(upstream).collect(),
            health: PoolHealth::default(),
            timeouts: Timeouts::default(),
            authority: None,
        };
        let id = RouteId {
            app: app(host),
            route: RouteName::Default,
        };
        let host = Hostname::parse(host).expect("a host");
        let route = Route {
            id,
            pool,
            strip: false,
            serving: crate::routes::Serving::default(),
            rewrite: None,
            log: false,
        };
        table.routes.insert(RouteKey::whole(host), route.into());
    }
    table.into()
}

/// What the files say, by name.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder.join("slots")).expect("the folder is there");
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.expect("readable").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name")
            .to_owned();
        (
            name,
            std::fs::read_to_string(path)
                .expect("readable")
                .trim()
                .to_owned(),
        )
    };
    entries.map(file).collect()
}

#[tokio::test]
async fn every_slot_of_the_next_config_is_there_before_and_after_the_last_is_accepted() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut slots = Slots::open(folder.path(), HoldBounds::default(), Access::default())
        .expect("the folder is ours");
    let now = Instant::now();
    let served = table(&[
        ("a.example", &["10.0.0.1:80"]),
        ("b.example", &["10.0.0.2:80"]),
    ]);
    slots.settle(&served, now);
    let counts = slots.counts();
    slots.keep_only(&[&counts, &counts]);
    let next = table(&[
        ("b.example", &["10.0.0.2:80"]),
        ("c.example", &["10.0.0.3:80"]),
    ]);
    slots.settle(&next, now);
    let next_counts = slots.counts();
    let named = |host: &str| format!("{}.0", key(host));
    slots.keep_only(&[&counts, &next_counts]);
    assert_eq!(
        files(folder.path()).len(),
        3,
        "the served config's and the next one's"
    );
    slots.keep_only(&[&next_counts, &next_counts]);
    let left = files(folder.path());
    let expected = [
        (named("b.example"), "10.0.0.2:80"),
        (named("c.example"), "10.0.0.3:80"),
    ];
    assert_eq!(
        left,
        expected.map(|(name, text)| (name, text.to_owned())).into()
    );
    slots.shutdown().await;
}

#[tokio::test]
async fn a_pool_without_a_ready_container_leads_to_a_socket_and_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut slots = Slots::open(folder.path(), HoldBounds::default(), Access::default())
        .expect("the folder is ours");
    let now = Instant::now();
    slots.settle(&table(&[("a.example", &["10.0.0.1:80"])]), now);
    slots.settle(&table(&[("a.example", &[])]), now);
    let text = files(folder.path()).into_values().next().expect("one slot");
    let socket = text.strip_prefix("unix/").expect("a socket").to_owned();
    assert!(Path::new(&socket).exists(), "{socket}");
    slots.settle(&table(&[("a.example", &["10.0.0.9:80"])]), now);
    let text = files(folder.path()).into_values().next();
    assert_eq!(text.as_deref(), Some("10.0.0.9:80"));
    slots.settle(&table(&[("a.example", &[])]), now);
    let text = files(folder.path()).into_values().next().expect("one slot");
    assert_ne!(
        text.strip_prefix("unix/"),
        Some(socket.as_str()),
        "a new gap, a new path"
    );
    slots.shutdown().await;
}

/// Until when requests for this host wait, counted from `now`.
fn hold_left(slots: &Slots, host: &str, now: Instant) -> Duration {
    let state = slots.pools.get(&key(host)).expect("it was settled");
    state.hold_until.saturating_duration_since(now)
}

/// The wait is counted from the loss, not from the last change of anything before it.
#[tokio::test]
async fn a_container_that_is_lost_after_a_quiet_hour_is_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut slots = Slots::open(folder.path(), HoldBounds::default(), Access::default())
        .expect("the folder is ours");
    let now = Instant::now();
    slots.settle(&table(&[("a.example", &["10.0.0.1:80"])]), now);
    let lost = now + Duration::from_hours(1);
    slots.settle(&table(&[("a.example", &[])]), lost);
    assert_eq!(
        hold_left(&slots, "a.example", lost),
        Duration::from_secs(30)
    );
    let later = lost + Duration::from_secs(20);
    slots.settle(&table(&[("a.example", &[])]), later);
    assert_eq!(
        hold_left(&slots, "a.example", later),
        Duration::from_secs(10)
    );
    slots.shutdown().await;
}

#[tokio::test]
async fn the_next_agent_goes_on_with_the_slots_that_it_finds() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || {
        Slots::open(folder.path(), HoldBounds::default(), Access::default())
            .expect("the folder is ours")
    };
    let now = Instant::now();
    let before = table(&[
        ("a.example", &["10.0.0.1:80", "10.0.0.2:80"]),
        ("gone.example", &["10.0.0.3:80"]),
        ("held.example", &["10.0.0.4:80"]),
        ("old.example", &["10.0.0.5:80"]),
    ]);
    let mut first = open();
    first.settle(&before, now);
    let slot = |host: &str, number: usize| format!("{}.{number}", key(host));
    // Two pools wait: one since a moment ago, one for ages.
    for host in ["held.example", "old.example"] {
        let path = folder.path().join("slots").join(slot(host, 0));
        std::fs::write(&path, "unix//run/sh0-agent/hold/x.1.sock").expect("ours");
        if host == "old.example" {
            let file = std::fs::File::options().write(true).open(path);
            let set = file.and_then(|file| file.set_modified(std::time::UNIX_EPOCH));
            set.expect("ours");
        }
    }
    drop(first);

    let after = table(&[
        // The older replica went away while no agent ran.
        ("a.example", &["10.0.0.2:80"]),
        ("gone.example", &[]),
        ("held.example", &[]),
        ("old.example", &[]),
    ]);
    for (adopts, count) in [(true, 2), (false, 1)] {
        let mut next = open();
        if !adopts {
            next.forget_found();
        }
        next.settle(&after, now);
        let counts = next.counts();
        assert_eq!(counts.get(&key("a.example")).map(|n| n.get()), Some(count));
        let files = files(folder.path());
        assert_eq!(
            files.get(&slot("a.example", 1)).map(String::as_str),
            Some("10.0.0.2:80")
        );
        if adopts {
            let left = |host| hold_left(&next, host, now).as_secs();
            assert_eq!(left("gone.example"), 30);
            assert!((25..=30).contains(&left("held.example")));
            assert_eq!(left("old.example"), 0);
        }
        next.shutdown().await;
    }
}

/// A client of the socket that the one slot leads to.
async fn client(folder: &Path) -> tokio::net::UnixStream {
    let text = files(folder).into_values().next().expect("one slot");
    let socket = text.strip_prefix("unix/").expect("a socket");
    let connected = tokio::net::UnixStream::connect(socket).await;
    connected.expect("it listens")
}

async fn is_closed(client: &mut tokio::net::UnixStream) {
    let mut byte = [0; 1];
    let read = tokio::io::AsyncReadExt::read(client, &mut byte);
    let read = tokio::time::timeout(Duration::from_secs(10), read).await;
    assert!(!read.expect("it is closed").is_ok_and(|length| length > 0));
}

#[tokio::test]
async fn requests_of_a_paused_app_wait_for_its_end_and_those_of_a_stopped_one_do_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut slots = Slots::open(folder.path(), HoldBounds::default(), Access::default())
        .expect("the folder is ours");
    let container = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let container = container.expect("a free port");
    let address = container.local_addr().expect("bound").to_string();
    let served = table(&[("a.example", &[&address])]);
    let now = Instant::now();
    let mut settle = |kind: Option<HaltKind>| {
        let halts: Halts = { kind.into_iter() }
            .map(|kind| {
                let (since, by) = (0, "root".to_owned());
                (app("a.example"), Halt { kind, since, by })
            })
            .collect();
        slots.halt(&Arc::new(halts));
        slots.settle(&served, now);
        slots.waiting_for(&app("a.example"))
    };
    let paused = |max_millis| Some(HaltKind::Paused { max_millis });
    settle(paused(60_000));
    let mut waits = client(folder.path()).await;
    while settle(paused(60_000)) == 0 {
        tokio::task::yield_now().await;
    }
    // The time is that of who comes after it was said.
    settle(paused(1));
    is_closed(&mut client(folder.path()).await).await;
    assert_eq!(settle(paused(1)), 1);
    settle(None);
    let (mut behind, _) = container.accept().await.expect("it is dialled");
    tokio::io::AsyncWriteExt::write_all(&mut behind, b"x")
        .await
        .expect("sent");
    let read = tokio::io::AsyncReadExt::read(&mut waits, &mut [0; 1]).await;
    assert_eq!(read.expect("it lives"), 1);

    settle(paused(60_000));
    let mut waits = client(folder.path()).await;
    while settle(paused(60_000)) == 0 {
        tokio::task::yield_now().await;
    }
    settle(Some(HaltKind::Stopped { message: None }));
    is_closed(&mut waits).await;
    is_closed(&mut client(folder.path()).await).await;
    slots.shutdown().await;
}
