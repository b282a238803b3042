//! Measuring: libraries by turns, each role in a process of its own.

mod certificate;
mod rounds;
mod run;

pub(crate) use rounds::{Measured, Settings, rounds};
pub(crate) use run::{RoleSample, Sample};
