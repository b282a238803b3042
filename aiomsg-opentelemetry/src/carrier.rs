//! The headers of a message as the carrier of a context.

use aiomsg_core::Headers;
use opentelemetry::propagation::{Extractor, Injector};

/// Writes into headers.
pub(crate) struct Writer<'a>(pub(crate) &'a mut Headers);

impl Injector for Writer<'_> {
    /// A field that no header can carry is left out: the message goes without it.
    fn set(&mut self, name: &str, value: String) {
        // An empty tracestate says nothing.
        if !value.is_empty() {
            let _ = self.0.insert(name, &value);
        }
    }
}

/// Reads from headers.
pub(crate) struct Reader<'a>(pub(crate) &'a Headers);

impl Extractor for Reader<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name).collect()
    }
}
