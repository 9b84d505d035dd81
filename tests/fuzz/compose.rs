//! A compose file, or a file of labels in JSON, as anybody may give it to `check`.
//!
//! The input is one text. It includes and extends itself as `self.yml`; no other file is there. Each
//! finding stands in a file that was read, and what is said is fit for a terminal.

use std::path::{Path, PathBuf};

use sh0_agent::check::{Checked, Rules, listed, project};
use sh0_agent::compose::{Options, load};
use sh0_agent::settings::Settings;

/// The longest that is said about one thing.
const SAID_BYTES_MAX: usize = 20_000;

pub(crate) fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let read = |path: &Path| match path.to_str() {
        Some("compose.yml" | "self.yml" | "./self.yml" | ".env") => Ok(text.to_string()),
        _ => Err("it is not there".to_owned()),
    };
    let files = [PathBuf::from("compose.yml")];
    let rules = Rules::from(&Settings::default());
    let options = Options::default();
    said(&project(load(&files, &options, &read), &rules));
    let twice = [files[0].clone(), files[0].clone()];
    said(&project(load(&twice, &options, &read), &rules));
    said(&listed(Path::new("labels.json"), &text, &rules));
}

fn said(checked: &Checked) {
    for finding in &checked.findings {
        let place = finding.place;
        assert!(place.line > 0 && place.column > 0, "{finding:?}");
        assert!(checked.sources.get(place.file).is_some(), "{finding:?}");
        for said in [&finding.message, &finding.help] {
            let is_fit = |c: char| !c.is_control() || c == '\n';
            assert!(said.chars().all(is_fit), "{said:?}");
            assert!(said.len() <= SAID_BYTES_MAX, "{} bytes", said.len());
        }
    }
}
