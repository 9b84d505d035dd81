//! The labels under `headers.`.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, LabelRef};
use crate::labels::parse::Reader;
use crate::labels::schema::Key;
use crate::labels::tree::Scoped;
use crate::model::{HeaderChange, HeaderName, HeaderText, NameError};

impl Reader<'_> {
    /// The changes of one side, sorted; each field is named once.
    pub(super) fn headers(&mut self, scope: &Scoped, key: Key) -> Vec<HeaderChange> {
        let mut changes: BTreeMap<HeaderName, HeaderChange> = BTreeMap::new();
        for (member, label) in scope.family(key) {
            let Some(change) = self.header(key, member, label) else {
                continue;
            };
            let name = change.name().clone();
            if changes.insert(name.clone(), change).is_some() {
                let message = format!("two labels change the header field `{name}`");
                let help = "keep one of them; upper and lower case are the same name".to_owned();
                self.say(Code::BadValue, Some(label.clone()), message, help);
            }
        }
        changes.into_values().collect()
    }

    fn header(&mut self, key: Key, member: &str, label: &LabelRef) -> Option<HeaderChange> {
        let (is_added, name) = match member.strip_prefix('+') {
            Some(name) => (true, name),
            None => (false, member),
        };
        let name = match HeaderName::parse(name).and_then(|name| changeable(name, key)) {
            Ok(name) => name,
            Err(NameError { expected, found }) => {
                let message = format!("`{}` names {expected}, found {found}", label.shown_key());
                let help = "write for example `headers.response.X-Frame-Options=DENY`".to_owned();
                self.say(Code::BadValue, Some(label.clone()), message, help);
                return None;
            }
        };
        let text = self.read_label(label, key, HeaderText::parse)?;
        match (is_added, text) {
            (false, Some(text)) => Some(HeaderChange::Set(name, text)),
            (true, Some(text)) if name.as_str() != "host" => Some(HeaderChange::Add(name, text)),
            (false, None) if name.as_str() != "host" => Some(HeaderChange::Delete(name)),
            (_, _) => {
                let message = format!("`{}` takes one value", label.shown_key());
                let help =
                    "a request has exactly one `Host`, and nothing cannot be added".to_owned();
                self.say(Code::BadValue, Some(label.clone()), message, help);
                None
            }
        }
    }
}

/// An answer has no `Host`.
fn changeable(name: HeaderName, key: Key) -> Result<HeaderName, NameError> {
    if key == Key::ResponseHeader && name.as_str() == "host" {
        return Err(NameError {
            expected: "a header field of the answer",
            found: "`host`, which only requests have".to_owned(),
        });
    }
    Ok(name)
}
