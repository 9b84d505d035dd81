//! What has happened so far, and how to repeat it.

use std::cell::Cell;

use tokio::time::Instant;

/// Prints each line as it happens; a test's runner shows them when the test has failed.
#[derive(Debug)]
pub(super) struct History {
    seed: u64,
    began: Instant,
    doing: Cell<&'static str>,
}

impl History {
    pub(super) fn begin(seed: u64) -> Self {
        println!("SH0_CHAOS_SEED={seed}");
        Self {
            seed,
            began: Instant::now(),
            doing: Cell::new("the start"),
        }
    }

    /// Something happens now.
    pub(super) fn say(&self, what: &str) {
        println!("{:9.3} s  {what}", self.began.elapsed().as_secs_f64());
    }

    /// This is held from now on; it is named if it does not.
    pub(super) fn holds(&self, invariant: &'static str) {
        self.doing.set(invariant);
    }
}

impl Drop for History {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!(
                "{:9.3} s  FAILED: {}\nThe history is above. The same sequence again:\n  \
                 SH0_CHAOS_SEED={} scripts/test chaos",
                self.began.elapsed().as_secs_f64(),
                self.doing.get(),
                self.seed
            );
        }
    }
}
