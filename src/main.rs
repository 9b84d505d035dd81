//! The program: arguments in, exit code out.

use std::process::ExitCode;

/// Its settings are in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    sh0_agent::cli::main()
}
