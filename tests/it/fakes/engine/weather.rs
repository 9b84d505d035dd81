//! How the engine fares.

use std::time::Duration;

/// What a listing does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    /// Answers at once.
    Works,
    /// Answers with what was there at the time of the question.
    Takes(Duration),
    /// Nobody is there.
    Fails,
    /// The question is taken and not answered; ends with the time-out of the real engine.
    Hangs,
    /// Answers without any container, as if that were all: no engine does, an agent with a broken
    /// seam would believe it.
    Forgets,
}

/// What becomes of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// It arrives.
    AtOnce,
    /// It arrives late.
    After(Duration),
    /// It is lost, also for later streams.
    Lost,
    /// It arrives twice.
    Twice,
    /// It arrives after the one that follows it.
    Swapped,
}
