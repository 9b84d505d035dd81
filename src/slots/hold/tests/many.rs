//! Very many at once.

use super::*;

/// Everybody who comes in the same moment finds a place, and is served when the container is there.
#[tokio::test]
async fn two_thousand_wait_at_once() {
    const CLIENTS: usize = 2_000;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit {
        current: limit.maximum,
        ..limit
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).expect("allowed");
    let mut scene = Scene::with(|options| options.bounds.pool_waiting_max = CLIENTS);
    let gap = scene.open(LONG, WAITING);
    let before = resident_kib();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = connect(&gap).await;
        client.write_all(b"request").await.expect("sent");
        clients.push(client);
    }
    eventually("all wait", || gap.waiting() == CLIENTS).await;
    println!(
        "{CLIENTS} waiting, with their clients: {} KiB",
        resident_kib().saturating_sub(before)
    );
    let (listener, address) = container().await;
    let start = Instant::now();
    gap.set(GapState::Ready(vec![address]));
    let served = async {
        let mut servers = JoinSet::new();
        for _ in 0..CLIENTS {
            let mut server = accept(&listener).await;
            servers.spawn(async move {
                let mut request = [0; 7];
                server.read_exact(&mut request).await.expect("passed on");
                server.write_all(&request).await.expect("sent");
            });
        }
        servers.join_all().await;
    };
    let answered = async {
        for client in &mut clients {
            assert_eq!(read(client).await, b"request");
        }
    };
    timeout(PATIENCE, async { tokio::join!(served, answered) })
        .await
        .expect("all are served");
    println!("served in {:?}", start.elapsed());
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.expect("it has memory").parse().expect("a number")
}
