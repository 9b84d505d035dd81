//! Which requests are meant.

use std::collections::BTreeMap;

use serde::Serialize;

/// What must hold, all of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Matcher {
    /// One of these hosts, in lower case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub host: Vec<String>,
    /// One of these paths; `*` at the end is any rest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<String>,
    /// The path, decoded and cleaned, contains this pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_regexp: Option<Pattern>,
    /// These placeholders have one of these values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub vars: BTreeMap<String, Vec<String>>,
    /// These header fields match.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub header_regexp: BTreeMap<String, Pattern>,
    /// These query parameters have one of the values; `*` is any. Placeholders are expanded.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, Vec<String>>,
    /// The client has one of these addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ip: Option<IpRanges>,
    /// The connection comes from one of these addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_ip: Option<IpRanges>,
    /// These placeholders' values match.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub vars_regexp: BTreeMap<&'static str, Pattern>,
    /// One of these files is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<FileMatch>,
    /// One of these methods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub method: Vec<String>,
    /// None of these holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not: Vec<Self>,
}

/// A look whether a file is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileMatch {
    /// The folder that they are looked for in.
    pub root: String,
    /// Their names in it; `*` is any name, and placeholders are expanded.
    pub try_files: [&'static str; 1],
}

/// Ranges of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IpRanges {
    /// `10.0.0.0/8`
    pub ranges: Vec<String>,
}

/// A regular expression (RE2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pattern {
    /// Its text.
    pub pattern: String,
}
