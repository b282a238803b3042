//! What was measured, for people to read.

mod json;
mod plot;
mod row;
mod statistics;
mod table;

pub(crate) use json::json;
pub(crate) use plot::plot;
pub(crate) use row::rows;
pub(crate) use table::table;
