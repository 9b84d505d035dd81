//! Whatever labels say, Caddy accepts the config that comes of them: thousands of label sets made
//! from the table of keys, in one Caddy. `SH0_ANY_LABELS=5000` tries that many.
//!
//! A set that Caddy refused is printed as JSON. It belongs, with the mend, into a file of
//! `tests/e2e/any_labels`, which are tried first.

mod sets;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::test_runner::{Config, TestCaseError, TestRunner};
use sh0_agent::caddy::render::{AcmeOptions, SlotOptions, render, render_unavailable};
use sh0_agent::labels::{KeyInfo, Permits, TlsSetting, keys};
use sh0_agent::model::{Container, Snapshot};
use sh0_agent::plan::plan;
use sh0_agent::settings::Settings;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use self::sets::{Set, container, set};
use crate::child::{CaddyChild, free_port};
use crate::values::{self, NONSENSE, too_long};

/// Label sets that are tried, unless the environment says otherwise: some seconds' worth.
const SETS: u32 = 600;

/// A Caddy for many configs. Nothing in it asks for anything of the network: nobody listens where
/// its authority should be.
struct Scene {
    _dir: TempDir,
    settings: Settings,
    caddy: CaddyChild,
    runtime: Runtime,
}

impl Scene {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let settings = Settings {
            http_port: free_port(),
            https_port: free_port(),
            listen: vec!["127.0.0.1".parse().expect("an IP")],
            runtime_dir: dir.path().to_owned(),
            state_dir: dir.path().join("state"),
            acme: AcmeOptions {
                ca: Some("https://127.0.0.1:1/directory".to_owned()),
                ..AcmeOptions::default()
            },
            default_tls: TlsSetting::Internal,
            permits: Permits {
                catch_all: true,
                auth_urls: true,
                ..Permits::default()
            },
            grace_period: Duration::from_millis(100),
            ..Settings::default()
        };
        let runtime = Runtime::new().expect("a runtime");
        let first = render_unavailable(&settings.render_options());
        let folder = dir.path().join("caddy");
        std::fs::create_dir(&folder).expect("the folder is ours");
        let caddy = runtime.block_on(CaddyChild::start(&folder, &first.json));
        Self {
            _dir: dir,
            settings,
            caddy,
            runtime,
        }
    }

    /// Gives Caddy the config for these containers; how many routes it has, or Caddy's words.
    fn load(
        &self,
        containers: Vec<Container>,
        slots: Option<NonZeroUsize>,
    ) -> Result<usize, String> {
        let (built, rendered) = plan(&Snapshot::new(containers), &self.settings);
        let rendered = match slots {
            None => rendered,
            Some(count) => {
                let pools = built.table.routes.values().map(|route| route.pool.key);
                let mut options = self.settings.render_options();
                options.slots = Some(SlotOptions {
                    runtime_dir: self.settings.runtime_dir.clone(),
                    counts: Arc::new(pools.map(|pool| (pool, count)).collect()),
                });
                render(&built.table, &options)
            }
        };
        let loaded = self.runtime.block_on(self.caddy.load(rendered.json));
        loaded.map_err(|error| sh0_agent::telemetry::chain(&error))?;
        Ok(built.table.routes.len())
    }

    fn try_set(&self, set: &Set) -> Result<usize, String> {
        let slots = NonZeroUsize::new(set.slots);
        self.load(set.containers.clone(), slots).map_err(|words| {
            let json = serde_json::to_string_pretty(&set).expect("it is plain data");
            format!("Caddy refuses labels: {words}\n{json}")
        })
    }
}

#[test]
fn any_label_set_gives_a_config_that_caddy_accepts() {
    let scene = Scene::start();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/any_labels");
    let mut known = 0;
    for entry in std::fs::read_dir(folder).expect("the folder of refused sets") {
        let path = entry.expect("an entry").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let text = std::fs::read(&path).expect("a file");
            let set: Set = serde_json::from_slice(&text).expect("a set");
            scene
                .try_set(&set)
                .unwrap_or_else(|words| panic!("{}: {words}", path.display()));
            known += 1;
        }
    }
    assert!(known > 0);

    let cases = std::env::var("SH0_ANY_LABELS").ok();
    let cases = cases.map_or(SETS, |text| {
        text.parse().expect("`SH0_ANY_LABELS` is a number")
    });
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 500,
        ..Config::default()
    });
    let (began, routes) = (Instant::now(), std::cell::Cell::new((0, 0)));
    let outcome = runner.run(&set(), |set| {
        let served = scene.try_set(&set).map_err(TestCaseError::fail)?;
        let (before, empty) = routes.get();
        routes.set((before + served, empty + usize::from(served == 0)));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    let (served, empty) = routes.get();
    println!(
        "{cases} sets in {:?}: {served} routes, {empty} sets without any",
        began.elapsed()
    );
    let cases = usize::try_from(cases).expect("few");
    assert!(
        empty * 3 < cases,
        "{empty} of {cases} sets have no route at all"
    );
    assert_eq!(scene.caddy.logged("panic"), 0);
}

/// One config for each key: a container for every wrong value and all nonsense.
#[test]
fn every_wrong_value_gives_a_config_that_caddy_accepts() {
    let scene = Scene::start();
    for info in keys() {
        let long = too_long();
        let wrong = values::of(info).map_or(&[][..], |values| values.wrong);
        let all = wrong.iter().copied().chain(NONSENSE).chain([long.as_str()]);
        let containers = all
            .enumerate()
            .map(|(place, value)| of_value(info, place, value));
        let neighbour = [("sh0.host".to_owned(), "neighbour.internal".to_owned())];
        let containers = containers
            .chain([container(200, "n", neighbour.into())])
            .collect();
        for slots in [None, NonZeroUsize::new(2)] {
            let loaded = scene.load(Vec::clone(&containers), slots);
            let served = loaded.unwrap_or_else(|words| panic!("{}: {words}", info.name));
            assert!(served >= 1, "the neighbour beside a wrong {}", info.name);
        }
    }
    assert_eq!(scene.caddy.logged("panic"), 0);
}

/// A container with the labels of the key's example under a host of its own, but this value.
fn of_value(info: &KeyInfo, place: usize, value: &str) -> Container {
    let mut labels = info.example_labels();
    let own = labels.pop().expect("its own").0;
    let beside = labels.into_iter().map(|(name, text)| match name.as_str() {
        "host" => (name, format!("h{place}.internal")),
        _ => (name, text.to_owned()),
    });
    let all = beside.chain([(own, value.to_owned())]);
    let all = all.map(|(name, value)| (format!("sh0.{name}"), value));
    container(place, &format!("p{place}"), all.collect())
}
