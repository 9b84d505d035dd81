//! The query parameter `filters` of Docker's API.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// What each filter may be; several values of one are alternatives, but for labels.
#[derive(Debug, Clone, Default)]
pub(super) struct Filters(BTreeMap<String, BTreeSet<String>>);

/// The values of one filter: a list, or the keys of a map, as Docker's own clients write it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    List(BTreeSet<String>),
    Map(BTreeMap<String, bool>),
}

impl Filters {
    /// Reads the parameter; a filter that is not among these is refused, as by Docker.
    pub(super) fn parse(text: Option<&str>, understood: &[&str]) -> Result<Self, String> {
        let text = text.filter(|text| !text.is_empty()).unwrap_or("{}");
        let read: BTreeMap<String, Values> =
            serde_json::from_str(text).map_err(|error| format!("invalid filters: {error}"))?;
        if let Some(key) = read.keys().find(|key| !understood.contains(&key.as_str())) {
            return Err(format!("Invalid filter '{key}'"));
        }
        let values = read.into_iter().map(|(key, values)| match values {
            Values::List(list) => (key, list),
            Values::Map(map) => (key, map.into_keys().collect()),
        });
        Ok(Self(values.collect()))
    }

    /// Whether there is such a filter.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Whether one of the filter's values fits, or there is no such filter.
    pub(super) fn any(&self, key: &str, fits: impl Fn(&str) -> bool) -> bool {
        let values = self.0.get(key);
        values.is_none_or(|values| values.iter().any(|value| fits(value)))
    }

    /// Whether all of the label filters, `key` or `key=value`, hold.
    pub(super) fn labels(&self, labels: &BTreeMap<String, String>) -> bool {
        let holds = |wanted: &String| match wanted.split_once('=') {
            Some((key, value)) => labels.get(key).is_some_and(|found| found == value),
            None => labels.contains_key(wanted),
        };
        { self.0.get("label").into_iter().flatten() }.all(holds)
    }
}
