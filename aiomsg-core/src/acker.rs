//! Acknowledging a message that was handled.

use std::fmt;
use std::sync::Arc;

use crate::Delivery;

/// Acknowledges messages for [`Delivery::ack`]: the socket that received them.
#[derive(Clone)]
pub struct Acker(Arc<dyn Fn(&Delivery) -> bool + Send + Sync>);

impl Acker {
    /// Acknowledges by this function, which returns whether it could.
    pub fn new(acknowledge: impl Fn(&Delivery) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(acknowledge))
    }

    /// Acknowledges a message.
    pub fn ack(&self, message: &Delivery) -> bool {
        (self.0)(message)
    }
}

impl fmt::Debug for Acker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acker")
    }
}
