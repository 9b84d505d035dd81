//! What is asked, and whether an answer is the right one.

use std::fmt::Write;

use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use sha2::{Digest, Sha256};

/// Sizes of bodies: none, one that fits into a packet, and some that do not.
const BODY_BYTES: [u32; 4] = [0, 900, 9_000, 70_000];
/// How much of a wrong answer is told.
const TOLD_CHARS: usize = 120;

/// What one request says.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) body: Bytes,
    sum: Option<String>,
}

impl Question {
    pub(crate) fn get() -> Self {
        Self {
            method: Method::GET,
            body: Bytes::new(),
            sum: None,
        }
    }

    /// One POST for each size of bodies.
    pub(crate) fn posts() -> Vec<Self> {
        BODY_BYTES.map(Self::post).into()
    }

    fn post(bytes: u32) -> Self {
        let body: Vec<u8> = (0..bytes).map(|n| n.to_le_bytes()[0] % 101).collect();
        let mut sum = String::new();
        for byte in Sha256::digest(&body) {
            write!(sum, "{byte:02x}").expect("a string takes everything");
        }
        Self {
            method: Method::POST,
            body: body.into(),
            sum: Some(sum),
        }
    }

    /// Who answered, if the answer is right: from the app of this name, and after reading all that
    /// was sent.
    pub(crate) fn check(&self, answer: &Answer, app: &str) -> Result<String, String> {
        let body = String::from_utf8_lossy(&answer.body);
        let wrong = |what: &str| {
            let begin: String = body.chars().take(TOLD_CHARS).collect();
            Err(format!("{} {begin:?}: {what}", answer.status.as_u16()))
        };
        if answer.status != StatusCode::OK {
            return wrong("another status than 200");
        }
        let said = |field: &str| {
            let mut lines = body.lines().filter_map(|line| line.split_once(": "));
            lines.find_map(|(key, value)| (key == field).then_some(value))
        };
        let name = said("name").unwrap_or_default();
        let rest = name.strip_prefix(app);
        if !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-')) {
            return wrong("another app's body");
        }
        if self.sum.is_some() && said("body-sha256") != self.sum.as_deref() {
            return wrong("the app got another body");
        }
        Ok(name.to_owned())
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}
