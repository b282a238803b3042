//! Measuring: libraries by turns, each role in a process of its own.

pub(crate) mod certificate;
mod rounds;
mod run;

pub(crate) use rounds::{Measured, Settings, rounds};
pub(crate) use run::{RoleSample, Sample};
