//! The headers of a message as the carrier of a context.

use aiomsg_core::Headers;
use opentelemetry::propagation::{Extractor, Injector};

/// Writes into headers.
pub(crate) struct Writer<'a>(pub(crate) &'a mut Headers);

impl Injector for Writer<'_> {
    /// A field that no header can carry is left out: the message goes without it.
    fn set(&mut self, name: &str, value: String) {
        // An empty tracestate says nothing. An old one, in copied headers, is that of another
        // trace.
        if value.is_empty() || self.0.insert(name, &value).is_err() {
            self.0.remove(name);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_without_a_header_leaves_no_old_one() {
        for none in ["", "a line\nand another"] {
            let mut headers = Headers::new();
            headers.insert("tracestate", "old=1").unwrap();
            headers.insert("priority", "high").unwrap();
            Writer(&mut headers).set("Tracestate", none.to_owned());
            assert_eq!(headers.get("tracestate"), None, "{none:?}");
            assert_eq!(headers.get("priority"), Some("high"));
        }
    }
}
