//! What several test binaries share.

#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test binary includes the whole module and uses a part of it"
)]
pub mod python;
