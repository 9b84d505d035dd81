//! What must hold when everything has been well for a while.

use std::sync::Arc;
use std::time::Duration;

use sh0_agent::caddy::render::render;
use sh0_agent::routes::Refused;
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::history::{Ailment, Step};
use super::world::{REFUSED, UNTOUCHED, UNTOUCHED_ADDRESS, World, refuses, start};
use crate::fakes::caddy::{FakeCaddy, Start};
use crate::scene::{FakeProber, Scene, render_options, sites_of, unavailable};

/// How long it is watched whether quiet is quiet: a resync, and some seconds.
const STAYS: Duration = Duration::from_secs(70);
/// How long a fresh agent has to serve.
const FRESH: Duration = Duration::from_secs(3);
/// Loads that one step may cause: a look, a signal, a trial that was passed, a return.
const LOADS_OF_A_STEP_MAX: usize = 4;

/// Checks all of it.
///
/// # Errors
/// With the first thing that does not hold.
pub(super) async fn check(world: World, steps: &[Step]) -> Result<(), String> {
    serves_what_is_asked_for(&world.scene)?;
    untouched_was_always_there(&world.scene, steps)?;
    loads_were_few(&world, steps)?;
    no_task_is_left_over(&world.scene)?;
    stays_as_it_is(&world).await?;
    a_fresh_agent_would_serve_the_same(world).await
}

/// The containers' wishes, without the forms that this Caddy refuses. Each form that is left out
/// may bring up another, of another replica.
fn wishes(scene: &Scene) -> Arc<[u8]> {
    let mut refused = Refused::new();
    loop {
        let built = scene.build(&refused);
        let bad = built.good.iter().filter(|(_, labels)| {
            let mut values = labels.values();
            values.any(|value| value.ends_with(REFUSED))
        });
        let bad: Vec<_> = bad.collect();
        if bad.is_empty() {
            return render(&built.table, &render_options()).json;
        }
        for (id, labels) in bad {
            let forms = refused.entry(id.clone()).or_default();
            forms.insert(labels.clone(), "refused".to_owned());
        }
    }
}

fn serves_what_is_asked_for(scene: &Scene) -> Result<(), String> {
    let (served, wished) = (scene.caddy.config(), wishes(scene));
    if served.as_ref() == Some(&wished) {
        return Ok(());
    }
    let served = served.map(|json| sites_of(&json));
    let wished = sites_of(&wished);
    Err(format!(
        "served is not what is asked for: {served:?}, asked for {wished:?}"
    ))
}

/// Never empty by accident: the site that nothing happens to is in each config that was ever
/// accepted, with its address. Where the clock was set, remembered addresses may not count.
fn untouched_was_always_there(scene: &Scene, steps: &[Step]) -> Result<(), String> {
    let may_wait = steps.iter().any(Step::outdates_addresses);
    let address = format!("10.0.0.{UNTOUCHED_ADDRESS}:80");
    let check = |what: &str, json: &[u8]| {
        let text = std::str::from_utf8(json).expect("JSON is text");
        let is_there = text.contains(UNTOUCHED) && (may_wait || text.contains(&address));
        let complaint = || {
            format!(
                "the untouched site is missing from a {what}: {:?}",
                sites_of(json)
            )
        };
        is_there.then_some(()).ok_or_else(complaint)
    };
    let loads = scene.caddy.loads();
    for (_, json) in &loads {
        check("load", json)?;
    }
    let mut failed = Vec::new();
    for Start { at, config, is_up } in scene.caddy.starts() {
        // What has been served since then is known to start.
        failed.retain(|failed| {
            loads
                .iter()
                .all(|(loaded, _)| loaded <= failed || *loaded >= at)
        });
        if config == unavailable() && !failed.is_empty() {
            continue;
        }
        check("start", &config)?;
        failed.push(at);
        if is_up {
            failed.clear();
        }
    }
    Ok(())
}

fn loads_were_few(world: &World, steps: &[Step]) -> Result<(), String> {
    let loads = world.scene.caddy.loads().len();
    let most = LOADS_OF_A_STEP_MAX * (steps.len() + world.agents);
    let few = || format!("{loads} loads of {} steps", steps.len());
    (loads <= most).then_some(()).ok_or_else(few)
}

/// The loop, its supervisor, and a task for each container that is checked.
fn no_task_is_left_over(scene: &Scene) -> Result<(), String> {
    let watched = scene.build(&Refused::new()).watches.len();
    let tasks = Handle::current().metrics().num_alive_tasks();
    let complaint = || format!("{tasks} tasks, {watched} watched containers");
    (tasks <= watched + 2).then_some(()).ok_or_else(complaint)
}

/// Also over a resync.
async fn stays_as_it_is(world: &World) -> Result<(), String> {
    let caddy = &world.scene.caddy;
    let before = (caddy.config(), caddy.asked(), caddy.starts().len());
    sleep(world.rig.quiet.min(STAYS)).await;
    let mut after = (caddy.config(), caddy.asked(), caddy.starts().len());
    // What was refused as a whole is tried again at each resync.
    if world.scene.status().caddy.load_error.is_some() {
        after.1 = before.1;
    }
    let complaint = || {
        format!(
            "something goes on in quiet: {} loads, {} starts",
            after.1 - before.1,
            after.2 - before.2
        )
    };
    (before == after).then_some(()).ok_or_else(complaint)
}

/// The same state directory, a new agent, a new Caddy.
async fn a_fresh_agent_would_serve_the_same(world: World) -> Result<(), String> {
    let rig = world.rig;
    let served = world.scene.caddy.config();
    let (engine, _, store) = world.scene.stop().await;
    sleep(Duration::from_millis(1)).await;
    let tasks = Handle::current().metrics().num_alive_tasks();
    if tasks > 0 {
        return Err(format!("{tasks} tasks outlive the agent"));
    }
    let caddy = FakeCaddy::new();
    caddy.judge(refuses(Ailment::Well));
    let fresh = start(rig, engine, caddy.clone(), store, FakeProber::default());
    sleep(FRESH).await;
    if caddy.config() == served {
        drop(fresh.stop().await);
        return Ok(());
    }
    let sites = |json: Option<Arc<[u8]>>| json.map(|json| sites_of(&json));
    Err(format!(
        "a fresh agent serves something else: {:?}, this one {:?}",
        sites(caddy.config()),
        sites(served)
    ))
}
