//! The labels of what happens to a request: who may ask, header fields, bodies and pages.

mod headers;
mod protection;

use std::collections::BTreeMap;

use super::Reader;
use crate::diagnostic::Code;
use crate::labels::schema::Key;
use crate::labels::tree::Scoped;
use crate::labels::value;
use crate::model::{Handling, Protection};

impl Reader<'_> {
    /// Everything but what protects, which [`Reader::protection`] reads.
    pub(super) fn handling(&mut self, scope: &Scoped, protection: Protection) -> Handling {
        Handling {
            protection,
            request_headers: self.headers(scope, Key::RequestHeader),
            response_headers: self.headers(scope, Key::ResponseHeader),
            compress: self
                .read(scope, Key::Compress, value::boolean)
                .unwrap_or_default(),
            error_pages: self.error_pages(scope),
        }
    }

    fn error_pages(&mut self, scope: &Scoped) -> BTreeMap<u16, String> {
        let mut pages = BTreeMap::new();
        for (member, label) in scope.family(Key::ErrorPage) {
            let Some(status) = value::error_status(member) else {
                let message = format!("`{}` names no status from 400 to 599", label.shown_key());
                let help = "write for example `error.404=/404.html`".to_owned();
                self.say(Code::BadValue, Some(label.clone()), message, help);
                continue;
            };
            if let Some(page) = self.read_label(label, Key::ErrorPage, value::page) {
                pages.insert(status, page);
            }
        }
        pages
    }
}
