//! Measures aiomsg: how fast it is beside a raw loop over TCP, and what load it
//! bears. `benches/README.md` says what is measured, and how.
//!
//! ```text
//! cargo run --release -p aiomsg-bench             # everything, as a table
//! cargo run --release -p aiomsg-bench -- --help   # a part of it; measurements of load
//! ```

use std::process::ExitCode;

fn main() -> ExitCode {
    aiomsg_bench::main(&aiomsg_bench::libraries())
}
