//! Reads values out of metrics in Prometheus' text format.

/// The number of one series, named as it is written; `None` when there is none.
pub(crate) fn sample(text: &str, series: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let line = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok())
}

/// The sum of all series of one name.
pub(crate) fn total(text: &str, name: &str) -> u64 {
    let lines = text.lines().filter_map(|line| line.strip_prefix(name));
    let own = lines.filter(|rest| rest.starts_with(['{', ' ']));
    let values = own.filter_map(|rest| rest.rsplit_once(' ')?.1.parse::<u64>().ok());
    values.sum()
}
