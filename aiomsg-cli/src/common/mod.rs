//! What several commands need.

pub(crate) mod failure;
pub(crate) mod identity;
pub(crate) mod log;
pub(crate) mod say;
pub(crate) mod socket;
pub(crate) mod text;
pub(crate) mod tls;
