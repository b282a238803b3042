//! The peer with the least load, as far as two random draws find it.
//!
//! [`LeastLoaded`] is a [`Policy`](super::Policy) of [`Distribute`](super::Distribute), which takes
//! back the unsent messages of a connection that has ended. `Loaded` (with the feature `balance`) puts a
//! peer into a [`Balance`](https://docs.rs/tower/latest/tower/balance/p2c/struct.Balance.html) of
//! tower's.

#[cfg(feature = "balance")]
mod load;
mod policy;

#[cfg(feature = "balance")]
pub use load::Loaded;
pub use policy::LeastLoaded;

#[cfg(test)]
mod tests;
