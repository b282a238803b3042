//! Compares libraries that move messages, over loopback TCP, with a raw limit
//! that is measured in the same round.
//!
//! A [`Library`] plays the [roles](Role) of a workload, each in a process of its
//! own: the program starts itself once more for each. Another program adds
//! libraries to those that are here:
//!
//! ```no_run
//! use aiomsg_bench::Library;
//!
//! struct Mine;
//!
//! impl Library for Mine {
//!     fn name(&self) -> &'static str {
//!         "mine"
//!     }
//!     // And the roles that it can play.
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     let mut libraries = aiomsg_bench::libraries();
//!     libraries.push(&Mine);
//!     aiomsg_bench::main(&libraries)
//! }
//! ```

mod cli;
pub mod drive;
mod library;
mod load;
mod measure;
mod ours;
mod parent;
mod process;
mod raw;
mod report;
mod workload;

pub use cli::main;
pub use library::{Certificate, Failure, Job, Library, Outcome, Role};
pub use parent::{Parent, Report};

/// The libraries that are always there: the raw limit, its variants, and aiomsg.
pub fn libraries() -> Vec<&'static dyn Library> {
    vec![
        &raw::Raw,
        &raw::RawCounted,
        &raw::RawBlocking,
        &raw::RawTasks,
        &ours::Aiomsg::Plain,
        &ours::AiomsgMany,
        &ours::Aiomsg::WebSocket,
        &ours::Aiomsg::Beside,
        &ours::Measured::Layered,
        &ours::Measured::Counted,
        &ours::Measured::Watched,
    ]
}

/// The name of the library that ratios refer to, if no other is asked for.
const LIMIT: &str = "raw";
