//! Reads Caddy's log while it runs.

use std::sync::Arc;

use super::Driver;
use crate::supervise::tail::Tail;
use crate::supervise::{Ping, log};

impl<P: Ping> Driver<'_, P> {
    /// What Caddy wrote goes into our log.
    pub(super) fn read_log(&mut self, read: impl FnOnce(&mut Tail, &mut dyn FnMut(&[u8]))) {
        let (words, jobs, epoch) = (&mut self.words, &mut self.jobs, self.state.epoch);
        let mut is_news = false;
        read(&mut self.tail, &mut |line| {
            let text = String::from_utf8_lossy(line);
            is_news |= jobs.hear(&text);
            let line = log::parse(&text);
            words.hear(&line);
            log::relog(&line, epoch);
        });
        if is_news {
            let obtainings = Arc::new(self.jobs.obtainings());
            self.options.obtainings.send_replace(obtainings);
        }
    }
}
