//! In-memory doubles of the parts beyond our seams. They behave, and pass the same contract tests
//! as the real parts.

pub(crate) mod caddy;
pub(crate) mod engine;
pub(crate) mod probe;
pub(crate) mod prober;
pub(crate) mod store;
