//! The metrics by name, and their text in Prometheus' format (version 0.0.4).
//!
//! Owns the one table of names, kinds, labels and meanings: the text and `docs/metrics.md` are made
//! from it. The format is three kinds of lines, so this is code of ours instead of a registry that
//! would want to own the values: half of them are read from the status when somebody asks.
//! Deliberately without a label whose values come from users.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use super::Status;
use crate::metrics::{BOUNDS, Durations, Metrics, Word};
use crate::routes::RowState;

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, but for a new start of the agent.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often, in buckets by size.
    Histogram,
}

impl Kind {
    /// The word in the text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name, with unit.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it means: one sentence without a full stop.
    pub help: &'static str,
    read: fn(&Seen<'_>, &mut Samples<'_>),
}

/// What values are read from.
struct Seen<'a> {
    metrics: &'a Metrics,
    status: &'a Status,
}

/// All metrics, in the order of the text.
pub const METRICS: &[Metric] = &[
    Metric {
        name: "sh0_build_info",
        kind: Kind::Gauge,
        labels: &["version"],
        help: "Always 1; the agent's version",
        read: |_, out| out.with(&[env!("CARGO_PKG_VERSION")], 1),
    },
    Metric {
        name: "sh0_pickup_duration_seconds",
        kind: Kind::Histogram,
        labels: &["way"],
        help: "From Docker's event (start, unpause, connect, healthy) to the container's address \
               being in force, by a written slot or a load; its own time until it answered included",
        read: |seen, out| {
            for (way, took) in seen.metrics.pickup.iter() {
                out.durations(&[way.as_str()], took);
            }
        },
    },
    Metric {
        name: "sh0_ready_wait_seconds",
        kind: Kind::Histogram,
        labels: &[],
        help: "From the first question to a new container until it answered as it must",
        read: |seen, out| out.durations(&[], &seen.metrics.ready_wait),
    },
    Metric {
        name: "sh0_loads_total",
        kind: Kind::Counter,
        labels: &["reason", "result"],
        help: "Configs sent to Caddy",
        read: |seen, out| {
            for (reason, results) in seen.metrics.loads.iter() {
                for (result, count) in results.iter() {
                    out.with(&[reason.as_str(), result.as_str()], count.get());
                }
            }
        },
    },
    Metric {
        name: "sh0_load_duration_seconds",
        kind: Kind::Histogram,
        labels: &[],
        help: "How long Caddy took for each config, whatever came of it",
        read: |seen, out| out.durations(&[], &seen.metrics.load_duration),
    },
    Metric {
        name: "sh0_slot_writes_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Slots written with a new address",
        read: |seen, out| out.value(seen.metrics.slot_writes.get()),
    },
    Metric {
        name: "sh0_held_requests_total",
        kind: Kind::Counter,
        labels: &["result"],
        help: "Requests held until a container was ready, by how that ended",
        read: |seen, out| {
            for (end, count) in seen.metrics.held_ends.iter() {
                out.with(&[end.as_str()], count.get());
            }
        },
    },
    Metric {
        name: "sh0_held_requests",
        kind: Kind::Gauge,
        labels: &[],
        help: "Requests that wait for a container now",
        read: |seen, out| {
            let ended = seen.metrics.held_wait.cumulative();
            let ended = ended.last().copied().unwrap_or_default();
            out.value(seen.metrics.held.get().saturating_sub(ended));
        },
    },
    Metric {
        name: "sh0_held_wait_seconds",
        kind: Kind::Histogram,
        labels: &[],
        help: "How long held requests waited, however that ended",
        read: |seen, out| out.durations(&[], &seen.metrics.held_wait),
    },
    Metric {
        name: "sh0_drains_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Containers that were told to stop and took no more requests from then on",
        read: |seen, out| out.value(seen.metrics.drains.get()),
    },
    Metric {
        name: "sh0_routes",
        kind: Kind::Gauge,
        labels: &[],
        help: "Routes of the newest config",
        read: |seen, out| out.value(seen.status.table.routes.len()),
    },
    Metric {
        name: "sh0_containers",
        kind: Kind::Gauge,
        labels: &["state"],
        help: "Labelled containers, by what became of the best of their routes",
        read: containers,
    },
    Metric {
        name: "sh0_apps_halted",
        kind: Kind::Gauge,
        labels: &["state"],
        help: "Apps whose requests a person holds back with `sh0-agent pause` or `sh0-agent stop`",
        read: |seen, out| {
            for state in ["paused", "stopped"] {
                let halts = seen.status.halts.iter();
                let of_state = halts.filter(|halted| halted.halt.kind.as_str() == state);
                out.with(&[state], of_state.count());
            }
        },
    },
    Metric {
        name: "sh0_diagnostics",
        kind: Kind::Gauge,
        labels: &["code", "severity"],
        help: "What is wrong with labels now; `sh0-agent explain <code>` says what to do",
        read: diagnostics,
    },
    Metric {
        name: "sh0_config_generation",
        kind: Kind::Gauge,
        labels: &[],
        help: "Number of the newest config",
        read: |seen, out| out.value(seen.status.generation),
    },
    Metric {
        name: "sh0_config_applied_generation",
        kind: Kind::Gauge,
        labels: &[],
        help: "Number of the config that Caddy serves; 0 while it serves none of ours",
        read: |seen, out| out.value(seen.status.applied.unwrap_or_default()),
    },
    Metric {
        name: "sh0_config_load_failing",
        kind: Kind::Gauge,
        labels: &[],
        help: "1 while the last load failed and sites stay as they were",
        read: |seen, out| out.flag(seen.status.caddy.load_error.is_some()),
    },
    Metric {
        name: "sh0_caddy_up",
        kind: Kind::Gauge,
        labels: &[],
        help: "1 while Caddy runs and answers",
        read: |seen, out| out.flag(seen.status.caddy.pid.is_some()),
    },
    Metric {
        name: "sh0_caddy_restarts_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Caddy processes after the first one",
        read: |seen, out| out.value(seen.status.caddy.epoch.saturating_sub(1)),
    },
    Metric {
        name: "sh0_caddy_info",
        kind: Kind::Gauge,
        labels: &["version"],
        help: "Always 1; the version of the Caddy binary",
        read: |seen, out| out.with(&[&seen.status.caddy.version], 1),
    },
    Metric {
        name: "sh0_docker_up",
        kind: Kind::Gauge,
        labels: &[],
        help: "1 while the last look at Docker succeeded",
        read: |seen, out| out.flag(seen.status.docker.reachable),
    },
    Metric {
        name: "sh0_docker_subscribed",
        kind: Kind::Gauge,
        labels: &[],
        help: "1 while Docker's events are listened to",
        read: |seen, out| out.flag(seen.status.docker.subscribed),
    },
    Metric {
        name: "sh0_docker_reconnects_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Event streams opened after the first one",
        read: |seen, out| out.value(seen.status.docker.subscriptions.saturating_sub(1)),
    },
    Metric {
        name: "sh0_docker_looks_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Complete lists of containers taken",
        read: |seen, out| out.value(seen.status.docker.looks),
    },
    Metric {
        name: "sh0_docker_missed_events_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Changes found by a periodic look that no event had announced",
        read: |seen, out| out.value(seen.status.docker.missed_notices),
    },
    Metric {
        name: "sh0_docker_last_event_timestamp_seconds",
        kind: Kind::Gauge,
        labels: &[],
        help: "When Docker's last event was heard; 0 before the first",
        read: |seen, out| out.value(seen.status.docker.last_event_at.unwrap_or_default()),
    },
];

