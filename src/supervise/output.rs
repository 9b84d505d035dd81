//! Drains what the child prints, so that it never blocks on a full pipe.
//!
//! Owns the cutting of a stream into lines of bounded length, and the child's last words. It
//! deliberately keeps nothing else: lines go to the log as they come.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::log::{self, Severity};

/// Longer lines are cut. Docker's own log drivers split at this size, and an access log line with
/// a long URL and a browser's headers has 2 KB.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// Read at once: what a pipe holds by default on Linux.
pub(super) const READ_BYTES: usize = 64 * 1024;

/// So many lines tell why Caddy gave up; the reason is usually the last.
const LAST_WORDS_LINES_MAX: usize = 5;

/// So many bytes of each, which makes 2 KiB in all.
const LAST_WORDS_LINE_BYTES_MAX: usize = 400;

/// Reads the stream to its end, logs each line, and gives back the last words.
pub(super) async fn drain(mut stream: impl AsyncRead + Unpin, epoch: u64) -> LastWords {
    let mut words = LastWords::default();
    let mut cutter = LineCutter::default();
    let mut buffer = vec![0; READ_BYTES];
    let mut take = |line: &[u8]| {
        let line = log::parse(&String::from_utf8_lossy(line));
        words.hear(&line);
        log::relog(&line, epoch);
    };
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        cutter.push(buffer.get(..count).unwrap_or_default(), &mut take);
        // A flood must not keep the other tasks of this thread waiting.
        tokio::task::yield_now().await;
    }
    cutter.finish(&mut take);
    words
}

/// The last error lines. Lines without a level (a Go panic, whose first lines count) are kept only
/// while there is room.
#[derive(Debug, Default)]
pub(super) struct LastWords(VecDeque<String>);

impl LastWords {
    /// Takes note of a line.
    pub(super) fn hear(&mut self, line: &log::Line) {
        let full = self.0.len() == LAST_WORDS_LINES_MAX;
        let is_error = line.severity == Severity::Error;
        if !is_error && (full || line.is_structured) {
            return;
        }
        if full {
            self.0.pop_front();
        }
        let error = line
            .error
            .as_ref()
            .map(|error| format!(": {error}"))
            .unwrap_or_default();
        let mut text = format!("{}{error}", line.message);
        text.truncate(text.floor_char_boundary(LAST_WORDS_LINE_BYTES_MAX));
        self.0.push_back(text);
    }

    pub(super) fn into_text(self) -> String {
        Vec::from(self.0).join("\n")
    }
}

/// Cuts a stream of bytes into lines of at most [`LINE_BYTES_MAX`]; what is over is dropped.
#[derive(Debug, Default)]
pub(super) struct LineCutter {
    line: Vec<u8>,
}

impl LineCutter {
    /// Takes a part of the stream.
    pub(super) fn push(&mut self, bytes: &[u8], emit: &mut (impl FnMut(&[u8]) + ?Sized)) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, is_end) = match part.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (part, false),
            };
            let room = LINE_BYTES_MAX - self.line.len();
            self.line
                .extend_from_slice(text.get(..room).unwrap_or(text));
            if is_end {
                self.finish(emit);
            }
        }
    }

    /// Emits what is there, unless it is an empty line.
    pub(super) fn finish(&mut self, emit: &mut (impl FnMut(&[u8]) + ?Sized)) {
        if !self.line.is_empty() {
            emit(&self.line);
        }
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
        let mut lines = vec![];
        let mut cutter = LineCutter::default();
        let mut emit = |line: &[u8]| lines.push(line.to_vec());
        chunks.for_each(|chunk| cutter.push(chunk, &mut emit));
        cutter.finish(&mut emit);
        lines
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference_to_the_lines(
            lines in prop::collection::vec("[a-z]{1,40}", 1..20),
            size in 1usize..50,
        ) {
            let text = lines.join("\n");
            let expected: Vec<_> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
            prop_assert_eq!(cut(text.as_bytes().chunks(size)), expected);
        }
    }

    #[test]
    fn a_line_without_end_is_cut_and_never_kept_whole() {
        let mut text = vec![b'x'; 5 * LINE_BYTES_MAX];
        text.extend_from_slice(b"\nnext\n\n");
        let lines = cut(text.chunks(READ_BYTES));
        assert_eq!(lines, [vec![b'x'; LINE_BYTES_MAX], b"next".to_vec()]);
    }

    #[test]
    fn last_words_are_the_last_errors_and_the_first_lines_of_a_panic() {
        let mut words = LastWords::default();
        for line in [
            r#"{"level":"info","msg":"using config from stdin"}"#,
            "panic: runtime error",
            r#"{"level":"error","msg":"e1"}"#,
            r#"{"level":"error","msg":"e2","error":"why"}"#,
            "goroutine 1 [running]:",
            "main.main()",
            "dropped: no room left",
            r#"{"level":"error","msg":"e3"}"#,
        ] {
            words.hear(&log::parse(line));
        }
        assert_eq!(
            words.into_text(),
            "e1\ne2: why\ngoroutine 1 [running]:\nmain.main()\ne3"
        );
    }
}
