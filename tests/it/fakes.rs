//! Fakes of the seams, and the contracts that keep them honest.

pub(crate) mod engine;
