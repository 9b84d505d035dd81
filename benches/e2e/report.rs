//! The figures as Markdown for people and JSON for programs.

use serde::Serialize;

use super::daemon::Counts;
use super::growth::growth;

/// Something measured; `what` names its unit.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    /// What it is.
    pub(crate) what: &'static str,
    /// How much.
    pub(crate) value: f64,
}

/// What one proxy did with so many sites.
#[derive(Debug, Serialize)]
pub(crate) struct Run {
    /// Which proxy.
    pub(crate) proxy: String,
    /// How many sites.
    pub(crate) size: usize,
    /// Nothing, when it did not do its work.
    pub(crate) figures: Vec<Figure>,
    /// What it asked of the daemon in all that time, by endpoint.
    pub(crate) asked: Counts,
}

impl Run {
    fn value(&self, what: &str) -> Option<f64> {
        let figure = self.figures.iter().find(|figure| figure.what == what)?;
        Some(figure.value)
    }
}

/// A table for each proxy: a row for each figure, a column for each size, and how it grows. Behind
/// the figures of all but the first proxy stands how many times the first one's they are.
pub(crate) fn markdown(runs: &[Run], sizes: &[usize]) -> String {
    let mut proxies: Vec<&str> = Vec::new();
    for run in runs {
        if !proxies.contains(&run.proxy.as_str()) {
            proxies.push(&run.proxy);
        }
    }
    let mut text = String::new();
    for proxy in &proxies {
        let first = proxies.first().filter(|first| *first != proxy);
        text += &table(runs, sizes, proxy, first.copied());
    }
    text
}

fn table(runs: &[Run], sizes: &[usize], proxy: &str, compared: Option<&str>) -> String {
    let run = |name: &str, size| { runs.iter() }.find(|run| run.proxy == name && run.size == size);
    let line = |first: &str, cells: Vec<String>, last: &str| {
        format!("| {first} | {} | {last} |\n", cells.join(" | "))
    };
    let head = sizes.iter().map(|size| grouped(*size)).collect();
    let mut text = line(proxy, head, "grows");
    text += &line("---", vec!["---:".to_owned(); sizes.len()], "---");
    let own = sizes.iter().filter_map(|size| run(proxy, *size));
    let longest = own.max_by_key(|run| run.figures.len());
    for figure in longest.iter().flat_map(|run| &run.figures) {
        let (mut cells, mut points) = (Vec::new(), Vec::new());
        for size in sizes {
            let value = run(proxy, *size).and_then(|run| run.value(figure.what));
            let other = compared.and_then(|name| run(name, *size)?.value(figure.what));
            cells.push(cell(value, other));
            let size = u32::try_from(*size).unwrap_or(u32::MAX);
            points.extend(value.map(|value| (f64::from(size), value)));
        }
        let growth = growth(&points).map_or_else(String::new, |growth| growth.to_string());
        text += &line(figure.what, cells, &growth);
    }
    text + "\n"
}

fn cell(value: Option<f64>, other: Option<f64>) -> String {
    let Some(value) = value else {
        return "–".to_owned();
    };
    let shown = rounded(value);
    match other {
        Some(other) if 0.0 < other => format!("{shown} (×{})", rounded(value / other)),
        Some(_) | None => shown,
    }
}

/// With as many digits as mean something.
fn rounded(value: f64) -> String {
    if value.abs() < 10.0 && value.fract() != 0.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// `10,000`
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
