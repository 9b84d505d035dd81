//! With real sockets and the real clock.

mod many;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixStream};
use tokio::time::{sleep, timeout};

use super::*;

/// Bounds every wait; nothing here should take a tenth of it.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longer than any test.
const LONG: Duration = Duration::from_mins(5);
const WAITING: GapState = GapState::Waiting { until: None };

struct Scene {
    runtime: TempDir,
    hold: Hold,
}

impl Scene {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut HoldOptions)) -> Self {
        let runtime = tempfile::tempdir().expect("a folder");
        let mut options = HoldOptions::new(runtime.path());
        options.linger = Duration::from_millis(20);
        change(&mut options);
        let hold = Hold::spawn(options).expect("the folder is ours");
        Self { runtime, hold }
    }

    fn open(&mut self, wait_max: Duration, state: GapState) -> Gap {
        let gap = self.hold.open(pool(1), wait_max, state);
        gap.expect("the folder is ours")
    }

    fn sockets(&self) -> Vec<String> {
        let entries = fs::read_dir(self.runtime.path().join("hold")).expect("it is there");
        let name = |entry: io::Result<fs::DirEntry>| entry.expect("readable").file_name();
        let mut names: Vec<_> = entries
            .map(|entry| name(entry).to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

fn pool(number: u64) -> PoolKey {
    PoolKey::parse(&format!("{number:016x}")).expect("16 digits")
}

async fn connect(gap: &Gap) -> UnixStream {
    let stream = UnixStream::connect(gap.path()).await;
    stream.expect("the gap takes connections")
}

/// A container: it listens on a port of its own.
async fn container() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

async fn accept(listener: &TcpListener) -> TcpStream {
    let accepted = timeout(PATIENCE, listener.accept()).await;
    accepted.expect("somebody dials").expect("it listens").0
}

async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let waited = timeout(PATIENCE, async {
        while !is_so() {
            sleep(Duration::from_millis(2)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Everything until the other side has nothing more to say.
async fn read(stream: &mut (impl AsyncReadExt + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let all = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    all.expect("it ends").expect("it ends well");
    bytes
}

/// The gap closes it, with or without a complaint about what was not read.
async fn is_closed(stream: &mut UnixStream) {
    let mut byte = [0];
    let end = timeout(PATIENCE, stream.read(&mut byte)).await;
    let end = end.expect("it is closed");
    assert!(
        !end.is_ok_and(|length| length > 0),
        "nobody was there to answer"
    );
}

/// One request and its answer.
async fn exchange(client: &mut UnixStream, server: &mut TcpStream, text: &str) {
    client.write_all(text.as_bytes()).await.expect("sent");
    let mut found = vec![0; text.len()];
    server.read_exact(&mut found).await.expect("passed on");
    assert_eq!(found, text.as_bytes());
    server.write_all(b"yes").await.expect("sent");
    let mut answer = [0; 3];
    client.read_exact(&mut answer).await.expect("passed back");
    assert_eq!(&answer, b"yes");
}

#[tokio::test]
async fn who_waits_is_served_with_all_it_sent_and_may_end_its_request_first() {
    let mut scene = Scene::new();
    let gap = scene.open(LONG, WAITING);
    let (listener, address) = container().await;
    // More than the kernel keeps, sent while nobody is there; then the half of it that sends ends.
    let request: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let (mut answers, mut requests) = connect(&gap).await.into_split();
    let mut short = connect(&gap).await;
    short.write_all(b"short").await.expect("sent");
    short.shutdown().await.expect("ended");
    eventually("both wait", || gap.waiting() == 2).await;
    // A half-closed connection still waits: this time would be enough to drop it.
    sleep(Duration::from_millis(50)).await;
    assert_eq!((gap.waiting(), scene.hold.waiting()), (2, 2));
    let sent = async {
        requests.write_all(&request).await.expect("sent");
        requests.shutdown().await.expect("ended");
    };
    let served = async {
        gap.set(GapState::Ready(vec![address]));
        for _ in 0..2 {
            let mut server = accept(&listener).await;
            let found = read(&mut server).await;
            assert!(
                found == request || found == b"short",
                "{} bytes",
                found.len()
            );
            server.write_all(&found).await.expect("sent");
        }
    };
    let answered = async { (read(&mut answers).await, read(&mut short).await) };
    let ((), (), (long_answer, short_answer)) = tokio::join!(sent, served, answered);
    assert_eq!(short_answer, b"short");
    assert!(long_answer == request, "{} bytes", long_answer.len());
    assert_eq!((gap.waiting(), scene.hold.waiting()), (0, 0));
    scene.hold.shutdown().await;
}

#[tokio::test]
async fn who_has_waited_in_vain_is_closed() {
    let mut scene = Scene::new();
    let short = Duration::from_millis(30);
    for (wait_max, state) in [
        (short, WAITING),
        (
            LONG,
            GapState::Waiting {
                until: Some(Instant::now() + short),
            },
        ),
        (short, GapState::Ready(Vec::new())),
        (LONG, GapState::GivenUp),
    ] {
        let gap = scene.open(wait_max, state);
        let mut silent = connect(&gap).await;
        let mut client = connect(&gap).await;
        drop(client.write_all(b"request").await);
        is_closed(&mut client).await;
        is_closed(&mut silent).await;
        eventually("the places are free", || scene.hold.waiting() == 0).await;
    }
    let gap = scene.open(LONG, WAITING);
    let mut client = connect(&gap).await;
    eventually("it waits", || gap.waiting() == 1).await;
    gap.set(GapState::GivenUp);
    is_closed(&mut client).await;
}

#[tokio::test]
async fn one_too_many_is_closed_at_once() {
    let mut scene = Scene::with(|options| {
        options.bounds.pool_waiting_max = 2;
        options.bounds.waiting_max = 3;
    });
    let first = scene.open(LONG, WAITING);
    let other = scene
        .hold
        .open(pool(2), LONG, WAITING)
        .expect("the folder is ours");
    let in_first = [connect(&first).await, connect(&first).await];
    eventually("two wait", || first.waiting() == 2).await;
    is_closed(&mut connect(&first).await).await;
    let _in_other = connect(&other).await;
    eventually("another pool has places", || other.waiting() == 1).await;
    is_closed(&mut connect(&other).await).await;
    drop(in_first);
    eventually("the places are free again", || first.waiting() == 0).await;
    let _next = connect(&other).await;
    eventually("and are taken", || other.waiting() == 2).await;
}

#[tokio::test]
async fn a_client_that_goes_frees_its_place_at_once() {
    let mut scene = Scene::new();
    let gap = scene.open(LONG, WAITING);
    let silent = connect(&gap).await;
    let mut asking = connect(&gap).await;
    asking
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .await
        .expect("sent");
    let mut ended = connect(&gap).await;
    ended
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .await
        .expect("sent");
    ended.shutdown().await.expect("ended");
    eventually("three wait", || gap.waiting() == 3).await;
    drop(asking);
    eventually("one left", || gap.waiting() == 2).await;
    drop((silent, ended));
    eventually("all left", || gap.waiting() == 0).await;
}

#[tokio::test]
async fn who_comes_first_is_dialled_until_it_listens() {
    let mut scene = Scene::new();
    let gap = scene.open(LONG, WAITING);
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind(([127, 0, 0, 1], 0).into())
        .expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    gap.set(GapState::Ready(vec![address]));
    let mut client = connect(&gap).await;
    eventually("it waits", || gap.waiting() == 1).await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!(gap.waiting(), 1, "a refused dial is no end");
    let listener = socket.listen(8).expect("now it listens");
    let mut server = accept(&listener).await;
    exchange(&mut client, &mut server, "late").await;
}

#[tokio::test]
async fn a_container_that_goes_again_is_replaced_while_it_is_dialled() {
    let mut scene = Scene::new();
    let gap = scene.open(LONG, WAITING);
    let (refusing, nobody) = container().await;
    drop(refusing);
    let mut client = connect(&gap).await;
    for state in [GapState::Ready(vec![nobody]), WAITING] {
        gap.set(state);
        sleep(Duration::from_millis(30)).await;
        assert_eq!(gap.waiting(), 1);
    }
    let (listener, address) = container().await;
    gap.set(GapState::Ready(vec![nobody, address]));
    let mut server = accept(&listener).await;
    exchange(&mut client, &mut server, "again").await;
}

#[tokio::test]
async fn several_containers_get_their_share() {
    let mut scene = Scene::new();
    let gap = scene.open(LONG, WAITING);
    let (one, other) = (container().await, container().await);
    let mut clients = Vec::new();
    for _ in 0..6 {
        clients.push(connect(&gap).await);
    }
    gap.set(GapState::Ready(vec![one.1, other.1]));
    for listener in [one.0, other.0] {
        for _ in 0..3 {
            accept(&listener).await;
        }
    }
}

#[tokio::test]
async fn each_gap_has_a_path_of_its_own_and_what_came_through_one_lives_on() {
    let mut scene = Scene::new();
    let (listener, address) = container().await;
    let first = scene.open(LONG, GapState::Ready(vec![address]));
    let mut client = connect(&first).await;
    let mut server = accept(&listener).await;
    exchange(&mut client, &mut server, "within").await;
    let path = first.path().to_owned();
    drop(first);
    // Who read the path just before is still served.
    let mut late = UnixStream::connect(&path).await.expect("it lingers");
    exchange(&mut late, &mut accept(&listener).await, "late").await;
    eventually("the socket is removed", || scene.sockets().is_empty()).await;
    exchange(&mut client, &mut server, "after").await;
    let second = scene.open(LONG, WAITING);
    assert_ne!(second.path(), path);
    assert!(second.is_reachable());
    exchange(&mut client, &mut server, "still").await;
    scene.hold.shutdown().await;
    is_closed(&mut client).await;
    assert!(read(&mut server).await.is_empty());
    assert!(!second.is_reachable(), "the socket goes, too");
}

#[tokio::test]
async fn the_end_of_a_gap_without_a_container_is_the_end_of_waiting() {
    let mut scene = Scene::new();
    let gap = scene.open(LONG, WAITING);
    let mut client = connect(&gap).await;
    eventually("it waits", || gap.waiting() == 1).await;
    drop(gap);
    is_closed(&mut client).await;
}

#[tokio::test]
async fn paths_of_an_earlier_agent_are_not_used_again_and_removed_when_told() {
    let mut scene = Scene::new();
    let old = scene.open(LONG, WAITING).path().to_owned();
    eventually("it is over", || scene.sockets().is_empty()).await;
    let left = old.with_file_name("00000000000000ff.41.sock");
    fs::write(&left, "").expect("the folder is ours");
    let mut later = Hold::spawn(HoldOptions::new(scene.runtime.path())).expect("it is there");
    let gap = later
        .open(pool(1), LONG, WAITING)
        .expect("the folder is ours");
    assert!(
        gap.path().ends_with("0000000000000001.42.sock"),
        "{:?}",
        gap.path()
    );
    assert!(left.exists(), "a slot may still name it");
    later.remove_left();
    assert_eq!(scene.sockets(), ["0000000000000001.42.sock"]);
}

#[tokio::test]
async fn a_new_gap_mends_a_deleted_folder() {
    let mut scene = Scene::new();
    let gap = scene.open(LONG, WAITING);
    fs::remove_dir_all(scene.runtime.path()).expect("it is ours");
    assert!(!gap.is_reachable());
    let gap = scene.open(LONG, WAITING);
    connect(&gap).await;
}
