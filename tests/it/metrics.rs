//! Metrics: their text, and that the loop counts what happened.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use expect_test::expect_file;
use sh0_agent::caddy::admin::AdminError;
use sh0_agent::metrics::{HeldEnd, LoadReason, LoadResult, Metrics, Way};
use sh0_agent::model::Container;
use sh0_agent::status::exposition::{Kind, METRICS, text};
use sh0_agent::status::{Status, missing};
use tokio::time::sleep;

use crate::fakes::engine::FakeEngine;
use crate::readme::check_in;
use crate::samples::{sample, total};
use crate::scene::{Scene, id, site};

const TERM: i32 = 15;

/// These series of the scene's metrics have these values now.
#[track_caller]
fn check(scene: &Scene, expected: &[(&str, u64)]) {
    let text = text(&scene.metrics, &scene.status());
    for (series, value) in expected {
        let found = sample(&text, series);
        assert!(found == Some(*value), "{series} is {found:?}, not {value}");
    }
}

fn from_root(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A replica of the app `web`, so that one may take the other's slot.
fn replica(name: &str, n: u8) -> Container {
    let labels = [
        ("sh0.host", "web.example"),
        ("sh0.port", "80"),
        ("sh0.app", "web"),
    ];
    FakeEngine::container(name, n, &labels)
}

#[test]
fn the_text_is_as_prometheus_reads_it() {
    let metrics = Metrics::default();
    let millis = Duration::from_millis;
    metrics.pickup.of(Way::Slot).observe(millis(4));
    metrics.pickup.of(Way::Load).observe(millis(1_200));
    let changes = metrics.loads.of(LoadReason::Change);
    changes.of(LoadResult::Applied).increment();
    metrics.load_duration.observe(millis(31));
    metrics.slot_writes.increment();
    metrics.held.increment();
    metrics.held.increment();
    metrics.held_ends.of(HeldEnd::Passed).increment();
    metrics.held_wait.observe(millis(900));
    metrics.ready_wait.observe(millis(90_000));
    metrics.drains.increment();
    let mut status = Status {
        generation: 2,
        applied: Some(1),
        ..Status::default()
    };
    status.caddy.pid = Some(7);
    status.caddy.epoch = 3;
    status.caddy.version = "2.11.7 \"x\\".to_owned();
    status.docker.reachable = true;
    status.docker.subscriptions = 4;
    status.docker.last_event_at = Some(1_700_000_000);
    let golden = from_root("tests/golden/metrics.txt");
    expect_file![golden].assert_eq(&text(&metrics, &status));
}

#[test]
fn names_follow_the_conventions_and_labels_come_from_no_user() {
    const LABELS: [&str; 8] = [
        "code", "reason", "result", "severity", "state", "version", "way", "le",
    ];
    for metric in METRICS {
        let (name, kind) = (metric.name, metric.kind.as_str());
        assert!(name.starts_with("sh0_"), "{name}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
        let is_timed = name.ends_with("_seconds");
        assert!(is_timed || kind != "histogram", "{name}");
        assert!(!metric.help.ends_with('.'), "{name}");
        assert!(metric.labels.iter().all(|label| LABELS.contains(label)));
    }
    let names = METRICS.iter().map(|metric| metric.name);
    let unique: std::collections::BTreeSet<&str> = names.collect();
    assert_eq!(unique.len(), METRICS.len());
}

#[test]
fn the_table_in_the_docs_is_that_of_the_code() {
    let mut table = "| metric | kind | labels | meaning |\n|---|---|---|---|\n".to_owned();
    for metric in METRICS {
        let labels: Vec<String> = metric.labels.iter().map(|l| format!("`{l}`")).collect();
        let (name, kind, labels) = (metric.name, metric.kind.as_str(), labels.join(", "));
        let help = metric.help;
        writeln!(table, "| `{name}` | {kind} | {labels} | {help} |").unwrap();
    }
    check_in(&from_root("docs/metrics.md"), "metrics", &table);
}

/// What stands in a file after each `<key>: `, without quotes.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let lines = text
        .lines()
        .map(|line| line.trim().trim_start_matches("- "));
    let own = lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    own.map(|value| value.trim_matches('"')).collect()
}

#[test]
fn every_alert_uses_exported_metrics_and_has_a_runbook_that_the_docs_show() {
    let rules = fs::read_to_string(from_root("compose/prometheus/alerts.yml")).unwrap();
    let (alerts, runbooks) = (values(&rules, "alert"), values(&rules, "runbook"));
    let summaries = values(&rules, "summary");
    assert_eq!(alerts.len(), runbooks.len());
    assert_eq!(alerts.len(), summaries.len());
    let mut table = "| alert | means | what to do |\n|---|---|---|\n".to_owned();
    for ((alert, summary), runbook) in alerts.iter().zip(summaries).zip(runbooks) {
        writeln!(table, "| `{alert}` | {summary} | {runbook} |").unwrap();
    }
    check_in(&from_root("docs/metrics.md"), "alerts", &table);
    let expressions = values(&rules, "expr");
    assert_eq!(expressions.len(), alerts.len());
    let samples = text(&Metrics::default(), &Status::default());
    let kinds = || METRICS.iter().map(|metric| (metric.name, metric.kind));
    for expression in expressions.iter().chain(&values(&rules, "runbook")) {
        let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for word in words.filter(|word| word.starts_with("sh0_")) {
            let is_known = kinds().any(|(name, kind)| match kind {
                Kind::Histogram => word.strip_suffix("_bucket").unwrap_or(word) == name,
                Kind::Counter | Kind::Gauge => word == name,
            });
            assert!(is_known, "`{word}` is no metric");
        }
    }
    for result in ["gave_up", "refused"] {
        let series = format!("sh0_held_requests_total{{result=\"{result}\"}}");
        assert_eq!(sample(&samples, &series), Some(0), "{series}");
    }
}

#[tokio::test(start_paused = true)]
async fn new_sites_are_counted_from_their_event_to_the_load_that_brings_them() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::with_slots(FakeEngine::new(), folder.path());
    scene.settle().await;
    scene.engine.put("start", site("a", 1, "a.example"));
    scene.engine.put("start", site("b", 2, "b.example"));
    scene.prober.silence("10.0.0.3:80");
    scene.engine.put("start", site("slow", 3, "slow.example"));
    scene.settle().await;
    check(
        &scene,
        &[
            ("sh0_pickup_duration_seconds_count{way=\"load\"}", 2),
            (
                "sh0_pickup_duration_seconds_bucket{way=\"load\",le=\"0.1\"}",
                2,
            ),
            ("sh0_ready_wait_seconds_count", 2),
            ("sh0_loads_total{reason=\"change\",result=\"applied\"}", 1),
            ("sh0_load_duration_seconds_count", 1),
            ("sh0_containers{state=\"routed\"}", 2),
            ("sh0_containers{state=\"waiting\"}", 1),
            ("sh0_routes", 3),
        ],
    );
    // Its slot was there before it answered, so it needs no load.
    scene.prober.unsilence();
    scene.settle().await;
    check(
        &scene,
        &[
            ("sh0_pickup_duration_seconds_count{way=\"slot\"}", 1),
            (
                "sh0_pickup_duration_seconds_bucket{way=\"slot\",le=\"0.5\"}",
                0,
            ),
            ("sh0_ready_wait_seconds_count", 3),
            ("sh0_loads_total{reason=\"change\",result=\"applied\"}", 1),
            ("sh0_containers{state=\"routed\"}", 3),
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn a_redeploy_is_a_drain_and_a_slot_and_no_load() {
    let folder = tempfile::tempdir().unwrap();
    let engine = FakeEngine::new();
    engine.put("start", replica("old", 1));
    let scene = Scene::with_slots(engine, folder.path());
    scene.settle().await;
    let before = text(&scene.metrics, &scene.status());
    let writes = total(&before, "sh0_slot_writes_total");
    scene.engine.kill(&id(&replica("old", 1)), TERM);
    scene.settle().await;
    scene.engine.remove(&id(&replica("old", 1)));
    scene.engine.put("start", replica("new", 2));
    scene.settle().await;
    check(
        &scene,
        &[
            ("sh0_drains_total", 1),
            ("sh0_pickup_duration_seconds_count{way=\"slot\"}", 1),
            // The first one, whose start was heard when the agent started.
            ("sh0_pickup_duration_seconds_count{way=\"load\"}", 1),
            ("sh0_slot_writes_total", writes + 2),
            ("sh0_load_duration_seconds_count", 0),
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn loads_are_counted_by_what_they_were_for_and_what_came_of_them() {
    let scene = Scene::with_sites(&[("a", "a.example")]).await;
    let environment = |_: &[u8]| {
        let message = "no space left on device".to_owned();
        Some(AdminError::Environment { message })
    };
    scene.caddy.judge(environment);
    scene.engine.put("start", site("b", 2, "b.example"));
    sleep(Duration::from_millis(200)).await;
    assert_eq!(missing(&scene.status()).len(), 1, "the newest config");
    let failed = scene.status().caddy.last_load.clone().expect("one ended");
    let expected = (LoadReason::Change, LoadResult::Failed);
    assert_eq!((failed.reason, failed.result), expected);
    let error = failed.error.as_deref().unwrap_or_default();
    assert!(error.ends_with("no space left on device"), "{error}");
    scene.caddy.judge(|_| None);
    scene.settle().await;
    assert_eq!(missing(&scene.status()), [""; 0]);
    let refused = |json: &[u8]| {
        let message = "something is no good".to_owned();
        let is_bad = String::from_utf8_lossy(json).contains("bad.example");
        is_bad.then_some(AdminError::Rejected { message })
    };
    scene.caddy.judge(refused);
    scene.engine.put("start", site("bad", 3, "bad.example"));
    scene.engine.put("start", site("c", 4, "c.example"));
    scene.settle().await;
    check(
        &scene,
        &[
            ("sh0_loads_total{reason=\"change\",result=\"failed\"}", 1),
            ("sh0_loads_total{reason=\"retry\",result=\"applied\"}", 1),
            ("sh0_loads_total{reason=\"change\",result=\"refused\"}", 1),
            ("sh0_diagnostics{code=\"E010\",severity=\"error\"}", 1),
        ],
    );
    let text = text(&scene.metrics, &scene.status());
    let quarantine = "sh0_loads_total{reason=\"quarantine\",result=\"applied\"}";
    assert!(sample(&text, quarantine) >= Some(1), "{text}");
    let accepted = scene.status().caddy.loads;
    let applied = text
        .lines()
        .filter(|line| line.contains("result=\"applied\""));
    let applied = applied.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
    assert_eq!(applied.sum::<u64>(), accepted);
}

#[tokio::test(start_paused = true)]
async fn a_new_caddy_and_a_new_stream_are_counted() {
    let scene = Scene::with_sites(&[("a", "a.example")]).await;
    check(&scene, &[("sh0_caddy_restarts_total", 1)]);
    scene.crash_caddy();
    scene.settle().await;
    scene.engine.cut_streams();
    scene.settle().await;
    check(
        &scene,
        &[
            ("sh0_caddy_restarts_total", 2),
            ("sh0_docker_reconnects_total", 1),
            ("sh0_caddy_up", 1),
            ("sh0_docker_up", 1),
            ("sh0_docker_subscribed", 1),
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn a_container_that_ends_before_it_is_ready_was_never_picked_up() {
    let scene = Scene::empty();
    scene.settle().await;
    scene.prober.silence("10.0.0.1:80");
    scene.engine.put("start", site("a", 1, "a.example"));
    scene.settle().await;
    scene.engine.remove(&id(&site("a", 1, "a.example")));
    scene.prober.unsilence();
    scene.settle().await;
    let text = text(&scene.metrics, &scene.status());
    assert_eq!(total(&text, "sh0_pickup_duration_seconds_count"), 0);
    assert_eq!(total(&text, "sh0_ready_wait_seconds_count"), 0);
}

#[tokio::test(start_paused = true)]
async fn the_loop_answers_that_it_lives_and_a_hanging_one_does_not() {
    let scene = Scene::empty();
    scene.settle().await;
    let metrics = Arc::clone(&scene.metrics);
    let limit = Duration::from_secs(5);
    let alive = tokio::time::timeout(limit, metrics.pulse.ask()).await;
    assert!(alive.is_ok());
    scene.kill().await;
    let alive = tokio::time::timeout(limit, metrics.pulse.ask()).await;
    assert!(alive.is_err());
}
