//! Whether the agent grows with the number of events: many, as fast as it takes them.

use std::time::Duration;

use super::backend::Backend;
use super::measure::Plan;
use super::proxy::Proxy;
use super::world::World;

/// The memory is looked at so often.
const PARTS: usize = 10;
/// Of so many events one is of a container with labels.
const LABELLED: usize = 10;
/// What is left of a part of the events when the last has been taken.
const REST: Duration = Duration::from_secs(1);

/// Tells so many events, and prints the memory before, amid and after them.
///
/// # Errors
/// When a site is not served before or after.
#[expect(clippy::print_stdout, reason = "the figures of a benchmark")]
pub(crate) async fn soak(
    events: usize,
    world: &World,
    backend: &Backend,
    proxy: &Proxy,
    plan: Plan,
) -> Result<(), String> {
    let target = (std::net::Ipv4Addr::LOCALHOST, backend.port);
    let running = proxy.start(&world.daemon.endpoint(), target);
    let last = world.site(world.size - 1);
    let (host, ip) = (&last.host, last.container.ip);
    running.answered(host, ip, plan.patience).await?;
    world.settled(plan.patience).await?;
    println!(
        "| events | {}, KiB | what it started, KiB |\n|---:|---:|---:|",
        proxy.name
    );
    let print = |told: usize| {
        let [own, started] = running.process.memory();
        println!("| {told} | {own} | {started} |");
    };
    print(0);
    let stranger = world.stranger();
    for part in 1..=PARTS {
        for number in (part - 1) * events / PARTS..part * events / PARTS {
            if number % LABELLED == 0 {
                let site = world.site(number / LABELLED % world.size);
                world.daemon.tell(&site.container, &["start"]).await;
            } else {
                let actions = ["die", "disconnect", "connect", "start", "exec_die"];
                let action = actions.get(number % actions.len()).copied();
                world.daemon.tell(&stranger, action.as_slice()).await;
            }
        }
        tokio::time::sleep(REST).await;
        print(part * events / PARTS);
    }
    running.answered(host, ip, plan.patience).await?;
    running.process.stop().await;
    Ok(())
}
