//! What happens to requests while containers come and go, under load. The table in `docs/redeploys.md`
//! names these tests.
//!
//! In every scenario clients of all kinds (`examples/load`) ask one app while something is done to
//! it, or beside it, and every answer's body is checked; websockets to a neighbour stay open
//! meanwhile. `SH0_REDEPLOY_RUNS=3` repeats each scenario; what it measured is printed.

mod attacks;
mod neighbours;
mod one_by_one;
mod outcome;
mod recreate;
mod scene;
mod start_first;
mod upsets;
mod waiting;

pub(crate) use self::outcome::Cost;