/// All metrics as text.
#[must_use]
pub fn text(metrics: &Metrics, status: &Status) -> String {
    let seen = Seen { metrics, status };
    let mut text = String::new();
    for metric in METRICS {
        let (name, kind) = (metric.name, metric.kind.as_str());
        line(&mut text, format_args!("# HELP {name} {}.", metric.help));
        line(&mut text, format_args!("# TYPE {name} {kind}"));
        let mut samples = Samples {
            text: &mut text,
            metric,
        };
        (metric.read)(&seen, &mut samples);
    }
    text
}

fn containers(seen: &Seen<'_>, out: &mut Samples<'_>) {
    const STATES: [RowState; 4] = [
        RowState::Routed,
        RowState::Waiting,
        RowState::Refused,
        RowState::Off,
    ];
    let place = |state: RowState| STATES.iter().position(|other| *other == state);
    let mut best = BTreeMap::new();
    for row in seen.status.rows.iter() {
        let state = best.entry(&row.container.id).or_insert(row.state);
        if place(row.state) < place(*state) {
            *state = row.state;
        }
    }
    for state in STATES {
        let count = best.values().filter(|found| **found == state).count();
        out.with(&[state.as_str()], count);
    }
}

fn diagnostics(seen: &Seen<'_>, out: &mut Samples<'_>) {
    let mut counts = BTreeMap::new();
    for diagnostic in seen.status.diagnostics.iter() {
        *counts.entry(diagnostic.code).or_insert(0_usize) += 1;
    }
    for (code, count) in counts {
        out.with(&[&code.to_string(), code.severity().as_str()], count);
    }
}

/// Takes the values of one metric.
struct Samples<'a> {
    text: &'a mut String,
    metric: &'a Metric,
}

impl Samples<'_> {
    fn value(&mut self, value: impl Display) {
        self.with(&[], value);
    }

    fn flag(&mut self, is_so: bool) {
        self.value(u8::from(is_so));
    }

    fn with(&mut self, labels: &[&str], value: impl Display) {
        let labels = self.labels(labels, None);
        let name = self.metric.name;
        line(self.text, format_args!("{name}{labels} {value}"));
    }

    fn durations(&mut self, labels: &[&str], durations: &Durations) {
        let name = self.metric.name;
        let counts = durations.cumulative();
        let bounds = BOUNDS.iter().map(ToString::to_string);
        for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(counts) {
            let labels = self.labels(labels, Some(&bound));
            line(self.text, format_args!("{name}_bucket{labels} {count}"));
        }
        let (labels, sum) = (self.labels(labels, None), durations.sum().as_secs_f64());
        let count = counts.last().copied().unwrap_or_default();
        line(self.text, format_args!("{name}_sum{labels} {sum}"));
        line(self.text, format_args!("{name}_count{labels} {count}"));
    }

    /// The labels in braces; nothing when there are none.
    fn labels(&self, values: &[&str], bound: Option<&str>) -> String {
        let named = self.metric.labels.iter().zip(values);
        let named = named.map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
        let bound = bound.map(|bound| format!("le=\"{bound}\""));
        let pairs: Vec<String> = named.chain(bound).collect();
        if pairs.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", pairs.join(","))
        }
    }
}

/// A value as it may stand in quotes.
fn escaped(value: &str) -> String {
    let value = value.replace('\\', r"\\").replace('"', "\\\"");
    value.replace('\n', "\\n")
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes all text");
}
