//! Processes: other roles of this program as children, and what one uses.

mod child;
mod usage;

pub(crate) use child::{Child, Gone};
pub use usage::cpu_time;
pub(crate) use usage::{Usage, own_usage, peak_memory, readable, shared_clock, usage};
